/** Equality of typed answers. Symmetric: neither side is treated as the reference. */

import { equals, rational } from '../../rational.ts'
import { type Policy, TooComplex, Work } from '../limits.ts'
import type { Answer, Node } from '../node.ts'
import { some } from '../nodes.ts'
import { exactValue } from '../numeric/exact.ts'
import { ordinalInWords, plainWords } from '../reading/words.ts'
import { sameQuantity } from '../units/same-quantity.ts'
import { resolveApplications } from './application.ts'
import { bindings, sameBindings } from './bindings.ts'
import { sameDifferentialEquation } from './derivatives.ts'
import { isLaw, sameLaw } from './laws.ts'
import { follows, sameLogic, unconnected } from './logic.ts'
import { withOnePlanckConstant } from './planck.ts'
import { isName, isRealSetOnly, realSet, sameSet, solutionsOfAbsolute, subjects } from './sets.ts'
import { coordinatesOf, sameVector } from './unit-vectors.ts'
import { infinitySign, isNumeric, proportional, sameValue, variables } from './values.ts'

/** Longest lists whose items are compared in any order. */
const UNORDERED = 100

/** Whether two answers are the same. Beyond the work bound only the writing counts. */
export function sameAnswer(a: Answer, b: Answer, policy?: Policy): boolean {
  return compareAnswers(a, b, policy).equal
}

/** Whether two answers are the same, and the rule that decided it. */
export function compareAnswers(a: Answer, b: Answer, policy?: Policy): { equal: boolean; rule: string } {
  const work = new Work(policy)
  if (a.key !== '' && a.key === b.key) return { equal: true, rule: work.rule }
  try {
    const [left, right] = resolveApplications(...withOnePlanckConstant(a, b))
    return same(left, right, work) ? { equal: true, rule: work.rule } : { equal: false, rule: 'no rule makes them equal' }
  } catch (error) {
    if (error instanceof TooComplex) return { equal: false, rule: error.message }
    throw error
  }
}

function same(first: Answer, second: Answer, work: Work): boolean {
  work.spend(5)
  if (first.key !== '' && first.key === second.key) return true
  const a = expandSigns(first)
  const b = expandSigns(second)
  if (a.kind === 'expression' && b.kind === 'expression')
    return sameQuantity(a, b, work) || samePlainVector(a, b, work) || samePlainVector(b, a, work) || (isLaw(a, b) && sameLaw(a, b, work))
  if (a.kind === 'text' && b.kind === 'text') return work.by('same words', sameText(a.text, b.text))
  if (a.kind === 'tuple' && b.kind === 'tuple') {
    return a.open === b.open && a.close === b.close && sameItems(a.items, b.items, work)
  }
  if (a.kind === 'matrix' && b.kind === 'matrix') {
    return a.rows.length === b.rows.length && sameRows(a.rows, b.rows, work)
  }
  if (a.kind === 'operation' && b.kind === 'operation' && a.op === b.op && sameOperands(a, b, work)) return true
  if (a.kind === 'ratio' && b.kind === 'ratio') return sameRatio(a, b, work)
  if (a.kind === 'based' && b.kind === 'based') return work.by('same number in its base', sameBased(a, b))
  const [left, right] = [spread(a), spread(b)]
  if ((left || right) && isSpread(left ?? a) && isSpread(right ?? b)) return same(left ?? a, right ?? b, work)
  if (a.kind === 'relation' && b.kind === 'relation') return sameRelation(a, b, work)
  if (a.kind === 'logic' && b.kind === 'logic') return sameLogic(a, b, work, sameInside) || sameRealSet(a, b, work)
  if (isCollection(a) && isCollection(b)) return sameCollection(a, b, work) || sameRealSet(a, b, work)
  return sameMixed(a, b, work) || sameMixed(b, a, work)
}

/** Entries beyond this many that are written differently are compared at fewer points each. */
const ENTRIES = 2

function sameRows(a: readonly Answer[][], b: readonly Answer[][], work: Work): boolean {
  const { brief } = work
  work.brief ||= a.flat().filter(({ key }, i) => key !== b.flat()[i]?.key).length > ENTRIES
  const equal = a.every((row, i) => sameItems(row, b[i], work))
  work.brief = brief
  return equal
}

/** 3i - 2j + k for the same in bold letters */
function samePlainVector(plain: Answer, bold: Answer, work: Work): boolean {
  if (!bold.key.includes('\\vec') || plain.key.includes('\\vec')) return false
  const nodes = coordinatesOf(bold, 3, false)
  const tuple = nodes?.map((node): Answer => ({ kind: 'expression', node, key: '' }))
  return (
    tuple !== undefined &&
    work.by(
      'same coordinates',
      sameVector({ kind: 'tuple', open: '(', close: ')', items: tuple, key: '' }, plain, (a, b) => sameInside(a, b, work)),
    )
  )
}

function sameText(a: string, b: string): boolean {
  const left = plainWords(a)
  if (left === '') return false
  if (left === plainWords(b)) return true
  const items = textItems(a)
  const others = textItems(b)
  return items.length > 1 && items.length === others.length && items.sort().join() === others.sort().join()
}

/** "A and C", "A, C": words that are a list. */
const textItems = (text: string): string[] =>
  text
    .split(/,|;|\band\b|&/)
    .map(plainWords)
    .filter((word) => word !== '')

type Ratio = Extract<Answer, { kind: 'ratio' }>

/** 2:4 is 1:2, but half past four is not a quarter past two. */
function sameRatio(a: Ratio, b: Ratio, work: Work): boolean {
  if (isMixed(a) !== isMixed(b)) return false
  if (sameItems(a.items, b.items, work)) return true
  if (a.items.length !== b.items.length || isClock(a) || isClock(b)) return false
  const nodes = (ratio: Ratio): (Node | undefined)[] =>
    ratio.items.map((item) => (item.kind === 'expression' && item.unit === undefined ? item.node : undefined))
  const left = nodes(a)
  const right = nodes(b)
  if (![...left, ...right].every((node) => node !== undefined && infinitySign(node) === 0)) return false
  const cross = (x: Node, y: Node): Node => ({ kind: 'binary', op: '*', left: x, right: y })
  const zero: Node = { kind: 'number', value: rational(0n) }
  if ([...left, ...right].every((node) => sameValue(node!, zero, work))) return false
  const equal = left.every((node, i) => i === 0 || sameValue(cross(node!, right[0]!), cross(left[0]!, right[i]!), work))
  return work.by('same ratio', equal && !sameValue(left[0]!, zero, work) === !sameValue(right[0]!, zero, work))
}

/** 1 cm : 2 m is no 1 : 2. */
function isMixed({ items }: Ratio): boolean {
  const units = items.map((item) => (item.kind === 'expression' ? item.unit : undefined))
  return !units.includes(undefined) && new Set(units).size > 1
}

const isClock = ({ key, items }: Ratio): boolean => items.length <= 3 && /^\d{1,2}(?::[0-5]\d){1,2}$/.test(key)

/** Answers of different kinds; called both ways round. */
function sameMixed(a: Answer, b: Answer, work: Work): boolean {
  if (a.kind === 'relation' && b.kind !== 'relation') {
    const value = bareValue(a, work) ?? memberOf(a)
    if (value && same(value, b, work)) return true
    const both = isCollection(b) && b.items.every(({ kind }) => kind === 'relation') ? solutionsOfAbsolute(a, work) : undefined
    if (both) return same(both, b, work)
  }
  if (a.kind === 'logic' && b.kind !== 'logic') {
    const other = unconnected(a)
    if (other && same(other, b, work)) return true
    if (follows(a, work, same)) return work.by('what follows in the end', same(a.items.at(-1)!, b, work))
  }
  // Odds of 3 to 5 are no 3/5.
  if (a.kind === 'ratio' && a.items.length === 2 && b.kind === 'expression' && !a.key.includes(' to ')) {
    const [left, right] = a.items
    if (left.kind === 'expression' && right.kind === 'expression' && left.unit === right.unit) {
      return sameValue({ kind: 'binary', op: '/', left: left.node, right: right.node }, b.node, work)
    }
  }
  if (a.kind === 'matrix' && b.kind === 'tuple' && b.open === '(' && b.close === ')') {
    const entries = a.rows.length === 1 ? a.rows[0] : a.rows.every((row) => row.length === 1) ? a.rows.map(([entry]) => entry) : []
    return entries.length > 0 && sameItems(entries, b.items, work)
  }
  if (a.kind === 'matrix' && b.kind === 'tuple' && b.items.every(isRow)) {
    return a.rows.length === b.items.length && a.rows.every((row, i) => sameItems(row, (b.items[i] as Row).items, work))
  }
  if (b.kind === 'list' && /^[A-H]{2,6}$/.test(a.key) && [...a.key].sort().join('') === a.key) {
    const letters = b.items.map(({ key }) => key).sort()
    return work.by('same letters', letters.join('') === a.key && letters.length === a.key.length)
  }
  if (a.kind === 'based' && b.kind === 'expression') return work.by('base left out', a.digits === b.key.toLowerCase())
  if (a.kind === 'reals' && b.kind === 'expression' && b.node.kind === 'symbol' && b.node.name === 'R')
    return work.by('the real numbers', true)
  // {5} is 5, but {{0}} is not {0}.
  if (a.kind === 'set' && work.nested === 0 && a.items.length === 1 && (b.kind === 'expression' || b.kind === 'tuple')) {
    return work.by('the one element of a set', isValue(a.items[0]) && same(a.items[0], b, work))
  }
  if (a.kind === 'tuple' && b.kind === 'expression')
    return work.by(
      'same coordinates',
      sameVector(a, b, (one, other) => sameInside(one, other, work)),
    )
  if (a.kind === 'matrix' && b.kind === 'expression' && a.rows.every((row) => row.length === 1)) {
    const column: Answer = { kind: 'tuple', open: '(', close: ')', items: a.rows.map(([entry]) => entry), key: '' }
    return sameMixed(column, b, work)
  }
  if (a.kind === 'list' && b.kind === 'tuple' && b.open === '(' && b.close === ')') return sameAssignments(a.items, b.items, work)
  // [2, 3, 7] is a list, as an interval has two ends. Its order is kept: it may be a point.
  if (a.kind === 'list' && isRow(b) && b.items.length > 2)
    return work.by('same entries', a.items.length === b.items.length && sameItems(a.items, b.items, work))
  if (a.kind === 'text' && (b.kind === 'list' || b.kind === 'set')) {
    const items = textItems(a.text)
    const others = b.items.map((item) => plainWords(item.kind === 'text' ? item.text : item.key))
    // "even and bounded" is not "even or bounded".
    const other = b.kind === 'list' && b.word !== undefined && new RegExp(`\\b${b.word === 'or' ? 'and' : 'or'}\\b`).test(a.text)
    if (!other && items.length > 1 && items.length === others.length && items.sort().join() === others.sort().join())
      return work.by('same words', true)
  }
  if (a.kind === 'text' && b.kind === 'expression') {
    const ordinal = ordinalInWords(a.text)
    const exact = ordinal !== undefined && b.unit === undefined ? exactValue(b.node) : undefined
    if (ordinal !== undefined && typeof exact === 'object') return work.by('the same ordinal', equals(exact, rational(ordinal)))
  }
  if (a.kind === 'text' && b.kind !== 'text')
    return work.by('same words', /\p{L}/u.test(a.key) && isClosed(a.key) && plainWords(a.key) === plainWords(b.key))
  return (isRealSetOnly(a) || isRealSetOnly(b)) && sameRealSet(a, b, work)
}

/** Whether as many braces close as open. */
const isClosed = (text: string): boolean => !text.includes('{') || text.split('{').length === text.split('}').length

type Operation = Extract<Answer, { kind: 'operation' }>

/** A ∪ B is B ∪ A. */
function sameOperands(a: Operation, b: Operation, work: Work): boolean {
  if (sameItems(a.items, b.items, work)) return true
  return a.op !== 'difference' && sameItems(a.items, [...b.items].reverse(), work)
}

type Row = Extract<Answer, { kind: 'tuple' }>
/** A row of a matrix written as lists in brackets: [[1, 2], [3, 4]]. */
const isRow = (answer: Answer): answer is Row => answer.kind === 'tuple' && answer.open === '[' && answer.close === ']'

const isValue = (answer: Answer): boolean =>
  answer.kind === 'expression' || (answer.kind === 'tuple' && answer.open === '(' && answer.close === ')' && answer.items.every(isValue))

function sameRealSet(a: Answer, b: Answer, work: Work): boolean {
  if (!isRealSetOnly(a) && !isRealSetOnly(b)) return false
  // x < 3 is not y < 3.
  if (new Set([...subjects(a), ...subjects(b)]).size > 1) return false
  const left = realSet(a, work)
  const right = left && realSet(b, work)
  return work.by('same set of real numbers', left !== undefined && right !== undefined && sameSet(left, right))
}

/** A letter that may stand for a statement. */
const isStatement = (answer: Answer): boolean => answer.kind === 'logic' || (answer.kind === 'expression' && answer.node.kind === 'symbol')

const isCollection = (answer: Answer): answer is Extract<Answer, { kind: 'list' | 'set' }> =>
  answer.kind === 'list' || answer.kind === 'set'

function sameItems(a: readonly Answer[], b: readonly Answer[], work: Work): boolean {
  return a.length === b.length && a.every((item, i) => sameInside(item, b[i], work))
}

/** As items of something larger. */
function sameInside(a: Answer, b: Answer, work: Work): boolean {
  work.nested++
  const equal = same(a, b, work)
  work.nested--
  return equal
}

/** In any order, repetitions not counted. */
function sameCollection(a: Extract<Answer, { kind: 'list' | 'set' }>, b: Extract<Answer, { kind: 'list' | 'set' }>, work: Work): boolean {
  const left = flatten(a.items)
  const right = flatten(b.items)
  if (work.policy.lists === 'ordered' && a.kind === 'list' && b.kind === 'list')
    return work.by('same items in order', sameItems(left, right, work))
  if (Math.max(left.length, right.length) > UNORDERED) return sameItems(left, right, work)
  const [bound, other] = [bindings(left), bindings(right)]
  if (bound || other) return work.by('same values of the same names', sameBindings(bound, other, [a, b], work, sameInside))
  // "p and q" is not "p or q", nor are inequalities, but "2 and 3" are the solutions "2 or 3".
  const items = [...left, ...right]
  if (a.word !== b.word && (a.word === 'and' || b.word === 'and')) {
    if (items.some(isRealSetOnly) || (a.word && b.word && items.some(isStatement))) return false
  }
  const within = (items: readonly Answer[], others: readonly Answer[]): boolean =>
    items.every((item) => others.some((other) => sameInside(item, other, work)))
  return work.by('same items in any order', within(left, right) && within(right, left))
}

/** {1 ± √5, −2} has three elements. */
function flatten(items: readonly Answer[]): Answer[] {
  return items.flatMap((item) => {
    const expanded = expandSigns(item)
    return expanded.kind === 'list' && item.kind !== 'list' ? expanded.items : [expanded]
  })
}

/** x = 1, y = −2 for (1, −2): names in alphabetical order. */
function sameAssignments(list: readonly Answer[], items: readonly Answer[], work: Work): boolean {
  if (list.length !== items.length) return false
  const pairs: { name: string; value: Answer }[] = []
  for (const item of list) {
    // "y = 4 - 8 + 1 = -3"
    if (item.kind !== 'relation' || item.ops.some((op) => op !== '=') || !isName(item.sides[0])) return false
    pairs.push({ name: item.sides[0].key, value: item.sides.at(-1)! })
  }
  if (new Set(pairs.map(({ name }) => name)).size < pairs.length) return false
  pairs.sort((x, y) => (x.name < y.name ? -1 : 1))
  return sameItems(
    pairs.map(({ value }) => value),
    items,
    work,
  )
}

function sameRelation(a: Extract<Answer, { kind: 'relation' }>, b: Extract<Answer, { kind: 'relation' }>, work: Work): boolean {
  if (a.sides.length === b.sides.length && a.ops.every((op, i) => op === b.ops[i]) && sameItems(a.sides, b.sides, work)) return true
  const even = a.ops.every((op) => op === '=' || op === '!=')
  if (
    even &&
    a.ops.every((op, i) => op === b.ops[i]) &&
    a.sides.length === b.sides.length &&
    sameItems(a.sides, [...b.sides].reverse(), work)
  )
    return work.by('sides swapped', true)
  if (a.sides.length === 2 && b.sides.length === 2 && a.ops[0] === b.ops[0] && /^[<!=]/.test(a.ops[0])) {
    const left = difference(a)
    const right = difference(b)
    const ordered = a.ops[0] === '<' || a.ops[0] === '<='
    if (left && right && proportional(left, right, ordered, work)) return work.by('sides are multiples', true)
    if (a.ops[0] === '=' && sameDifferentialEquation(a, b, work)) return work.by('the same highest derivative', true)
  }
  if (a.ops.every((op) => op === '=') && b.ops.every((op) => op === '=')) {
    const names = (answer: Extract<Answer, { kind: 'relation' }>): string =>
      answer.sides
        .filter(isNamed)
        .map(({ key }) => key)
        .sort()
        .join()
    if (names(a) !== names(b)) return false
    const left = bareValue(a, work)
    const right = left && bareValue(b, work)
    if (left === undefined || right === undefined) return false
    return same(left, right, work) || sameLaw(left, right, work)
  }
  return sameRealSet(a, b, work)
}

/** Right side minus left side. */
function difference({ sides: [left, right] }: Extract<Answer, { kind: 'relation' }>): Node | undefined {
  if (left.kind !== 'expression' || right.kind !== 'expression' || left.unit !== undefined || right.unit !== undefined) return undefined
  return { kind: 'binary', op: '-', left: right.node, right: left.node }
}

/** The set of "x ∈ [1, 2]"; not that of "2 ∈ S". */
function memberOf({ sides: [member, set], ops }: Extract<Answer, { kind: 'relation' }>): Answer | undefined {
  if (ops.length !== 1 || ops[0] !== 'in' || !isName(member)) return undefined
  const known = set.kind !== 'text' && set.kind !== 'expression'
  return known || /^(?:\\mathbb)?[NZQRC]$/.test(set.key) ? set : undefined
}

/** (x, y) = (1, 2) as the equations x = 1 and y = 2. */
function spread(answer: Answer): Extract<Answer, { kind: 'list' | 'set' }> | undefined {
  if (answer.kind !== 'relation' || answer.sides.length !== 2 || answer.ops[0] !== '=') return undefined
  const [names, values] = isName(answer.sides[0]) ? answer.sides : [...answer.sides].reverse()
  if (names.kind !== 'tuple' || values.kind !== 'tuple' || names.items.length !== values.items.length || !isName(names)) return undefined
  const items = names.items.map((name, i): Answer => ({ kind: 'relation', sides: [name, values.items[i]], ops: ['='], key: '' }))
  return { kind: 'list', items, key: '' }
}

/** It may be compared with equations one by one. */
const isSpread = (answer: Answer): boolean => answer.kind === 'list' || answer.kind === 'logic'

/**
 * The value of "x = 5" or "2^3 = 8": what all sides that are no name agree on. Behind a name a formula and what is put into
 * it are steps to the number at the end, F = ma = (2 kg)(3 m/s²) = 6 N. Only numbers among them have to agree.
 */
function bareValue(relation: Extract<Answer, { kind: 'relation' }>, work: Work): Answer | undefined {
  if (relation.ops.some((op) => op !== '=')) return undefined
  const values = relation.sides.filter((side, i) => !isNamed(side, i, relation.sides))
  const last = values.at(-1)
  if (!last) return undefined
  const numeric = values.length === relation.sides.length
  if (numeric && values.some((value) => value.kind !== 'expression' || !isNumeric(value.node))) return undefined
  const chain = values.length > 1 && isName(relation.sides[0])
  const isStep = (value: Answer): boolean => (isConstant(last) ? !isConstant(value) : hasOtherLetters(value, last))
  return values.slice(0, -1).every((value) => (chain && isStep(value)) || same(value, last, work)) ? last : undefined
}

/** Whether a side is a name. Between others AB/CD is a step. */
const isNamed = (side: Answer, i: number, sides: readonly Answer[]): boolean =>
  isName(side) && !(i > 0 && i < sides.length - 1 && side.kind === 'expression' && side.node.kind === 'binary')

/** T = 2π/ω = 2π√(L/g): a step has letters for which the next one puts others. */
function hasOtherLetters(step: Answer, last: Answer): boolean {
  if (step.kind !== 'expression' || last.kind !== 'expression' || isNumeric(step.node)) return false
  return variables([step.node]).join() !== variables([last.node]).join()
}

/** A number, with letters behind it that may be its unit: 6 N. */
const isConstant = (answer: Answer): boolean => answer.kind === 'expression' && isNumeric((answer.either ?? answer).node)

type Based = Extract<Answer, { kind: 'based' }>

/** The integer that digits in a base are. */
export function valueOfBased({ digits, base }: Based): bigint | undefined {
  const radix = BigInt(base)
  const size = digits.replace('-', '')
  const value = (digit: string): bigint => BigInt(Number.parseInt(digit, 36))
  if (!/^[\da-z]{1,200}$/.test(size) || radix < 2n || [...size].some((digit) => value(digit) >= radix)) return undefined
  return [...size].reduce((sum, digit) => sum * radix + value(digit), 0n) * (size === digits ? 1n : -1n)
}

function sameBased(a: Based, b: Based): boolean {
  const left = valueOfBased(a)
  return left !== undefined && left === valueOfBased(b)
}

/** ± as the list of its two values, inside relations too. */
function expandSigns(answer: Answer): Answer {
  if (answer.kind === 'expression' && hasChoice(answer.node)) {
    const items = [1, -1].map((sign): Answer => ({ ...answer, node: choose(answer.node, sign), key: '' }))
    return { kind: 'list', items, key: answer.key }
  }
  if (isSignedVector(answer) || (answer.kind === 'relation' && answer.sides.some((side) => isTogether(side) || isChoice(side)))) {
    return { kind: 'list', items: [1, -1].map((sign) => chosen(answer, sign)), key: answer.key }
  }
  return answer
}

const isChoice = (answer: Answer): boolean => answer.kind === 'expression' && hasChoice(answer.node)

/** ±(1, 2) */
const isTogether = (answer: Answer): boolean => (answer.kind === 'tuple' || answer.kind === 'matrix') && answer.together === true

/** A vector that stands for two. */
const isSignedVector = (answer: Answer): boolean =>
  isTogether(answer) || (answer.kind === 'tuple' && answer.open === '(' && answer.close === ')' && isChosenOnce(answer.items))

/** An answer with one sign of its ±. */
function chosen(answer: Answer, sign: number): Answer {
  const inner = (part: Answer): Answer => chosen(part, sign)
  switch (answer.kind) {
    case 'expression':
      return { ...answer, node: choose(answer.node, sign), key: '' }
    case 'tuple':
      return { ...answer, items: answer.items.map(inner), key: '', together: undefined }
    case 'matrix':
      return { ...answer, rows: answer.rows.map((row) => row.map(inner)), key: '', together: undefined }
    case 'relation':
      return { ...answer, sides: answer.sides.map((side) => (isChoice(side) || isTogether(side) ? inner(side) : side)), key: '' }
    default:
      return answer
  }
}

/** One coordinate has ±, or one has ± and the others ∓: that of (±1, ±2) the signs go together is not said. */
function isChosenOnce(items: readonly Answer[]): boolean {
  const nodes = items.flatMap((item) => (item.kind === 'expression' && hasChoice(item.node) ? [item.node] : []))
  if (nodes.length < 2) return nodes.length === 1
  const opposite = nodes.filter((node) => some(node, (one) => one.kind === 'binary' && one.op === 'mp'))
  return opposite.length === 1 && nodes.length === 2
}

function hasChoice(node: Node): boolean {
  switch (node.kind) {
    case 'binary':
      return node.op === 'pm' || node.op === 'mp' || hasChoice(node.left) || hasChoice(node.right)
    case 'call':
      return node.args.some(hasChoice)
    case 'bound':
      return hasChoice(node.body)
    case 'negate':
    case 'factorial':
    case 'degrees':
    case 'percent':
      return hasChoice(node.of)
    default:
      return false
  }
}

function choose(node: Node, sign: number): Node {
  switch (node.kind) {
    case 'binary': {
      const op = node.op === 'pm' ? (sign > 0 ? '+' : '-') : node.op === 'mp' ? (sign > 0 ? '-' : '+') : node.op
      return { ...node, op, left: choose(node.left, sign), right: choose(node.right, sign) }
    }
    case 'call':
      return { ...node, args: node.args.map((arg) => choose(arg, sign)) }
    case 'bound':
      return { ...node, body: choose(node.body, sign) }
    case 'negate':
    case 'factorial':
    case 'degrees':
    case 'percent':
      return { ...node, of: choose(node.of, sign) }
    default:
      return node
  }
}
