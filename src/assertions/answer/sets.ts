/** Sets on the real line: intervals, points, unions, intersections, differences, and what inequalities describe. */

import type { BigFloat } from './bigfloat.ts'
import * as big from './bigfloat.ts'
import { deniesValue } from './labels.ts'
import type { Work } from './limits.ts'
import type { Answer, Node } from './node.ts'
import { infinitySign, realValue, sameReal } from './values.ts'

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
    case 'list': {
      const union = all(answer.items.map((item) => realSet(item, work)))
      if (!answer.joint || union?.kind !== 'union') return union
      // "x < -3 and x > 3" that no number satisfies is meant as "or".
      const common: RealSet = { kind: 'intersection', parts: union.parts }
      return sameSet(common, NOTHING) ? union : common
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
  return answer.kind === 'list' && answer.items.some(isRealSetOnly)
}

/** Equality: the same membership at every end and between all neighbouring ends. */
export function sameSet(a: RealSet, b: RealSet): boolean {
  const ends: BigFloat[] = []
  collect(a, ends)
  collect(b, ends)
  ends.sort((x, y) => big.sign(big.subtract(x, y)))
  const distinct = ends.filter((end, i) => i === 0 || !sameReal(end, ends[i - 1]))
  if (distinct.length > 200) return false
  const rank = (end: BigFloat): number => 2 * distinct.findIndex((one) => sameReal(one, end)) + 1
  for (let probe = 0; probe <= 2 * distinct.length; probe++) {
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
  if (answer.kind !== 'expression') return undefined
  const infinite = infinitySign(answer.node)
  if (infinite !== 0) return infinite === sign ? 'infinite' : undefined
  return realValue(answer.node, work)
}

function point(answer: Answer, work: Work): RealSet | undefined {
  const at = answer.kind === 'expression' ? realValue(answer.node, work) : undefined
  return at && { kind: 'interval', low: at, high: at, lowClosed: true, highClosed: true }
}

/** x < 3, 1 ≤ x < 2, x ≠ 5, x = 4 for anything that may be a name. */
function described(answer: Extract<Answer, { kind: 'relation' }>, work: Work): RealSet | undefined {
  const { sides, ops } = answer
  const names = sides.filter(isName)
  if (names.length !== 1) return undefined
  const at = sides.indexOf(names[0])
  if (sides.length === 2 && (ops[0] === '!=' || ops[0] === '=')) {
    const only = point(sides[1 - at], work)
    return only && (ops[0] === '=' ? only : { kind: 'difference', parts: [ALL, only] })
  }
  if (ops.some((op) => op !== '<' && op !== '<=') || sides.length > 3 || (sides.length === 3 && at !== 1)) return undefined
  const low = at > 0 ? end(sides[at - 1], -1, work) : 'infinite'
  const high = at < sides.length - 1 ? end(sides[at + 1], 1, work) : 'infinite'
  if (low === undefined || high === undefined) return undefined
  const lowClosed = at > 0 && ops[at - 1] === '<='
  const highClosed = at < sides.length - 1 && ops[at] === '<='
  const set: RealSet = { kind: 'interval', low, high, lowClosed, highClosed }
  if (!isMagnitude(names[0])) return set
  // |x| in [1, 2]: x or −x there, and nothing below 0 counts.
  const mirrored: RealSet = { kind: 'interval', low: negated(high), high: negated(low), lowClosed: highClosed, highClosed: lowClosed }
  return {
    kind: 'union',
    parts: [
      { kind: 'intersection', parts: [set, HALF] },
      { kind: 'intersection', parts: [mirrored, OTHER_HALF] },
    ],
  }
}

const HALF: RealSet = { kind: 'interval', low: big.ZERO, high: 'infinite', lowClosed: true, highClosed: false }
const OTHER_HALF: RealSet = { kind: 'interval', low: 'infinite', high: big.ZERO, lowClosed: false, highClosed: true }
const negated = (end: End): End => (end === 'infinite' ? end : big.negate(end))

/** |x| of a variable, not |AB|. */
const isMagnitude = (answer: Answer): boolean =>
  answer.kind === 'expression' && answer.node.kind === 'call' && answer.node.name === 'abs' && answer.node.args[0].kind === 'symbol'

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
  const head = left.kind === 'binary' && left.op === '^' ? left.left : left
  if (head.kind === 'symbol' && /^[a-zA-Z]'*$/.test(head.name) && /^[fghpqFGHPQT]/.test(head.name)) {
    return right.kind === 'symbol' || right.kind === 'number' || isNameNode(right)
  }
  const capital = (one: Node): boolean => (one.kind === 'symbol' ? /^[A-Z]/.test(one.name) : one.kind === 'binary' && isNameNode(one))
  return capital(left) && capital(right)
}

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
