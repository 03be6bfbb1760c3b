/** Equality of quantities: units and their conversion, percent, degrees. */

import { compare, rational } from '../../rational.ts'
import { sameValue } from '../equality/values.ts'
import type { Work } from '../limits.ts'
import type { Answer, Node } from '../node.ts'
import { exactValue } from '../numeric/exact.ts'
import { type Conversion, isMeasure, relateUnits } from './units.ts'

type Quantity = Extract<Answer, { kind: 'expression' }>

/** Whether two expressions with or without a unit are the same. */
export function sameQuantity(first: Quantity, second: Quantity, work: Work): boolean {
  const { units } = work.policy
  const letters = first.either
  const others = second.either
  if (letters && others && letters.unit.length + others.unit.length > 2 && relateUnits(letters.unit, others.unit) !== 'contradict') {
    // 1 V beside 1 J/C, as variables or as units.
    const measured = (answer: Quantity, reading: typeof letters): Quantity => ({ ...answer, ...reading, either: undefined })
    return samePlain(first, second, work) || sameQuantity(measured(first, letters), measured(second, others), work)
  }
  const a = measuredBeside(first, second)
  const b = measuredBeside(second, first)
  if (units === 'required' && hasMeasure(a) !== hasMeasure(b)) return false
  if (units !== 'ignore') {
    const one = unitOf(a)
    const other = unitOf(b)
    const related = one === undefined || other === undefined ? 'unknown' : relateUnits(one, other)
    if (related === 'contradict') return false
    if (typeof related === 'object' && !isIdentity(related)) {
      return work.by('same quantity in another unit', sameValue(converted(bare(a), related), bare(b), work))
    }
    if (typeof related === 'object') return sameValue(bare(a), bare(b), work)
  }
  if (a.compound && unitOf(b) === undefined) return sameInOneOf(a, a.compound, b, work)
  if (b.compound && unitOf(a) === undefined) return sameInOneOf(b, b.compound, a, work)
  return samePlain(a, b, work)
}

/** Values without regard to units, percent as a hundredth or as its sign left out. */
function samePlain(a: Quantity, b: Quantity, work: Work): boolean {
  const left = percentOf(a.node)
  const right = percentOf(b.node)
  if (left && right) return sameValue(left, right, work)
  if ((left && hasMeasure(b)) || (right && hasMeasure(a))) return false
  if (left) return samePercent(left, b.node, work)
  if (right) return samePercent(right, a.node, work)
  return sameValue(a.node, b.node, work)
}

/** 45 s beside 45 seconds: letters that are variables alone and a unit where the other side has such a one. */
function measuredBeside(answer: Quantity, other: Quantity): Quantity {
  const unit = unitOf(other)
  if (!answer.either || unit === undefined || relateUnits(answer.either.unit, unit) === 'contradict') return answer
  return { ...answer, ...answer.either }
}

/** 80 for 1 hour and 20 minutes: the sum in one of its units. */
function sameInOneOf(compound: Quantity, units: readonly string[], plain: Quantity, work: Work): boolean {
  if (percentOf(plain.node)) return false
  return units.some((unit) => {
    const related = relateUnits(compound.unit!, unit)
    const value = typeof related === 'object' ? converted(compound.node, related) : compound.node
    return work.by('sum of a compound quantity', sameValue(value, plain.node, work))
  })
}

const isIdentity = ({ factor, pi, shift }: Conversion): boolean => factor.n === factor.d && pi === 0 && shift.n === 0n

function converted(node: Node, { factor, pi, shift }: Conversion): Node {
  const times = (left: Node, right: Node): Node => ({ kind: 'binary', op: '*', left, right })
  let out = times(node, { kind: 'number', value: factor })
  const power: Node = { kind: 'number', value: rational(BigInt(pi)) }
  if (pi !== 0) out = times(out, { kind: 'binary', op: '^', left: { kind: 'constant', name: 'pi' }, right: power })
  return shift.n === 0n ? out : { kind: 'binary', op: '+', left: out, right: { kind: 'number', value: shift } }
}

/** The unit, degrees among them. */
const unitOf = ({ unit, node }: Quantity): string | undefined => unit ?? (degreesOf(node) ? '°' : undefined)
const bare = ({ unit, node }: Quantity): Node => (unit === undefined ? (degreesOf(node) ?? node) : node)

/** It says what it measures: a unit that converts, degrees or percent. */
const hasMeasure = ({ unit, node }: Quantity): boolean =>
  (unit !== undefined && isMeasure(unit)) || degreesOf(node) !== undefined || percentOf(node) !== undefined

/** 28 % is 0.28; written without the sign it may also be 28, but never 0.5 for 0.5 %. */
function samePercent(percent: Node, plain: Node, work: Work): boolean {
  const hundredth: Node = { kind: 'percent', of: percent }
  if (sameValue(hundredth, plain, work)) return work.by('percent as a hundredth', true)
  const value = exactValue(percent)
  if (typeof value !== 'object' || (compare(value, rational(1n)) < 0 && compare(value, rational(-1n)) > 0)) return false
  return work.by('percent sign left out', sameValue(percent, plain, work))
}

const percentOf = (node: Node): Node | undefined => marked(node, 'percent')
const degreesOf = (node: Node): Node | undefined => marked(node, 'degrees')

/** What stands before the sign, a minus included. */
function marked(node: Node, sign: 'percent' | 'degrees'): Node | undefined {
  if (node.kind === sign) return node.of
  const inner = node.kind === 'negate' ? marked(node.of, sign) : undefined
  return inner && { kind: 'negate', of: inner }
}
