/** Exact values of rational expressions, with the size and the cost bounded before anything is computed. */

import { add, compare, divide, isInteger, multiply, negate, type Rational, rational, subtract, ZERO } from '../../rational.ts'
import { LIMITS } from '../limits.ts'
import type { Node } from '../node.ts'
import { bitLength } from './bigfloat.ts'

/**
 * `inexact`: there is no exact rational value (a root, π, a variable). `huge`: there may be one, but it is beyond the
 * bound, so that only identity of the writing can prove equality. `undefined`: division by zero and the like.
 */
export type Exact = Rational | 'inexact' | 'huge' | 'undefined'

/** Units of work, about a microsecond each. */
export interface Allowance {
  left: number
}

/** For one value. A gcd of two numbers of 2000 decimal digits takes most of it. */
const WORK = 6000
/** The values that cost that much are kept: several rules ask for the same. */
const DEAR = 50
const kept = new WeakMap<Node, Exact>()

/** Bits below which the usual arithmetic is quick. */
const SMALL = 1000

/** Thrown inside; the value of the whole is then this. No Error: every root and variable throws it, and needs no stack. */
class NotExact {
  readonly why: 'inexact' | 'huge' | 'undefined'

  constructor(why: 'inexact' | 'huge' | 'undefined') {
    this.why = why
  }
}

/** The exact value of an expression. Where `shared` is used up it is huge. What a value costs follows from the expression alone. */
export function exactValue(node: Node, shared?: Allowance): Exact {
  if (node.kind === 'number') return node.value
  if (node.kind === 'symbol' || node.kind === 'constant') return 'inexact'
  const known = kept.get(node)
  if (known !== undefined) return known
  if (shared && shared.left <= 0) return 'huge'
  const work = { left: WORK }
  const exact = valueWithin(node, work)
  const spent = WORK - work.left
  if (shared) shared.left -= spent
  if (spent > DEAR) kept.set(node, exact)
  return exact
}

/** The exact value where it is one to compute with: of at most 2000 bits. */
export function smallValue(node: Node): Rational | undefined {
  const exact = exactValue(node)
  return typeof exact === 'object' && bits(exact) <= 2000 ? exact : undefined
}

function valueWithin(node: Node, work: Allowance): Exact {
  try {
    return value(node, work)
  } catch (error) {
    if (error instanceof NotExact) return error.why
    throw error
  }
}

function spend(work: Allowance, units: number): void {
  work.left -= units
  if (work.left < 0) throw new NotExact('huge')
}

function value(node: Node, work: Allowance): Rational {
  switch (node.kind) {
    case 'number':
      return node.value
    case 'symbol':
    case 'constant':
    case 'bound':
    case 'application':
      throw new NotExact('inexact')
    case 'negate':
      return negate(value(node.of, work))
    case 'degrees':
      return value(node.of, work)
    case 'percent':
      return binary('/', value(node.of, work), rational(100n), work)
    case 'factorial':
      return rational(factorial(natural(value(node.of, work)), node.step, work))
    case 'binary':
      return binary(node.op, value(node.left, work), value(node.right, work), work)
    case 'call':
      return call(
        node.name,
        node.args.map((arg) => value(arg, work)),
        work,
      )
  }
}

function binary(op: string, left: Rational, right: Rational, work: Allowance): Rational {
  const size = bits(left) + bits(right)
  if (size > LIMITS.bits) throw new NotExact('huge')
  spend(work, 1 + size / 200)
  switch (op) {
    case '+':
      return size < SMALL ? add(left, right) : fraction(left.n * right.d + right.n * left.d, left.d * right.d, work)
    case '-':
      return size < SMALL ? subtract(left, right) : fraction(left.n * right.d - right.n * left.d, left.d * right.d, work)
    case '*':
      return size < SMALL ? multiply(left, right) : fraction(left.n * right.n, left.d * right.d, work)
    case '/':
      if (right.n === 0n) throw new NotExact('undefined')
      return size < SMALL ? divide(left, right) : fraction(left.n * right.d, left.d * right.n, work)
    case 'mod':
      if (right.n === 0n) throw new NotExact('undefined')
      return binary('-', left, binary('*', right, rational(floor(binary('/', left, right, work))), work), work)
    case '^':
      return power(left, right, work)
    default:
      throw new NotExact('inexact')
  }
}

/** n/d reduced, for d other than 0. */
function fraction(n: bigint, d: bigint, work: Allowance): Rational {
  if (d === 1n) return { n, d }
  const divisor = d < 0n ? -commonDivisor(n, d, work) : commonDivisor(n, d, work)
  return { n: n / divisor, d: d / divisor }
}

/** The greatest common divisor. Its steps are counted: there are few where one number divides the other, however large they are. */
function commonDivisor(a: bigint, b: bigint, work: Allowance): bigint {
  let x = a < 0n ? -a : a
  let y = b < 0n ? -b : b
  const step = 0.2 + Math.min(bitLength(x), bitLength(y)) / 6000
  while (y !== 0n) {
    spend(work, step)
    const rest = x % y
    x = y
    y = rest
  }
  return x
}

function power(base: Rational, exponent: Rational, work: Allowance): Rational {
  if (!isInteger(exponent)) {
    const root = exponent.d <= 64n ? exactRoot(base, Number(exponent.d), work) : undefined
    if (!root) throw new NotExact('inexact')
    return power(root, rational(exponent.n), work)
  }
  if (base.n === 0n && exponent.n <= 0n) throw new NotExact('undefined')
  if (isInteger(base) && (base.n === 1n || base.n === 0n)) return base
  if (isInteger(base) && base.n === -1n) return exponent.n % 2n === 0n ? negate(base) : base
  const size = exponent.n < 0n ? -exponent.n : exponent.n
  if (size > BigInt(LIMITS.bits) || BigInt(bits(base)) * size > BigInt(LIMITS.bits)) throw new NotExact('huge')
  spend(work, (bits(base) * Number(size)) / 200)
  // A power of what is reduced is reduced.
  const n = base.n ** size
  const d = base.d ** size
  if (exponent.n > 0n) return { n, d }
  return n < 0n ? { n: -d, d: -n } : { n: d, d: n }
}

function call(name: string, args: Rational[], work: Allowance): Rational {
  const [first, second] = args
  switch (name) {
    case 'abs':
      return first.n < 0n ? negate(first) : first
    case 'floor':
      return rational(floor(first))
    case 'ceil':
      return rational(-floor(negate(first)))
    case 'max':
      return args.reduce((best, one) => (order(one, best, work) > 0 ? one : best))
    case 'min':
      return args.reduce((best, one) => (order(one, best, work) < 0 ? one : best))
    case 'gcd':
      return rational(args.map(integer).reduce((a, b) => commonDivisor(a, b, work), 0n))
    case 'lcm':
      return rational(args.map(integer).reduce((a, b) => lcm(a, b, work), 1n))
    case 'binomial':
      return rational(binomial(natural(first), natural(second), work))
    case 'det':
      return determinant(args, work)
    case 'sqrt': {
      if (second && !(isInteger(second) && second.n >= 1n && second.n <= 64n)) throw new NotExact('inexact')
      const root = exactRoot(first, second ? Number(second.n) : 2, work)
      if (!root) throw new NotExact('inexact')
      return root
    }
    default:
      throw new NotExact('inexact')
  }
}

function order(a: Rational, b: Rational, work: Allowance): number {
  spend(work, (bits(a) + bits(b)) / 200)
  return compare(a, b)
}

function determinant(entries: Rational[], work: Allowance): Rational {
  const size = Math.sqrt(entries.length)
  if (size === 1) return entries[0]
  let sum = ZERO
  for (let column = 0; column < size; column++) {
    const minor = entries.filter((_, i) => i >= size && i % size !== column)
    const term = binary('*', entries[column], determinant(minor, work), work)
    sum = binary(column % 2 === 0 ? '+' : '-', sum, term, work)
  }
  return sum
}

function floor(x: Rational): bigint {
  const quotient = x.n / x.d
  return x.n < 0n && quotient * x.d !== x.n ? quotient - 1n : quotient
}

function integer(x: Rational): bigint {
  if (!isInteger(x)) throw new NotExact('undefined')
  return x.n
}

function natural(x: Rational): number {
  if (!isInteger(x) || x.n < 0n) throw new NotExact('inexact')
  if (x.n > 1_000_000n) throw new NotExact('huge')
  return Number(x.n)
}

/** n(n − step)(n − 2·step)… down to the last positive factor. */
function factorial(n: number, step: number, work: Allowance): bigint {
  if (n > 4 && (n / step) * Math.log2(n / 2.8) > LIMITS.bits) throw new NotExact('huge')
  spend(work, n / 5)
  const least = n % step === 0 ? step : n % step
  return product(least, Math.floor((n - least) / step), step)
}

/** from · (from + step) ⋯ (from + last · step). Factors of about the same size are multiplied: that is quicker than one by one. */
function product(from: number, last: number, step: number): bigint {
  if (last < 8) {
    let out = 1n
    for (let i = 0; i <= last; i++) out *= BigInt(from + i * step)
    return out
  }
  const half = last >> 1
  return product(from, half, step) * product(from + (half + 1) * step, last - half - 1, step)
}

function binomial(n: number, k: number, work: Allowance): bigint {
  if (k > n) return 0n
  const few = Math.min(k, n - k)
  if (few * Math.log2(n + 1) > LIMITS.bits || few > 4000) throw new NotExact('huge')
  spend(work, few / 3)
  return few === 0 ? 1n : product(n - few + 1, few - 1, 1) / product(1, few - 1, 1)
}

function lcm(a: bigint, b: bigint, work: Allowance): bigint {
  if (a === 0n || b === 0n) return 0n
  if (bitLength(a) + bitLength(b) > LIMITS.bits) throw new NotExact('huge')
  const common = (a / commonDivisor(a, b, work)) * b
  return common < 0n ? -common : common
}

/** The real root where it is rational. */
function exactRoot(x: Rational, degree: number, work: Allowance): Rational | undefined {
  if (x.n < 0n && degree % 2 === 0) return undefined
  const size = bits(x)
  if (size > 4000) return undefined
  spend(work, 1 + size / 10)
  const above = integerRoot(x.n < 0n ? -x.n : x.n, degree)
  const below = integerRoot(x.d, degree)
  if (above === undefined || below === undefined) return undefined
  return rational(x.n < 0n ? -above : above, below)
}

function integerRoot(x: bigint, degree: number): bigint | undefined {
  if (x < 2n || degree === 1) return x
  const k = BigInt(degree)
  let guess = 1n << BigInt(Math.ceil(x.toString(2).length / degree))
  for (;;) {
    const next = ((k - 1n) * guess + x / guess ** (k - 1n)) / k
    if (next >= guess) break
    guess = next
  }
  return guess ** k === x ? guess : undefined
}

/** Bits of both numbers, each as hexadecimal digits need them. */
const bits = ({ n, d }: Rational): number => digitBits(n) + digitBits(d)
const digitBits = (m: bigint): number => Math.max(4, (bitLength(m) + 3) & ~3)
