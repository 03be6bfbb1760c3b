/** Exact values of rational expressions, with the size bounded before anything is computed. */

import { add, compare, divide, gcd, isInteger, multiply, negate, type Rational, rational, subtract, ZERO } from '../../rational.ts'
import { LIMITS } from '../limits.ts'
import type { Node } from '../node.ts'

/**
 * `inexact`: there is no exact rational value (a root, π, a variable). `huge`: there may be one, but it is beyond the
 * bound, so that only identity of the writing can prove equality. `undefined`: division by zero and the like.
 */
export type Exact = Rational | 'inexact' | 'huge' | 'undefined'

/** Thrown inside; the value of the whole is then this. No Error: every root and variable throws it, and needs no stack. */
class NotExact {
  readonly why: 'inexact' | 'huge' | 'undefined'

  constructor(why: 'inexact' | 'huge' | 'undefined') {
    this.why = why
  }
}

/** The exact value of an expression. */
export function exactValue(node: Node): Exact {
  try {
    return value(node)
  } catch (error) {
    if (error instanceof NotExact) return error.why
    throw error
  }
}

function value(node: Node): Rational {
  switch (node.kind) {
    case 'number':
      return node.value
    case 'symbol':
    case 'constant':
    case 'bound':
    case 'application':
      throw new NotExact('inexact')
    case 'negate':
      return negate(value(node.of))
    case 'degrees':
      return value(node.of)
    case 'percent':
      return divide(value(node.of), rational(100n))
    case 'factorial':
      return rational(factorial(natural(value(node.of)), node.step))
    case 'binary':
      return binary(node.op, value(node.left), value(node.right))
    case 'call':
      return call(node.name, node.args.map(value))
  }
}

function binary(op: string, left: Rational, right: Rational): Rational {
  if (bits(left) + bits(right) > LIMITS.bits) throw new NotExact('huge')
  switch (op) {
    case '+':
      return add(left, right)
    case '-':
      return subtract(left, right)
    case '*':
      return multiply(left, right)
    case '/':
      if (right.n === 0n) throw new NotExact('undefined')
      return divide(left, right)
    case 'mod':
      if (right.n === 0n) throw new NotExact('undefined')
      return subtract(left, multiply(right, rational(floor(divide(left, right)))))
    case '^':
      return power(left, right)
    default:
      throw new NotExact('inexact')
  }
}

function power(base: Rational, exponent: Rational): Rational {
  if (!isInteger(exponent)) {
    const root = exponent.d <= 64n ? exactRoot(base, Number(exponent.d)) : undefined
    if (!root) throw new NotExact('inexact')
    return power(root, rational(exponent.n))
  }
  if (base.n === 0n && exponent.n <= 0n) throw new NotExact('undefined')
  if (isInteger(base) && (base.n === 1n || base.n === 0n)) return base
  if (isInteger(base) && base.n === -1n) return exponent.n % 2n === 0n ? negate(base) : base
  const size = exponent.n < 0n ? -exponent.n : exponent.n
  if (size > BigInt(LIMITS.bits) || BigInt(bits(base)) * size > BigInt(LIMITS.bits)) throw new NotExact('huge')
  const up = rational(base.n ** size, base.d ** size)
  return exponent.n < 0n ? divide(rational(1n), up) : up
}

function call(name: string, args: Rational[]): Rational {
  const [first, second] = args
  switch (name) {
    case 'abs':
      return first.n < 0n ? negate(first) : first
    case 'floor':
      return rational(floor(first))
    case 'ceil':
      return rational(-floor(negate(first)))
    case 'max':
      return args.reduce((best, one) => (compare(one, best) > 0 ? one : best))
    case 'min':
      return args.reduce((best, one) => (compare(one, best) < 0 ? one : best))
    case 'gcd':
      return rational(args.map(integer).reduce(gcd, 0n))
    case 'lcm':
      return rational(args.map(integer).reduce(lcm, 1n))
    case 'binomial':
      return rational(binomial(natural(first), natural(second)))
    case 'det':
      return determinant(args)
    case 'sqrt': {
      if (second && !(isInteger(second) && second.n >= 1n && second.n <= 64n)) throw new NotExact('inexact')
      const root = exactRoot(first, second ? Number(second.n) : 2)
      if (!root) throw new NotExact('inexact')
      return root
    }
    default:
      throw new NotExact('inexact')
  }
}

function determinant(entries: Rational[]): Rational {
  const size = Math.sqrt(entries.length)
  if (size === 1) return entries[0]
  let sum = ZERO
  for (let column = 0; column < size; column++) {
    const minor = entries.filter((_, i) => i >= size && i % size !== column)
    const term = binary('*', entries[column], determinant(minor))
    sum = binary(column % 2 === 0 ? '+' : '-', sum, term)
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
function factorial(n: number, step: number): bigint {
  if (n > 4 && (n / step) * Math.log2(n / 2.8) > LIMITS.bits) throw new NotExact('huge')
  let product = 1n
  for (let i = n; i > 1; i -= step) product *= BigInt(i)
  return product
}

function binomial(n: number, k: number): bigint {
  if (k > n) return 0n
  const few = Math.min(k, n - k)
  if (few * Math.log2(n + 1) > LIMITS.bits || few > 4000) throw new NotExact('huge')
  let product = 1n
  for (let i = 1; i <= few; i++) product = (product * BigInt(n - few + i)) / BigInt(i)
  return product
}

function lcm(a: bigint, b: bigint): bigint {
  if (a === 0n || b === 0n) return 0n
  const product = (a / gcd(a, b)) * b
  return product < 0n ? -product : product
}

/** The real root where it is rational. */
function exactRoot(x: Rational, degree: number): Rational | undefined {
  if (x.n < 0n && degree % 2 === 0) return undefined
  if (bits(x) > 4000) return undefined
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

function bits(x: Rational): number {
  return 4 * (x.n.toString(16).length + x.d.toString(16).length)
}
