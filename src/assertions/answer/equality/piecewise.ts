/**
 * Functions of one variable told by cases, in any order and closed at either end where both branches agree there. They are compared at every
 * point where a condition changes and at a dozen points of each interval between, each with the branch whose condition holds there exactly.
 */

import { compare, type Rational, rational } from '../../rational.ts'
import { Work } from '../limits.ts'
import type { Answer, Node } from '../node.ts'
import { substitute } from '../nodes.ts'
import { exactValue, smallValue } from '../numeric/exact.ts'
import { readAnswer } from '../reading/read.ts'
import { sameValue, variables } from './values.ts'

type Relation = Extract<Answer, { kind: 'relation' }>

interface Branch {
  value: Node
  /** Undefined: it holds where no other does. */
  when?: Relation
}

const CASES =
  /^(?:([a-zA-Z](?:_\w)?\s?(?:\([a-z]\))?)\s?=\s?)?\\(?:left\s?\\\{\s?)?begin\{(?:d?cases|array)\}(?:\{[^{}]{0,8}\})?((?:(?!\\(?:begin|end)\{)[\s\S]){1,1200})\\end\{(?:d?cases|array)\}(?:\s?\\right\s?\.)?[\s.]{0,3}$/
const MOST = 6
/** Points of each interval, and the largest count of places where conditions change. */
const POINTS = 12
const CHANGES = 8

/** The branches of a text. One that is no function told by cases is one branch, where it is an expression. */
function branchesOf(text: string): Branch[] | undefined {
  const plain = text
    .trim()
    .replace(/^\$+|\$+$/g, '')
    .trim()
    .replace(/^\\left\s?\\\{\s?(?=\\begin\{array)/, '')
  const found = plain.length < 1500 ? CASES.exec(plain) : null
  if (!found) return undefined
  const rows = found[2].split(/\\\\(?:\[[^\]\n]{1,12}\])?/).filter((row) => row.trim() !== '')
  if (rows.length < 2 || rows.length > MOST) return undefined
  const out: Branch[] = []
  for (const row of rows) {
    const [value, condition, ...more] = row.split('&')
    if (condition === undefined || more.length > 0) return undefined
    const node = expression(value.trim().replace(/,$/, ''))
    const words = condition
      .replace(/\\(?:text|mathrm|mbox)\s?\{([^{}]*)\}/g, ' $1 ')
      .replace(/\\(?:q?quad|[,;: ])/g, ' ')
      .trim()
    const when = /^(?:otherwise|else)\b/i.test(words)
      ? undefined
      : readAnswer(words.replace(/^(?:if|for|when|where|falls)\b\s?/i, '').replace(/[.,;]$/, ''))
    if (!node || (when && when.kind !== 'relation')) return undefined
    out.push({ value: node, when: when as Relation | undefined })
  }
  return out
}

function expression(text: string): Node | undefined {
  const answer = readAnswer(text)
  return answer.kind === 'expression' && answer.unit === undefined ? answer.node : undefined
}

/** The right side of f(x) = x|x|. */
const formulaOf = (text: string): Branch[] | undefined => {
  const node = expression(
    text
      .trim()
      .replace(/^\$+|\$+$/g, '')
      .replace(/^[a-zA-Z]\s?\([a-z]\)\s?=|^y\s?=/, ''),
  )
  return node && [{ value: node }]
}

/** Whether two texts are the same function. Undefined: neither is told by cases, or one of them can't be compared so. */
export function samePiecewise(a: string, b: string): boolean | undefined {
  if (!a.includes('\\begin') && !b.includes('\\begin')) return undefined
  const [first, second] = [branchesOf(a), branchesOf(b)]
  if (!first && !second) return undefined
  const [left, right] = [first ?? formulaOf(a), second ?? formulaOf(b)]
  if (!left || !right) return undefined
  const names = new Set([...left, ...right].flatMap(({ value, when }) => [...variables([value]), ...(when ? lettersOf(when) : [])]))
  if (names.size !== 1) return undefined
  const [name] = names
  const changes = changesOf([...left, ...right], name)
  return changes && agree(left, right, name, changes)
}

const lettersOf = ({ sides }: Relation): string[] => sides.flatMap((side) => (side.kind === 'expression' ? variables([side.node]) : ['?']))

/** The numbers beside the variable in the conditions. Undefined: a condition says something else. */
function changesOf(branches: readonly Branch[], name: string): Rational[] | undefined {
  const out: Rational[] = []
  for (const { when } of branches) {
    if (!when) continue
    if (when.ops.some((op) => !['<', '<=', '=', '!='].includes(op))) return undefined
    for (const side of when.sides) {
      if (side.kind !== 'expression') return undefined
      const value = smallValue(side.node)
      if (value) out.push(value)
      else if (!(side.node.kind === 'symbol' && side.node.name === name)) return undefined
    }
  }
  const sorted = out.sort(compare).filter((value, i, all) => i === 0 || compare(value, all[i - 1]) !== 0)
  return sorted.length > 0 && sorted.length <= CHANGES ? sorted : undefined
}

function agree(left: readonly Branch[], right: readonly Branch[], name: string, changes: readonly Rational[]): boolean {
  const work = new Work()
  return pointsOf(changes).every((at) => {
    const point: Node = { kind: 'number', value: at }
    const [a, b] = [valueAt(left, name, point), valueAt(right, name, point)]
    if (a === 'several' || b === 'several') return false
    return a === undefined || b === undefined ? a === b : sameValue(a, b, work)
  })
}

/** Every change, and points between and beyond them. */
function pointsOf(changes: readonly Rational[]): Rational[] {
  const out: Rational[] = [...changes]
  const between = (low: Rational, width: Rational): void => {
    for (let i = 1; i <= POINTS; i++) {
      const part = rational(width.n * BigInt(7 * i - 3), width.d * BigInt(7 * POINTS))
      out.push(rational(low.n * part.d + part.n * low.d, low.d * part.d))
    }
  }
  const far = rational(9n)
  const first = changes[0]
  between(rational(first.n - 9n * first.d, first.d), far)
  between(changes.at(-1)!, far)
  for (const [i, low] of changes.slice(0, -1).entries()) {
    const high = changes[i + 1]
    between(low, rational(high.n * low.d - low.n * high.d, high.d * low.d))
  }
  return out
}

/** The value of the branch that holds at a point. Undefined: none does. */
function valueAt(branches: readonly Branch[], name: string, point: Node): Node | undefined | 'several' {
  const at = new Map([[name, point]])
  const holding = branches.filter(({ when }) => when && holds(when, at))
  const values = (holding.length > 0 ? holding : branches.filter(({ when }) => !when)).map(({ value }) => substitute(value, at))
  const work = new Work()
  return values.slice(1).every((value) => sameValue(value, values[0], work)) ? values[0] : 'several'
}

function holds({ sides, ops }: Relation, at: ReadonlyMap<string, Node>): boolean {
  const values = sides.map((side) => (side.kind === 'expression' ? exactValue(substitute(side.node, at)) : undefined))
  return ops.every((op, i) => {
    const [left, right] = [values[i], values[i + 1]]
    if (typeof left !== 'object' || typeof right !== 'object') return false
    const order = compare(left, right)
    return op === '<' ? order < 0 : op === '<=' ? order <= 0 : op === '=' ? order === 0 : order !== 0
  })
}
