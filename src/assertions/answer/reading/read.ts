/** From the text of an answer to a typed value. */

import { add, equals, multiply, rational } from '../../rational.ts'
import { closingBrace } from '../claims/boxed.ts'
import { isNumeric } from '../equality/values.ts'
import { LIMITS, TooComplex } from '../limits.ts'
import type { Answer, Bracket } from '../node.ts'
import { exactValue } from '../numeric/exact.ts'
import { addMatrices, type Matrix, MINUS_ONE, matrixPower, multiplyMatrices, scaleMatrix, transpose } from '../numeric/matrix.ts'
import { readBased, readCompound, readQuantity } from '../units/quantity.ts'
import { inDigits } from '../units/scales.ts'
import { isHarmless, isMeasure, relateUnits } from '../units/units.ts'
import { readDate } from './dates.ts'
import { exceptionOf, readBuilder, realsWithout } from './described-sets.ts'
import { deniesValue } from './labels.ts'
import { normalizeUnicode, stripDelimiters } from './normalize.ts'
import { Recent } from './recent.ts'
import { RELATIONS, readConnective, readImplication, readRelation } from './relations.ts'
import { balanced, closes, isSign, matching, opens, split, trim, words } from './scan.ts'
import { canonical, type Token, tokenize } from './tokens.ts'
import { rationalInWords, setInWords } from './words.ts'

const SEPARATORS = new Set([',', ';', 'and', 'or'])
const SET_OPERATIONS: Readonly<Record<string, 'union' | 'intersection' | 'difference'>> = {
  '\\cup': 'union',
  '\\cap': 'intersection',
  '\\setminus': 'difference',
}
const MATRICES = /^\\begin\{(?:[pbB]?matrix|smallmatrix|array)\}$/
const CURRENCY_WORDS = /^(?:US\s?\\?\$|(?:USD|EUR|GBP|INR|RMB|Rs\.?)\s)\s{0,3}(?=[-\d.])/i
const LINES = /^\\begin\{(?:cases|aligned|align|alignedat|gathered|gather|split|equation)\}$/

const kept = new Recent<Answer>(256)

/**
 * Reads an answer. What has no type becomes text; what is beyond the bounds too. `thousands` as in the tokenizer. Readings
 * are kept: extraction reads a candidate to see whether it is an answer, then it is compared, and samples of a group often say the same.
 */
export function readAnswer(text: string, thousands = true): Answer {
  return thousands && text.length <= LIMITS.candidate ? kept.of(text, (of) => readAnew(of, true)) : readAnew(text, thousands)
}

function readAnew(text: string, thousands: boolean): Answer {
  const plain = withBraces(withSigns(unwrap(normalizeUnicode(text))))
  const date = readDate(plain)
  if (date) return { kind: 'text', text: date, key: date }
  const spelled = rationalInWords(plain)
  if (spelled) return { kind: 'expression', node: { kind: 'number', value: spelled }, key: plain }
  try {
    const money = CURRENCY_WORDS.exec(plain)
    if (money) return withCurrency(readTokens(tokenize(plain.slice(money[0].length), thousands), 0), money[0], plain)
    const exception = exceptionOf(plain)
    if (exception !== undefined) return realsWithout(readTokens(tokenize(exception), 0), plain)
    return readSpelled(plain) ?? readTokens(tokenize(plain, thousands), 0)
  } catch (error) {
    if (error instanceof TooComplex) return { kind: 'text', text: plain, key: plain }
    throw error
  }
}

/** Names of Python's modules before a function: np.sqrt(2). Its log is natural. */
const MODULES = /(?<![a-zA-Z\d])(?:np|numpy|math|cmath|sympy|sp)\.([a-z]+)/g
const pythonName = (_: string, name: string): string => (name === 'log' ? 'ln' : name)

/** A quantity with its number in words: half an hour, two dozen eggs. Other words with a number stay words: two roots. */
function readSpelled(text: string): Answer | undefined {
  const digits = inDigits(text)
  const answer = digits === undefined ? undefined : readTokens(tokenize(digits), 0)
  if (answer?.kind !== 'expression' || !isNumeric(answer.node)) return undefined
  const scaled = answer.node.kind === 'binary' && answer.node.op === '*'
  // Of small numbers in words one speaks in passing.
  const counted = answer.node.kind === 'number' && answer.node.value.n > 12n * answer.node.value.d
  return scaled || counted || (answer.unit !== undefined && isMeasure(answer.unit)) ? { ...answer, key: text } : undefined
}

/** As programs write large numbers: 25_000. */
const UNDERSCORES = /^[-+]?\d{1,3}(?:_\d{3}){1,20}$/

/** \text{Only } n = 9 \text{ works} */
const ONLY_ONE = /^\\text\s?\{\s?only\s?\}\s?([^{}]{1,60})\\text\s?\{\s?(?:works|is (?:valid|possible|left))\.?\s?\}$/i

/** "negative 5" is −5, "the 5th" the 5th, and y^{\\prime} is y'. */
function withSigns(text: string): string {
  const signed = text
    .replace(/^(?:negative|minus)\s{1,3}(?=[\d.\\])/i, '-')
    .replace(/^the\s{1,3}(?=\d)/i, '')
    .replace(UNDERSCORES, (number) => number.replaceAll('_', ''))
    .replace(MODULES, pythonName)
    .replace(ONLY_ONE, '$1')
  return signed.includes('\\prime')
    ? signed.replace(/\^\s?\{?\s?\\prime(\s?\\prime)?\s?\}?/g, (_, second) => (second ? "''" : "'"))
    : signed
}

/** {{0}, {1}} without any LaTeX: its braces are those of sets. */
function withBraces(text: string): string {
  return /^\{.*,.*\}$/s.test(text) && text.lastIndexOf('{') > 0 && !/[\\^_]/.test(text) ? text.replace(/[{}]/g, '\\$&') : text
}

/** The currency in words before a number. */
function withCurrency(answer: Answer, word: string, key: string): Answer {
  const unit = /^us/i.test(word) ? 'usd' : word.replace(/[\s.]/g, '').toLowerCase()
  return answer.kind === 'expression' ? { ...answer, unit } : { kind: 'text', text: key, key }
}

/** Text without delimiters and without a box around all of it. */
function unwrap(text: string): string {
  let out = stripDelimiters(text)
  for (let round = 0; round < 4; round++) {
    const command = /^\\?(?:begin)?(?:boxed|fbox)\s{0,4}\{/.exec(out)
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
  if (tokens.length === 1 && tokens[0].kind === 'number') return readQuantity(tokens, key)!
  const text: Answer = { kind: 'text', text: words(tokens), key }
  if (depth > LIMITS.depth || tokens.length === 0) return text
  if (tokens.every((token) => token.kind === 'text' || token.kind === 'word' || isSign(token, '-'))) return readWords(tokens, text, depth)
  const outer = outwardInterval(tokens)
  if (!balanced(outer)) return text
  const read = (part: readonly Token[]): Answer => readTokens(part, depth + 1)
  return (
    readCompound(outer, key) ??
    readRemark(outer, key, depth) ??
    readImplication(outer, key, read) ??
    readLines(outer, key, depth) ??
    readList(outer, key, depth) ??
    readConnective(outer, key, read) ??
    readOperation(outer, key, depth) ??
    readRelation(outer, key, read) ??
    readRatio(outer, key, depth) ??
    readBracket(outer, key, depth) ??
    readMatrix(outer, key, depth) ??
    readMatrixSum(outer, key, depth) ??
    readBased(outer, key) ??
    readLabelled(outer, depth) ??
    readQuantity(outer, key) ??
    text
  )
}

const LABEL = /(?:\s(?:is|are|equals)|:)$|^\s?(?:exactly|precisely|just|only|simply)\s?$/i

/** A value behind words that name or announce it, \\text{Total: }42, or behind the name of a point, P(3, -4). */
function readLabelled([label, ...rest]: readonly Token[], depth: number): Answer | undefined {
  if (label.kind === 'text') {
    if (rest.length === 0 || !LABEL.test(label.text) || deniesValue(label.text)) return undefined
    const value = readTokens(rest, depth + 1)
    return ANNOUNCING.test(label.text) ? value : named({ kind: 'text', text: label.text, key: canonical([label]) }, value)
  }
  if (label.kind !== 'name' || !/^[ABD-Z]$/.test(label.text) || !isSign(rest[0], '(') || matching(rest) !== rest.length - 1)
    return undefined
  const point = readTokens(rest, depth + 1)
  return point.kind === 'tuple'
    ? named({ kind: 'expression', node: { kind: 'symbol', name: label.text }, key: label.text }, point)
    : undefined
}

/** Words that announce any value, and give it no name. */
const ANNOUNCING = /\b(?:answers?|values?|results?|solutions?|it|this|which|so|thus|hence|therefore)\b/i

const named = (name: Answer, value: Answer): Answer => ({
  kind: 'relation',
  sides: [name, value],
  ops: ['='],
  key: `${name.key}=${value.key}`,
})

/** Numbers and sets in words; \\text{42 apples} as what is inside. */
function readWords(tokens: readonly Token[], text: Extract<Answer, { kind: 'text' }>, depth: number): Answer {
  const number = rationalInWords(text.text.trim())
  if (number) return { kind: 'expression', node: { kind: 'number', value: number }, key: text.key }
  const set = setInWords(text.text)
  if (set === 'reals') return { kind: 'reals', key: text.key }
  if (set === 'empty') return { kind: 'set', items: [], key: '\\emptyset' }
  const [only] = tokens
  if (tokens.length > 1 || only.kind !== 'text' || !/^\(?[-+]?[\d.]/.test(only.text)) return text
  const inner = readTokens(tokenize(only.text), depth + 1)
  return inner.kind === 'text' ? text : inner
}

/** A remark in parentheses behind a value: 8 (eight), 5 (in cm), ten (10). */
function readRemark(tokens: readonly Token[], key: string, depth: number): Answer | undefined {
  if (!isSign(tokens.at(-1), ')')) return undefined
  let open = tokens.length - 1
  for (let nested = 0; open >= 0; open--) {
    if (closes(tokens[open])) nested++
    else if (opens(tokens[open]) && --nested === 0) break
  }
  const inner = tokens.slice(open + 1, -1)
  const before = tokens.slice(0, open)
  if (open <= 0 || before.length > 200 || inner.length === 0) return undefined
  const wordy =
    inner.every(({ kind }) => kind === 'word' || kind === 'text' || kind === 'name') && inner.some(({ kind }) => kind !== 'name')
  const spelled = before.every((token) => token.kind === 'word' || isSign(token, '-')) ? rationalInWords(words(before).trim()) : undefined
  const restated =
    inner.some(({ kind }) => kind === 'number') && inner.some(({ kind }) => kind === 'word' || kind === 'text' || kind === 'name')
  if (!wordy && !restated && spelled === undefined) return undefined
  const value = readTokens(before, depth + 1)
  if (value.kind !== 'expression' || !isNumeric(value.node)) return undefined
  if (restated && spelled === undefined) return isRestated(value, readTokens(inner, depth + 1)) ? { ...value, key } : undefined
  const remark = words(inner).trim()
  const said = rationalInWords(remark)
  if (said === undefined && spelled === undefined) {
    return isHarmless(remark) ? { ...value, key } : undefined
  }
  const other = readTokens(inner, depth + 1)
  const [left, right] = [value, other].map((one) => (one.kind === 'expression' ? exactValue(one.node) : undefined))
  return typeof left === 'object' && typeof right === 'object' && equals(left, right) ? { ...value, key } : undefined
}

/** 80 minutes (1 hour 20 minutes) */
function isRestated(value: Extract<Answer, { kind: 'expression' }>, other: Answer): boolean {
  if (other.kind !== 'expression' || value.unit === undefined || other.unit === undefined) return false
  const related = relateUnits(value.unit, other.unit)
  const [left, right] = [value, other].map(({ node }) => exactValue(node))
  if (typeof related !== 'object' || related.pi !== 0 || typeof left !== 'object' || typeof right !== 'object') return false
  return equals(add(multiply(left, related.factor), related.shift), right)
}

/** Lines of a system (a list), or of one calculation that goes on with = on the next line. */
function readLines(tokens: readonly Token[], key: string, depth: number): Answer | undefined {
  if (!LINES.test(tokens[0].text) || matching(tokens) !== tokens.length - 1) return undefined
  const inner = tokens.slice(1, -1)
  const rows = (split(inner, ({ text }) => text === '\\\\')?.parts ?? [[...inner]])
    .map((row) => trim(row.filter((token) => !isSign(token, '&'))))
    .filter((row) => row.length > 0)
  if (rows.length === 0) return undefined
  const goesOn = rows.slice(1).some(([first]) => first.kind === 'sign' && RELATIONS.has(first.text))
  if (goesOn || rows.length === 1) return readTokens(rows.flat(), depth + 1)
  const items = rows.map((row) => readTokens(row, depth + 1))
  return items.every(({ kind }) => kind === 'relation') ? { kind: 'list', items, key } : undefined
}

/** ]1, 2[ is (1, 2). */
function outwardInterval(tokens: readonly Token[]): readonly Token[] {
  if (!isSign(tokens[0], ']') && !isSign(tokens.at(-1), '[')) return tokens
  const out = [...tokens]
  if (isSign(out[0], ']')) out[0] = { ...out[0], text: '(' }
  if (isSign(out.at(-1), '[')) out[out.length - 1] = { ...out[out.length - 1], text: ')' }
  return out
}

function readList(tokens: readonly Token[], key: string, depth: number): Answer | undefined {
  const found = split(tokens, ({ text }) => SEPARATORS.has(text))
  if (!found) return undefined
  // 1,2; 3,4: pairs.
  const pairs = found.signs.includes(';') && found.signs.includes(',')
  const parts = pairs ? split(tokens, ({ text }) => text === ';')!.parts : found.parts
  const items = parts.filter((part) => part.length > 0 && !isQualifier(part)).map((part) => readTokens(part, depth + 1))
  if (items.length === 1) return items[0]
  if (items.length === 0) return undefined
  const [word] = found.signs
  const alone = (word === 'and' || word === 'or') && found.signs.every((sign) => sign === word)
  if (!pairs) return alone ? { kind: 'list', items, word, key } : { kind: 'list', items, key }
  const tuples = items.map((item): Answer => (item.kind === 'list' ? { ...item, kind: 'tuple', open: '(', close: ')' } : item))
  return { kind: 'list', items: tuples, key }
}

/** "k \\in \\mathbb{Z}" beside an answer says what its letter ranges over. */
function isQualifier([name, sign, set, ...rest]: readonly Token[]): boolean {
  return name.kind === 'name' && isSign(sign, '\\in') && rest.length === 0 && (isSign(set, '\\R') || /^[ZNQC]$/.test(set?.text ?? ''))
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

function readSet(inner: readonly Token[], key: string, depth: number): Answer {
  if (inner.length === 0) return { kind: 'set', items: [], key: '\\emptyset' }
  const described = readBuilder(inner, key, (part) => readTokens(part, depth + 1))
  if (described) return described
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

/** Matrices with + and − between them, scalars before them, powers and transposes behind them. */
function readMatrixSum(tokens: readonly Token[], key: string, depth: number): Answer | undefined {
  if (!tokens.some(({ text }) => MATRICES.test(text))) return undefined
  const found = split(tokens, ({ text }) => text === '+' || text === '-')
  const parts = found?.parts ?? [[...tokens]]
  const signs = ['+', ...(found?.signs ?? [])]
  let sum: Matrix | undefined
  for (const [i, part] of parts.entries()) {
    if (part.length === 0 && i === 0) continue
    const term = readMatrixTerm(part, depth)
    if (!term) return undefined
    const sign = signs[i] === '-' ? '-' : '+'
    sum = sum ? addMatrices(sum, term, sign) : sign === '-' ? scaleMatrix(MINUS_ONE, term) : term
    if (!sum) return undefined
  }
  return sum && { ...sum, key }
}

/** [scalar] matrix [^T or ^n] matrix … */
function readMatrixTerm(tokens: readonly Token[], depth: number): Matrix | undefined {
  const begin = tokens.findIndex(({ text }) => MATRICES.test(text))
  const wrapped = begin > 0 && (isSign(tokens[begin - 1], '(') || isSign(tokens[begin - 1], '['))
  let at = wrapped ? begin - 1 : begin
  if (begin < 0) return undefined
  let scalar = tokens.slice(0, at)
  if (isSign(scalar.at(-1), '*')) scalar = scalar.slice(0, -1)
  let product: Matrix | undefined
  while (at < tokens.length) {
    if (product && isSign(tokens[at], '*')) at++
    const length = matching(tokens.slice(at)) + 1
    if (length <= 0) return undefined
    const block = tokens.slice(at, at + length)
    let factor: Matrix | undefined
    const inner = block[0].text.startsWith('\\begin') ? block : block.slice(1, -1)
    const read = inner.length > 0 ? readMatrix(inner, '', depth + 1) : undefined
    if (read?.kind === 'matrix') factor = read
    at += length
    if (factor && isSign(tokens[at], '^')) {
      const braced = isSign(tokens[at + 1], '{') && isSign(tokens[at + 3], '}')
      const exponent = tokens[at + (braced ? 2 : 1)]
      at += braced ? 4 : 2
      if (exponent?.text === 'T' || exponent?.text === '\\top') factor = transpose(factor)
      else factor = exponent?.kind === 'number' && /^\d$/.test(exponent.text) ? matrixPower(factor, Number(exponent.text)) : undefined
    }
    if (!factor) return undefined
    product = product ? multiplyMatrices(product, factor) : factor
    if (!product) return undefined
  }
  if (!product || scalar.length === 0) return product
  const factor = readTokens(scalar, depth + 1)
  return factor.kind === 'expression' ? scaleMatrix(factor.node, product) : undefined
}

/** The reading of "0,5" or "1.234,56" as a decimal, where the text is one; "2,5" is two numbers, "1,234" a thousand and more. */
export function readDecimalComma(text: string): Answer | undefined {
  const plain = unwrap(normalizeUnicode(text))
  const grouped = /^[+-]?\d{1,3}(?:\.\d{3}){1,10},/.test(plain) ? plain.replaceAll('.', '') : plain
  const match = /^([+-]?)(\d{1,40}),(\d{1,30})$/.exec(grouped)
  if (!match || /^[+-]?[1-9],\d$/.test(plain) || /^[+-]?[1-9]\d{0,2},\d{3}$/.test(plain)) return undefined
  const value = rational(BigInt(match[2] + match[3]) * (match[1] === '-' ? -1n : 1n), 10n ** BigInt(match[3].length))
  return { kind: 'expression', node: { kind: 'number', value, digits: match[2].length + match[3].length }, key: match[0] }
}

/** Why a reference can't be read; undefined where it can. Words and unknown commands can: they are compared as text. */
export function readProblem(text: string): string | undefined {
  if (text.length > LIMITS.candidate) return `it has more than ${LIMITS.candidate} characters`
  if (text.includes('\0')) return 'it holds a NUL character'
  const plain = unwrap(normalizeUnicode(text))
  if (plain === '') return 'it is empty'
  if (braceProblem(plain)) return 'its braces do not match'
  try {
    tokenize(plain)
    return undefined
  } catch (error) {
    if (error instanceof TooComplex) return `it is too complex: ${error.message}`
    throw error
  }
}

function braceProblem(text: string): boolean {
  let depth = 0
  for (let i = 0; i < text.length && depth >= 0; i++) {
    if (text[i] === '\\') i++
    else if (text[i] === '{') depth++
    else if (text[i] === '}') depth--
  }
  return depth !== 0
}
