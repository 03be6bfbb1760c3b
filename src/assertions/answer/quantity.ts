/** Numbers with a base, and expressions with the unit, currency or prose around them. */

import { deniesValue } from './labels.ts'
import type { Answer, Node } from './node.ts'
import { NoExpression, parseExpression } from './parse.ts'
import { closes, isSign, opens, words } from './scan.ts'
import { canonical, type Token } from './tokens.ts'
import { isHarmless, isPercent, isSymbolUnit, magnitudeWord } from './units.ts'
import { isNumeric } from './values.ts'
import { numberInWords } from './words.ts'

const CURRENCIES = new Set(['$', '€', '£', '¥', '₹', '₩'])

/** A number with a base: 204_5. */
export function readBased(tokens: readonly Token[], key: string): Answer | undefined {
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

/** An expression, with or without a unit. */
export function readQuantity(tokens: readonly Token[], key: string): Answer | undefined {
  if (tokens.length === 1 && isSign(tokens[0], '\\emptyset')) return { kind: 'set', items: [], key: '\\emptyset' }
  let body = flatUnit(tokens)
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
  // 1/2 % is half a percent.
  if (isSign(body.at(-1), '%') && body.length > 2 && !body.slice(0, -1).some((token) => isSign(token, '%'))) {
    const of = readQuantity(body.slice(0, -1), key)
    return of?.kind === 'expression' && of.unit === undefined
      ? { kind: 'expression', node: { kind: 'percent', of: of.node }, unit, key }
      : undefined
  }
  const cut = symbolUnitStart(body)
  try {
    const { node, used } = parseExpression(cut > 0 ? body.slice(0, cut) : body)
    if (used === 0 || (cut > 0 && used < cut)) return undefined
    const rest = body.slice(used)
    if (rest.length === 0) return { kind: 'expression', node, unit, key }
    const behind = words(rest).trim()
    const magnitude = rest.every(isProse) && isNumeric(node) ? magnitudeWord(behind) : undefined
    if (magnitude && (magnitude.rest === '' || isHarmless(magnitude.rest))) {
      const scaled: Node = { kind: 'binary', op: '*', left: node, right: { kind: 'number', value: magnitude.factor } }
      return { kind: 'expression', node: scaled, unit: unit ?? (magnitude.rest || undefined), key }
    }
    if (isPercent(canonical(rest)) || isPercent(behind)) return { kind: 'expression', node: { kind: 'percent', of: node }, key }
    if (cut > 0) return { kind: 'expression', node, unit: behind, key }
    if (!isNumeric(node) || !rest.every(isProse) || !isHarmless(behind) || deniesValue(behind)) return undefined
    // A 3rd root is no 3.
    if (body.some((token) => token.kind === 'number' && token.ordinal) && /\b(?:root|power|degree|order|derivative)\b/.test(behind))
      return undefined
    return { kind: 'expression', node, unit: behind, key }
  } catch (error) {
    if (error instanceof NoExpression) return undefined
    throw error
  }
}

/** 72\\frac{\\text{km}}{\\text{h}} with its unit on one line: 72 km/h. */
function flatUnit(tokens: readonly Token[]): readonly Token[] {
  const at = tokens.findLastIndex((token) => isSign(token, '\\frac'))
  if (at < 1 || !isSign(tokens[at + 1], '{') || !isSign(tokens.at(-1), '}')) return tokens
  const middle = tokens.findIndex((token, i) => i > at && isSign(token, '}') && isSign(tokens[i + 1], '{'))
  if (middle < 0) return tokens
  const above = tokens.slice(at + 2, middle)
  const below = tokens.slice(middle + 2, -1)
  if (above.length === 0 || below.length === 0 || above.length + below.length > 12) return tokens
  const slash: Token = { kind: 'sign', text: '/', space: false }
  const upright = [...above, ...below].some(({ kind }) => kind === 'text' || kind === 'word')
  const line = [...above, slash, ...below]
  const unit = line.map(({ text }) => text).join('')
  if (!isSymbolUnit(unit, true) || (!upright && tokens[at - 1].kind !== 'number')) return tokens
  return [...tokens.slice(0, at), { kind: 'text', text: unit.replace(/[{}]/g, ''), space: true }]
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
