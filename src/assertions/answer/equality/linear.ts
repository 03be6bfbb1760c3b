/** Linear expressions in one variable: what inequalities about them say of the variable. */

import type { Work } from '../limits.ts'
import type { Node } from '../node.ts'
import type { BigFloat } from '../numeric/bigfloat.ts'
import * as big from '../numeric/bigfloat.ts'
import { isNumeric, realValue } from './values.ts'

/** slope · variable + offset, or the absolute value of that. */
export interface Linear {
  variable: string
  slope: BigFloat
  offset: BigFloat
  absolute: boolean
}

/** The linear form of x, 2x − 3, |5 − x|. Undefined: it is none. */
export function linearForm(node: Node, work: Work): Linear | undefined {
  const absolute = node.kind === 'call' && node.name === 'abs'
  const terms = termsOf(absolute ? node.args[0] : node, work)
  if (!terms?.variable || big.sign(terms.slope) === 0) return undefined
  return { variable: terms.variable, slope: terms.slope, offset: terms.offset, absolute }
}

interface Terms {
  variable?: string
  slope: BigFloat
  offset: BigFloat
}

function termsOf(node: Node, work: Work): Terms | undefined {
  work.spend(2)
  if (node.kind === 'symbol') return { variable: node.name, slope: big.ONE, offset: big.ZERO }
  if (isNumeric(node)) {
    const offset = realValue(node, work)
    return offset && { slope: big.ZERO, offset }
  }
  if (node.kind === 'negate') return scaled(termsOf(node.of, work), big.negate(big.ONE))
  if (node.kind !== 'binary') return undefined
  const left = termsOf(node.left, work)
  const right = left && termsOf(node.right, work)
  if (!left || !right) return undefined
  switch (node.op) {
    case '+':
      return sum(left, right)
    case '-':
      return sum(left, scaled(right, big.negate(big.ONE)))
    case '*':
      return left.variable === undefined
        ? scaled(right, left.offset)
        : right.variable === undefined
          ? scaled(left, right.offset)
          : undefined
    case '/':
      if (right.variable !== undefined || big.sign(right.offset) === 0) return undefined
      return scaled(left, big.divide(big.ONE, right.offset))
    default:
      return undefined
  }
}

function sum(a: Terms, b: Terms | undefined): Terms | undefined {
  if (!b || (a.variable !== undefined && b.variable !== undefined && a.variable !== b.variable)) return undefined
  return { variable: a.variable ?? b.variable, slope: big.add(a.slope, b.slope), offset: big.add(a.offset, b.offset) }
}

const scaled = (terms: Terms | undefined, by: BigFloat): Terms | undefined =>
  terms && { ...terms, slope: big.multiply(terms.slope, by), offset: big.multiply(terms.offset, by) }
