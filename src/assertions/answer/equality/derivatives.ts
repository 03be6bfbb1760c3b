/** Differential equations: the same where they give the same highest derivative, mv' + kv = F is v' = (F - kv)/m. */

import { rational } from '../../rational.ts'
import type { Work } from '../limits.ts'
import type { Answer, Node } from '../node.ts'
import { substitute } from '../nodes.ts'
import { sameValue, variables } from './values.ts'

type Relation = Extract<Answer, { kind: 'relation' }>

const NUMBER = (n: bigint): Node => ({ kind: 'number', value: rational(n) })
const binary = (op: '-' | '*' | '/', left: Node, right: Node): Node => ({ kind: 'binary', op, left, right })

/** Left side minus right side of an equation. */
function difference({ sides, ops }: Relation): Node | undefined {
  const [left, right] = sides
  if (sides.length !== 2 || ops[0] !== '=' || left.kind !== 'expression' || right.kind !== 'expression') return undefined
  return left.unit === undefined && right.unit === undefined ? binary('-', left.node, right.node) : undefined
}

const order = (name: string): number => /'*$/.exec(name)![0].length

/** The highest derivative of an equation, where there is one of its order. */
function highest(node: Node): string | undefined {
  const names = variables([node]).sort((a, b) => order(b) - order(a))
  return order(names[0] ?? '') > 0 && order(names[1] ?? '') < order(names[0]) ? names[0] : undefined
}

/** What a name equals by an equation that is linear in it. */
function solved(node: Node, name: string, work: Work): Node | undefined {
  const at = (n: bigint): Node => substitute(node, new Map([[name, NUMBER(n)]]))
  const slope = binary('-', at(1n), at(0n))
  for (const n of [2n, -3n]) if (!sameValue(binary('-', at(n), at(n - 1n)), slope, work)) return undefined
  return sameValue(slope, NUMBER(0n), work) ? undefined : binary('/', { kind: 'negate', of: at(0n) }, slope)
}

/** Whether two equations have the same highest derivative and say the same of it. */
export function sameDifferentialEquation(a: Relation, b: Relation, work: Work): boolean {
  if (!a.key.includes("'") || !b.key.includes("'")) return false
  const [left, right] = [difference(a), difference(b)]
  const name = left && right && highest(left)
  if (!left || !right || name === undefined || highest(right) !== name) return false
  const first = solved(left, name, work)
  const second = first && solved(right, name, work)
  return first !== undefined && second !== undefined && sameValue(first, second, work)
}
