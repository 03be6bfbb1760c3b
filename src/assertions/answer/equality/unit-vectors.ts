/** 3i - 2j + k as the vector (3, -2, 1). */

import { rational } from '../../rational.ts'
import { Work } from '../limits.ts'
import type { Answer, Node } from '../node.ts'
import { substitute } from '../nodes.ts'
import { sameValue, variables } from './values.ts'

const NUMBER = (n: bigint): Node => ({ kind: 'number', value: rational(n) })
const BASIS = ['\\veci', '\\vecj', '\\veck']
const isBasis = (name: string): boolean => BASIS.includes(name)

/** The coordinates of a sum of multiples of unit vectors, as many as asked for. `plain`: they may be the letters i, j and k. */
export function coordinatesOf(answer: Answer, size: number, plain: boolean): Node[] | undefined {
  if (answer.kind !== 'expression' || answer.unit !== undefined || size < 2 || size > 3) return undefined
  const names = variables([answer.node])
  const bold = names.some(isBasis)
  if (!bold && !(plain && names.includes('j'))) return undefined
  const letters = bold ? BASIS : ['i', 'j', 'k']
  const node = bold ? answer.node : withSymbol(answer.node)
  if (size === 2 && names.includes(letters[2])) return undefined
  const at = (one: number): Node => substitute(node, new Map(letters.map((name, i) => [name, NUMBER(i === one ? 1n : 0n)])))
  const work = new Work()
  if (!sameValue(at(-1), NUMBER(0n), work)) return undefined
  const coordinates = letters.slice(0, size).map((_, i) => at(i))
  // It has to be a sum of their multiples.
  const sum = coordinates.reduce((before, of, i): Node => {
    const term: Node = { kind: 'binary', op: '*', left: of, right: { kind: 'symbol', name: letters[i] } }
    return { kind: 'binary', op: '+', left: before, right: term }
  }, NUMBER(0n))
  return sameValue(sum, node, work) ? coordinates : undefined
}

/** The constant i as a symbol. */
function withSymbol(node: Node): Node {
  switch (node.kind) {
    case 'constant':
      return node.name === 'i' ? { kind: 'symbol', name: 'i' } : node
    case 'binary':
      return { ...node, left: withSymbol(node.left), right: withSymbol(node.right) }
    case 'negate':
      return { ...node, of: withSymbol(node.of) }
    default:
      return node
  }
}

/** Whether a vector is written with unit vectors in one of two answers, and the same. */
export function sameVector(tuple: Extract<Answer, { kind: 'tuple' }>, other: Answer, same: (a: Answer, b: Answer) => boolean): boolean {
  if (tuple.open !== '(' || tuple.close !== ')') return false
  const nodes = coordinatesOf(other, tuple.items.length, true)
  return nodes?.every((node, i) => same(tuple.items[i], { kind: 'expression', node, key: '' })) ?? false
}
