/** From the text of an answer to a typed value. */

import { rational } from '../rational.ts'
import { closingBrace } from './boxed.ts'
import { LIMITS, TooComplex } from './limits.ts'
import type { Answer, Bracket, Node, RelationOp } from './node.ts'
import { normalizeUnicode, stripDelimiters } from './normalize.ts'
import { NoExpression, parseExpression } from './parse.ts'
import { canonical, type Token, tokenize } from './tokens.ts'
import { isHarmless, isPercent, isSymbolUnit } from './units.ts'

const OPENING = new Set(['(', '[', '{', '\\{', '\\lfloor', '\\lceil'])
const CLOSING = new Set([')', ']', '}', '\\}', '\\rfloor', '\\rceil'])
const SEPARATORS = new Set([',', ';', 'and', 'or', '\\and', '\\or'])
const SET_OPERATIONS: Readonly<Record<string, 'union' | 'intersection' | 'difference'>> = {
  '\\cup': 'union',
  '\\cap': 'intersection',
  '\\setminus': 'difference',
}
const RELATIONS = new Set(['=', '<', '>', '<=', '>=', '!=', '\\approx', '\\in', '\\equiv', '\\sim', '\\cong', '\\to', '\\rightarrow'])
const IMPLICATIONS = new Set(['\\Rightarrow', '\\implies', '\\Longrightarrow', '\\therefore'])
const MATRICES = /^\\begin\{(?:[pbB]?matrix|smallmatrix|array)\}$/
const CURRENCIES = new Set(['$', '€', '£', '¥'])

/** Reads an answer. What has no type becomes text; what is beyond the bounds too. `thousands` as in the tokenizer. */
export function readAnswer(text: string, thousands = true): Answer {
  const plain = unwrap(normalizeUnicode(text))
  try {
    return readTokens(tokenize(plain, thousands), 0)
  } catch (error) {
    if (error instanceof TooComplex) return { kind: 'text', text: plain, key: plain }
    throw error
  }
}

/** Text without delimiters and without a box around all of it. */
function unwrap(text: string): string {
  let out = stripDelimiters(text)
  for (let round = 0; round < 4; round++) {
    const command = /^\\(?:boxed|fbox)\s{0,4}\{/.exec(out)
    if (!command || closingBrace(out, command[0].length - 1) !== out.length - 1) break
    out = stripDelimiters(out.slice(command[0].length, -1))
  }
  return out.includes('\\begin')
    ? out
    : out.replace(/\\\\(?=(?:left|right|frac|dfrac|sqrt|pi|text|cdot|times|infty|cup)(?![a-zA-Z]))/g, '\\')
}

function readTokens(all: readonly Token[], depth: number): Answer {
  const tokens = trim(all)
  const key = canonical(tokens)
  const text: Answer = { kind: 'text', text: words(tokens), key }
  if (depth > LIMITS.depth || tokens.length === 0) return text
  if (tokens.every(({ kind }) => kind === 'text' || kind === 'word')) return text
  const outer = outwardInterval(tokens)
  if (!balanced(outer)) return text
  return (
    readImplication(outer, depth) ??
    readList(outer, key, depth) ??
    readOperation(outer, key, depth) ??
    readRelation(outer, key, depth) ??
    readRatio(outer, key, depth) ??
    readBracket(outer, key, depth) ??
    readMatrix(outer, key, depth) ??
    readBased(outer, key) ??
    readQuantity(outer, key) ??
    text
  )
}

/** Words of text answers, for comparison without case and spaces. */
function words(tokens: readonly Token[]): string {
  return tokens.map(({ text, space }) => (space ? ` ${text}` : text)).join('')
}

function trim(tokens: readonly Token[]): readonly Token[] {
  let start = 0
  let end = tokens.length
  const idle = (token: Token): boolean => token.kind === 'sign' && /^[,;.:]$/.test(token.text)
  while (start < end && idle(tokens[start])) start++
  while (end > start && idle(tokens[end - 1])) end--
  return tokens.slice(start, end)
}

const isSign = (token: Token | undefined, text: string): boolean => token?.kind === 'sign' && token.text === text
const opens = (token: Token): boolean => token.kind === 'sign' && (OPENING.has(token.text) || token.text.startsWith('\\begin{'))
const closes = (token: Token): boolean => token.kind === 'sign' && (CLOSING.has(token.text) || token.text.startsWith('\\end{'))

function balanced(tokens: readonly Token[]): boolean {
  let depth = 0
  for (const token of tokens) {
    if (opens(token)) depth++
    else if (closes(token) && --depth < 0) return false
  }
  return depth === 0
}

/** ]1, 2[ is (1, 2). */
function outwardInterval(tokens: readonly Token[]): readonly Token[] {
  if (!isSign(tokens[0], ']') && !isSign(tokens.at(-1), '[')) return tokens
  const out = [...tokens]
  if (isSign(out[0], ']')) out[0] = { ...out[0], text: '(' }
  if (isSign(out.at(-1), '[')) out[out.length - 1] = { ...out[out.length - 1], text: ')' }
  return out
}

/** Splits at signs outside all brackets. Undefined: there are none. */
function split(tokens: readonly Token[], at: (token: Token) => boolean): { parts: Token[][]; signs: string[] } | undefined {
  const parts: Token[][] = [[]]
  const signs: string[] = []
  let depth = 0
  for (const token of tokens) {
    if (opens(token)) depth++
    else if (closes(token)) depth--
    if (depth === 0 && token.kind === 'sign' && at(token)) {
      signs.push(token.text)
      parts.push([])
    } else parts.at(-1)!.push(token)
  }
  return signs.length > 0 ? { parts, signs } : undefined
}

function readImplication(tokens: readonly Token[], depth: number): Answer | undefined {
  const found = split(tokens, ({ text }) => IMPLICATIONS.has(text))
  const last = found?.parts.at(-1)
  return last && last.length > 0 ? readTokens(last, depth + 1) : undefined
}

function readList(tokens: readonly Token[], key: string, depth: number): Answer | undefined {
  const found = split(tokens, ({ text }) => SEPARATORS.has(text))
  if (!found) return undefined
  // 1,2; 3,4: pairs.
  const pairs = found.signs.includes(';') && found.signs.includes(',')
  const parts = pairs ? split(tokens, ({ text }) => text === ';')!.parts : found.parts
  const items = parts.filter((part) => part.length > 0).map((part) => readTokens(part, depth + 1))
  if (items.length === 1) return items[0]
  if (items.length === 0) return undefined
  if (!pairs) return { kind: 'list', items, key }
  const tuples = items.map((item): Answer => (item.kind === 'list' ? { ...item, kind: 'tuple', open: '(', close: ')' } : item))
  return { kind: 'list', items: tuples, key }
}

function readOperation(tokens: readonly Token[], key: string, depth: number): Answer | undefined {
  const reals = tokens.length === 1 && isSign(tokens[0], '\\R')
  if (reals) return { kind: 'reals', key }
  const minus = isSign(tokens[0], '\\R') && isSign(tokens[1], '-')
  const found = split(tokens, (token) => Object.hasOwn(SET_OPERATIONS, token.text) || (minus && token === tokens[1]))
  if (!found || found.parts.some((part) => part.length === 0)) return undefined
  const operands = found.parts.map((part) => readTokens(part, depth + 1))
  return operands.reduce((left, right, i): Answer => {
    const op = SET_OPERATIONS[found.signs[i - 1]] ?? 'difference'
    return { kind: 'operation', op, items: [left, right], key }
  })
}

function readRelation(tokens: readonly Token[], key: string, depth: number): Answer | undefined {
  const found = split(tokens, ({ text }) => RELATIONS.has(text))
  if (!found) return undefined
  const { parts, signs } = found
  if (parts[0].length === 0 && signs.length === 1) return readTokens(parts[1], depth + 1)
  // What is only an approximation of the answer before it.
  const approximate = signs.indexOf('\\approx')
  if (approximate > 0 || (approximate === 0 && signs.length === 1)) {
    const end = tokens.findIndex((token) => isSign(token, '\\approx'))
    const exact = readTokens(tokens.slice(0, end), depth + 1)
    return exact.kind === 'expression' && exact.node.kind === 'symbol' ? readTokens(parts[1], depth + 1) : exact
  }
  if (signs.length === 1 && signs[0] === '\\in') return readTokens(parts[1], depth + 1)
  if (parts.some((part) => part.length === 0)) return undefined
  const sides = parts.map((part) => readTokens(part, depth + 1))
  if (signs.every((sign) => sign === '>' || sign === '>=' || sign === '=') && signs.some((sign) => sign !== '=')) {
    const ops = signs.map((sign): RelationOp => (sign === '>' ? '<' : sign === '>=' ? '<=' : '=')).reverse()
    return { kind: 'relation', sides: sides.reverse(), ops, key }
  }
  const known = signs.every((sign) => sign === '=' || sign === '<' || sign === '<=' || sign === '!=')
  return known ? { kind: 'relation', sides, ops: signs as RelationOp[], key } : undefined
}

function readRatio(tokens: readonly Token[], key: string, depth: number): Answer | undefined {
  const found = split(tokens, ({ text }) => text === ':')
  if (!found || found.parts.some((part) => part.length === 0)) return undefined
  return { kind: 'ratio', items: found.parts.map((part) => readTokens(part, depth + 1)), key }
}

/** Tuples, intervals, sets and parentheses round everything. */
function readBracket(tokens: readonly Token[], key: string, depth: number): Answer | undefined {
  const open = tokens[0]
  const close = tokens[tokens.length - 1]
  if (!opens(open) || open.text.startsWith('\\') !== close.text.startsWith('\\') || matching(tokens) !== tokens.length - 1) return undefined
  const inner = tokens.slice(1, -1)
  if (open.text === '\\{') return readSet(inner, key, depth)
  if (open.text !== '(' && open.text !== '[' && open.text !== '{') return undefined
  const found = split(inner, ({ text }) => text === ',' || text === ';')
  if (!found) {
    if (inner.length === 0) return undefined
    const single = readTokens(inner, depth + 1)
    // Something like (x + 1) stays as it is for the parser of expressions.
    return { ...single, key: single.key }
  }
  const items = found.parts.filter((part) => part.length > 0).map((part) => readTokens(part, depth + 1))
  if (open.text === '{') return items.length === 1 ? items[0] : { kind: 'set', items, key }
  if (close.text !== ')' && close.text !== ']') return undefined
  return { kind: 'tuple', open: open.text as Bracket, close: close.text, items, key }
}

/** Index of the bracket that closes the first one, whatever its kind: [1, 2) is an interval. */
function matching(tokens: readonly Token[]): number {
  let depth = 0
  for (let i = 0; i < tokens.length; i++) {
    if (opens(tokens[i])) depth++
    else if (closes(tokens[i]) && --depth === 0) return i
  }
  return -1
}

function readSet(inner: readonly Token[], key: string, depth: number): Answer {
  if (inner.length === 0) return { kind: 'set', items: [], key: '\\emptyset' }
  // {x : x > 2}
  const builder = split(inner, ({ text }) => text === '|' || text === ':')
  if (builder?.parts.length === 2 && builder.parts[1].length > 0) {
    const condition = readTokens(builder.parts[1], depth + 1)
    if (condition.kind === 'relation') return condition
  }
  const found = split(inner, ({ text }) => text === ',' || text === ';')
  const parts = found ? found.parts.filter((part) => part.length > 0) : [[...inner]]
  return { kind: 'set', items: parts.map((part) => readTokens(part, depth + 1)), key }
}

function readMatrix(tokens: readonly Token[], key: string, depth: number): Answer | undefined {
  if (!MATRICES.test(tokens[0].text) || matching(tokens) !== tokens.length - 1) return undefined
  const rows = split(tokens.slice(1, -1), ({ text }) => text === '\\\\')?.parts ?? [tokens.slice(1, -1)]
  const cells = rows
    .filter((row) => row.length > 0)
    .map((row) => (split(row, ({ text }) => text === '&')?.parts ?? [row]).map((cell) => readTokens(cell, depth + 1)))
  return { kind: 'matrix', rows: cells, key }
}

/** A number with a base: 204_5. */
function readBased(tokens: readonly Token[], key: string): Answer | undefined {
  const negative = isSign(tokens[0], '-')
  const [digits, index, ...rest] = negative ? tokens.slice(1) : tokens
  if (digits?.kind !== 'number' || !isSign(index, '_')) return undefined
  const base = canonical(rest).replace(/[{}]/g, '')
  return /^\d{1,2}$/.test(base) ? { kind: 'based', digits: (negative ? '-' : '') + digits.text, base, key } : undefined
}

/** An expression, with or without a unit. */
function readQuantity(tokens: readonly Token[], key: string): Answer | undefined {
  if (tokens.length === 1 && isSign(tokens[0], '\\emptyset')) return { kind: 'set', items: [], key: '\\emptyset' }
  let body = tokens
  let unit: string | undefined
  if (isSignOf(body[0], CURRENCIES)) {
    unit = currency(body[0].text)
    body = body.slice(1)
  } else if (isSign(body[0], '-') && isSignOf(body[1], CURRENCIES)) {
    unit = currency(body[1].text)
    body = [body[0], ...body.slice(2)]
  }
  if (body.length > 1 && isSignOf(body.at(-1), CURRENCIES)) {
    unit = currency(body.at(-1)!.text)
    body = body.slice(0, -1)
  }
  const cut = symbolUnitStart(body)
  try {
    const { node, used } = parseExpression(cut > 0 ? body.slice(0, cut) : body)
    if (used === 0 || (cut > 0 && used < cut)) return undefined
    const rest = body.slice(used)
    if (rest.length === 0) return { kind: 'expression', node, unit, key }
    const behind = words(rest).trim()
    if (isPercent(canonical(rest))) return { kind: 'expression', node: { kind: 'percent', of: node }, key }
    if (cut > 0) return { kind: 'expression', node, unit: behind, key }
    if (!isNumeric(node) || !rest.every(isProse) || !isHarmless(behind)) return undefined
    return { kind: 'expression', node, unit: behind, key }
  } catch (error) {
    if (error instanceof NoExpression) return undefined
    throw error
  }
}

function isSignOf(token: Token | undefined, signs: ReadonlySet<string>): token is Token {
  return token?.kind === 'sign' && signs.has(token.text)
}

function currency(sign: string): string {
  return sign === '$' ? 'usd' : sign
}

/** Where letters behind a number begin that are a unit (10 cm, 5 m^2, 60 km/h); −1: nowhere. */
function symbolUnitStart(tokens: readonly Token[]): number {
  let depth = 0
  for (let k = 0; k < tokens.length; k++) {
    const token = tokens[k]
    if (opens(token)) depth++
    else if (closes(token)) depth--
    if (token.kind !== 'name' || token.text.startsWith('\\')) continue
    const rest = tokens
      .slice(k)
      .map(({ text }) => text)
      .join('')
    const before = tokens[k - 1]
    const behindValue = k > 0 && depth === 0 && (before.kind === 'number' || closes(before))
    return behindValue && isSymbolUnit(rest, token.space) ? k : -1
  }
  return -1
}

function isProse(token: Token): boolean {
  if (token.kind === 'text' || token.kind === 'word' || token.kind === 'name' || token.kind === 'function') return true
  if (token.kind === 'number') return /^[23]$/.test(token.text)
  return /^[\^{}.,'/()-]$/.test(token.text)
}

/** No variable in it. */
export function isNumeric(node: Node): boolean {
  switch (node.kind) {
    case 'number':
    case 'constant':
      return true
    case 'symbol':
      return false
    case 'binary':
      return isNumeric(node.left) && isNumeric(node.right)
    case 'call':
      return node.args.every(isNumeric)
    default:
      return isNumeric(node.of)
  }
}

/** The reading of "0,5" as a decimal, where the text is one. */
export function readDecimalComma(text: string): Answer | undefined {
  const match = /^([+-]?)(\d{1,30}),(\d{1,30})$/.exec(unwrap(normalizeUnicode(text)))
  if (!match) return undefined
  const value = rational(BigInt(match[2] + match[3]) * (match[1] === '-' ? -1n : 1n), 10n ** BigInt(match[3].length))
  return { kind: 'expression', node: { kind: 'number', value, digits: match[2].length + match[3].length }, key: match[0] }
}
