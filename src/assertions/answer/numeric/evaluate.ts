/** Values of expressions to some 200 bits, constants and variables alike, in the complex plane. */

import { isInteger } from '../../rational.ts'
import type { Work } from '../limits.ts'
import type { BoundNode, Node } from '../node.ts'
import * as big from './bigfloat.ts'
import { Undefined } from './bigfloat.ts'
import { boundValue, derivative } from './calculus.ts'
import type { Complex } from './complex.ts'
import * as complex from './complex.ts'
import { exactValue } from './exact.ts'

let euler: Complex | undefined

/** Values of the variables. */
export type Scope = ReadonlyMap<string, Complex>

/** Cost of an elementary function in units of work. */
const ELEMENTARY = 100

/**
 * How exact the value evaluated last is: as exact as a number of that exponent of two. A difference of two numbers of 80
 * bits has 80 however small it is, their quotient has what it has itself.
 */
export interface Scale {
  bits: number
  /** Nothing on the way may leave the real numbers: there the expression counts as undefined. */
  real?: boolean
}

/** What is that many bits below the scale counts as rounding. */
export const CANCELLED_BITS = 185

/** A value and how exact it is, as {@link Scale}. */
interface Inexact {
  value: Complex
  bits: number
}

/** The value of an expression. Throws Undefined where there is none and TooComplex where the work is used up. */
export function evaluate(node: Node, scope: Scope, work: Work, scale: Scale): Complex {
  const { value, bits } = evaluateNode(node, scope, work, scale)
  if (scale.real && !complex.isReal(value)) throw new Undefined('not real')
  scale.bits = Math.max(bits, complex.magnitude(value))
  return value
}

function evaluateNode(node: Node, scope: Scope, work: Work, scale: Scale): Inexact {
  work.spend(1)
  const inner = (one: Node): Inexact => {
    const value = evaluate(one, scope, work, scale)
    return { value, bits: scale.bits }
  }
  switch (node.kind) {
    case 'number':
      return exactly(complex.real(big.fromRational(node.value)))
    case 'symbol': {
      const value = scope.get(node.name)
      if (!value) throw new Undefined(`no value for ${node.name}`)
      return exactly(value)
    }
    case 'constant':
      if (node.name === 'pi') return exactly(complex.real(big.pi()))
      if (node.name === 'i') return exactly(complex.I)
      if (node.name === 'infinity') throw new Undefined('infinity')
      euler ??= complex.exp(complex.ONE)
      return exactly(euler)
    case 'negate': {
      const { value, bits } = inner(node.of)
      return { value: complex.negate(value), bits }
    }
    case 'degrees':
      return inner(node.of)
    case 'percent': {
      const { value, bits } = inner(node.of)
      return { value: complex.divide(value, complex.real(big.fromNumber(100))), bits: bits - 6 }
    }
    case 'factorial':
      return exactly(factorial(inner(node.of).value, node.step, work))
    case 'binary':
      return binary(node, inner, work)
    case 'call':
      return call(node, inner, work)
    case 'bound':
      return bound(node, scope, work, scale)
    case 'application':
      throw new Undefined('a function that is not known')
  }
}

const exactly = (value: Complex): Inexact => ({ value, bits: Number.NEGATIVE_INFINITY })

/** How much less exact than its size a value is, in bits: 0 where only rounding blurs it. */
const loss = ({ value, bits }: Inexact): number => {
  const size = complex.magnitude(value)
  return size === Number.NEGATIVE_INFINITY ? 0 : Math.max(0, bits - size)
}

/** A value with the losses of what it was computed from. */
const blurred = (value: Complex, by: number): Inexact => ({ value, bits: complex.magnitude(value) + by })

function bound(node: BoundNode, scope: Scope, work: Work, scale: Scale): Inexact {
  let worst = Number.NEGATIVE_INFINITY
  const at = (one: Node, value?: Complex): Complex => {
    work.spend(10)
    const result = evaluate(one, value ? new Map([...scope, [node.variable, value]]) : scope, work, scale)
    worst = Math.max(worst, node.op === 'product' ? loss({ value: result, bits: scale.bits }) : scale.bits)
    return result
  }
  const point = scope.get(node.variable)
  if (node.op === 'derivative' && !point) throw new Undefined('a derivative at no point')
  const { value, error, growth } = work.inside(() =>
    point && node.op === 'derivative' ? derivative((x) => at(node.body, x), point) : boundValue(node, at),
  )
  const carried = node.op === 'product' ? complex.magnitude(value) + worst : worst + growth
  return { value, bits: Math.max(error + CANCELLED_BITS, carried) }
}

function binary(node: Extract<Node, { kind: 'binary' }>, inner: (node: Node) => Inexact, work: Work): Inexact {
  const left = inner(node.left)
  if (node.op === '^') return power(left, node.right, inner, work)
  const right = inner(node.right)
  switch (node.op) {
    case '+':
      return { value: complex.add(left.value, right.value), bits: Math.max(left.bits, right.bits) }
    case '-':
      return { value: complex.subtract(left.value, right.value), bits: Math.max(left.bits, right.bits) }
    case '*': {
      const bits = Math.max(left.bits + complex.magnitude(right.value), right.bits + complex.magnitude(left.value))
      return { value: complex.multiply(left.value, right.value), bits }
    }
    case '/': {
      const size = complex.magnitude(right.value)
      const bits = Math.max(left.bits - size, complex.magnitude(left.value) + right.bits - 2 * size) + 2
      return { value: complex.divide(left.value, right.value), bits }
    }
    case 'mod': {
      const quotient = floor(complex.divide(left.value, right.value))
      const value = complex.subtract(left.value, complex.multiply(right.value, quotient))
      return { value, bits: Math.max(left.bits, right.bits + complex.magnitude(quotient)) }
    }
    default:
      throw new Undefined('a choice of signs')
  }
}

function power(base: Inexact, exponent: Node, inner: (node: Node) => Inexact, work: Work): Inexact {
  const exact = exactValue(exponent)
  const times = (n: number): number => loss(base) + Math.ceil(Math.log2(Math.abs(n) + 1))
  if (typeof exact === 'object') {
    if (isInteger(exact) && exact.n >= -1_000_000n && exact.n <= 1_000_000n) {
      work.spend(20)
      return blurred(complex.integerPower(base.value, Number(exact.n)), times(Number(exact.n)))
    }
    // x^(2/3) of a negative real x is the real one.
    if (!isInteger(exact) && exact.d < 100n && exact.n > -1000n && exact.n < 1000n) {
      work.spend(2 * ELEMENTARY)
      return blurred(complex.integerPower(complex.root(base.value, Number(exact.d)), Number(exact.n)), times(Number(exact.n)))
    }
  }
  if (exact === 'huge' || exact === 'undefined') throw new Undefined('an exponent without a usable value')
  const { value, bits } = inner(exponent)
  const whole = integerOf(value)
  if (whole !== undefined && Math.abs(whole) <= 10_000) {
    work.spend(20)
    return blurred(complex.integerPower(base.value, whole), times(whole))
  }
  work.spend(3 * ELEMENTARY)
  // a^b is exp(b ln a): what b lacks counts by ln a, what a lacks by b.
  const logarithm = 1 + Math.log2(1 + Math.abs(complex.magnitude(base.value)))
  const by = Math.max(0, complex.magnitude(value) + loss(base), Math.max(bits, complex.magnitude(value)) + logarithm)
  return blurred(complex.power(base.value, value), by)
}

const ONE_ARGUMENT: Readonly<Record<string, (x: Complex) => Complex>> = {
  sin: complex.sin,
  cos: complex.cos,
  tan: (x) => complex.divide(complex.sin(x), complex.cos(x)),
  cot: (x) => complex.divide(complex.cos(x), complex.sin(x)),
  sec: (x) => complex.divide(complex.ONE, complex.cos(x)),
  csc: (x) => complex.divide(complex.ONE, complex.sin(x)),
  asin: complex.asin,
  acos: complex.acos,
  atan: complex.atan,
  arccot: (x) => complex.atan(complex.divide(complex.ONE, x)),
  arcsec: (x) => complex.acos(complex.divide(complex.ONE, x)),
  arccsc: (x) => complex.asin(complex.divide(complex.ONE, x)),
  sinh: complex.sinh,
  cosh: complex.cosh,
  tanh: (x) => complex.divide(complex.sinh(x), complex.cosh(x)),
  coth: (x) => complex.divide(complex.cosh(x), complex.sinh(x)),
  sech: (x) => complex.divide(complex.ONE, complex.cosh(x)),
  csch: (x) => complex.divide(complex.ONE, complex.sinh(x)),
  asinh: complex.asinh,
  acosh: complex.acosh,
  atanh: complex.atanh,
  ln: complex.ln,
  exp: complex.exp,
  cis: (x) => complex.exp(complex.multiply(complex.I, x)),
  abs: (x) => complex.real(complex.absolute(x)),
  cbrt: (x) => complex.root(x, 3),
  floor: (x) => floor(x),
  ceil: (x) => complex.negate(floor(complex.negate(x))),
}
const TRIGONOMETRIC = new Set(['cis', 'sin', 'cos', 'tan', 'cot', 'sec', 'csc'])

/** Bits of f(x): the error of x times the slope of f there. */
function carried(name: string, x: Inexact, value: Complex): number {
  const size = complex.magnitude(x.value)
  const out = Math.max(0, complex.magnitude(value))
  switch (name) {
    case 'floor':
    case 'ceil':
      return Number.NEGATIVE_INFINITY
    case 'tan':
    case 'cot':
    case 'sec':
    case 'csc':
      return x.bits + 2 * out + 1
    case 'ln':
    case 'arccot':
    case 'arcsec':
    case 'arccsc':
      return x.bits - size + 2
    case 'cbrt':
      return complex.magnitude(value) + loss(x)
    case 'asin':
    case 'acos':
    case 'acosh':
    case 'atanh': {
      // The slope grows without end towards ±1; there half of the bits go.
      const rest = complex.magnitude(complex.subtract(complex.ONE, complex.multiply(x.value, x.value)))
      if (rest === Number.NEGATIVE_INFINITY) return 0
      return x.bits + Math.min(name === 'atanh' ? -rest : Math.ceil(-rest / 2), CANCELLED_BITS / 2) + 1
    }
    case 'sinh':
    case 'cosh':
    case 'exp':
    case 'cis':
      return Math.max(x.bits, 0) + out
    default:
      return x.bits + (complex.isReal(x.value) ? 0 : out)
  }
}

function call(node: Extract<Node, { kind: 'call' }>, inner: (node: Node) => Inexact, work: Work): Inexact {
  const { name, args } = node
  work.spend(name === 'abs' || name === 'floor' || name === 'ceil' ? 4 : 2 * ELEMENTARY)
  const first = inner(args[0])
  if (Object.hasOwn(ONE_ARGUMENT, name)) {
    if (args.length !== 1) throw new Undefined(`${name} of ${args.length} arguments`)
    const inDegrees = TRIGONOMETRIC.has(name) && args[0].kind === 'degrees'
    const x = inDegrees ? { value: radians(first.value), bits: first.bits - 5 } : first
    const value = ONE_ARGUMENT[name](x.value)
    return { value, bits: carried(name, { value: x.value, bits: Math.max(x.bits, complex.magnitude(x.value)) }, value) }
  }
  switch (name) {
    case 'sqrt':
      return args.length === 1 ? blurred(complex.squareRoot(first.value), loss(first)) : rootOf(first, args[1], inner)
    case 'log': {
      // log without a base: 10, as in school; ln is written ln.
      const base = args[1] ? inner(args[1]) : exactly(complex.real(big.fromNumber(10)))
      const below = complex.ln(base.value)
      const value = complex.divide(complex.ln(first.value), below)
      const by = Math.max(loss(first) - complex.magnitude(below), complex.magnitude(value) + loss(base) - complex.magnitude(below))
      return { value, bits: by + 2 }
    }
    case 'max':
    case 'min': {
      const values = [first, ...args.slice(1).map(inner)]
      const better = name === 'max' ? 1 : -1
      const best = values.map(({ value }) => realPart(value)).reduce((a, b) => (big.sign(big.subtract(b, a)) === better ? b : a))
      return { value: complex.real(best), bits: Math.max(...values.map(({ bits }) => bits)) }
    }
    case 'binomial':
      return exactly(binomial(first.value, inner(args[1]).value, work))
    case 'det': {
      const entries = [first, ...args.slice(1).map(inner)]
      const size = Math.sqrt(entries.length)
      const row = (i: number): number => Math.max(...entries.slice(i * size, (i + 1) * size).map(({ value }) => complex.magnitude(value)))
      const product = Array.from({ length: size }, (_, i) => row(i)).reduce((sum, bits) => sum + bits, 0)
      return { value: determinant(entries.map(({ value }) => value)), bits: product + Math.max(...entries.map(loss)) + size }
    }
    default:
      throw new Undefined(`no function ${name}`)
  }
}

function rootOf(x: Inexact, degree: Node, inner: (node: Node) => Inexact): Inexact {
  const exact = exactValue(degree)
  if (typeof exact === 'object' && isInteger(exact) && exact.n > 0n && exact.n < 1000n)
    return blurred(complex.root(x.value, Number(exact.n)), loss(x))
  const index = inner(degree)
  const value = complex.power(x.value, complex.divide(complex.ONE, index.value))
  return blurred(value, loss(x) + loss(index) + Math.max(0, complex.magnitude(index.value)) + 8)
}

function radians(degrees: Complex): Complex {
  return complex.divide(complex.multiply(degrees, complex.real(big.pi())), complex.real(big.fromNumber(180)))
}

function determinant(entries: Complex[]): Complex {
  const size = Math.sqrt(entries.length)
  if (size === 1) return entries[0]
  let sum = complex.real(big.ZERO)
  for (let column = 0; column < size; column++) {
    const minor = entries.filter((_, i) => i >= size && i % size !== column)
    const term = complex.multiply(entries[column], determinant(minor))
    sum = column % 2 === 0 ? complex.add(sum, term) : complex.subtract(sum, term)
  }
  return sum
}

function realPart(x: Complex): big.BigFloat {
  if (!complex.isReal(x)) throw new Undefined('not real')
  return x.re
}

/** Floor of a real; a value within 2^-120 of an integer is that integer. */
function floor(x: Complex): Complex {
  const value = realPart(x)
  if (big.magnitude(value) > 200) throw new Undefined('too large for floor')
  const shifted = big.add(value, { m: 1n, e: -120 })
  const whole = shifted.e >= 0 ? shifted.m << BigInt(shifted.e) : shifted.m >> BigInt(-shifted.e)
  return complex.real({ m: whole, e: 0 })
}

function integerOf(x: Complex): number | undefined {
  if (!complex.isReal(x)) return undefined
  const near = Math.round(big.toNumber(x.re))
  if (!Number.isSafeInteger(near)) return undefined
  const rest = big.subtract(x.re, big.fromNumber(near))
  return big.magnitude(rest) < -120 ? near : undefined
}

function factorial(x: Complex, step: number, work: Work): Complex {
  const n = integerOf(x)
  if (n === undefined || n < 0 || n > 200) throw new Undefined('factorial of no small natural number')
  work.spend(n)
  let product = 1n
  for (let i = n; i > 1; i -= step) product *= BigInt(i)
  return complex.real(big.fromRational({ n: product, d: 1n }))
}

function binomial(x: Complex, y: Complex, work: Work): Complex {
  const n = integerOf(x)
  const k = integerOf(y)
  if (n === undefined || k === undefined || n < 0 || k < 0 || n > 400) throw new Undefined('binomial of no small natural numbers')
  if (k > n) return complex.real(big.ZERO)
  work.spend(k)
  let product = 1n
  for (let i = 1; i <= k; i++) product = (product * BigInt(n - k + i)) / BigInt(i)
  return complex.real(big.fromRational({ n: product, d: 1n }))
}
