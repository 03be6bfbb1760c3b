/**
 * Solutions with a parameter that runs over the integers: x = π/6 + 2kπ, k ∈ ℤ; {2k : k ∈ ℤ}; n = 7m − 4 with an integer m; and lines,
 * (1,2,3) + t(1,−1,2). Only what is linear in its one parameter is compared, and that exactly: the same step up to its sign, and starts that
 * differ by a whole number of steps. Everything else is equal only to the same writing.
 */

import { rational } from '../../rational.ts'
import { Work } from '../limits.ts'
import type { Node } from '../node.ts'
import { substitute } from '../nodes.ts'
import { readAnswer } from '../reading/read.ts'
import { MAY_BE_IN_WORDS, progressionInWords } from './integers-in-words.ts'
import { isNumeric, sameValue, variables } from './values.ts'

/** Starts and steps of its coordinates, one or more. `over` is what the parameter runs over. */
export interface Family {
  name: string
  start: Node[]
  step: Node[]
  over: 'Z' | 'R'
  /** It says what its parameter runs over, or what it is that has these values. */
  sure: boolean
}

const NUMBER = (n: bigint): Node => ({ kind: 'number', value: rational(n) })
const binary = (op: '+' | '*' | '/', left: Node, right: Node): Node => ({ kind: 'binary', op, left, right })
const minus = (left: Node, right: Node): Node => binary('+', left, { kind: 'negate', of: right })

const OVER = String.raw`\\(?:mathbb|mathbf|Bbb)\s?\{?\s?([ZR])\}?|[ℤℝ]|\\([ZR])(?![a-z])`
const BEHIND = new RegExp(
  String.raw`^(.{1,300}?)[\s,;$]{1,6}(?:\\(?:quad|qquad|text\{[^{}]{0,20}\})\s?|where\s|with\s|for\s(?:all\s|any\s|every\s)?|[,;$(]|\s){0,6}([a-z])\$?\s?(?:\\in|∈|in)\s?(?:${OVER})[\s$).]{0,6}$`,
)
const IN_WORDS =
  /^(.{1,300}?)[\s,;$]{1,6}(?:where|with|for)\s(?:all |any |every |some |an? )?(?:integers? )?\$?([a-z])\$?(?:\s(?:is |being )?(?:an |any )?integers?)[\s.]{0,4}$/
const INTEGER_BEFORE = /^(.{1,300}?)[\s,;$]{1,6}(?:where|with|for)\s(?:all |any |every |some |an? )?integers? \$?([a-z])\$?[\s.]{0,4}$/
/** \text{ for an integer } */
const OF_INTEGERS = /\\(?:text|textrm|mathrm|mbox)\s?\{([^{}]{0,40}\bintegers?[^{}]{0,40})\}/g
const BUILDER = new RegExp(String.raw`^\\?\{\s?(.{1,200}?)\s?(?:\\mid|\\vert|\||:|\\colon)\s?([a-z])\s?(?:\\in|∈)\s?(?:${OVER})\s?\\?\}$`)

/** x = 2 + 5t, y = -1 - 3t */
const EQUATIONS = /^([a-z])\s?=([^=,]{1,60}),\s*(?:and\s)?([a-z])\s?=([^=,]{1,60}?)(?:,\s*(?:and\s)?([a-z])\s?=([^=,]{1,60}))?$/
/** 6ℤ, 4ℤ + 1 */
const MULTIPLES =
  /^\$?(?:(-?\d{1,9})\s?\+\s?)?(-?\d{1,9})\s?(?:\\(?:mathbb|mathbf|Bbb)\s?\{?\s?Z\s?\}?|ℤ|\\Z(?![a-z]))(?:\s?([-+])\s?(\d{1,9}))?\$?\.?$/
/** r = ⟨1,2,3⟩ + t⟨2,−1,4⟩ is a line, whether or not it says what t runs over. */
const LINE =
  /^\$?(?:(?:\\(?:mathbf|vec|boldsymbol)\s?\{?\s?)?([a-zA-Z])\s?\}?(?:\(([a-z])\))?|\([a-z],\s?[a-z](?:,\s?[a-z])?\))\s?=\s?(\([^()]{1,60}\))\s?\+\s?([a-z])\s?(?:\\cdot\s?)?(\([^()]{1,60}\))\$?\.?$/

function multiples(text: string): Family | undefined {
  const found = MULTIPLES.exec(text.trim())
  if (!found || BigInt(found[2]) === 0n) return undefined
  const start = BigInt(found[1] ?? 0) + BigInt((found[3] ?? '') + (found[4] ?? 0))
  return { name: '', start: [NUMBER(start)], step: [NUMBER(BigInt(found[2]))], over: 'Z', sure: true }
}

/** every even integer */
function inWords(text: string): Family | undefined {
  const told = progressionInWords(text)
  return told && { name: told.name, start: [NUMBER(told.start)], step: [NUMBER(told.step)], over: 'Z', sure: true }
}

function vectorLine(text: string): Family | undefined {
  const found = LINE.exec(text.trim())
  return found ? linear('', `${found[3]} + ${found[4]}${found[5]}`, found[4], 'R') : undefined
}

const withParentheses = (text: string): string =>
  /langle|⟨|begin/.test(text)
    ? text
        .replace(/\\left(?![a-z])|\\right(?![a-z])/g, '')
        .replace(/\\langle\s?|⟨/g, '(')
        .replace(/\s?\\rangle|⟩/g, ')')
    : text

/** The family that a text is. `undefined`: it is none, or not a linear one. */
function readFamily(text: string): Family | undefined {
  if (text.length > 400) return undefined
  const known = multiples(text) ?? inWords(text) ?? vectorLine(withParentheses(text))
  if (known) return known
  if (!/\\in|∈|integer|\\Z|\\R/.test(text)) return congruence(text) ?? angles(text)
  const plain = withParentheses(text.includes('\\text') ? text.replace(OF_INTEGERS, ' $1 ').replace(/ {2,9}/g, ' ') : text)
    .replace(/\\[ ,;!]|\\q?quad(?![a-z])|~/g, ' ')
    .trim()
    .replace(/^\$+|\$+$/g, '')
  const set = BUILDER.exec(plain)
  const found = set ?? BEHIND.exec(plain) ?? IN_WORDS.exec(plain) ?? INTEGER_BEFORE.exec(plain)
  if (!found) return undefined
  const over = (found[3] ?? found[4] ?? (/ℝ/.test(plain) ? 'R' : 'Z')) as 'Z' | 'R'
  const parts = EQUATIONS.exec(found[1].replaceAll('$', '').trim())
  if (parts && new Set([parts[1], parts[3], parts[5] ?? '']).size === 3) {
    const coordinates = [parts[2], parts[4], parts[6]].filter((one) => one !== undefined)
    const names = [parts[1], parts[3], parts[5]].filter((one) => one !== undefined)
    return linear(`(${names.join()})`, `(${coordinates.join(',')})`, found[2], over)
  }
  const [, name, said] = /^\s?((?:\([^()]{1,30}\)|[a-zA-Z](?:_\{?\w{1,3}\}?)?)\s?=)?(.*)$/s.exec(found[1].replaceAll('$', ''))!
  return (over === 'R' ? vectorLine(found[1]) : undefined) ?? linear(name?.replace(/[\s=]/g, '') ?? '', said, found[2], over)
}

const CONGRUENCE =
  /^\$?([a-zA-Z])\s?(?:\\equiv|≡)\s?(-?\d{1,9})\s?(?:\\[ ,;]|\\q?quad)?\s?(?:\\pmod|\\bmod|\\mod|\(?\s?(?:\\(?:text|mathrm|operatorname)\s?\{\s?)?mod)\s?\}?\s?(?:\\[ ,;])?\s?\{?\s?(\d{1,9})\s?\}?\s?\)?\$?$/

/** n ≡ 3 (mod 5) is n = 5k + 3. */
function congruence(text: string): Family | undefined {
  if (!/\\equiv|≡/.test(text)) return undefined
  const found = CONGRUENCE.exec(text.trim())
  if (!found || BigInt(found[3]) === 0n) return undefined
  return { name: found[1], start: [NUMBER(BigInt(found[2]))], step: [NUMBER(BigInt(found[3]))], over: 'Z', sure: true }
}

/** x = π/4 + kπ goes without saying that k is an integer. */
function angles(text: string): Family | undefined {
  if (text.length > 80 || !/\\pi|π|\\circ|°/.test(text)) return undefined
  const plain = text.trim().replace(/^\$+|\$+$/g, '')
  const [, name, said] = /^\s?((?:[a-zA-Z]|\\theta|θ|\\alpha|\\varphi|\\phi)\s?=)?(.*)$/s.exec(plain)!
  const letters = new Set(said.replace(/\\[a-zA-Z]+/g, ' ').match(/[a-zA-Z]/g) ?? [])
  const [parameter] = letters
  if (letters.size !== 1 || !/^[kmnl]$/.test(parameter)) return undefined
  return linear(name?.replace(/[\s=]/g, '') ?? '', said, parameter, 'Z', name !== undefined)
}

function linear(name: string, said: string, parameter: string, over: 'Z' | 'R', sure = true): Family | undefined {
  const line = /^\s?(\([^()]{1,60}\))\s?\+\s?([a-z])\s?(?:\\cdot\s?)?(\([^()]{1,60}\))\s?$/.exec(said)
  if (line && line[2] === parameter) {
    const [point, direction] = [coordinates(line[1]), coordinates(line[3])]
    return point && direction && point.length === direction.length ? { name, start: point, step: direction, over, sure } : undefined
  }
  const answer = readAnswer(said)
  if (answer.kind === 'tuple' && answer.open === '(' && answer.close === ')') {
    const parts = answer.items.map((item) =>
      item.kind === 'expression' && item.unit === undefined ? evenly(item.node, parameter) : undefined,
    )
    if (
      !parts.every((part) => part !== undefined) ||
      !variables(answer.items.flatMap((item) => (item.kind === 'expression' ? [item.node] : []))).includes(parameter)
    )
      return undefined
    return { name, start: parts.map(({ start }) => start), step: parts.map(({ step }) => step), over, sure }
  }
  if (answer.kind !== 'expression' || answer.unit !== undefined || variables([answer.node]).some((letter) => letter !== parameter))
    return undefined
  const part = variables([answer.node]).includes(parameter) ? evenly(answer.node, parameter) : undefined
  return part && { name, start: [part.start], step: [part.step], over, sure }
}

/** Start and step of what is linear in its only letter. */
function evenly(node: Node, parameter: string): { start: Node; step: Node } | undefined {
  if (variables([node]).some((letter) => letter !== parameter)) return undefined
  const at = (n: bigint): Node => substitute(node, new Map([[parameter, NUMBER(n)]]))
  const work = new Work()
  const step = minus(at(1n), at(0n))
  for (const n of [1n, 2n, 6n, -4n]) if (!sameValue(minus(at(n + 1n), at(n)), step, work)) return undefined
  return { start: at(0n), step }
}

function coordinates(text: string): Node[] | undefined {
  const tuple = readAnswer(text)
  const items = tuple.kind === 'tuple' ? tuple.items : []
  const nodes = items.flatMap((item) => (item.kind === 'expression' && isNumeric(item.node) ? [item.node] : []))
  return nodes.length > 0 && nodes.length === items.length ? nodes : undefined
}

/** x = 35k - 12 beside x ≡ 23 (mod 35): that k is an integer goes without saying. */
function progression(text: string, name: string): Family | undefined {
  const found = text.length < 80 ? /^[\s$]*([a-zA-Z])\s?=([^=<>,;]{1,60}?)[\s$.]*$/.exec(text.replace(SO, '')) : null
  const letters = new Set(found?.[2].match(/[a-zA-Z]+/g) ?? [])
  const [parameter] = letters
  return found && found[1] === name && letters.size === 1 && /^[kmnltjq]$/.test(parameter)
    ? linear(name, found[2], parameter, 'Z', false)
    : undefined
}

const SO = /^\s{0,3}(?:so|thus|hence|therefore),?\s/i

/** What every family has. */
const MAY_BE = /\\in|∈|ℤ|\\mathbb|langle|⟨|\)\s?\+\s?[a-z]\s?\(|integer|\\[ZR]|\\equiv|≡|\\pi|π|\\circ|°/

/** The parameter runs over half of the integers: k ∈ ℕ, a positive integer k. */
const NATURAL =
  /(?:\\in|∈)\s?(?:(?:\\(?:mathbb|mathbf|Bbb)\s?\{?\s?)?N(?![a-z])|ℕ|(?:\\(?:mathbb|mathbf|Bbb)\s?\{?\s?Z\s?\}?|ℤ)\s?(?:\^\s?\{?\s?\+|_\s?\{?\s?(?:>|\\ge|≥)))|\b(?:positive|negative|natural|non-?negative)\s(?:integers?|numbers?)\b/

/** Whether two texts are families, and the same. Undefined: one of them is none that can be compared. */
export function sameFamily(a: string, b: string): boolean | undefined {
  if (!MAY_BE.test(b) && !MAY_BE_IN_WORDS.test(b)) return undefined
  const right = readFamily(b)
  const left = right && (readFamily(a.replace(SO, '')) ?? (/\\equiv|≡/.test(b) ? progression(a, right.name) : undefined))
  if (right?.over === 'Z' && right.step.length === 1 && NATURAL.test(a) && !/±|\\pm/.test(a) && !NATURAL.test(b)) return false
  if (!left || !right || !(left.sure || right.sure)) return undefined
  if (left.over !== right.over || left.start.length !== right.start.length) return false
  if (left.name !== '' && right.name !== '' && left.name !== right.name) return false
  const work = new Work()
  return left.over === 'R' ? sameLine(left, right, work) : sameProgression(left, right, work)
}

/** x = 1 + 2t, y = 3 - t, z = t, where nothing is said of t. */
const PARAMETRIC = /^\$?\(?x\s?=[^=,;]{1,60}[,;]\s*y\s?=[^=,;]{1,60}[,;]\s*(?:and\s)?z\s?=[^=,;]{1,60}\)?\$?\.?$/

/** The line that a text is, where its parameter runs over the reals. */
export function lineOf(text: string): Family | undefined {
  const plain = text
    .trim()
    .replace(/\\[ ,;!]/g, ' ')
    .replace(/[\s.]+$/, '')
    .replace(/,?\s(?:where|with|for)\s(?:[a-z]\sis\s)?(?:an?y?\s|all\s)?(?:real\s)(?:number|parameter)?s?(?:\s?[a-z])?$/, '')
    .replace(/\\lambda(?![a-z])\s?|λ/g, (letter, _, whole: string) => (/(?<![\\a-z])t(?![a-z])/.test(whole) ? letter : 't'))
  const known = readFamily(plain)
  if (known) return known.over === 'R' ? known : undefined
  if (!PARAMETRIC.test(plain)) return undefined
  const [, x, y, z] = /x\s?=(.*)[,;]\s*y\s?=(.*)[,;]\s*(?:and\s)?z\s?=([^)$]*)/.exec(plain)!
  const letters = new Set([x, y, z].flatMap((one) => one.replace(/\\[a-z]+/g, ' ').match(/[a-z]/g) ?? []))
  const [parameter] = letters
  return letters.size === 1 && /^[tskrulm]$/.test(parameter) ? linear('', `(${x},${y},${z})`, parameter, 'R') : undefined
}

/** The steps are the same up to sign, and the starts a whole number of steps apart, the same in every coordinate. */
function sameProgression(a: Family, b: Family, work: Work): boolean {
  if (a.step.every((step) => sameValue(step, NUMBER(0n), work))) return false
  const negated = (nodes: readonly Node[]): Node[] => nodes.map((of) => ({ kind: 'negate', of }))
  if (![a.step, negated(a.step)].some((step) => step.every((one, i) => sameValue(one, b.step[i], work)))) return false
  return Array.from({ length: 2 * APART + 1 }, (_, i) => NUMBER(BigInt(i - APART))).some((n) =>
    a.start.every((start, i) => sameValue(minus(b.start[i], start), binary('*', n, a.step[i]), work)),
  )
}

/** Starts of one family are at most so many steps apart. */
const APART = 12

/** The directions are proportional, and so is what lies between the points. */
export function sameLine(a: Family, b: Family, work: Work): boolean {
  const along = (v: readonly Node[], w: readonly Node[]): boolean =>
    v.every((_, i) => w.every((_, j) => sameValue(binary('*', v[i], w[j]), binary('*', v[j], w[i]), work)))
  const zero = (v: readonly Node[]): boolean => v.every((node) => sameValue(node, NUMBER(0n), work))
  if (zero(a.step) || zero(b.step)) return false
  return (
    along(a.step, b.step) &&
    along(
      b.start.map((node, i) => minus(node, a.start[i])),
      a.step,
    )
  )
}
