/** A rounded form behind an exact value in the same sentence: "25π square inches, which is roughly 78.5". */

import { compareAnswers } from '../equality/equal.ts'
import { DEFAULT_POLICY } from '../limits.ts'
import { readAnswer } from '../reading/read.ts'
import { questionOf } from './weighing/question.ts'

/** How far a rounded form may be off. */
const OFF = { absolute: 0, relative: 0.02 }
const ROUNDED_BEHIND =
  /(?<![\w.,/^√π])((?:\d{1,9}(?:\.\d{1,9})?)?(?:π|√\d{1,9}|√\(\d{1,9}\))|\d{1,9}\/\d{1,9})((?: [a-z]{1,15}){0,3}),? (?:(?:which|that|this) is|or|i\.e\.,?) (?:roughly|about|approximately|around|nearly|≈) [$€£]?(\d[\d,]{0,12}(?:\.\d{1,12})?)(?: [a-z]{1,15}){0,3}[.\s]{0,3}$/

/** "√72 ≈ 8.5": a number or an operation, and its value by approximation alone. */
const APPROXIMATED =
  /(?<=^\W{0,4}|[,;:]\s(?:so |thus |hence |and )?)([^=≈,;:]{1,60}?)\s?(?:≈|\\approx(?![a-z]))\s?([-−]?[$€£]?\d[\d,]{0,12}(?:\.\d{1,12})?[^=≈\d]{0,30})$/
const spaceless = (text: string): string =>
  text
    .replace(/\\?sqrt|√/g, '√')
    .replace(/[\s$\\{}()*]/g, '')
    .replace(/[×·]|times|cdot/g, 'x')

/** A sentence that approximates what the problem names, or rounds what it asks to round, says the value by approximation. */
export function approximationOfAsked(sentence: string, problem: string): string {
  const found = /≈|\\approx/.test(sentence) ? APPROXIMATED.exec(sentence) : null
  if (!found) return sentence
  const [, of, value] = found
  const named = /[√^+*/×·÷−-]|sqrt|\d{2}/.test(of) && spaceless(problem).includes(spaceless(of))
  // "1/8 ≈ 13%", where a percentage is asked for
  const percent = /%|per ?cent/i.test(value) && !/%|per ?cent/i.test(of) && /per ?cent|%/i.test(questionOf(problem).sentence)
  return named || percent || questionOf(problem).rounds ? sentence.slice(0, found.index) + value : sentence
}

/** A sentence without the rounded form at its end, where it belongs to the exact value before and the problem asks for no rounding. */
export function withoutApproximation(sentence: string, problem: string): string {
  const found = /[π√/]/.test(sentence.slice(-160)) ? ROUNDED_BEHIND.exec(sentence.slice(-160)) : null
  if (!found || questionOf(problem).rounds) return sentence
  const [whole, exact, measure, rounded] = found
  if (!compareAnswers(readAnswer(exact), readAnswer(rounded), { ...DEFAULT_POLICY, tolerance: OFF }).equal) return sentence
  return `${sentence.slice(0, sentence.length - whole.length)}${exact}${measure}.`
}
