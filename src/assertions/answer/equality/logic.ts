/** Equality of what connectives join. It goes by the writing, up to the order that a connective leaves free. */

import type { Work } from '../limits.ts'
import type { Answer, Node } from '../node.ts'
import { substitute } from '../nodes.ts'
import { isName } from './sets.ts'
import { isNumeric, sameValue, variables } from './values.ts'

type Logic = Extract<Answer, { kind: 'logic' }>
type Relation = Extract<Answer, { kind: 'relation' }>
type Same = (a: Answer, b: Answer, work: Work) => boolean

const arrow = (op: Logic['op']): Logic['op'] => (op === 'to' ? 'implies' : op)

/** The same connective of the same parts, for ∧, ∨ and ⇔ in any order. */
export function sameLogic(a: Logic, b: Logic, work: Work, same: Same): boolean {
  if (arrow(a.op) !== arrow(b.op)) return false
  const [left, right] = [flat(a), flat(b)]
  if (left.length !== right.length) return false
  if (a.op !== 'and' && a.op !== 'or' && a.op !== 'iff')
    return work.by(
      'same statement',
      left.every((item, i) => same(item, right[i], work)),
    )
  const rest = [...right]
  return work.by(
    'same statement in any order',
    left.every((item) => {
      const at = rest.findIndex((other) => same(item, other, work))
      if (at >= 0) rest.splice(at, 1)
      return at >= 0
    }),
  )
}

/** (p ∧ q) ∧ r has three parts. */
const flat = ({ op, items }: Logic): Answer[] =>
  items.flatMap((item) => (item.kind === 'logic' && item.op === op && (op === 'and' || op === 'or') ? flat(item) : [item]))

/** The list that x = 1 ∨ x = 2 is, or x = 1 ∧ y = 2; an ∧ of two values for one name is none. */
export function unconnected(logic: Logic): Answer | undefined {
  const { op, items, key } = logic
  const stated = (item: Answer): boolean => item.kind === 'relation' || (item.kind === 'expression' && isNumeric(item.node))
  if (op === 'or') return items.some(isRelation) && items.every(stated) ? { kind: 'list', items, word: 'or', key } : undefined
  if (op !== 'and' || !items.every(isRelation)) return undefined
  const names = items.map((item) => assigned(item)?.name)
  const distinct = names.every((name) => name !== undefined) && new Set(names).size === names.length
  return distinct ? { kind: 'list', items, word: 'and', key } : undefined
}

const isRelation = (answer: Answer): answer is Relation => answer.kind === 'relation'

/** The name and value of x = 5. */
function assigned(relation: Answer): { name: string; value: Node } | undefined {
  if (relation.kind !== 'relation' || relation.sides.length !== 2 || relation.ops[0] !== '=') return undefined
  const [left, right] = isName(relation.sides[0]) ? relation.sides : [...relation.sides].reverse()
  if (left.kind !== 'expression' || left.node.kind !== 'symbol' || right.kind !== 'expression' || !isNumeric(right.node)) return undefined
  return { name: left.node.name, value: right.node }
}

/** Whether the parts of a ⇒ b are the steps of a solution, so that its last part is the answer: 2x = 4 ⇒ x = 2. */
export function follows(logic: Logic, work: Work, same: Same): boolean {
  if (logic.op !== 'implies' && logic.op !== 'iff') return false
  const result = logic.items.at(-1)!
  return logic.items.slice(0, -1).every((step) => leadsTo(step, result, work, same))
}

/** The step is the result in another form, or holds for the values that the result gives. */
function leadsTo(step: Answer, result: Answer, work: Work, same: Same): boolean {
  if (step.kind === 'list' || (step.kind === 'logic' && step.op === 'and'))
    return step.items.every((item) => leadsTo(item, result, work, same))
  if (step.kind !== 'relation') return false
  if (result.kind === 'list' || (result.kind === 'logic' && (result.op === 'and' || result.op === 'or'))) {
    const values = result.items.map(assigned)
    if (!values.every((value) => value !== undefined)) return false
    const names = new Set(values.map(({ name }) => name))
    if (names.size === values.length) return holds(step, new Map(values.map(({ name, value }) => [name, value])), work)
    return names.size === 1 && values.every(({ name, value }) => holds(step, new Map([[name, value]]), work))
  }
  if (result.kind === 'expression' && isNumeric(result.node)) {
    const names = variables(step.sides.flatMap((side) => (side.kind === 'expression' ? [side.node] : [])))
    return names.length > 1 ? false : names.length === 0 ? same(step, result, work) : holds(step, new Map([[names[0], result.node]]), work)
  }
  const value = assigned(result)
  return (value !== undefined && holds(step, new Map([[value.name, value.value]]), work)) || same(step, result, work)
}

/** Whether an equation holds with values for all of its variables. */
function holds({ sides, ops }: Relation, values: ReadonlyMap<string, Node>, work: Work): boolean {
  if (ops.some((op) => op !== '=')) return false
  const nodes = sides.map((side) => (side.kind === 'expression' ? substitute(side.node, values) : undefined))
  const [first] = nodes
  return first !== undefined && nodes.every((node) => node !== undefined && variables([node]).length === 0 && sameValue(first, node, work))
}
