/** Values of expressions to some 200 bits, constants and variables alike, in the complex plane. */

import { isInteger } from '../rational.ts'
import * as big from './bigfloat.ts'
import { Undefined } from './bigfloat.ts'
import { boundValue, derivative } from './calculus.ts'
import type { Complex } from './complex.ts'
import * as complex from './complex.ts'
import { exactValue } from './exact.ts'
import type { Work } from './limits.ts'
import type { BoundNode, Node } from './node.ts'

let euler: Complex | undefined

/** Values of the variables. */
export type Scope = ReadonlyMap<string, Complex>

/** Cost of an elementary function in units of work. */
const ELEMENTARY = 100

/** Largest exponent of two, over all numbers on the way: what cancels there is no more exact than that. */
export interface Scale {
  bits: number
  /** Nothing on the way may leave the real numbers: there the expression counts as undefined. */
  real?: boolean
}

/** A difference that many bits below the scale counts as rounding. */
export const CANCELLED_BITS = 185

/** The value of an expression. Throws Undefined where there is none and TooComplex where the work is used up. */
export function evaluate(node: Node, scope: Scope, work: Work, scale: Scale): Complex {
  const value = evaluateNode(node, scope, work, scale)
  if (scale.real && !complex.isReal(value)) throw new Undefined('not real')
  const bits = complex.magnitude(value)
  if (bits > scale.bits) scale.bits = bits
  return value
}

function evaluateNode(node: Node, scope: Scope, work: Work, scale: Scale): Complex {
  work.spend(1)
  const inner = (one: Node): Complex => evaluate(one, scope, work, scale)
  switch (node.kind) {
    case 'number':
      return complex.real(big.fromRational(node.value))
    case 'symbol': {
      const value = scope.get(node.name)
      if (!value) throw new Undefined(`no value for ${node.name}`)
      return value
    }
    case 'constant':
      if (node.name === 'pi') return complex.real(big.pi())
      if (node.name === 'i') return complex.I
      if (node.name === 'infinity') throw new Undefined('infinity')
      euler ??= complex.exp(complex.ONE)
      return euler
    case 'negate':
      return complex.negate(inner(node.of))
    case 'degrees':
      return inner(node.of)
    case 'percent':
      return complex.divide(inner(node.of), complex.real(big.fromNumber(100)))
    case 'factorial':
      return factorial(inner(node.of), work)
    case 'binary':
      return binary(node, inner, work)
    case 'call':
      return call(node, inner, work)
    case 'bound':
      return bound(node, scope, work, scale)
  }
}

function bound(node: BoundNode, scope: Scope, work: Work, scale: Scale): Complex {
  const at = (one: Node, value?: Complex): Complex => {
    work.spend(10)
    return evaluate(one, value ? new Map([...scope, [node.variable, value]]) : scope, work, scale)
  }
  const point = scope.get(node.variable)
  if (node.op === 'derivative' && !point) throw new Undefined('a derivative at no point')
  const { value, error } = work.inside(() =>
    point && node.op === 'derivative' ? derivative((x) => at(node.body, x), point) : boundValue(node, at),
  )
  if (error + CANCELLED_BITS > scale.bits) scale.bits = error + CANCELLED_BITS
  return value
}

function binary(node: Extract<Node, { kind: 'binary' }>, inner: (node: Node) => Complex, work: Work): Complex {
  const left = inner(node.left)
  switch (node.op) {
    case '+':
      return complex.add(left, inner(node.right))
    case '-':
      return complex.subtract(left, inner(node.right))
    case '*':
      return complex.multiply(left, inner(node.right))
    case '/':
      return complex.divide(left, inner(node.right))
    case '^':
      return power(left, node.right, inner, work)
    case 'mod': {
      const right = inner(node.right)
      return complex.subtract(left, complex.multiply(right, floor(complex.divide(left, right))))
    }
    default:
      throw new Undefined('a choice of signs')
  }
}

function power(base: Complex, exponent: Node, inner: (node: Node) => Complex, work: Work): Complex {
  const exact = exactValue(exponent)
  if (typeof exact === 'object') {
    if (isInteger(exact) && exact.n >= -1_000_000n && exact.n <= 1_000_000n) {
      work.spend(20)
      return complex.integerPower(base, Number(exact.n))
    }
    // x^(2/3) of a negative real x is the real one.
    if (!isInteger(exact) && exact.d < 100n && exact.n > -1000n && exact.n < 1000n) {
      work.spend(2 * ELEMENTARY)
      return complex.integerPower(complex.root(base, Number(exact.d)), Number(exact.n))
    }
  }
  if (exact === 'huge' || exact === 'undefined') throw new Undefined('an exponent without a usable value')
  const value = inner(exponent)
  const whole = integerOf(value)
  if (whole !== undefined && Math.abs(whole) <= 10_000) {
    work.spend(20)
    return complex.integerPower(base, whole)
  }
  work.spend(3 * ELEMENTARY)
  return complex.power(base, value)
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
  abs: (x) => complex.real(complex.absolute(x)),
  cbrt: (x) => complex.root(x, 3),
  floor: (x) => floor(x),
  ceil: (x) => complex.negate(floor(complex.negate(x))),
}
const TRIGONOMETRIC = new Set(['sin', 'cos', 'tan', 'cot', 'sec', 'csc'])

function call(node: Extract<Node, { kind: 'call' }>, inner: (node: Node) => Complex, work: Work): Complex {
  const { name, args } = node
  work.spend(name === 'abs' || name === 'floor' || name === 'ceil' ? 4 : 2 * ELEMENTARY)
  const first = inner(args[0])
  if (Object.hasOwn(ONE_ARGUMENT, name)) {
    if (args.length !== 1) throw new Undefined(`${name} of ${args.length} arguments`)
    return ONE_ARGUMENT[name](TRIGONOMETRIC.has(name) && args[0].kind === 'degrees' ? radians(first) : first)
  }
  switch (name) {
    case 'sqrt':
      return args.length === 1 ? complex.squareRoot(first) : rootOf(first, args[1], inner)
    case 'log':
      // log without a base: 10, as in school; ln is written ln.
      return complex.divide(complex.ln(first), complex.ln(args[1] ? inner(args[1]) : complex.real(big.fromNumber(10))))
    case 'max':
    case 'min': {
      const values = args.map((arg) => realPart(inner(arg)))
      const better = name === 'max' ? 1 : -1
      return complex.real(values.reduce((best, one) => (big.sign(big.subtract(one, best)) === better ? one : best)))
    }
    case 'binomial':
      return binomial(first, inner(args[1]), work)
    case 'det':
      return determinant(args.map(inner))
    default:
      throw new Undefined(`no function ${name}`)
  }
}

function rootOf(x: Complex, degree: Node, inner: (node: Node) => Complex): Complex {
  const exact = exactValue(degree)
  if (typeof exact === 'object' && isInteger(exact) && exact.n > 0n && exact.n < 1000n) return complex.root(x, Number(exact.n))
  return complex.power(x, complex.divide(complex.ONE, inner(degree)))
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

function factorial(x: Complex, work: Work): Complex {
  const n = integerOf(x)
  if (n === undefined || n < 0 || n > 200) throw new Undefined('factorial of no small natural number')
  work.spend(n)
  let product = 1n
  for (let i = 2n; i <= BigInt(n); i++) product *= i
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
