/** From the text of an answer to a typed value. */

import { negate, rational } from '../../rational.ts'
import { isNumeric } from '../equality/values.ts'
import { LIMITS, TooComplex } from '../limits.ts'
import type { Answer } from '../node.ts'
import { readBased, readCompound, readQuantity } from '../units/quantity.ts'
import { inDigits } from '../units/scales.ts'
import { isMeasure } from '../units/units.ts'
import { outwardInterval, readBracket, readLines, readList, readOperation, readRatio } from './collections.ts'
import { readDate } from './dates.ts'
import { conditionOf, exceptionOf, realsWithout } from './described-sets.ts'
import { inBase, inPlainFigures } from './grouped.ts'
import { readMatrix, readMatrixSum } from './matrices.ts'
import { normalizeUnicode } from './normalize.ts'
import { inUsualNotation } from './notation.ts'
import { Parts } from './parts.ts'
import { permuted } from './permuted.ts'
import { Recent } from './recent.ts'
import { readConnective, readImplication, readRelation } from './relations.ts'
import { balanced, isSign, trim, words } from './scan.ts'
import { readSpoken } from './spoken.ts'
import { canonical, type Token, tokenize } from './tokens.ts'
import { readSignedVector, readVectorSum } from './vectors.ts'
import { rationalInWords } from './words.ts'
import { readLabelled, readRemark, readWords } from './words-around.ts'
import { unwrap, withBraces, withSigns } from './writing.ts'

const CURRENCY_WORDS = /^(?:(?:US|R)\s?\\?\$|(?:USD|EUR|GBP|INR|RMB|Rs\.?)\s)\s{0,3}(?=[-\d.])/i

const kept = new Recent<Answer>(256)

/**
 * Reads an answer. What has no type becomes text; what is beyond the bounds too. `thousands` as in the tokenizer. Readings
 * are kept: extraction reads a candidate to see whether it is an answer, then it is compared, and samples of a group often say the same.
 */
export function readAnswer(text: string, thousands = true): Answer {
  return thousands && text.length <= LIMITS.candidate ? kept.of(text, (of) => readAnew(of, true)) : readAnew(text, thousands)
}

function readAnew(text: string, thousands: boolean): Answer {
  const plain = inUsualNotation(withBraces(withSigns(unwrap(normalizeUnicode(inPlainFigures(inBase(text))))), text))
  const date = readDate(plain)
  if (date) return { kind: 'text', text: date, key: date }
  const spoken = readSpoken(text, plain)
  if (spoken) return spoken
  const sign = /^(?:negative|minus)\s{1,3}(?=[a-z]{3})/i.exec(plain)?.[0] ?? ''
  const spelled = rationalInWords(plain.slice(sign.length))
  if (spelled) return { kind: 'expression', node: { kind: 'number', value: sign === '' ? spelled : negate(spelled) }, key: plain }
  try {
    const money = CURRENCY_WORDS.exec(plain)
    if (money) return withCurrency(readTokens(tokenize(plain.slice(money[0].length), thousands), 0), money[0], plain)
    const exception = exceptionOf(plain)
    if (exception !== undefined) return realsWithout(readTokens(tokenize(exception), 0), plain)
    const orders = permuted(plain, (part) => readTokens(tokenize(part), 0))
    if (orders) return orders
    const condition = readCondition(plain)
    if (condition) return condition
    return readSpelled(plain) ?? readTokens(tokenize(plain, thousands), 0)
  } catch (error) {
    if (error instanceof TooComplex) return { kind: 'text', text: plain, key: plain }
    throw error
  }
}

/** The relation that says which reals are meant. */
function readCondition(plain: string): Answer | undefined {
  const condition = conditionOf(plain)
  const answer = condition === undefined ? undefined : readTokens(tokenize(condition), 0)
  return answer?.kind === 'relation' ? answer : undefined
}

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

/** The currency in words before a number. */
function withCurrency(answer: Answer, word: string, key: string): Answer {
  const unit = /^us/i.test(word) ? 'usd' : /^r\\?\$/i.test(word) ? 'BRL' : word.replace(/[\s.]/g, '').toLowerCase()
  return answer.kind === 'expression' ? { ...answer, unit } : { kind: 'text', text: key, key }
}

function readTokens(all: readonly Token[], depth: number, parts = new Parts()): Answer {
  const tokens = trim(all)
  return parts.of(tokens, () => readTrimmed(tokens, depth, parts))
}

function readTrimmed(tokens: readonly Token[], depth: number, parts: Parts): Answer {
  const key = canonical(tokens)
  if (tokens.length === 1 && tokens[0].kind === 'number') return readQuantity(tokens, key)!
  const text: Answer = { kind: 'text', text: words(tokens), key }
  if (depth > LIMITS.depth || tokens.length === 0) return text
  const read = (part: readonly Token[]): Answer => readTokens(part, depth + 1, parts)
  if (tokens.every((token) => token.kind === 'text' || token.kind === 'word' || isSign(token, '-'))) return readWords(tokens, text, read)
  const outer = outwardInterval(tokens)
  if (!balanced(outer)) return text
  return (
    readCompound(outer, key) ??
    readRemark(outer, key, read) ??
    readImplication(outer, key, read) ??
    readLines(outer, key, read) ??
    readList(outer, key, read) ??
    readConnective(outer, key, read) ??
    readOperation(outer, key, read) ??
    readRelation(outer, key, read) ??
    readRatio(outer, key, read) ??
    readBracket(outer, key, read) ??
    readMatrix(outer, key, read) ??
    readMatrixSum(outer, key, read) ??
    readSignedVector(outer, key, read) ??
    readVectorSum(outer, key, read) ??
    readBased(outer, key) ??
    readLabelled(outer, read) ??
    readQuantity(outer, key) ??
    text
  )
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

const MEASURED_COMMA =
  /^(?:(\\?\$|[€£¥]|(?:R\$|US\$|EUR|USD|GBP|CHF))\s?)?([-+]?\d{1,3}(?:\.\d{3}){1,4}|[-+]?\d{1,12}),(\d{1,2})(?:\s?([^\s\d,][^,]{0,24}))?$/

/** The reading of "19,90 €" and "18,5 cm²" as one quantity. Two lengths have a blank between them: "2, 5 cm". */
export function readMeasuredComma(text: string): Answer | undefined {
  if (text.length > 60 || !/\d,\d/.test(text)) return undefined
  const [, sign, whole, part, unit] = MEASURED_COMMA.exec(unwrap(text.trim()).replaceAll('**', '')) ?? []
  if (whole === undefined || (sign === undefined) === (unit === undefined)) return undefined
  const read = readAnswer(`${sign ?? ''}${whole.replaceAll('.', '')}.${part}${unit === undefined ? '' : ` ${unit}`}`)
  return read.kind === 'expression' && read.unit !== undefined && isNumeric(read.node) && isMeasure(read.unit) ? read : undefined
}
