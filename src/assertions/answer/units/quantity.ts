/** Numbers with a base, and expressions with the unit, currency or prose around them. */

import { add, compare, multiply, negate, type Rational, rational } from '../../rational.ts'
import { isNumeric } from '../equality/values.ts'
import type { Answer, Node } from '../node.ts'
import { exactValue } from '../numeric/exact.ts'
import { NoExpression } from '../reading/expression/cursor.ts'
import { parseExpression } from '../reading/expression/parser.ts'
import { deniesValue } from '../reading/labels.ts'
import { closes, isSign, opens, words } from '../reading/scan.ts'
import { canonical, type Token } from '../reading/tokens.ts'
import { numberInWords } from '../reading/words.ts'
import { moneyScale, scaleAt } from './scales.ts'
import { measuresOf } from './unit-names.ts'
import { isHarmless, isPercent, isPlainUnit, parseUnit, relateUnits } from './units.ts'

/** Longest tail, in tokens, that is tried as a unit in letters without marks. */
const UNIT_TOKENS = 24

/** The prefixes of programs: 0x1A3, 0b1010, 0o17. */
const BASES: Readonly<Record<string, number>> = { x: 16, b: 2, o: 8 }

/** A number with a base: 204_5, 0x1A3. */
export function readBased(tokens: readonly Token[], key: string): Answer | undefined {
  const prefixed = /^(-?)0([xbo])([\da-f]{1,200})$/i.exec(key)
  if (prefixed) {
    const [, sign, letter, digits] = prefixed
    const base = BASES[letter.toLowerCase()]
    const valid = [...digits].every((digit) => Number.parseInt(digit, 16) < base)
    // 0 x 5 is a product.
    const close = !tokens.slice(sign === '' ? 1 : 2).some(({ space }) => space)
    return valid && close ? { kind: 'based', digits: sign + digits.toLowerCase(), base: String(base), key } : undefined
  }
  const match = /^(-?)\(?([0-9A-Za-z]{1,200})\)?_\{?(\d{1,2}|[a-z]{3,8})\}?$/.exec(key)
  if (!match || !tokens.some((token) => isSign(token, '_'))) return undefined
  const [, sign, digits, written] = match
  const base = /^\d/.test(written) ? Number(written) : Number(numberInWords(written) ?? 0n)
  if (base < 2 || base > 36) return undefined
  // x_{12} is an index: letters count as digits beside a decimal one or as capitals.
  if (!/\d/.test(digits) && !/^[A-Z]{2,}$/.test(digits)) return undefined
  const valid = [...digits.toLowerCase()].every((digit) => Number.parseInt(digit, 36) < base)
  if (!valid && !/^\d+$/.test(digits)) return undefined
  return { kind: 'based', digits: sign + digits.toLowerCase(), base: String(base), key }
}

type Quantity = Extract<Answer, { kind: 'expression' }>

/** An expression, with or without a unit. */
export function readQuantity(tokens: readonly Token[], key: string): Answer | undefined {
  if (tokens.length === 1 && isSign(tokens[0], '\\emptyset')) return { kind: 'set', items: [], key: '\\emptyset' }
  const money = withoutCurrency(tokens)
  const { unit } = money
  const { body } = money
  // 1/2 % is half a percent.
  if (isSign(body.at(-1), '%') && body.length > 2 && !body.slice(0, -1).some((token) => isSign(token, '%'))) {
    const of = readQuantity(body.slice(0, -1), key)
    return of?.kind === 'expression' && of.unit === undefined
      ? { kind: 'expression', node: { kind: 'percent', of: of.node }, unit, key }
      : undefined
  }
  const { cut, sure } = unitStart(body, unit !== undefined)
  const head = cut > 0 ? expressionOf(body.slice(0, cut)) : undefined
  const alone = head?.used === cut ? head.node : undefined
  const found = sure && alone ? { node: alone, used: cut } : expressionOf(body)
  if (!found || found.used === 0) return undefined
  const { node, used } = found
  const rest = body.slice(used)
  if (rest.length > 0) return isOrdinalOf(body, rest) ? undefined : withProse(node, words(rest).trim(), rest, unit, key)
  const either = alone && unit === undefined ? { node: alone, unit: words(body.slice(cut)).trim() } : undefined
  return { kind: 'expression', node, unit, ...(either && { either }), key }
}

/** A 3rd root is no 3. */
const isOrdinalOf = (body: readonly Token[], rest: readonly Token[]): boolean =>
  body.some((token) => token.kind === 'number' && token.ordinal) && /\b(?:root|power|degree|order|derivative)\b/.test(words(rest))

/** The longest expression at the start; undefined where there is none. */
function expressionOf(tokens: readonly Token[]): { node: Node; used: number } | undefined {
  try {
    return parseExpression(tokens)
  } catch (error) {
    if (error instanceof NoExpression) return undefined
    throw error
  }
}

/** A value with what stands behind it: a scale, a percent sign in words, a unit, or prose that leaves it what it is. */
function withProse(value: Node, behind: string, rest: readonly Token[], currency: string | undefined, key: string): Quantity | undefined {
  if (isPercent(canonical(rest)) || isPercent(behind)) return { kind: 'expression', node: { kind: 'percent', of: value }, key }
  let node = value
  let prose = behind
  if (isNumeric(node)) {
    const exact = exactValue(node)
    const scale = scaleAt(behind, typeof exact === 'object' ? exact : undefined)
    const letters = currency !== undefined && /^([a-z]{1,2})(?![a-z])/i.exec(behind)
    const factor = scale?.factor ?? (letters ? moneyScale(letters[1]) : undefined)
    if (factor) {
      node = { kind: 'binary', op: '*', left: node, right: { kind: 'number', value: factor } }
      prose = scale ? scale.rest : behind.slice((letters as RegExpExecArray)[0].length).trim()
    }
  }
  if (prose === '') return { kind: 'expression', node, unit: currency, key }
  const unit = parseUnit(prose)
  if (!unit?.strict && (!isNumeric(node) || !rest.every(isProse) || !isHarmless(prose) || deniesValue(prose))) return undefined
  // $5 USD is no square of dollars, $5 per hour is a rate.
  const joined = currency === undefined || isCurrency(prose) ? prose : `${currency} ${prose}`
  return { kind: 'expression', node, unit: joined, key }
}

const isCurrency = (unit: string): boolean => {
  const measures = parseUnit(unit)?.measures ?? []
  return measures.some(({ dimensions }) => Object.keys(dimensions).length === 1 && Object.keys(dimensions)[0].length === 3)
}

/** An amount without the currency sign before or behind it. */
function withoutCurrency(tokens: readonly Token[]): { body: readonly Token[]; unit?: string } {
  const first = currencySign(tokens[0])
  if (first !== undefined) return { body: tokens.slice(1), unit: first }
  const second = isSign(tokens[0], '-') ? currencySign(tokens[1]) : undefined
  if (second !== undefined) return { body: [tokens[0], ...tokens.slice(2)], unit: second }
  const last = tokens.length > 1 ? currencySign(tokens.at(-1)) : undefined
  return last === undefined ? { body: tokens } : { body: tokens.slice(0, -1), unit: last }
}

function currencySign(token: Token | undefined): string | undefined {
  const sign = token && (token.kind === 'sign' || token.kind === 'text') && /^[$€£¥₹₩¢₽₺₪฿₫₱₦₴₿]$/.test(token.text)
  return sign ? token.text : undefined
}

/** Where letters behind a value begin that are a unit (10 cm, 5 m^2, 60 km/h); 0: nowhere. Not `sure`: they may be variables too. */
function unitStart(tokens: readonly Token[], money: boolean): { cut: number; sure: boolean } {
  let depth = 0
  const from = Math.max(1, tokens.length - UNIT_TOKENS)
  for (let k = 0; k < tokens.length; k++) {
    const token = tokens[k]
    const before = tokens[k - 1]
    const behindValue =
      k >= from &&
      depth === 0 &&
      (before.kind === 'number' || closes(before) || (before.text === '\\pi' && token.space) || isSign(before, '!'))
    if (opens(token)) depth++
    else if (closes(token)) depth--
    if (!behindValue || !mayStart(token, tokens[k + 1], money)) continue
    const text = words(tokens.slice(k)).trim()
    if (isScale(text, money)) return { cut: k, sure: true }
    if (!parseUnit(text)?.strict) continue
    const upright = tokens.slice(k).some(({ kind }) => kind === 'text' || kind === 'word')
    const sure = upright || isSign(token, '/') || isPlainUnit(text, token.space)
    if (sure || isNumericHead(tokens, k)) return { cut: k, sure }
  }
  return { cut: 0, sure: false }
}

/** Letters that no word says are one: 40 ppm, 28 pct, the M of $15M. */
function isScale(text: string, money: boolean): boolean {
  return isPercent(text) || scaleAt(text)?.rest === '' || (money && moneyScale(text) !== undefined)
}

/** A letter, `\frac{km}{h}`, the circle of °C, or the slash of $5/hr. */
function mayStart(token: Token, next: Token | undefined, money: boolean): boolean {
  if (token.kind === 'name') return !token.text.startsWith('\\') || token.text === '\\mu' || token.text === '\\Omega'
  if (token.kind === 'text' || token.kind === 'word') return true
  if (isSign(token, '/')) return money && next !== undefined && next.kind !== 'number'
  return isSign(token, '\\frac') || isSign(token, '^\\circ') || (isSign(token, '^') && isSign(next, '{'))
}

function isNumericHead(tokens: readonly Token[], end: number): boolean {
  return tokens.slice(0, end).every(({ kind, text }) => kind === 'number' || kind === 'sign' || kind === 'function' || text === '\\pi')
}

function isProse(token: Token): boolean {
  if (token.kind === 'text' || token.kind === 'word' || token.kind === 'name' || token.kind === 'function') return true
  if (token.kind === 'number') return /^[23]$/.test(token.text)
  return /^[\^{}.,'/()-]$/.test(token.text)
}

/** Most tokens of a compound. */
const COMPOUND_TOKENS = 40
const PRIMES: Readonly<Record<string, readonly [angle: string, length: string]>> = {
  "'": ['arcmin', 'ft'],
  "''": ['arcsec', 'in'],
  '"': ['arcsec', 'in'],
}

/**
 * Quantities of one kind that add up, in units that get smaller: 1 hour and 20 minutes, 5 ft 3 in, 12° 15' 36". The value
 * is the sum in the first unit. With "and" or a comma between them a part has to be less than one of the unit before it.
 * Else they are a list.
 */
export function readCompound(tokens: readonly Token[], key: string): Quantity | undefined {
  const negative = isSign(tokens[0], '-')
  // $10 and 25 cents
  const money = currencySign(tokens[negative ? 1 : 0])
  const start = (negative ? 1 : 0) + (money === undefined ? 0 : 1)
  if (tokens.length > COMPOUND_TOKENS || tokens[start]?.kind !== 'number' || tokens.at(-1)!.kind === 'number') return undefined
  if (tokens.filter(({ kind }) => kind === 'number').length < 2) return undefined
  const parts = compoundParts(tokens.slice(start), money)
  if (!parts || parts.length < 2) return undefined
  const kinds = parts.map(({ unit }) => unit)
  const angle = kinds[0] === '°' || measuresOf(kinds[0])[0]?.dimensions.angle === 1
  const time = kinds.some((unit) => /^(?:h|hr|hrs|hours?|s|sec|secs|seconds?|min|d)$/i.test(unit))
  const units = kinds.map((unit) => meaning(unit, angle, time))
  let sum = rational(0n)
  let last: { size: Rational; unit: string } | undefined
  for (const [i, { value, separated }] of parts.entries()) {
    const relation = i === 0 ? undefined : relateUnits(units[i], units[0])
    if (i > 0 && (typeof relation !== 'object' || relation.pi !== 0 || relation.shift.n !== 0n)) return undefined
    const size = typeof relation === 'object' ? relation.factor : rational(1n)
    const amount = multiply(value, size)
    if (last && (compare(size, last.size) >= 0 || (separated && compare(amount, last.size) >= 0))) return undefined
    sum = add(sum, amount)
    last = { size, unit: units[i] }
  }
  const value = negative ? negate(sum) : sum
  return { kind: 'expression', node: { kind: 'number', value }, unit: units[0], compound: units, key }
}

interface Part {
  value: Rational
  unit: string
  /** "and" or a comma stands before it. */
  separated: boolean
}

/** Numbers and their units. `money` is the unit of the first where a currency sign stands before it. */
function compoundParts(tokens: readonly Token[], money: string | undefined): Part[] | undefined {
  const parts: Part[] = []
  let separated = false
  for (let i = 0; i < tokens.length; ) {
    const number = tokens[i++]
    if (number.kind !== 'number' || number.ordinal) return undefined
    const from = i
    while (i < tokens.length && !(tokens[i].kind === 'number' && !/^[\^{_-]$/.test(tokens[i - 1].text))) i++
    const written = words(tokens.slice(from, i)).trim()
    const unit = written.replace(/^-|[\s,+]{1,4}$|[\s,]{0,3}\band[\s,]{0,3}$/g, '').trim()
    const circle = /^\^ ?\{? ?\\circ ?\}?$/.test(unit)
    const named = circle ? '°' : parts.length === 0 && unit === '' ? (money ?? '') : unit
    if (!Object.hasOwn(PRIMES, named) && !isAlone(named)) return undefined
    parts.push({ value: number.value, unit: named, separated })
    separated = /(?:,|\band)[\s,]{0,3}$/.test(written)
  }
  return parts
}

/** One unit and nothing else. */
const isAlone = (text: string): boolean => {
  const unit = parseUnit(text)
  return unit?.strict === true && /^[\p{L}°$€£¥¢][\p{L} .]*$/u.test(text)
}

/** Minutes and seconds of an angle, feet and inches of a length, the m of 5m 30s. */
function meaning(unit: string, angle: boolean, time: boolean): string {
  if (Object.hasOwn(PRIMES, unit)) return PRIMES[unit][angle ? 0 : 1]
  if (angle && /^min(?:s|utes?)?$/i.test(unit)) return 'arcmin'
  if (angle && /^s(?:ecs?|econds?)?$/i.test(unit)) return 'arcsec'
  return time && unit === 'm' ? 'min' : unit
}
