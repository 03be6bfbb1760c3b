/**
 * Functions of one variable told by cases, in any order and closed at either end where both branches agree there. They are compared at every
 * point where a condition changes and at a dozen points of each interval between, each with the branch whose condition holds there exactly.
 * Where a condition is a remainder they are compared at integers, every remainder several times.
 */

import { compare, negate, type Rational, rational } from '../../rational.ts'
import { TooComplex, Work } from '../limits.ts'
import type { Node } from '../node.ts'
import { substitute } from '../nodes.ts'
import { exactValue, smallValue } from '../numeric/exact.ts'
import { type Branch, expressionOf, letterOf, mayBeTold, type Relation, type Told, toldBranches, type When } from './branches.ts'
import { infinitySign, sameValue, variables } from './values.ts'

/** Points of each interval, fewer where values have other letters, and the largest count of places where conditions change. */
const POINTS = 12
const FEW_POINTS = 2
const CHANGES = 8
/** Integers up to so far from 0 are compared, each remainder at least twice. */
const INTEGERS = 12
const LARGEST_MODULUS = 60

/** A formula that cases may tell. */
const STEPS = /\\[lr]?(?:floor|ceil)|⌊|⌈/

/** The right side of f(x) = x|x|. */
const formulaOf = (text: string): Told | undefined => {
  const node = expressionOf(
    text
      .trim()
      .replace(/^\$+|\$+$/g, '')
      .replace(/^[a-zA-Z]\s?\([a-z]\)\s?=|^y\s?=/, ''),
  )
  return node && { branches: [{ value: node }] }
}

/**
 * Whether two texts are the same function. Undefined: neither is told by cases, or one of them can't be compared so. `lost`: the reference is
 * told by cases, and the other text lists values without saying when.
 */
export function samePiecewise(text: string, reference: string): boolean | 'lost' | undefined {
  if (!text.includes('\\begin') && !mayBeTold(reference) && !(STEPS.test(reference) && mayBeTold(text))) return undefined
  const meant = toldBranches(reference)
  const said = toldBranches(text)
  if (!meant && !said) return undefined
  if (meant && !said && !text.includes('\\begin') && isBareList(text, meant)) return 'lost'
  const [left, right] = [said ?? formulaOf(text), meant ?? formulaOf(reference)]
  if (!left || !right || !sameLabel(left.label, right.label)) return undefined
  const all = [...left.branches, ...right.branches]
  const name = letterOf(all)
  if (name === undefined) return undefined
  // One formula for all cases has no other letters than they have.
  if ((!said || !meant) && variables(all.map(({ value }) => value)).some((letter) => letter !== name)) return undefined
  try {
    const points = all.some(({ when }) => when && 'remainders' in when) ? integers(all) : reals(all, name)
    return points && agree(left.branches, right.branches, name, points)
  } catch (error) {
    if (error instanceof TooComplex) return undefined
    throw error
  }
}

/** 2, 1 for "2 if n is even, 1 if n is odd" */
function isBareList(text: string, { branches }: Told): boolean {
  const parts = text.replace(/^\$+|\$+$/g, '').split(/,|;|\\text\s?\{\s?(?:and|or)\s?\}|\band\b|\bor\b/)
  return parts.length === branches.length && parts.every((part) => expressionOf(part) !== undefined)
}

/** f(x) is not g(x); a name is what a formula before the sign stands for. */
function sameLabel(a: string | undefined, b: string | undefined): boolean {
  if (a === undefined || b === undefined) return true
  const [one, other] = [a, b].map((label) => label.replace(/\\(?:left|right)(?![a-zA-Z])|[\s{}]/g, ''))
  const name = (label: string): string | undefined => /^([a-zA-Z](?:_\w)?)(?:\([a-z]\))?$/.exec(label)?.[1]
  const [first, second] = [name(one), name(other)]
  if (first === undefined || second === undefined || one === 'y' || other === 'y') return true
  return first === second
}

/** Numbers at which a condition changes, and points between them. Undefined: a condition says something else. */
function reals(branches: readonly Branch[], name: string): Rational[] | undefined {
  const changes = changesOf(branches, name)
  if (!changes) return undefined
  const parameters = variables(branches.map(({ value }) => value)).some((letter) => letter !== name)
  return pointsOf(changes, parameters ? FEW_POINTS : POINTS)
}

/** The numbers beside the variable in the conditions. */
function changesOf(branches: readonly Branch[], name: string): Rational[] | undefined {
  const out: Rational[] = []
  for (const { sides, ops } of branches.flatMap(({ when }) => (when && 'relations' in when ? when.relations : []))) {
    if (ops.some((op) => !['<', '<=', '=', '!='].includes(op))) return undefined
    const absolute = sides.some((side) => side.kind === 'expression' && side.node.kind === 'call')
    for (const side of sides) {
      if (side.kind !== 'expression') return undefined
      const value = smallValue(side.node)
      if (value) out.push(value, ...(absolute ? [negate(value)] : []))
      else if (!isVariable(side.node, name) && infinitySign(side.node) === 0) return undefined
    }
  }
  const sorted = out.sort(compare).filter((value, i, all) => i === 0 || compare(value, all[i - 1]) !== 0)
  return sorted.length > 0 && sorted.length <= CHANGES ? sorted : undefined
}

const isVariable = (node: Node, name: string): boolean =>
  (node.kind === 'symbol' && node.name === name) || (node.kind === 'call' && node.name === 'abs' && isVariable(node.args[0], name))

/** Integers of all remainders. Where other conditions are inequalities, those between are seldom told apart by these. */
function integers(branches: readonly Branch[]): Rational[] | undefined {
  const moduli = branches.flatMap(({ when }) => (when && 'remainders' in when ? [when.remainders.modulus] : []))
  const bounded = branches.some(({ when }) => when && 'relations' in when)
  let common = moduli[0]
  for (const modulus of moduli) while (common % modulus !== 0 && common <= LARGEST_MODULUS) common += moduli[0]
  if (common > LARGEST_MODULUS || bounded) return undefined
  const count = Math.max(INTEGERS, 2 * common)
  return Array.from({ length: count }, (_, i) => rational(BigInt(i + 1)))
}

function agree(left: readonly Branch[], right: readonly Branch[], name: string, points: readonly Rational[]): boolean {
  const work = new Work()
  work.brief = true
  return points.every((at) => {
    const [a, b] = [valueAt(left, name, at), valueAt(right, name, at)]
    if (a === 'several' || b === 'several') return false
    return a === undefined || b === undefined ? a === b : sameValue(a, b, work)
  })
}

/** Every change, and points between and beyond them. */
function pointsOf(changes: readonly Rational[], count: number): Rational[] {
  const out: Rational[] = [...changes]
  const between = (low: Rational, width: Rational): void => {
    for (let i = 1; i <= count; i++) {
      const part = rational(width.n * BigInt(7 * i - 3), width.d * BigInt(7 * count))
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
function valueAt(branches: readonly Branch[], name: string, point: Rational): Node | undefined | 'several' {
  const at = new Map<string, Node>([[name, { kind: 'number', value: point }]])
  const holding = branches.filter(({ when }) => when && holds(when, point, at))
  const values = (holding.length > 0 ? holding : branches.filter(({ when }) => !when)).map(({ value }) => substitute(value, at))
  const work = new Work()
  return values.slice(1).every((value) => sameValue(value, values[0], work)) ? values[0] : 'several'
}

function holds(when: When, point: Rational, at: ReadonlyMap<string, Node>): boolean {
  if ('remainders' in when) return when.remainders.of.has(Number(point.n) % when.remainders.modulus)
  return when.any ? when.relations.some((one) => isTrue(one, at)) : when.relations.every((one) => isTrue(one, at))
}

function isTrue({ sides, ops }: Relation, at: ReadonlyMap<string, Node>): boolean {
  const values = sides.map((side) => {
    if (side.kind !== 'expression') return undefined
    const infinite = infinitySign(side.node)
    return infinite === 0 ? exactValue(substitute(side.node, at)) : infinite
  })
  return ops.every((op, i) => {
    const [left, right] = [values[i], values[i + 1]]
    const order = orderOf(left, right)
    if (order === undefined) return false
    return op === '<' ? order < 0 : op === '<=' ? order <= 0 : op === '=' ? order === 0 : order !== 0
  })
}

/** Of rationals and infinities, which are 1 and −1. */
function orderOf(left: unknown, right: unknown): number | undefined {
  if (typeof left === 'number') return left
  if (typeof right === 'number') return -right
  return typeof left === 'object' && typeof right === 'object' ? compare(left as Rational, right as Rational) : undefined
}
