/** Equality of expressions: exactly where they are rational, else at 256 bits, with variables at fixed points. */

import { equals, type Rational } from '../../rational.ts'
import { TooComplex, type Work } from '../limits.ts'
import type { Node } from '../node.ts'
import { some } from '../nodes.ts'
import * as big from '../numeric/bigfloat.ts'
import { Undefined } from '../numeric/bigfloat.ts'
import type { Complex } from '../numeric/complex.ts'
import * as complex from '../numeric/complex.ts'
import { CANCELLED_BITS, evaluate, type Scale, type Scope } from '../numeric/evaluate.ts'
import { type Allowance, exactValue } from '../numeric/exact.ts'
import { longDecimal, standsForRational, standsForReal } from './decimals.ts'

/** Points tried, those behind the first 40 natural numbers only, and how many of them must be defined and agree. */
const POINTS = 100
const MIXED = 40
const AGREEING = 10
/** Points tried of each of many entries. */
const FEW = 10
/** Bits two values must share. */
const RELATIVE_BITS = 150
/** Units of work for the exact parts of one side whose writing is compared. */
const SHAPE = 5000
/** Bits that must be known of the larger of two values, or behind the point beside 0, for a comparison to tell anything. */
const TELLING_BITS = 30

/** Whether two expressions have the same value wherever both are defined. */
export function sameValue(a: Node, b: Node, work: Work): boolean {
  const infinite = infinitySign(a)
  if (infinite !== 0 || infinitySign(b) !== 0) return infinite === infinitySign(b)
  const left = exactValue(a, work.exact)
  const right = exactValue(b, work.exact)
  if (typeof left === 'object' && typeof right === 'object') {
    if (equals(left, right)) return work.by('same exact value', true)
    if (sameDecimal(a, right) || sameDecimal(b, left)) return work.by('same to the digits written', true)
    return work.by('within the tolerance', withinTolerance(a, b, work))
  }
  if (left === 'undefined' || right === 'undefined') return false
  // Beyond the bounds only the writing counts.
  if (left === 'huge' || right === 'huge')
    return typeof left !== 'object' && typeof right !== 'object' && work.by('same writing', sameShape(a, b, work))
  if (hasInfinity(a) || hasInfinity(b)) return work.by('same writing', sameShape(a, b, work))
  const names = variables([a, b])
  if (names.length === 0) return sameConstant(a, b, work)
  if (samePoints(a, b, names, work, false) || samePoints(a, b, names, work, true)) return work.by('same values at sample points', true)
  if (names.every((name) => COUNTS.test(name)) && [a, b].some((node) => some(node, isStep)))
    return work.by('same values at integers', sameAtIntegers(a, b, names, work))
  return work.by('same writing', (isBound(a) || isBound(b)) && sameShape(a, b, work))
}

/** Letters that are integers by custom. */
const COUNTS = /^[nkm]$/
const isStep = (node: Node): boolean => node.kind === 'call' && (node.name === 'floor' || node.name === 'ceil')
/** So many natural numbers are compared first, then larger ones round powers of two and of ten. */
const SMALLEST = 48
const LARGER = [63, 64, 65, 99, 100, 101, 127, 128, 129, 255, 256, 257, 360, 500, 999, 1000, 1001, 1023, 1024, 1025]

/** Whether two expressions with floors agree at natural numbers: ⌈n/2⌉ is ⌊(n + 1)/2⌋ of them. All points count, an undefined one too. */
function sameAtIntegers(a: Node, b: Node, names: readonly string[], work: Work): boolean {
  const numbers = [...Array.from({ length: SMALLEST }, (_, i) => i + 1), ...LARGER]
  for (const [i, n] of numbers.entries()) {
    const scope = new Map<string, Complex>()
    for (const [j, name] of names.entries())
      scope.set(name, complex.real(big.fromNumber(j === 0 ? n : 1 + ((i * (7 * j + 4) + 3 * j) % 37))))
    if (closeAt(a, b, scope, work) !== true) return false
  }
  return true
}

/** Whether two expressions agree at sample points. `real`: only where nothing leaves the real numbers, as ln xy = ln x + ln y. */
function samePoints(a: Node, b: Node, names: readonly string[], work: Work, real: boolean): boolean {
  let agreeing = 0
  try {
    for (let i = 0; i < (work.brief ? FEW : MIXED) || (i < POINTS && agreeing < AGREEING); i++) {
      const close = closeAt(a, b, point(names, i), work, RELATIVE_BITS, real)
      if (close === false) return false
      if (close === true) agreeing++
    }
  } catch (error) {
    if (!(error instanceof TooComplex)) throw error
  }
  return agreeing >= AGREEING
}

/**
 * Whether two expressions agree where all of their letters are positive, as physics means its symbols: (P_0^{2/5} - cP_0^{2/5}z)^{5/2} is
 * P_0(1 - cz)^{5/2}. Nothing may leave the reals on the way.
 */
export function samePositive(a: Node, b: Node, work: Work): boolean {
  const names = variables([a, b])
  if (names.length < 3 || variables([a]).length !== names.length || variables([b]).length !== names.length) return false
  let agreeing = 0
  for (let i = 0; i < POINTS && agreeing < AGREEING; i++) {
    if (i % 4 === 2 && i < MIXED) continue
    const close = closeAt(a, b, point(names, i), work, RELATIVE_BITS, true)
    if (close === false) return false
    if (close === true) agreeing++
  }
  return agreeing >= AGREEING
}

const isBound = (node: Node): boolean =>
  node.kind === 'bound' ||
  (node.kind === 'binary'
    ? isBound(node.left) || isBound(node.right)
    : node.kind === 'call'
      ? node.args.some(isBound)
      : node.kind !== 'application' && 'of' in node && isBound(node.of))

/** Infinity as a value, which no arithmetic has; as a bound of a sum or an integral it is fine. */
function hasInfinity(node: Node): boolean {
  switch (node.kind) {
    case 'constant':
      return node.name === 'infinity'
    case 'binary':
      return hasInfinity(node.left) || hasInfinity(node.right)
    case 'call':
      return node.args.some(hasInfinity)
    case 'number':
    case 'symbol':
    case 'application':
      return false
    case 'bound':
      return hasInfinity(node.body)
    default:
      return hasInfinity(node.of)
  }
}

function sameShape(a: Node, b: Node, { exact }: Work): boolean {
  // Each side may cost the same, so that the order of the two does not matter.
  const before = Math.min(exact.left, SHAPE)
  const [left, right] = [{ left: before }, { left: before }]
  const same = shape(a, left) === shape(b, right)
  exact.left -= 2 * before - left.left - right.left
  return same
}

/** The writing of an expression whatever the order of its terms and factors, with its exact parts worked out. */
function shape(node: Node, work: Allowance): string {
  const exact = exactValue(node, work)
  const shapeOf = (one: Node): string => shape(one, work)
  if (typeof exact === 'object') return fractionShape(exact)
  switch (node.kind) {
    case 'number':
      return fractionShape(node.value)
    case 'symbol':
    case 'constant':
      return node.name
    case 'call':
      return `${node.name}(${node.args.map(shapeOf).join()})`
    case 'application':
      return `${shapeOf(node.of)}(${node.args.map(shapeOf).join()})`
    case 'factorial':
      return `${shapeOf(node.of)}${'!'.repeat(node.step)}`
    case 'bound': {
      const parts = [node.from, node.to].map((one) => (one ? shapeOf(one) : ''))
      return `${node.op}(${node.variable},${parts.join()},${node.side ?? ''},${shapeOf(node.body)})`
    }
    case 'binary':
      if (node.op === '+' || node.op === '-' || node.op === '*' || node.op === '/')
        return flat(node, node.op === '+' || node.op === '-', work)
      return `(${shapeOf(node.left)})${node.op}(${shapeOf(node.right)})`
    default:
      return `${node.kind}(${shapeOf(node.of)})`
  }
}

/** In hexadecimal, which takes a time that grows evenly with the number. */
const fractionShape = ({ n, d }: Rational): string => `${n.toString(16)}/${d.toString(16)}`

/** Terms or factors in sorted order. */
function flat(node: Node, sum: boolean, work: Allowance): string {
  const parts: string[] = []
  const visit = (one: Node, inverse: boolean): void => {
    const op = one.kind === 'binary' ? one.op : undefined
    if (one.kind === 'binary' && (sum ? op === '+' || op === '-' : op === '*' || op === '/')) {
      visit(one.left, inverse)
      visit(one.right, inverse !== (op === '-' || op === '/'))
    } else if (sum && one.kind === 'negate') visit(one.of, !inverse)
    else parts.push(`${inverse ? '~' : ''}${shape(one, work)}`)
  }
  visit(node, false)
  return `${sum ? 'sum' : 'product'}(${parts.sort().join()})`
}

/** Whether a and b are constant multiples of one another: sides of equations. `positive`: and the factor is positive. */
export function proportional(a: Node, b: Node, positive: boolean, work: Work): boolean {
  const names = variables([a, b])
  if (names.length === 0 || variables([a]).length !== names.length || variables([b]).length !== names.length) return false
  let ratio: Complex | undefined
  let agreeing = 0
  try {
    for (let i = 0; i < MIXED && agreeing < 2 * AGREEING; i++) {
      const scope = point(names, i)
      const here = ratioAt(a, b, scope, work)
      if (!here) continue
      if (ratio && !isClose(ratio, here, 0)) return false
      ratio = here
      agreeing++
    }
  } catch (error) {
    if (!(error instanceof TooComplex)) throw error
  }
  if (!ratio || agreeing < AGREEING) return false
  return !positive || (complex.isReal(ratio) && big.sign(ratio.re) > 0)
}

/** The real value of a constant expression; undefined where it is none. */
export function realValue(node: Node, work: Work): big.BigFloat | undefined {
  try {
    const value = evaluate(node, new Map(), work, { bits: 0 })
    return complex.isReal(value) ? value.re : undefined
  } catch (error) {
    if (error instanceof Undefined) return undefined
    throw error
  }
}

/** Whether two reals are the same number as far as it can be told. */
export const sameReal = (a: big.BigFloat, b: big.BigFloat): boolean => isClose(complex.real(a), complex.real(b), 0) === true

/** 1 for ∞, −1 for −∞, 0 for everything else. */
export function infinitySign(node: Node): number {
  if (node.kind === 'constant' && node.name === 'infinity') return 1
  return node.kind === 'negate' ? -infinitySign(node.of) : 0
}

/** Names of the variables, sorted. */
export function variables(nodes: readonly Node[]): string[] {
  const names = new Set<string>()
  const visit = (node: Node): void => {
    if (node.kind === 'symbol') names.add(node.name)
    else if (node.kind === 'binary') {
      visit(node.left)
      visit(node.right)
    } else if (node.kind === 'call') node.args.forEach(visit)
    else if (node.kind === 'application') [node.of, ...node.args].forEach(visit)
    else if (node.kind === 'bound') {
      for (const name of variables([node.body])) if (name !== node.variable || node.op === 'derivative') names.add(name)
      if (node.op === 'derivative') names.add(node.variable)
      if (node.from) visit(node.from)
      if (node.to) visit(node.to)
    } else if (node.kind !== 'number' && node.kind !== 'constant') visit(node.of)
  }
  nodes.forEach(visit)
  return [...names].sort()
}

/** No variable in it. */
export function isNumeric(node: Node): boolean {
  switch (node.kind) {
    case 'number':
    case 'constant':
      return true
    case 'symbol':
    case 'application':
      return false
    case 'binary':
      return isNumeric(node.left) && isNumeric(node.right)
    case 'call':
      return node.args.every(isNumeric)
    case 'bound':
      return variables([node]).length === 0
    default:
      return isNumeric(node.of)
  }
}

function sameConstant(a: Node, b: Node, work: Work): boolean {
  const none: Scope = new Map()
  const close = closeAt(a, b, none, work)
  if (close === undefined && isBound(a) && isBound(b) && sameShape(a, b, work)) return work.by('same writing', true)
  if (close !== false) return work.by('same value at high precision', close === true)
  const [decimal, other] = longDecimal(a) ? [longDecimal(a), b] : [longDecimal(b), a]
  const real = decimal && realValue(other, work)
  if (decimal && real && standsForReal(decimal, real)) return work.by('same to the digits written', true)
  return work.by('within the tolerance', withinTolerance(a, b, work))
}

/** Both are constants and differ by no more than the policy allows. */
function withinTolerance(a: Node, b: Node, work: Work): boolean {
  const { tolerance } = work.policy
  if (!tolerance) return false
  try {
    const none: Scope = new Map()
    const scale: Scale = { bits: 0 }
    const left = evaluate(a, none, work, scale)
    const right = evaluate(b, none, work, scale)
    const difference = complex.absolute(complex.subtract(left, right))
    const size = [complex.absolute(left), complex.absolute(right)].reduce((x, y) => (big.sign(big.subtract(x, y)) >= 0 ? x : y))
    const allowed = big.add(big.fromNumber(tolerance.absolute), big.multiply(big.fromNumber(tolerance.relative), size))
    // A hair more, so that 0.01 allows what differs by exactly 0.01.
    const hair = big.multiply(allowed, { m: (1n << 60n) + 1n, e: -60 })
    return big.sign(big.subtract(hair, difference)) >= 0
  } catch (error) {
    if (error instanceof Undefined) return false
    throw error
  }
}

function sameDecimal(node: Node, other: Rational): boolean {
  const decimal = longDecimal(node)
  return decimal !== undefined && standsForRational(decimal, other)
}

/** Undefined where a side has no value at the point. */
function closeAt(a: Node, b: Node, scope: Scope, work: Work, bits = RELATIVE_BITS, real = false): boolean | undefined {
  const scale: Scale = { bits: Number.NEGATIVE_INFINITY, real }
  try {
    const left = evaluate(a, scope, work, scale)
    const leftBits = scale.bits
    const right = evaluate(b, scope, work, scale)
    return isClose(left, right, Math.max(leftBits, scale.bits), bits)
  } catch (error) {
    if (error instanceof Undefined) return undefined
    throw error
  }
}

/** Undefined: they differ by less than their error, but that is so large that it says nothing. */
function isClose(a: Complex, b: Complex, scale: number, bits = RELATIVE_BITS): boolean | undefined {
  const difference = complex.magnitude(complex.subtract(a, b))
  const size = Math.max(complex.magnitude(a), complex.magnitude(b))
  const error = scale - CANCELLED_BITS
  const isZero = Math.min(complex.magnitude(a), complex.magnitude(b)) === Number.NEGATIVE_INFINITY
  if (error > (isZero ? 0 : size) - TELLING_BITS) return difference >= error ? false : undefined
  return difference <= size - bits || difference < error
}

function ratioAt(a: Node, b: Node, scope: Scope, work: Work): Complex | undefined {
  const scale: Scale = { bits: Number.NEGATIVE_INFINITY }
  try {
    const left = evaluate(a, scope, work, scale)
    const leftBits = scale.bits
    const right = evaluate(b, scope, work, scale)
    // Both vanish, or one does by rounding: the point says nothing.
    if (complex.magnitude(left) < leftBits - 60 || complex.magnitude(right) < scale.bits - 60) return undefined
    return complex.divide(left, right)
  } catch (error) {
    if (error instanceof Undefined) return undefined
    throw error
  }
}

/** The i-th point: positive fractions, natural numbers (for n! and binomials), negative fractions, small fractions. */
function point(names: readonly string[], i: number): Scope {
  const scope = new Map<string, Complex>()
  names.forEach((name, j) => {
    const random = ((i + 1) * 7_919 + (j + 1) * 104_729 + (i + 1) * (j + 3) * 611_953) % 99_991
    let value: Rational
    if (i % 4 === 1 || i >= MIXED) value = { n: BigInt(2 + ((random + 5 * j) % 11)), d: 1n }
    else if (i % 4 === 0) value = { n: BigInt(random + 1), d: 33_331n }
    else value = { n: BigInt(i % 4 === 2 ? -(random + 1) : random + 1), d: i % 4 === 2 ? 25_013n : 100_003n }
    scope.set(name, complex.real(big.fromRational(value)))
  })
  return scope
}
