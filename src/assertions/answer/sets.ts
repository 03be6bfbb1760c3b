/** Sets on the real line: intervals, points, unions, intersections, differences, and what inequalities describe. */

import type { BigFloat } from './bigfloat.ts'
import * as big from './bigfloat.ts'
import type { Work } from './limits.ts'
import type { Answer, Node } from './node.ts'
import { infinitySign, realValue, sameReal } from './values.ts'

type End = BigFloat | 'infinite'

export type RealSet =
  | { kind: 'interval'; low: End; high: End; lowClosed: boolean; highClosed: boolean }
  | { kind: 'union' | 'intersection' | 'difference'; parts: RealSet[] }

const ALL: RealSet = { kind: 'interval', low: 'infinite', high: 'infinite', lowClosed: false, highClosed: false }

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
      return all(answer.items.map((item) => realSet(item, work)))
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
  return { kind: 'interval', low, high, lowClosed: answer.open === '[', highClosed: answer.close === ']' }
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
  return { kind: 'interval', low, high, lowClosed: at > 0 && ops[at - 1] === '<=', highClosed: at < sides.length - 1 && ops[at] === '<=' }
}

/** Something an equation or inequality is about: x, f(x), |AB|, AB/CD, (p, q), or a phrase. */
export function isName(answer: Answer): boolean {
  if (answer.kind === 'tuple') return answer.items.every(isName)
  if (answer.kind === 'ratio') return answer.items.every(isName)
  if (answer.kind === 'text') return answer.text.length <= 60 && !/\d/.test(answer.text)
  return answer.kind === 'expression' && isNameNode(answer.node)
}

function isNameNode(node: Node): boolean {
  if (node.kind === 'symbol') return true
  if (node.kind === 'call') return node.name === 'abs' && isNameNode(node.args[0])
  if (node.kind !== 'binary') return false
  if (node.op === '/') return isNameNode(node.left) && isNameNode(node.right)
  if (node.op !== '*') return false
  // AB is a segment, f(x) a function; xy is a product.
  const { left, right } = node
  if (left.kind === 'symbol' && /^[a-zA-Z]'*$/.test(left.name) && /^[fghpqFGHPQT]/.test(left.name)) {
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
