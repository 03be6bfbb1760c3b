/**
 * Values of sums, products, integrals, limits and derivatives by plain numerics. What does not settle has no value
 * (Undefined); how exact a value is goes into the scale, so that comparison does not ask for more.
 */

import type { BoundNode, Node } from '../node.ts'
import type { BigFloat } from './bigfloat.ts'
import * as big from './bigfloat.ts'
import { Undefined } from './bigfloat.ts'
import type { Complex } from './complex.ts'
import * as complex from './complex.ts'
import { isUnsettled } from './unsettled.ts'

/** Most terms of a sum, and of a series that has to settle. */
const TERMS = 2000
const SERIES_TERMS = 600
/** Bits below which a term of a series no longer counts. */
const NEGLIGIBLE = 200

/** Evaluates a node with the bound variable at a value (undefined: outside of it). */
export type At = (node: Node, value?: Complex) => Complex

/**
 * A value; the exponent of two of the error of the method, −Infinity where it has none; and by how many bits the error
 * of what was evaluated on the way grows.
 */
export interface Approximate {
  value: Complex
  error: number
  growth: number
}

export function boundValue(node: BoundNode, at: At): Approximate {
  switch (node.op) {
    case 'sum':
    case 'product':
      return { value: series(node, at), error: Number.NEGATIVE_INFINITY, growth: 0 }
    case 'integral':
      return integral(node, at)
    case 'limit':
      return limit(node, at)
    case 'derivative':
      throw new Undefined('a derivative at no point')
  }
}

/** The derivative at a point, by the symmetric difference. */
export function derivative(body: (x: Complex) => Complex, x: Complex): Approximate {
  const h = power2(-70)
  const difference = complex.subtract(body(complex.add(x, h)), body(complex.subtract(x, h)))
  const value = complex.divide(difference, complex.add(h, h))
  return { value, error: Math.max(complex.magnitude(value), 0) - 110, growth: 70 }
}

const power2 = (e: number): Complex => complex.real({ m: 1n, e })
const isInfinite = (node: Node | undefined): boolean =>
  node?.kind === 'negate' ? isInfinite(node.of) : node?.kind === 'constant' && node.name === 'infinity'

function series(node: BoundNode, at: At): Complex {
  const from = integer(at(node.from!))
  const endless = isInfinite(node.to)
  const to = endless ? from + SERIES_TERMS : integer(at(node.to!))
  if (to - from > TERMS) throw new Undefined('too many terms')
  const sum = node.op === 'sum'
  if (endless && !sum) throw new Undefined('an infinite product')
  if (endless && isUnsettled(node)) throw new Undefined('a series that digits do not settle')
  let result = sum ? complex.real(big.ZERO) : complex.ONE
  let small = 0
  for (let k = from; k <= to; k++) {
    const term = at(node.body, complex.real(big.fromNumber(k)))
    result = sum ? complex.add(result, term) : complex.multiply(result, term)
    if (!endless) continue
    small = complex.magnitude(term) < complex.magnitude(result) - NEGLIGIBLE ? small + 1 : 0
    if (small === 3) return result
  }
  if (endless) throw new Undefined('a series that does not settle')
  return result
}

function integer(x: Complex): number {
  const n = complex.isReal(x) ? big.toNumber(x.re) : Number.NaN
  if (!Number.isSafeInteger(n)) throw new Undefined('no integer')
  return n
}

/** Abscissas and weights in steps of 1/steps; every other one is the rule of twice the step. */
interface Rule {
  steps: number
  nodes: { x: BigFloat; weight: BigFloat; even: boolean }[]
}
const RANGE = 4
let finite: Rule | undefined
let endless: Rule | undefined

/** The tanh-sinh rule on (−1, 1): x = tanh(π/2 sinh t). */
function tanhSinh(): Rule {
  if (finite) return finite
  finite = { steps: 8, nodes: [] }
  for (let k = 0; k <= RANGE * finite.steps; k++) {
    const t = hyperbolic(big.fromNumber(k / finite.steps))
    const u = hyperbolic(big.multiply(halfPi(), t.sinh))
    const weight = big.divide(big.multiply(halfPi(), t.cosh), big.multiply(u.cosh, u.cosh))
    const x = big.divide(u.sinh, u.cosh)
    const even = k % 2 === 0
    finite.nodes.push({ x, weight, even })
    if (k > 0) finite.nodes.push({ x: big.negate(x), weight, even })
  }
  return finite
}

/** The exp-sinh rule on (0, ∞): x = exp(π/2 sinh t). */
function expSinh(): Rule {
  if (endless) return endless
  endless = { steps: 16, nodes: [] }
  for (let k = -RANGE * endless.steps; k <= RANGE * endless.steps; k++) {
    const t = hyperbolic(big.fromNumber(k / endless.steps))
    const x = big.exp(big.multiply(halfPi(), t.sinh))
    endless.nodes.push({ x, weight: big.multiply(big.multiply(halfPi(), t.cosh), x), even: k % 2 === 0 })
  }
  return endless
}

function halfPi(): BigFloat {
  const pi = big.pi()
  return { m: pi.m, e: pi.e - 1 }
}

function hyperbolic(x: BigFloat): { sinh: BigFloat; cosh: BigFloat } {
  const up = big.exp(x)
  const down = big.divide(big.ONE, up)
  const half = (y: BigFloat): BigFloat => (y.m === 0n ? y : { m: y.m, e: y.e - 1 })
  return { sinh: half(big.subtract(up, down)), cosh: half(big.add(up, down)) }
}

function integral(node: BoundNode, at: At): Approximate {
  const { from, to, body } = node
  const f = (x: Complex): Complex => at(body, x)
  const toInfinity = (start: Complex, sign: 1 | -1): Approximate =>
    quadrature(expSinh(), (x) => f(sign > 0 ? complex.add(start, x) : complex.subtract(start, x)))
  if (isInfinite(from) && isInfinite(to)) {
    const left = toInfinity(complex.real(big.ZERO), -1)
    const right = toInfinity(complex.real(big.ZERO), 1)
    return { value: complex.add(left.value, right.value), error: Math.max(left.error, right.error) + 1, growth: 1 }
  }
  if (isInfinite(to)) return toInfinity(at(from!), 1)
  if (isInfinite(from)) return toInfinity(at(to!), -1)
  const two = complex.real(big.fromNumber(2))
  const middle = complex.divide(complex.add(at(from!), at(to!)), two)
  const half = complex.divide(complex.subtract(at(to!), at(from!)), two)
  const area = quadrature(tanhSinh(), (x) => complex.multiply(f(complex.add(middle, complex.multiply(half, x))), half))
  return { ...area, growth: Math.max(0, complex.magnitude(half)) }
}

function quadrature(rule: Rule, f: (x: Complex) => Complex): Approximate {
  let fine = complex.real(big.ZERO)
  let coarse = fine
  for (const { x, weight, even } of rule.nodes) {
    let term: Complex
    try {
      term = complex.multiply(f(complex.real(x)), complex.real(weight))
    } catch (error) {
      // At the ends the weight is nothing, or e^(−x) beyond all exponents; what grows there does not settle before.
      if (error instanceof Undefined && (big.magnitude(weight) < -100 || big.magnitude(x) > 18)) continue
      throw error
    }
    fine = complex.add(fine, term)
    if (even) coarse = complex.add(coarse, term)
  }
  const value = complex.divide(fine, complex.real(big.fromNumber(rule.steps)))
  const rough = complex.divide(coarse, complex.real(big.fromNumber(rule.steps / 2)))
  const size = Math.max(complex.magnitude(value), 0)
  if (complex.magnitude(complex.subtract(value, rough)) > size - 22) throw new Undefined('an integral that does not settle')
  return { value, error: size - 40, growth: 0 }
}

/** Values close to the point, from both sides unless one is asked for. */
function limit(node: BoundNode, at: At): Approximate {
  const { from, side, body } = node
  const sides = isInfinite(from) ? [from!.kind === 'negate' ? -1 : 1] : side ? [side] : [1, -1]
  const near = (sign: number, bits: number): Complex => {
    if (isInfinite(from)) return at(body, complex.multiply(complex.real(big.fromNumber(sign)), power2(bits)))
    const step = complex.multiply(complex.real(big.fromNumber(sign)), power2(-bits))
    return at(body, complex.add(at(from!), step))
  }
  const values = sides.flatMap((sign) => [near(sign, 60), near(sign, 48)])
  const value = values[0]
  const size = Math.max(complex.magnitude(value), 0)
  if (values.some((other) => complex.magnitude(complex.subtract(value, other)) > size - 40)) throw new Undefined('no limit')
  return { value, error: size - 44, growth: 0 }
}
