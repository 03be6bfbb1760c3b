/** Numbers in answers: separators of thousands, repeating decimals, exponents, ordinals. */

import { parseRational, rational } from '../../rational.ts'
import { LIMITS, TooComplex } from '../limits.ts'
import type { Tokenizer } from './tokens.ts'

/** 6{,}25 is 6.25, where 1{,}500 has a group of three. */
const DECIMAL_COMMA = /^\{\s?,\s?\}(\d{1,40})(?!\d|\s?\{\s?,)/

/** With what a separator of thousands may begin. */
const SEPARATOR_STARTS = " {,'\\\u00a0\u2009\u202f"

/** The point of 1./3 and 1.e5. */
const BARE_POINT = /^\.(?:\s?[*/^)]|[eE][-+]?\d)/

/** The ending of 5th, 5^{th}, 5\text{th}, 5^{\text{th}}. */
const ORDINAL =
  /^(?:(st|nd|rd|th)(?![a-zA-Z])|\^\s?\{\s?(st|nd|rd|th)\s?\}|\^?\s?\\(?:text|mathrm|textrm|textsuperscript)\s?\{\s?(st|nd|rd|th)\s?\}|\^\s?\{\s?\\(?:text|mathrm|textrm)\s?\{\s?(st|nd|rd|th)\s?\}\s?\})/

export const REPEATING = /^\.\s*\\(?:overline|bar|dot)(?![a-zA-Z])/

export const BLANK = /\s/

export function isDigit(c: string | undefined): boolean {
  return c !== undefined && c >= '0' && c <= '9'
}

export function takeNumber(t: Tokenizer): void {
  const start = t.at
  while (isDigit(t.text[t.at])) t.at++
  let digits = t.text.slice(start, t.at)
  digits += takeGroups(t, digits)
  let fraction = ''
  let decimal = false
  if (t.text[t.at] === '.' && isDigit(t.text[t.at + 1])) {
    const from = ++t.at
    while (isDigit(t.text[t.at])) t.at++
    fraction = t.text.slice(from, t.at)
    decimal = true
  } else if (t.text[t.at] === '.') {
    const behind = t.text.slice(t.at, t.at + 16)
    if (REPEATING.test(behind) || BARE_POINT.test(behind)) t.at++
  }
  const comma =
    !decimal && t.text[t.at] === '{' && t.at - start === digits.length ? DECIMAL_COMMA.exec(t.text.slice(t.at, t.at + 64)) : null
  if (comma && (comma[1].length !== 3 || digits.length > 3 || digits === '0')) {
    fraction = comma[1]
    decimal = true
    t.at += comma[0].length
  }
  let repeating = takeRepeating(t)
  if (repeating === '' && decimal) {
    const ellipsis = /^\s?(?:\.\.\.|\\(?:ldots|dots|cdots)(?![a-zA-Z]))/.exec(t.text.slice(t.at, t.at + 8))
    const period = ellipsis ? periodOf(fraction) : 0
    if (ellipsis && period > 0) {
      repeating = fraction.slice(-period)
      t.at += ellipsis[0].length
    }
  }
  const exponent = takeExponent(t)
  if (digits.length + fraction.length > LIMITS.digits) throw new TooComplex(`a number of more than ${LIMITS.digits} digits`)
  let value = fraction === '' ? rational(BigInt(digits)) : parseRational(`${digits === '' ? '0' : digits}.${fraction}`)!
  if (repeating !== '') {
    const below = 10n ** BigInt(fraction.length) * (10n ** BigInt(repeating.length) - 1n)
    const extra = rational(BigInt(repeating), below)
    value = rational(value.n * extra.d + extra.n * value.d, value.d * extra.d)
  }
  if (exponent > 0) value = rational(value.n * 10n ** BigInt(exponent), value.d)
  else if (exponent < 0) value = rational(value.n, value.d * 10n ** BigInt(-exponent))
  const written = t.text.slice(start, t.at)
  const text = (comma && decimal ? written.replace(',', '.') : written).replace(/[^\d.eE+-]/g, '')
  const plain = !decimal && repeating === '' && exponent === 0
  const ordinal = plain && takeOrdinal(t, text) ? { ordinal: true as const } : {}
  t.push({ kind: 'number', value, text, decimal: decimal && repeating === '', ...ordinal, space: t.space })
}

/** Whether the ending of an ordinal number stands here; then it is behind us. */
function takeOrdinal(t: Tokenizer, digits: string): boolean {
  const next = t.text[t.at]
  if (next === undefined || !'snrt^\\'.includes(next)) return false
  const match = ORDINAL.exec(t.text.slice(t.at, t.at + 32))
  const ending = match?.slice(1).find((one) => one !== undefined)
  const usual = /1\d$/.test(digits) ? 'th' : ({ 1: 'st', 2: 'nd', 3: 'rd' }[digits.at(-1) ?? ''] ?? 'th')
  if (!match || ending !== usual) return false
  t.at += match[0].length
  return true
}

/** Further 3-digit groups of a number (1,234 or 1\,234 or 1{,}234 or 1 234); their digits. */
function takeGroups(t: Tokenizer, first: string): string {
  const next = t.text[t.at]
  if (next === undefined || !SEPARATOR_STARTS.includes(next)) return ''
  if (first.length > 3 || first.startsWith('0') || t.at < t.plainUntil) return ''
  let more = ''
  let end = t.at
  for (;;) {
    const separator = /^(?: ?\{, ?\}|, ?\\!|,|'|\\[,!; ]|[ \u00a0\u2009\u202f])\s?/.exec(t.text.slice(end, end + 8))?.[0]
    if (separator === undefined) break
    const comma = separator.includes(',') && !separator.startsWith('\\')
    if (comma && (/^,\s+$/.test(separator) || (separator === ',' && (t.brackets > 0 || !t.thousands)))) break
    const from = end + separator.length
    let to = from
    while (isDigit(t.text[to])) to++
    if (to - from !== 3) {
      if (to === from) break
      // "27,54,108": one group that has not three digits makes it a list as a whole.
      if (separator === ',') {
        t.plainUntil = digitRunEnd(t, to)
        return ''
      }
      if (!comma && more === '') return ''
      break
    }
    more += t.text.slice(from, to)
    end = to
  }
  t.at = end
  return more
}

function digitRunEnd(t: Tokenizer, from: number): number {
  let to = from
  while (isDigit(t.text[to]) || (t.text[to] === ',' && isDigit(t.text[to + 1]))) to++
  return to
}

function takeRepeating(t: Tokenizer): string {
  const next = t.text[t.at]
  if (next === undefined || (next !== '\\' && next !== '.' && !BLANK.test(next))) return ''
  const match = /^(?:\s*\\(?:overline|bar|dot)\s*(?:\{(\d{1,60})\}|(\d))|\.\((\d{1,60})\))/.exec(t.text.slice(t.at, t.at + 90))
  if (!match) return ''
  t.at += match[0].length
  return match[1] ?? match[2] ?? match[3]
}

function takeExponent(t: Tokenizer): number {
  const next = t.text[t.at]
  if (next !== 'e' && next !== 'E') return 0
  const match = /^[eE]([+-]?\d{1,10})(?![\d.]|\^)/.exec(t.text.slice(t.at, t.at + 14))
  if (!match) return 0
  const exponent = Number(match[1])
  if (Math.abs(exponent) > LIMITS.digits) throw new TooComplex(`an exponent beyond ${LIMITS.digits}`)
  t.at += match[0].length
  return exponent
}

/** Length of the period of digits that an ellipsis follows: three equal ones or a group twice; 0 where nothing repeats. */
function periodOf(digits: string): number {
  for (let period = 1; period <= 12; period++) {
    const least = period === 1 ? 3 : 2 * period
    if (digits.length < least) return 0
    const tail = digits.slice(-least)
    if (tail.slice(0, -period) === tail.slice(period)) return period
  }
  return 0
}
