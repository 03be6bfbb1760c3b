/** The quantity that a problem asks for, where a response boxes another one on its way: "f(2) = \\boxed{5}, so f(f(2)) = 26". */

import { Recent } from '../reading/recent.ts'
import { askedOf } from './asked.ts'
import { isAnswer } from './formulas.ts'
import { lastSentence, sentenceBefore } from './sentences.ts'
import { statusBefore } from './status.ts'

const ASKS = /\b(?:find|compute|calculate|evaluate|determine|what is|what['’]s)\s(?:the (?:exact )?value of\s)?(.{2,80}?)[.?!]?\s*$/i
/** f(f(2)), a^2+b^2, and no word: a quantity that is told by its formula. */
const QUANTITY = /^(?=.*[a-zA-Z])(?!.*[a-z]{4})(?:[a-zA-Z]\(.+\)|[^=<>]*[\w)}][-+*/^][^=<>]*)$/
/** How much behind a box is searched. */
const BEHIND = 1500

const kept = new Recent<string>(64)

/** A formula without blanks and signs that only set it. */
const plain = (formula: string): string => formula.replace(/\\(?:left|right|cdot|[,;! ])|[\s$*]|\\[()[\]]/g, '')

/** The quantity that a problem asks for. Empty: it names none by a formula. */
const quantityAsked = (problem: string): string =>
  kept.of(problem, (of) => {
    const asked = plain(ASKS.exec(askedOf(of).sentence)?.[1] ?? '')
    return QUANTITY.test(asked) ? asked : ''
  })

const CONCLUDES = /\b(?:so|thus|hence|therefore|then|consequently|finally|get|have|obtain|find|gives?|follows|is)\b/i
const SUPPOSES =
  /\b(?:if|suppose|supposing|assume|assuming|example|check|verify|verif\w+|note|would|could|had|were|careless|one|wrong)\b|\?/i

/** Where what a formula is equal to begins: behind what opens it. */
const OPENING = /^.*(?:\$|\\[([]|[,;:]\s|\b(?:so|thus|hence|therefore|then|and)\s)/is

/** The value that the last sentence behind a box gives to the quantity asked for. Undefined: it gives none, or the box is a value of this quantity. */
export function askedBehind(text: string, box: { at: number; end: number }, problem: string): string | undefined {
  const behind = text.slice(box.end)
  if (behind.length > BEHIND || !behind.includes('=')) return undefined
  const asked = quantityAsked(problem)
  if (asked === '') return undefined
  // What is in the box has a name of its own.
  const boxed = sentenceBefore(text, box.at).replace(OPENING, '')
  const name = plain(boxed.split('=')[0])
  if (!boxed.includes('=') || !/[a-zA-Z]/.test(name) || /[a-z]{4}/.test(name) || plain(sentenceBefore(text, box.at)).includes(`${asked}=`))
    return undefined
  const last = lastSentence(behind.trimEnd().slice(behind.trimEnd().lastIndexOf('\n') + 1))
  const formula = last.replace(/[\s.$]+$|\\[)\]][\s.]*$/g, '').replace(OPENING, '')
  const before = last.slice(0, last.lastIndexOf(formula))
  if (!plain(formula).startsWith(`${asked}=`) || !CONCLUDES.test(before) || SUPPOSES.test(last) || statusBefore(before) !== 'stated')
    return undefined
  const value = formula.slice(formula.lastIndexOf('=') + 1).trim()
  return isAnswer(value) ? value : undefined
}
