/** Sets on the real line: intervals, points, unions, intersections, differences, and what inequalities describe. */

import { rational } from '../../rational.ts'
import type { Work } from '../limits.ts'
import { type Answer, BLANK, type Node } from '../node.ts'
import { substitute } from '../nodes.ts'
import type { BigFloat } from '../numeric/bigfloat.ts'
import * as big from '../numeric/bigfloat.ts'
import { deniesValue } from '../reading/labels.ts'
import { isMeasure } from '../units/units.ts'
import { linearForm } from './linear.ts'
import { quadraticForm } from './quadratic.ts'
import { infinitySign, isNumeric, realValue, sameReal, variables } from './values.ts'

type End = BigFloat | 'infinite'

export type RealSet =
  | { kind: 'interval'; low: End; high: End; lowClosed: boolean; highClosed: boolean }
  | { kind: 'union' | 'intersection' | 'difference'; parts: RealSet[] }

const ALL: RealSet = { kind: 'interval', low: 'infinite', high: 'infinite', lowClosed: false, highClosed: false }

const NOTHING: RealSet = { kind: 'union', parts: [] }

/** The set an answer stands for; undefined where it is none. */
export function realSet(answer: Answer, work: Work): RealSet | undefined {
  work.spend(10)
  switch (answer.kind) {
    case 'reals':
      return ALL
    case 'tuple':
      return answer.items.length === 2 ? interval(answer, work) : undefined
    case 'set':
      return all(answer.items.map((item) => point(item, work)))
    case 'list':
      return subjects(answer).size > 1 ? undefined : listed(answer, work)
    case 'logic': {
      if ((answer.op !== 'and' && answer.op !== 'or') || subjects(answer).size > 1) return undefined
      const parts = answer.items.map((item) => realSet(item, work))
      return parts.every((part) => part !== undefined) ? { kind: answer.op === 'and' ? 'intersection' : 'union', parts } : undefined
    }
    case 'operation': {
      const parts = answer.items.map((item) => realSet(item, work))
      return parts.every((part) => part !== undefined) ? { kind: answer.op, parts } : undefined
    }
    case 'relation':
      return described(answer, work)
    default:
      return undefined
  }
}

/** Whether an answer can only be understood as a set on the real line. */
export function isRealSetOnly(answer: Answer): boolean {
  if (answer.kind === 'operation' || answer.kind === 'reals') return true
  if (answer.kind === 'relation') return answer.ops.some((op) => op !== '=')
  if (answer.kind === 'logic') return (answer.op === 'and' || answer.op === 'or') && answer.items.some(isRealSetOnly)
  return answer.kind === 'list' && answer.items.some(isRealSetOnly)
}

/** The names of what an answer's relations are about. A bare relation may be about any of them. */
export function subjects(answer: Answer): Set<string> {
  const names = new Set<string>()
  if (answer.kind === 'relation') {
    for (const side of answer.sides) {
      if (side === BLANK) continue
      if (isName(side)) names.add(side.key.replace(/\|/g, ''))
      else if (side.kind === 'expression') for (const name of variables([side.node])) names.add(name)
    }
  } else if (answer.kind === 'list' || answer.kind === 'logic' || answer.kind === 'operation') {
    for (const item of answer.items) for (const name of subjects(item)) names.add(name)
  }
  return names
}

type List = Extract<Answer, { kind: 'list' | 'set' }>

/** Inequalities in a row hold together ("2 < x, x < 9") or are cases ("x < 4, x > 6"), whichever says something. */
function listed({ items, word }: List, work: Work): RealSet | undefined {
  const union = all(items.map((item) => realSet(item, work)))
  if (union?.kind !== 'union' || word === 'or' || !items.every(isInequality)) return union
  const common: RealSet = { kind: 'intersection', parts: union.parts }
  // "x < -3 and x > 3", which no number satisfies, is meant as "or"; with ∧ it is a contradiction, see logic.
  if (sameSet(common, NOTHING)) return union
  return word === 'and' || sameSet(union, ALL) ? common : undefined
}

const isInequality = (answer: Answer): boolean =>
  answer.kind === 'relation' && answer.ops.some((op) => op === '<' || op === '<=' || op === '!=')

/** Equality: the same membership at every end and between all neighbouring ends. */
export function sameSet(a: RealSet, b: RealSet): boolean {
  const ends: BigFloat[] = []
  collect(a, ends)
  collect(b, ends)
  ends.sort((x, y) => big.sign(big.subtract(x, y)))
  const ranks = new Map<BigFloat, number>()
  let distinct = 0
  for (const [i, end] of ends.entries()) {
    if (i === 0 || !sameReal(end, ends[i - 1])) distinct++
    ranks.set(end, 2 * distinct - 1)
  }
  if (distinct > 200) return false
  const rank = (end: BigFloat): number => ranks.get(end)!
  for (let probe = 0; probe <= 2 * distinct; probe++) {
    if (contains(a, probe, rank) !== contains(b, probe, rank)) return false
  }
  return true
}

function all(parts: (RealSet | undefined)[]): RealSet | undefined {
  return parts.every((part) => part !== undefined) ? { kind: 'union', parts } : undefined
}

function interval(answer: Extract<Answer, { kind: 'tuple' }>, work: Work): RealSet | undefined {
  const low = end(answer.items[0], -1, work)
  const high = end(answer.items[1], 1, work)
  if (low === undefined || high === undefined) return undefined
  const lowClosed = answer.open === '['
  const highClosed = answer.close === ']'
  // Infinity is no member of the real line.
  if ((low === 'infinite' && lowClosed) || (high === 'infinite' && highClosed)) return undefined
  // (3, -4) is a point and no interval.
  if (low !== 'infinite' && high !== 'infinite' && big.sign(big.subtract(high, low)) < 0) return undefined
  return { kind: 'interval', low, high, lowClosed, highClosed }
}

function end(answer: Answer, sign: number, work: Work): End | undefined {
  if (answer.kind !== 'expression' || isMeasured(answer)) return undefined
  const infinite = infinitySign(answer.node)
  if (infinite !== 0) return infinite === sign ? 'infinite' : undefined
  return realValue(answer.node, work)
}

/** 5 cm is no point of the real line. */
const isMeasured = ({ unit }: Extract<Answer, { kind: 'expression' }>): boolean => unit !== undefined && isMeasure(unit)

function point(answer: Answer, work: Work): RealSet | undefined {
  const at = answer.kind === 'expression' && !isMeasured(answer) ? realValue(answer.node, work) : undefined
  return at && { kind: 'interval', low: at, high: at, lowClosed: true, highClosed: true }
}

/** x < 3, 1 ≤ x < 2, x ≠ 5, x = 4, x ∈ [1, 2] for anything that may be a name; 2x − 3 > 1 and |x − 5| < 1 solved for x. */
function described(answer: Extract<Answer, { kind: 'relation' }>, work: Work): RealSet | undefined {
  const { sides } = answer
  const names = sides.filter(isName)
  const forms = sides.map((side) => (side.kind === 'expression' ? linearForm(side.node, work) : undefined))
  const at = names.length === 1 ? sides.indexOf(names[0]) : forms.findIndex((form) => form !== undefined)
  if (at < 0 && names.length === 0) return solved(answer, work)
  if (at < 0 || names.length > 1 || (names.length === 0 && forms.filter((form) => form !== undefined).length > 1)) return undefined
  const values = valuesOf(answer, at, work)
  const form = forms[at]
  if (!values) return solved(answer, work)
  if (!form) return values
  const inner = form.absolute ? mirrored(values) : values
  const unmapped = (end: End): End => (end === 'infinite' ? end : big.divide(big.subtract(end, form.offset), form.slope))
  return mapped(inner, unmapped, big.sign(form.slope) < 0)
}

/** x = 1 and x = 5 of |x − 3| = 2. A letter that is seldom real has more solutions. */
export function solutionsOfAbsolute({ sides, ops }: Extract<Answer, { kind: 'relation' }>, work: Work): Answer | undefined {
  if (sides.length !== 2 || ops[0] !== '=' || sides.some((side) => side.kind !== 'expression' || side.unit !== undefined)) return undefined
  const [left, right] = sides as Extract<Answer, { kind: 'expression' }>[]
  const [absolute, value] = left.node.kind === 'call' && left.node.name === 'abs' ? [left.node, right.node] : [right.node, left.node]
  const form = absolute.kind === 'call' ? linearForm(absolute, work) : undefined
  const size = form?.absolute && !/^[zw]/.test(form.variable) && isNumeric(value) ? realValue(value, work) : undefined
  if (!form || absolute.kind !== 'call' || !size || big.sign(size) <= 0) return undefined
  const inner = (n: bigint): Node =>
    substitute(absolute.args[0], new Map([[form.variable, { kind: 'number' as const, value: rational(n) }]]))
  const binary = (op: '-' | '/', one: Node, other: Node): Node => ({ kind: 'binary', op, left: one, right: other })
  const name: Answer = { kind: 'expression', node: { kind: 'symbol', name: form.variable }, key: form.variable }
  const items = [value, { kind: 'negate' as const, of: value }].map((at): Answer => {
    const node = binary('/', binary('-', at, inner(0n)), binary('-', inner(1n), inner(0n)))
    return { kind: 'relation', sides: [name, { kind: 'expression', node, key: '' }], ops: ['='], key: '' }
  })
  return { kind: 'list', items, key: '' }
}

/** x² − 3x − 4 < 0 solved for x. */
function solved({ sides, ops }: Extract<Answer, { kind: 'relation' }>, work: Work): RealSet | undefined {
  const [left, right] = sides
  const [op] = ops
  if (sides.length !== 2 || (op !== '<' && op !== '<=') || left.kind !== 'expression' || right.kind !== 'expression') return undefined
  if (left.unit !== undefined || right.unit !== undefined) return undefined
  const form = quadraticForm({ kind: 'binary', op: '-', left: left.node, right: right.node }, work)
  if (!form) return undefined
  const closed = op === '<='
  if (form.zeros.length === 0) return form.upward ? NOTHING : ALL
  const [low, high] = form.zeros
  if (form.upward) return { kind: 'interval', low, high, lowClosed: closed, highClosed: closed }
  return {
    kind: 'union',
    parts: [
      { kind: 'interval', low: 'infinite', high: low, lowClosed: false, highClosed: closed },
      { kind: 'interval', low: high, high: 'infinite', lowClosed: closed, highClosed: false },
    ],
  }
}

/** What the side at `at` may be. */
function valuesOf({ sides, ops }: Extract<Answer, { kind: 'relation' }>, at: number, work: Work): RealSet | undefined {
  const [op] = ops
  if (op === 'in' || op === 'notin') {
    const set = sides.length === 2 && at === 0 ? realSet(sides[1], work) : undefined
    return set && (op === 'in' ? set : { kind: 'difference', parts: [ALL, set] })
  }
  if (sides.length === 2 && (op === '!=' || op === '=')) {
    const only = point(sides[1 - at], work)
    return only && (op === '=' ? only : { kind: 'difference', parts: [ALL, only] })
  }
  if (ops.some((one) => one !== '<' && one !== '<=') || sides.length > 3 || (sides.length === 3 && at !== 1)) return undefined
  const low = at > 0 ? end(sides[at - 1], -1, work) : 'infinite'
  const high = at < sides.length - 1 ? end(sides[at + 1], 1, work) : 'infinite'
  if (low === undefined || high === undefined) return undefined
  const lowClosed = at > 0 && ops[at - 1] === '<='
  const highClosed = at < sides.length - 1 && ops[at] === '<='
  return { kind: 'interval', low, high, lowClosed, highClosed }
}

/** All x with |x| in the set: x or −x there, and nothing below 0 counts. */
function mirrored(set: RealSet): RealSet {
  const other = mapped(set, (end) => (end === 'infinite' ? end : big.negate(end)), true)
  return {
    kind: 'union',
    parts: [
      { kind: 'intersection', parts: [set, HALF] },
      { kind: 'intersection', parts: [other, OTHER_HALF] },
    ],
  }
}

/** The set with each end changed by a growing or, `falling`, a falling function. */
function mapped(set: RealSet, change: (end: End) => End, falling: boolean): RealSet {
  if (set.kind !== 'interval') return { ...set, parts: set.parts.map((part) => mapped(part, change, falling)) }
  const { low, high, lowClosed, highClosed } = set
  if (!falling) return { ...set, low: change(low), high: change(high) }
  return { kind: 'interval', low: change(high), high: change(low), lowClosed: highClosed, highClosed: lowClosed }
}

const HALF: RealSet = { kind: 'interval', low: big.ZERO, high: 'infinite', lowClosed: true, highClosed: false }
const OTHER_HALF: RealSet = { kind: 'interval', low: 'infinite', high: big.ZERO, lowClosed: false, highClosed: true }

/** Something an equation or inequality is about: x, f(x), |AB|, AB/CD, (p, q), or a phrase. */
export function isName(answer: Answer): boolean {
  if (answer.kind === 'tuple') return answer.items.every(isName)
  if (answer.kind === 'ratio') return answer.items.every(isName)
  // P(X = 1) has its number inside.
  if (answer.kind === 'text')
    return answer.text.length <= 60 && !/\d/.test(answer.text.replace(/^[a-zA-Z]{1,8}\([^()]*\)$/, '')) && !deniesValue(answer.text)
  return answer.kind === 'expression' && isNameNode(answer.node)
}

function isNameNode(node: Node): boolean {
  if (node.kind === 'symbol') return true
  if (node.kind === 'call') return node.name === 'abs' && isNameNode(node.args[0])
  if (node.kind === 'application') return node.args.every((arg) => arg.kind === 'number' || isNameNode(arg))
  if (node.kind !== 'binary') return false
  if (node.op === '/') return isNameNode(node.left) && isNameNode(node.right)
  if (node.op !== '*') return false
  // AB is a segment, f(x) a function; xy is a product.
  const { left, right } = node
  // Δt is one quantity.
  if (left.kind === 'symbol' && left.name === '\\Delta') return right.kind === 'symbol' || isIndexed(right)
  const head = left.kind === 'binary' && left.op === '^' ? left.left : left
  if (head.kind === 'symbol' && /^[a-zA-Z]'*$/.test(head.name) && /^[fghpqFGHPQT]/.test(head.name)) {
    return right.kind === 'symbol' || right.kind === 'number' || isNameNode(right)
  }
  const capital = (one: Node): boolean => (one.kind === 'symbol' ? /^[A-Z]/.test(one.name) : one.kind === 'binary' && isNameNode(one))
  return capital(left) && capital(right)
}

/** ΔG°, ΔH^0 */
const isIndexed = (node: Node): boolean =>
  (node.kind === 'degrees' && node.of.kind === 'symbol') ||
  (node.kind === 'binary' && node.op === '^' && node.left.kind === 'symbol' && node.right.kind === 'number' && node.right.value.n === 0n)

function collect(set: RealSet, ends: BigFloat[]): void {
  if (set.kind === 'interval') {
    if (set.low !== 'infinite') ends.push(set.low)
    if (set.high !== 'infinite') ends.push(set.high)
  } else for (const part of set.parts) collect(part, ends)
}

function contains(set: RealSet, probe: number, rank: (end: BigFloat) => number): boolean {
  switch (set.kind) {
    case 'interval': {
      const low = set.low === 'infinite' ? -1 : rank(set.low)
      const high = set.high === 'infinite' ? Number.POSITIVE_INFINITY : rank(set.high)
      return (probe > low || (set.lowClosed && probe === low)) && (probe < high || (set.highClosed && probe === high))
    }
    case 'union':
      return set.parts.some((part) => contains(part, probe, rank))
    case 'intersection':
      return set.parts.every((part) => contains(part, probe, rank))
    case 'difference':
      return contains(set.parts[0], probe, rank) && !set.parts.slice(1).some((part) => contains(part, probe, rank))
  }
}
