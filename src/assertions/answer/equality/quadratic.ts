/** Quadratic polynomials in one variable with rational coefficients: what inequalities about them say of the variable. */

import { add, multiply, negate, type Rational, rational, subtract } from '../../rational.ts'
import type { Work } from '../limits.ts'
import type { Node } from '../node.ts'
import { substitute } from '../nodes.ts'
import * as big from '../numeric/bigfloat.ts'
import { smallValue } from '../numeric/exact.ts'
import { variables } from './values.ts'

export interface Quadratic {
  variable: string
  /** Whether it grows beyond all bounds. */
  upward: boolean
  /** Its real zeros, the smaller one first. Empty where it has none. */
  zeros: big.BigFloat[]
}

const POINTS = [3n, -2n, 5n, 7n]

/** The quadratic form of an expression. Undefined: it is none. */
export function quadraticForm(node: Node, work: Work): Quadratic | undefined {
  const [variable, ...others] = variables([node])
  if (variable === undefined || others.length > 0) return undefined
  const at = (x: bigint): Rational | undefined => {
    work.spend(10)
    return smallValue(substitute(node, new Map([[variable, { kind: 'number', value: rational(x) }]])))
  }
  const [zero, one, below] = [at(0n), at(1n), at(-1n)]
  if (!zero || !one || !below) return undefined
  const half = rational(1n, 2n)
  const a = multiply(subtract(add(one, below), add(zero, zero)), half)
  const b = multiply(subtract(one, below), half)
  if (a.n === 0n) return undefined
  for (const x of POINTS) {
    const value = at(x)
    const expected = add(add(multiply(a, rational(x * x)), multiply(b, rational(x))), zero)
    if (!value || value.n !== expected.n || value.d !== expected.d) return undefined
  }
  const discriminant = subtract(multiply(b, b), multiply(rational(4n), multiply(a, zero)))
  if (discriminant.n < 0n) return { variable, upward: a.n > 0n, zeros: [] }
  const root = big.squareRoot(big.fromRational(discriminant))
  const below2 = big.fromRational(add(a, a))
  const minusB = big.fromRational(negate(b))
  const zeros = [big.divide(big.subtract(minusB, root), below2), big.divide(big.add(minusB, root), below2)]
  return { variable, upward: a.n > 0n, zeros: a.n > 0n ? zeros : zeros.reverse() }
}
