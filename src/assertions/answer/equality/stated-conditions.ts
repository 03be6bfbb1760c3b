/** Formulas with a condition on their letter, said in words or in signs: "x√x for positive x" is x^{3/2}, x > 0. */

import { TooComplex, Work } from '../limits.ts'
import type { Answer } from '../node.ts'
import { readAnswer } from '../reading/read.ts'
import { inWords } from './branches.ts'
import { realSet, sameSet } from './sets.ts'

interface Conditioned {
  body: Answer
  letter: string
  condition: Answer
}

const SIGNS: Readonly<Record<string, string>> = {
  positive: '>0',
  negative: '<0',
  nonnegative: '\\ge 0',
  nonpositive: '\\le 0',
  nonzero: '\\ne 0',
}
const KIND = '(non-?negative|non-?positive|non-?zero|positive|negative)'
const WHEN = '(?:for|where|when|with|if|provided(?: that)?)'
const ALL = String.raw`(?:(?:all|every|any|each|real)\s){0,2}`
const BODY = '^(.{1,200}?)'
const BEFORE = new RegExp(String.raw`${BODY},?\s\(?${WHEN}\s${ALL}${KIND}\s(?:real\s|values of\s)?([a-z])\)?$`)
const BEHIND = new RegExp(String.raw`${BODY},?\s\(?${WHEN}\s${ALL}([a-z])\s(?:is\s|being\s)?${KIND}\)?$`)
const RELATION = String.raw`(-?[\w\\{}/.]{1,20}\s?(?:<|≤|\\leq?(?![a-z])|\\leqslant)\s?)?([a-z])\s?(?:<|>|≤|≥|≠|=?!=|\\(?:leq?|geq?|leqslant|geqslant|neq?|lt|gt)(?![a-z]))\s?-?[\w\\{}/.]{1,20}`
const IN_SIGNS = new RegExp(String.raw`${BODY}(?:\s?,\s?(?:${WHEN}\s)?|\s${WHEN}\s)${ALL}(${RELATION})$`)
const IN_PARENTHESES = new RegExp(String.raw`${BODY}\s?\((?:${WHEN}\s)?${ALL}(${RELATION})\)$`)

/** What it may begin with. */
export const mayState = (text: string): boolean =>
  /[<>≤≥≠]|\\(?:[lg]eq?|neq?|lt|gt|leqslant|geqslant)(?![a-z])|positive|negative|zero/.test(text)

function conditioned(text: string): Conditioned | undefined {
  if (text.length > 250 || !mayState(text)) return undefined
  const plain = inWords(text).replace(/[\s.]+$/, '')
  const before = BEFORE.exec(plain)
  const behind = before ? null : BEHIND.exec(plain)
  const signs = before || behind ? null : (IN_SIGNS.exec(plain) ?? IN_PARENTHESES.exec(plain))
  if (!before && !behind && !signs) return undefined
  const [head, letter, said] = before
    ? [before[1], before[3], before[3] + SIGNS[before[2].replace('-', '')]]
    : behind
      ? [behind[1], behind[2], behind[2] + SIGNS[behind[3].replace('-', '')]]
      : [signs![1], signs![4], signs![2]]
  if (/[<>≤≥≠;,]|\\(?:[lg]eq?|neq?|lt|gt)(?![a-z])/.test(head)) return undefined
  const body = readAnswer(head.replace(/[\s,]+$/, ''))
  return body.kind === 'text' ? undefined : { body, letter, condition: readAnswer(said) }
}

/** Whether two texts are the same formula under the same condition. */
export function sameConditioned(text: string, reference: string, equal: (a: Answer, b: Answer) => boolean): boolean {
  const meant = conditioned(reference)
  const said = meant && conditioned(text)
  if (!meant || !said || said.letter !== meant.letter) return false
  const work = new Work()
  try {
    const [left, right] = [realSet(said.condition, work), realSet(meant.condition, work)]
    return left !== undefined && right !== undefined && sameSet(left, right) && equal(said.body, meant.body)
  } catch (error) {
    if (error instanceof TooComplex) return false
    throw error
  }
}
