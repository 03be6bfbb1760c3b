/**
 * Binary floating point of {@link PRECISION} bits over BigInt: what comparing roots, powers and π needs, without an
 * evaluator and without loading a library. Elementary functions are accurate to about PRECISION − 60 bits.
 */

import type { Rational } from '../../rational.ts'

const PRECISION = 256
const P = BigInt(PRECISION)
/** Fixed point of the series. */
const F = P + 48n
const UNIT = 1n << F
/** Beyond 2^±EXPONENT_LIMIT a number is treated as undefined. */
const EXPONENT_LIMIT = 4_000_000

/** m · 2^e. Zero has m = 0. */
export interface BigFloat {
  readonly m: bigint
  readonly e: number
}

/** The value does not exist or is beyond the exponent bound. No Error: recording a stack costs more than most of the arithmetic here. */
export class Undefined {
  readonly why: string

  constructor(why: string) {
    this.why = why
  }
}

export const ZERO: BigFloat = { m: 0n, e: 0 }
export const ONE: BigFloat = { m: 1n, e: 0 }

const double = new Float64Array(1)
const halves = new Uint32Array(double.buffer)
/** Which half of a double holds its exponent. */
const HIGH = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1 ? 1 : 0

/** Bits of |m|, from the exponent of the nearest double where there is one. */
export function bitLength(m: bigint): number {
  double[0] = Number(m)
  const exponent = (halves[HIGH] >>> 20) & 0x7ff
  if (exponent < 0x7ff && exponent > 0) {
    // A power of two may be what m was rounded up to.
    const length = exponent - 1022
    const power = (halves[HIGH] & 0xfffff) === 0 && halves[1 - HIGH] === 0
    return power && length > 53 && (m < 0n ? -m : m) >> BigInt(length - 1) === 0n ? length - 1 : length
  }
  const hex = (m < 0n ? -m : m).toString(16)
  return hex.length * 4 - Math.clz32(Number.parseInt(hex[0], 16)) + 28
}

function normal(m: bigint, e: number): BigFloat {
  if (m === 0n) return ZERO
  const excess = bitLength(m) - PRECISION
  if (Math.abs(e + excess) > EXPONENT_LIMIT) throw new Undefined('out of range')
  return excess > 8 ? { m: m >> BigInt(excess), e: e + excess } : { m, e }
}

export function fromRational({ n, d }: Rational): BigFloat {
  if (d === 1n) return normal(n, 0)
  const shift = PRECISION + 8 + Math.max(0, bitLength(d) - (n === 0n ? 0 : bitLength(n)))
  return normal((n << BigInt(shift)) / d, -shift)
}

export function fromNumber(x: number): BigFloat {
  if (!Number.isFinite(x)) throw new Undefined('out of range')
  let e = 0
  let y = x
  while (!Number.isInteger(y)) {
    y *= 2
    e--
  }
  return normal(BigInt(y), e)
}

/** Nearest double; ±Infinity or 0 out of its range. */
export function toNumber(x: BigFloat): number {
  if (x.m === 0n) return 0
  const excess = Math.max(0, bitLength(x.m) - 60)
  return Number(x.m >> BigInt(excess)) * 2 ** (excess + x.e)
}

/** Exponent of the leading bit; −Infinity for 0. */
export function magnitude(x: BigFloat): number {
  return x.m === 0n ? Number.NEGATIVE_INFINITY : bitLength(x.m) + x.e
}

export const negate = (x: BigFloat): BigFloat => ({ m: -x.m, e: x.e })
export const absolute = (x: BigFloat): BigFloat => (x.m < 0n ? negate(x) : x)
export const sign = (x: BigFloat): number => (x.m === 0n ? 0 : x.m < 0n ? -1 : 1)
export const multiply = (a: BigFloat, b: BigFloat): BigFloat => normal(a.m * b.m, a.e + b.e)
export const subtract = (a: BigFloat, b: BigFloat): BigFloat => add(a, negate(b))

export function add(a: BigFloat, b: BigFloat): BigFloat {
  if (a.m === 0n) return b
  if (b.m === 0n) return a
  const gap = magnitude(a) - magnitude(b)
  if (gap > 2 * PRECISION) return a
  if (gap < -2 * PRECISION) return b
  const e = Math.min(a.e, b.e)
  return normal((a.m << BigInt(a.e - e)) + (b.m << BigInt(b.e - e)), e)
}

export function divide(a: BigFloat, b: BigFloat): BigFloat {
  if (b.m === 0n) throw new Undefined('division by zero')
  if (a.m === 0n) return ZERO
  const shift = Math.max(0, PRECISION + 8 + bitLength(b.m) - bitLength(a.m))
  return normal((a.m << BigInt(shift)) / b.m, a.e - b.e - shift)
}

/** Square root of x ≥ 0. */
export function squareRoot(x: BigFloat): BigFloat {
  if (x.m === 0n) return ZERO
  let shift = Math.max(0, 2 * PRECISION - bitLength(x.m) + 16)
  if ((x.e - shift) % 2 !== 0) shift++
  return normal(integerSquareRoot(x.m << BigInt(shift)), (x.e - shift) / 2)
}

function integerSquareRoot(n: bigint): bigint {
  let guess = 1n << BigInt((bitLength(n) + 1) >> 1)
  for (;;) {
    const next = (guess + n / guess) >> 1n
    if (next >= guess) return guess
    guess = next
  }
}

/** x in fixed point of F bits. */
function fixed(x: BigFloat): bigint {
  const shift = x.e + Number(F)
  return shift >= 0 ? x.m << BigInt(shift) : x.m >> BigInt(-shift)
}

const fromFixed = (m: bigint): BigFloat => normal(m, -Number(F))

function series(x: bigint, hyperbolic: boolean): bigint {
  // atan(1/x) or atanh(1/x)
  const square = x * x
  let power = UNIT / x
  let sum = power
  for (let k = 3n, negative = !hyperbolic; power !== 0n; k += 2n, negative = hyperbolic ? false : !negative) {
    power /= square
    sum += negative ? -(power / k) : power / k
  }
  return sum
}

let constants: { pi: bigint; ln2: bigint } | undefined

/** π by Machin's formula, ln 2 by its hyperbolic twin; in fixed point. */
function fixedConstants(): { pi: bigint; ln2: bigint } {
  constants ??= {
    pi: 16n * series(5n, false) - 4n * series(239n, false),
    ln2: 18n * series(26n, true) - 2n * series(4801n, true) + 8n * series(8749n, true),
  }
  return constants
}

export const pi = (): BigFloat => fromFixed(fixedConstants().pi)

export function exp(x: BigFloat): BigFloat {
  if (magnitude(x) > 23) throw new Undefined('out of range')
  const { ln2 } = fixedConstants()
  const scaled = fixed(x)
  const k = (2n * scaled + ln2) / (2n * ln2) - (scaled < 0n ? 1n : 0n)
  // e^r = (e^(r/256))^256
  const r = (scaled - k * ln2) >> 8n
  let sum = UNIT
  let term = UNIT
  for (let i = 1n; term !== 0n && i < 80n; i++) {
    term = (term * r) >> F
    term /= i
    sum += term
    if (term === -1n) break
  }
  for (let i = 0; i < 8; i++) sum = (sum * sum) >> F
  return normal(sum, Number(k) - Number(F))
}

/** Natural logarithm of x > 0: Halley's iteration from the double value. */
export function ln(x: BigFloat): BigFloat {
  if (x.m <= 0n) throw new Undefined('logarithm of 0 or less')
  const k = magnitude(x)
  const mantissa: BigFloat = { m: x.m, e: x.e - k }
  let y = fromNumber(Math.log(toNumber(mantissa)))
  for (let i = 0; i < 2; i++) {
    const power = exp(y)
    const step = divide(subtract(mantissa, power), add(mantissa, power))
    y = add(y, add(step, step))
  }
  return add(y, fromFixed(BigInt(k) * fixedConstants().ln2))
}

export function sinCos(x: BigFloat): { sin: BigFloat; cos: BigFloat } {
  if (magnitude(x) > 40) throw new Undefined('angle too large')
  const half = fixedConstants().pi >> 1n
  const scaled = fixed(x)
  const n = (2n * scaled + half) / (2n * half) - (2n * scaled + half < 0n ? 1n : 0n)
  const r = scaled - n * half
  const square = (r * r) >> F
  let sin = r
  let cos = UNIT
  let odd = r
  let even = UNIT
  for (let i = 1n; i < 120n; i += 2n) {
    even = -((even * square) >> F) / (i * (i + 1n))
    odd = -((odd * square) >> F) / ((i + 1n) * (i + 2n))
    cos += even
    sin += odd
    if (even === 0n && odd === 0n) break
  }
  const quadrant = Number(((n % 4n) + 4n) % 4n)
  const pairs: [bigint, bigint][] = [
    [sin, cos],
    [cos, -sin],
    [-sin, -cos],
    [-cos, sin],
  ]
  return { sin: fromFixed(pairs[quadrant][0]), cos: fromFixed(pairs[quadrant][1]) }
}

/** Angle of the point (x, y): the double value, corrected by the rest. */
export function atan2(y: BigFloat, x: BigFloat): BigFloat {
  if (y.m === 0n) {
    if (x.m === 0n) throw new Undefined('angle of 0')
    return x.m > 0n ? ZERO : pi()
  }
  if (x.m === 0n) return y.m > 0n ? { m: pi().m, e: pi().e - 1 } : { m: -pi().m, e: pi().e - 1 }
  const scale = Math.max(magnitude(x), magnitude(y))
  const start = fromNumber(Math.atan2(toNumber({ m: y.m, e: y.e - scale }), toNumber({ m: x.m, e: x.e - scale })))
  const { sin, cos } = sinCos(start)
  // The rest is the angle of (x + iy)·e^(−i·start), about 1e-16.
  const re = add(multiply(x, cos), multiply(y, sin))
  const im = subtract(multiply(y, cos), multiply(x, sin))
  const t = divide(im, re)
  const square = multiply(t, t)
  let power = t
  let rest = t
  for (let k = 3; k < 20 && power.m !== 0n; k += 2) {
    power = multiply(negate(power), square)
    rest = add(rest, divide(power, { m: BigInt(k), e: 0 }))
  }
  return add(start, rest)
}
