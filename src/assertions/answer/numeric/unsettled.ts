/**
 * Series whose sum agrees with simple numbers to hundreds of digits without being one of them: Σ ⌊n tanh π⌋/10^n is 1/81 to 268 digits, and
 * Σ e^{-n²/100} is (10√π - 1)/2 to 427. J. M. and P. B. Borwein, Strange series and high precision fraud, Amer. Math. Monthly 99 (1992).
 */

import { rational } from '../../rational.ts'
import type { BoundNode, Node } from '../node.ts'
import { some, substitute } from '../nodes.ts'
import { exactValue } from './exact.ts'

/** Stands for the letter that is summed over. */
const SEVEN: Node = { kind: 'number', value: rational(7n) }

/** Whether no number of digits tells what an infinite sum is: it has floors of what is irrational, or powers like q^{n²}. */
export const isUnsettled = ({ body, variable }: BoundNode): boolean =>
  some(body, (node) => isStep(node, variable) || isTheta(node, variable))

/** ⌊n√2⌋ */
const isStep = (node: Node, variable: string): boolean =>
  ((node.kind === 'call' && (node.name === 'floor' || node.name === 'ceil')) || (node.kind === 'binary' && node.op === 'mod')) &&
  holds(node, variable) &&
  typeof exactValue(substitute(node, new Map([[variable, SEVEN]]))) !== 'object'

/** q^{n²}, where q is not 1 or -1 */
const isTheta = (node: Node, variable: string): boolean =>
  (node.kind === 'binary' && node.op === '^' && !holds(node.left, variable) && !isUnit(node.left) && isCurved(node.right, variable)) ||
  (node.kind === 'call' && node.name === 'exp' && isCurved(node.args[0], variable))

function isUnit(node: Node): boolean {
  const value = exactValue(node)
  return (
    (node.kind === 'constant' && node.name === 'i') || (typeof value === 'object' && value.d === 1n && (value.n === 1n || value.n === -1n))
  )
}

/** Whether an exponent is more than linear in the letter. */
const isCurved = (node: Node, variable: string): boolean =>
  some(
    node,
    (one) =>
      one.kind === 'binary' &&
      ((one.op === '^' && holds(one, variable)) || (one.op === '*' && holds(one.left, variable) && holds(one.right, variable))),
  )

const holds = (node: Node, variable: string): boolean => some(node, (one) => one.kind === 'symbol' && one.name === variable)
