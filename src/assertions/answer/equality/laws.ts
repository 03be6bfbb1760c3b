/** Laws of physics: formulas for one quantity whose letters stand for positive quantities. */

import type { Work } from '../limits.ts'
import type { Answer, Node } from '../node.ts'
import { some } from '../nodes.ts'
import { exactValue } from '../numeric/exact.ts'
import { samePositive } from './values.ts'

/** What the same quantity equals by two formulas with roots of its letters, which stand for positive quantities. */
export function sameLaw(a: Answer, b: Answer, work: Work): boolean {
  if (a.kind !== 'expression' || b.kind !== 'expression' || a.unit !== undefined || b.unit !== undefined) return false
  if (![a.node, b.node].some((node) => some(node, isRoot)) || [a.node, b.node].some((node) => some(node, isAbsolute))) return false
  return work.by('same values where its letters are positive', samePositive(a.node, b.node, work))
}

/** A symbol with the index 0, as r_0, is a quantity of physics. */
export const isLaw = (a: Answer, b: Answer): boolean => OF_PHYSICS.test(a.key) && OF_PHYSICS.test(b.key)

const OF_PHYSICS = /[a-zA-Z]_(?:0|\{0\})/

/** A root, or a power that is none of an integer. */
const isRoot = (node: Node): boolean => {
  if (node.kind === 'call') return node.name === 'sqrt'
  const exponent = node.kind === 'binary' && node.op === '^' ? exactValue(node.right) : undefined
  return typeof exponent === 'object' && exponent.d !== 1n
}

const isAbsolute = (node: Node): boolean => node.kind === 'call' && node.name === 'abs'
