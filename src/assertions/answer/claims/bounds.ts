/** Bounds told in words: "x has to be greater than -1 and less than 6", "n is at least 28". */

import { isAnswer } from './formulas.ts'
import type { Found } from './numbers.ts'

const VALUE = String.raw`(\$[^$\s]{1,24}\$|\\\([^\s]{1,24}?\\\)|[-−]?\d[\d.,/]{0,20}\d|[-−]?\d)`
const OR_EQUAL = '(?: or equal to)?'
const LOW = `(?:strictly )?(?:(?:greater|more|larger|bigger|higher|longer) than${OR_EQUAL}|at least|no (?:less|smaller|fewer) than)`
const HIGH = `(?:strictly )?(?:(?:less|smaller|fewer|lower|shorter) than${OR_EQUAL}|at most|no (?:more|greater|larger) than)`
const SAID = new RegExp(
  String.raw`(?:(?<![\w$\\])(?:\$|\\\()?([a-z])(?:\$|\\\))?|\b\w{2,20})\s(?:is|are|be)\s(${LOW}|${HIGH})\s${VALUE}(?:,? (?:and|but)(?: also)?(?: (?:is|be))? (${LOW}|${HIGH})\s${VALUE})?[.\s]{0,4}$`,
  'i',
)
/** "So every number larger than 7 works." */
const ANY = new RegExp(
  String.raw`\b(?:all|every|each|any)(?: real| positive)? (?:numbers?|values?|x)(?: that (?:is|are))? (${LOW}|${HIGH})\s${VALUE}(?: (?:works?|is a solution|are solutions|satisf(?:y|ies) (?:it|this|the inequality)))?[.\s]{0,4}$`,
  'i',
)
const BETWEEN = new RegExp(
  String.raw`(?:(?<![\w$\\])(?:\$|\\\()?([a-z])(?:\$|\\\))?|\b\w{2,20})\s(?:is|are|be|lies?)\s(strictly )?between ${VALUE} and ${VALUE}(?:,? (inclusive|exclusive))?[.\s]{0,4}$`,
  'i',
)

/** What a sentence that ends in bounds says, as a relation. Undefined: it ends in none, or leaves open whether they belong to it. */
export function boundsIn(sentence: string): Found | undefined {
  if (!/\b(?:than|least|most|equal to|between)\b/i.test(sentence.slice(-160))) return undefined
  const shift = Math.max(0, sentence.length - 300)
  const end = sentence.slice(shift)
  const between = BETWEEN.exec(end)
  if (between) {
    const [, letter, strictly, low, high, word] = between
    if (strictly === undefined && word === undefined) return undefined
    const sign = word === 'inclusive' ? '<=' : '<'
    return found(`${plain(low)} ${sign} ${letter ?? 'x'} ${sign} ${plain(high)}`, shift + between.index)
  }
  const any = ANY.exec(end)
  if (any) return found(`x ${signOf(any[1])} ${plain(any[2])}`, shift + any.index)
  const said = SAID.exec(end)
  if (!said) return undefined
  const [, letter, first, value, second, other] = said
  if (second === undefined) return found(`${letter ?? ''} ${signOf(first)} ${plain(value)}`.trim(), shift + said.index)
  const name = letter ?? 'x'
  return found(`${name} ${signOf(first)} ${plain(value)}, ${name} ${signOf(second)} ${plain(other)}`, shift + said.index)
}

const found = (text: string, at: number): Found | undefined => (isAnswer(text) ? { text, at } : undefined)

const plain = (value: string): string => value.replace(/^\$|\$$|^\\\(|\\\)$/g, '')

function signOf(words: string): string {
  if (/at least|no (?:less|smaller|fewer)/i.test(words)) return '>='
  if (/at most|no (?:more|greater|larger)/i.test(words)) return '<='
  return (/less|smaller|fewer|lower|shorter/i.test(words) ? '<' : '>') + (/equal/i.test(words) ? '=' : '')
}
