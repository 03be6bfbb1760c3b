/** Words as a value, before a value and behind it: "two thirds", \text{Total: }42, 8 (eight). */

import { add, equals, multiply } from '../../rational.ts'
import { isNumeric } from '../equality/values.ts'
import type { Answer } from '../node.ts'
import { exactValue } from '../numeric/exact.ts'
import { isHarmless, relateUnits } from '../units/units.ts'
import { deniesValue } from './labels.ts'
import { closes, isSign, matching, opens, type Read, words } from './scan.ts'
import { canonical, type Token, tokenize } from './tokens.ts'
import { rationalInWords, setInWords, signsInWords } from './words.ts'

const LABEL = /(?:\s(?:is|are|equals)|:)$|^\s?(?:exactly|precisely|just|only|simply)\s?$/i

/** A value behind words that name or announce it, \\text{Total: }42, or behind the name of a point, P(3, -4). */
export function readLabelled([label, ...rest]: readonly Token[], read: Read): Answer | undefined {
  if (label.kind === 'text') {
    if (rest.length === 0 || !LABEL.test(label.text) || deniesValue(label.text)) return undefined
    const value = read(rest)
    return ANNOUNCING.test(label.text) ? value : named({ kind: 'text', text: label.text, key: canonical([label]) }, value)
  }
  if (label.kind !== 'name' || !/^[ABD-Z]$/.test(label.text) || !isSign(rest[0], '(') || matching(rest) !== rest.length - 1)
    return undefined
  const point = read(rest)
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
export function readWords(tokens: readonly Token[], text: Extract<Answer, { kind: 'text' }>, read: Read): Answer {
  const number = rationalInWords(text.text.trim())
  if (number) return { kind: 'expression', node: { kind: 'number', value: number }, key: text.key }
  const set = setInWords(text.text)
  if (set === 'reals') return { kind: 'reals', key: text.key }
  if (set === 'empty') return { kind: 'set', items: [], key: '\\emptyset' }
  const signs = signsInWords(text.text)
  if (signs !== undefined) return { ...read(tokenize(signs)), key: text.key }
  const [only] = tokens
  if (tokens.length > 1 || only.kind !== 'text' || !/^\(?[-+]?[\d.]/.test(only.text)) return text
  const inner = read(tokenize(only.text))
  return inner.kind === 'text' ? text : inner
}

/** A remark in parentheses behind a value: 8 (eight), 5 (in cm), ten (10). */
export function readRemark(tokens: readonly Token[], key: string, read: Read): Answer | undefined {
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
  const value = read(before)
  if (value.kind !== 'expression' || !isNumeric(value.node)) return undefined
  if (restated && spelled === undefined) return isRestated(value, read(inner)) ? { ...value, key } : undefined
  const remark = words(inner).trim()
  const said = rationalInWords(remark)
  if (said === undefined && spelled === undefined) {
    return isHarmless(remark) ? { ...value, key } : undefined
  }
  const other = read(inner)
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
