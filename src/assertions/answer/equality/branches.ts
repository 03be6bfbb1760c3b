/** Answers told by cases: rows of an environment, "2 if n is even, 1 if n is odd", "t² (0 ≤ t ≤ 1), 2t - 1 (1 ≤ t ≤ 2)". */

import type { Answer, Node } from '../node.ts'
import { readAnswer } from '../reading/read.ts'
import { type Residues, residues } from './congruences.ts'

export type Relation = Extract<Answer, { kind: 'relation' }>

/** Inequalities and equations that hold together, or of which one does; or remainders of an integer. */
export type When = { relations: Relation[]; any: boolean } | { remainders: Residues }

export interface Branch {
  value: Node
  /** Undefined: it holds where no other does. */
  when?: When
}

export interface Told {
  /** What it is the value of: f(x), \gcd(n, n+2). */
  label?: string
  branches: Branch[]
}

const ENVIRONMENT =
  /^(?:([^=<>&\\]{1,40}|[^=<>&]{1,80}?)\s?=\s?)?\\(?:left\s?\\\{\s?)?begin\{(?:d?cases|array)\}(?:\{[^{}]{0,8}\})?((?:(?!\\(?:begin|end)\{)[\s\S]){1,1200})\\end\{(?:d?cases|array)\}(?:\s?\\right\s?\.)?[\s.]{0,3}$/
const MOST = 6
const LONGEST = 1500

/** Whether an answer may be told by cases. */
export const mayBeTold = (text: string): boolean =>
  text.length < LONGEST && (text.includes('\\begin') || (SAID.test(text) && /[,;]|and/.test(text)))

const SAID = /\b(?:if|for|when|where|otherwise|else)\b|\(.{0,40}(?:[<>=≤≥≡]|\\(?:le|ge|ne|equiv)|even|odd)/

/** The branches of a text. Undefined: it is not told by cases. */
export function toldBranches(text: string): Told | undefined {
  if (text.length >= LONGEST) return undefined
  const plain = text
    .trim()
    .replace(/^\$+|\$+$/g, '')
    .trim()
    .replace(/^\\left\s?\\\{\s?(?=\\begin\{array)/, '')
  return plain.includes('\\begin') ? inRows(plain) : inALine(plain)
}

function inRows(plain: string): Told | undefined {
  const found = ENVIRONMENT.exec(plain)
  if (!found) return undefined
  const rows = found[2].split(/\\\\(?:\[[^\]\n]{1,12}\])?/).filter((row) => row.trim() !== '')
  if (rows.length < 2 || rows.length > MOST) return undefined
  const branches = rows.map((row): Branch | undefined => {
    const [value, condition, ...more] = row.split('&')
    return condition === undefined || more.length > 0 ? undefined : branch(value.trim().replace(/,$/, ''), inWords(condition))
  })
  return branches.every((one) => one !== undefined) ? { label: found[1]?.trim(), branches } : undefined
}

/** Without the marks of text and blanks. */
export const inWords = (text: string): string =>
  text
    .replace(/\\(?:text|mathrm|textrm|mbox)\s?\{([^{}]*)\}/g, ' $1 ')
    .replace(/\\(?:q?quad(?![a-zA-Z])|[,;:! ])/g, ' ')
    .replaceAll('$', ' ')
    .replace(/\s{2,}/g, ' ')
    .trim()

const LEAD = /^(?:if|for|when|whenever|where|falls|provided(?: that)?|in case)\s(?:all\s)?/i
const OTHERWISE = /^(?:otherwise|else(?:where)?|if not|in (?:all|the) other cases?|for (?:all )?other [a-z])[.,;]?$/i

function branch(value: string, condition: string): Branch | undefined {
  const node = expressionOf(value)
  if (!node) return undefined
  if (OTHERWISE.test(condition)) return { value: node }
  const when = conditionOf(
    condition
      .replace(LEAD, '')
      .replace(/[.,;]$/, '')
      .trim(),
  )
  return when && { value: node, when }
}

/** The expression of a text. Undefined: it is none, or has a unit. */
export function expressionOf(text: string): Node | undefined {
  const answer = readAnswer(text)
  return answer.kind === 'expression' && answer.unit === undefined ? answer.node : undefined
}

const EVEN =
  /^(?:([a-zA-Z])\s?(?:is\s)?(?:an?\s)?(even|odd)(?: (?:integer|number))?|(even|odd)\s(?:integers?\s|numbers?\s|values of\s)?([a-zA-Z]))$/
const DIVISIBLE = /^([a-zA-Z])\s(?:is\s)?(not\s)?(?:divisible by|(?:an?\s)?multiples? of)\s(\d{1,4})$/
const DIVIDES = /^(\d{1,4})\s?(?:\\(n?)mid(?![a-zA-Z])|(∤)|[|∣]|divides\s|(does not divide)\s)\s?([a-zA-Z])$/

function remaindersOf(condition: string): Residues | undefined {
  const parity = EVEN.exec(condition)
  if (parity) return { name: parity[1] ?? parity[4], modulus: 2, of: new Set([(parity[2] ?? parity[3]) === 'even' ? 0 : 1]) }
  const of = (name: string, modulus: number, denied: boolean): Residues | undefined =>
    modulus < 2 ? undefined : { name, modulus, of: new Set(denied ? Array.from({ length: modulus - 1 }, (_, i) => i + 1) : [0]) }
  const divisible = DIVISIBLE.exec(condition)
  if (divisible) return of(divisible[1], Number(divisible[3]), divisible[2] !== undefined)
  const divides = DIVIDES.exec(condition)
  if (divides) return of(divides[5], Number(divides[1]), divides[2] === 'n' || divides[3] !== undefined || divides[4] !== undefined)
  return /\\equiv|≡/.test(condition) ? residues(condition) : undefined
}

function conditionOf(condition: string): When | undefined {
  const remainders = remaindersOf(condition)
  if (remainders) return { remainders }
  const answer = readAnswer(condition)
  const items = answer.kind === 'list' || (answer.kind === 'logic' && (answer.op === 'and' || answer.op === 'or')) ? answer.items : [answer]
  const any = answer.kind === 'logic' ? answer.op === 'or' : answer.kind === 'list' && answer.word === 'or'
  const relations = items.flatMap(withoutMembership)
  return relations.every((one) => one !== undefined) ? { relations, any } : undefined
}

/** x ∈ [0, 1) as inequalities. */
function withoutMembership(answer: Answer): (Relation | undefined)[] {
  if (answer.kind !== 'relation') return [undefined]
  if (answer.ops[0] !== 'in') return [answer]
  const [name, set] = answer.sides
  if (set.kind !== 'tuple' || set.items.length !== 2) return [undefined]
  const [low, high] = set.items
  const ends: Relation = {
    kind: 'relation',
    sides: [low, name, high],
    ops: [set.open === '[' ? '<=' : '<', set.close === ']' ? '<=' : '<'],
    key: '',
  }
  return [ends]
}

const CLOSED: Readonly<Record<string, string>> = { ')': '(', ']': '[', '}': '{' }

/** Parts between commas, semicolons and "and" outside all brackets. */
function partsOf(text: string): string[] {
  const parts: string[] = []
  let depth = 0
  let start = 0
  for (let i = 0; i < text.length; i++) {
    const c = text[i]
    if (c === '(' || c === '[' || c === '{') depth++
    else if (CLOSED[c] !== undefined) depth--
    if (depth > 0) continue
    const joint = c === ',' || c === ';' ? 1 : text.startsWith(' and ', i) ? 5 : 0
    if (joint === 0) continue
    parts.push(text.slice(start, i))
    start = i + joint
    i = start - 1
  }
  parts.push(text.slice(start))
  return parts.map((part) => part.trim()).filter((part) => part !== '')
}

const IN_A_PART =
  /^(.{1,300}?)\s((?:if|for|when|whenever|where|provided(?: that)?|in case)\s.{1,120}|otherwise|else(?:where)?|in (?:all|the) other cases?)$/
const IN_PARENTHESES = /^(.{1,300}?)\s?\(\s?((?:if\s|for\s|when\s)?[^()]{2,100}|otherwise)\s?\)$/
const LABEL = /^([a-zA-Z](?:_\w)?\s?(?:\([^()=<>]{1,20}\))?|\\[a-z]{3,6}[^=<>]{1,60}?)\s?=\s?(?=[^=])/

function inALine(plain: string): Told | undefined {
  if (!SAID.test(plain)) return undefined
  const joined: string[] = []
  for (const part of partsOf(inWords(plain.replace(/\\(?:left|right)(?![a-zA-Z])/g, '')))) {
    const last = joined.at(-1)
    // "x, if x > 0": the condition stands in a part of its own; "0 < x and x < 2" are two of them.
    const behind =
      /^(?:if|for|when|whenever|otherwise|else)\b/.test(part) || (/[<>≤≥]|\\[lg]e/.test(part) && !/\s(?:if|for|when)\s|\(/.test(part))
    if (behind && last !== undefined) joined[joined.length - 1] = `${last}${/^[a-z]{2}/.test(part) ? ' ' : ' , '}${part}`
    else joined.push(part)
  }
  if (joined.length < 2 || joined.length > MOST) return undefined
  const labels = new Set<string>()
  const branches = joined.map((part, i): Branch | undefined => {
    const found = IN_A_PART.exec(part) ?? IN_PARENTHESES.exec(part)
    if (!found) return undefined
    const label = LABEL.exec(found[1])
    if (label) labels.add(label[1].replace(/\s/g, ''))
    else if (labels.size > 0 && i > 1 && joined.slice(0, i).every((one) => LABEL.test(one))) return undefined
    return branch(found[1].slice(label?.[0].length ?? 0).trim(), found[2].trim())
  })
  if (labels.size > 1 || !branches.every((one) => one !== undefined)) return undefined
  return { label: [...labels][0], branches }
}

/** The one letter of which all conditions are. Undefined: there are several, or something else is compared. */
export function letterOf(branches: readonly Branch[]): string | undefined {
  const names = new Set<string>()
  for (const { when } of branches) {
    if (!when) continue
    if ('remainders' in when) names.add(when.remainders.name)
    else for (const { sides } of when.relations) for (const side of sides) for (const name of namesIn(side)) names.add(name)
  }
  return names.size === 1 ? [...names][0] : undefined
}

/** A condition compares a letter, or its absolute value, with numbers. */
function namesIn(side: Answer): string[] {
  if (side.kind !== 'expression') return ['?', '??']
  const { node } = side
  if (node.kind === 'symbol') return [node.name]
  if (node.kind === 'call' && node.name === 'abs' && node.args[0].kind === 'symbol') return [node.args[0].name]
  return []
}
