/** Exact rational numbers over BigInt. */

/** n/d in lowest terms, d > 0. Make them with {@link rational} only. */
export interface Rational {
  readonly n: bigint
  readonly d: bigint
}

export const ZERO: Rational = { n: 0n, d: 1n }
export const ONE: Rational = { n: 1n, d: 1n }

/** n/d reduced. Throws RangeError for d = 0. */
export function rational(n: bigint, d = 1n): Rational {
  if (d === 1n) return { n, d }
  if (d === 0n) throw new RangeError('division by zero')
  const divisor = gcd(n, d) * (d < 0n ? -1n : 1n)
  return { n: n / divisor, d: d / divisor }
}

export function gcd(a: bigint, b: bigint): bigint {
  let x = a < 0n ? -a : a
  let y = b < 0n ? -b : b
  while (y !== 0n) [x, y] = [y, x % y]
  return x
}

export const add = (a: Rational, b: Rational): Rational => rational(a.n * b.d + b.n * a.d, a.d * b.d)
export const subtract = (a: Rational, b: Rational): Rational => rational(a.n * b.d - b.n * a.d, a.d * b.d)
export const multiply = (a: Rational, b: Rational): Rational => rational(a.n * b.n, a.d * b.d)
export const negate = (a: Rational): Rational => ({ n: -a.n, d: a.d })
export const equals = (a: Rational, b: Rational): boolean => a.n === b.n && a.d === b.d
export const isInteger = (a: Rational): boolean => a.d === 1n

/** Throws RangeError for b = 0. */
export const divide = (a: Rational, b: Rational): Rational => rational(a.n * b.d, a.d * b.n)

/** −1, 0 or 1. */
export function compare(a: Rational, b: Rational): number {
  const left = a.n * b.d
  const right = b.n * a.d
  return left < right ? -1 : left > right ? 1 : 0
}

/** Reads `12`, `-3.50`, `.5`, `7/2`; undefined for anything else. The caller bounds the length. */
export function parseRational(text: string): Rational | undefined {
  const match = /^([+-]?)(\d*)(?:\.(\d*))?(?:\/(\d+))?$/.exec(text.trim())
  if (!match) return undefined
  const [, sign, whole, fraction = '', below = '1'] = match
  if (whole === '' && fraction === '') return undefined
  const n = BigInt(whole + fraction)
  const d = 10n ** BigInt(fraction.length) * BigInt(below)
  return d === 0n ? undefined : rational(sign === '-' ? -n : n, d)
}

/** `17`, `7/2`, `-1/3`; very long ones are shortened. */
export function show(value: Rational): string {
  const text = isInteger(value) ? String(value.n) : `${value.n}/${value.d}`
  return text.length > 60 ? `${text.slice(0, 24)}… (${text.length} characters)` : text
}
