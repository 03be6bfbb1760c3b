/** h = 2πħ, where the one stands on one side of a comparison and the other one too. */

import { rational } from '../../rational.ts'
import type { Answer, Node } from '../node.ts'
import { substitute } from '../nodes.ts'
import { mapNodes } from './application.ts'

const REDUCED: Node = {
  kind: 'binary',
  op: '/',
  left: { kind: 'symbol', name: 'h' },
  right: { kind: 'binary', op: '*', left: { kind: 'number', value: rational(2n) }, right: { kind: 'constant', name: 'pi' } },
}
const VALUES = new Map([['\\hbar', REDUCED]])

/** Both answers in h, where ħ and h stand in them. */
export function withOnePlanckConstant(a: Answer, b: Answer): [Answer, Answer] {
  const keys = a.key.includes('\\hbar') || b.key.includes('\\hbar') ? a.key + b.key : ''
  if (!keys.replaceAll('\\hbar', '').includes('h')) return [a, b]
  const inOne = (answer: Answer): Answer => mapNodes(answer, (node) => substitute(node, VALUES))
  return [inOne(a), inOne(b)]
}
