/** What an answer line states, behind "the answer is" and the like. */

import { readDate } from '../reading/dates.ts'
import { upTo } from '../reading/matches.ts'
import { boundAlone } from './bounds.ts'
import { isCaseDistinction } from './cases.ts'
import { chosenLetter } from './choice.ts'
import { asksDay, dateIn } from './days.ts'
import type { Expected } from './expected.ts'
import { measuresInside } from './extent.ts'
import { FORMULA, isAnswer, joinLines, lastMath, leadingFence, leadingMath } from './formulas.ts'
import { madeInWords } from './made-in-words.ts'
import { namedValues } from './named.ts'
import { statedNumber } from './numbers.ts'
import { isOfSeveral, isOperated, isQualified } from './operations.ts'
import { polarIn } from './polar.ts'
import { appositionIn, copula, SENTENCE_END, TAKEN_BACK } from './predicates.ts'
import { firstLine, trimEnd, withoutAsides } from './sentences.ts'
import { inSigns } from './signs.ts'
import { type Status, statusBefore, statusBehind } from './status.ts'
import { mainClause } from './subordinate.ts'

/** What an answer line states. `direct`: the answer stands there and had not to be looked for. */
export interface Line {
  text: string
  status: Status
  direct: boolean
}

/** What says the same once more. */
const APPOSITION = /,? \(?(?:i\.e\.|that is,|in other words|or equivalently)[ ,]/

/** What leaves the answer open, or makes another thing of it. */
const OPEN =
  /^(?:not|never|either|at (?:least|most)|up to|upwards? of|as (?:many|much|few|little) as|no (?:more|less|fewer) than|(?:more|less|greater|fewer|larger|smaller|bigger|lower|higher) than|between|one of|neither|none of|unknown|cannot|I (?:can(?:not|'t)?|do|am)|we can(?:not|'t)?|excluding|except|other than|any|some|every(?:thing)?)\b/i

const EITHER_OF = /^either (\S{1,40}(?:, \S{1,40}){0,6},? or \S{1,40})$/i

const UNCERTAIN =
  /^(?:perhaps|maybe|possibly|probably|likely|presumably|might|may(?! \d{1,2}(?:st|nd|rd|th)?\b)|could|unclear|uncertain|unsure)\b/i

/** The answer right behind a marker: in a formula, in a code block, or on the rest of the line or the next one. */
export function answerBehind(rest: string, expected: Expected): Line | undefined {
  // "### Answer", "**56** cm²"; "> 1/6" on a line of its own is quoted and no relation.
  const bare = rest
    .replace(/^([^`\n]{1,100})`(?=[.\s]{0,4}(?:\n|$))/, '$1')
    .replace(/^(\s{0,8}(?:\n\s{0,4}> )?)\*\*([^*\n]{1,200})\*\*/, '$1$2')
  const plain = expected.kind === 'text' || expected.kind === 'choice' ? bare : measuresInside(bare)
  const text = plain.replace(/^[\s*_]{0,40}\n\s{0,4}> /, '').replace(/^[\s*_]{0,40}/, '')
  if (/^(?:```|~~~)/.test(text)) {
    const inside = leadingFence(text)
    return inside === undefined || inside === '' ? undefined : answerBehind(inside, expected)
  }
  const math = leadingMath(text)
  if (math && !/^\s*[-+*/=<>^,]?\s*(?:\$|\\[([])/.test(text.slice(math.end, math.end + 6))) {
    const goesOn = /^\s*(?:,?\s*(?:and|or)\s|,\s*[-\d(])/.test(text.slice(math.end, math.end + 12))
    const status = statusBehind(firstSentence(text.slice(math.end)))
    if (!goesOn && status !== 'operation') return { text: math.content, status, direct: true }
  }
  const line = firstLine(joinLines(text.slice(0, FORMULA)) + text.slice(FORMULA))
  return line === '' ? undefined : answerIn(line, expected)
}

const firstSentence = (text: string): string => upTo(firstLine(text), /[.!?]\s/)

/** "C, though A was tempting", "(D), 25, not (B)" */
const LETTER_FIRST =
  /^[*_]{0,2}(\([A-J]\)|[A-J])[*_]{0,2}(?=,? (?:though|although|because|since|as|but|not|\()|,\s(?!\(?[A-J]\b)(?!and\b|or\b))/

/** "4 times 9, so 36", "the reciprocal of 5, which is 1/5", "23 doubled, in other words 46" */
const WORKED_OUT =
  /, (?:so|thus|hence|which (?:is|equals|gives|makes)|that (?:is|makes)|giving|namely|i\.e\.|in other words|or),? (?:it is |that is |we get |just )?([^,;]{1,60}?)\.?\s*$/
/** What opens a formula. */
const OPENING = /(?:\$|\\[([])\s*$/
const NUMBER_AT_END = /[-−]?\d[\d.,/]*$/

/** From the line that states the answer to the answer in it. */
export function answerIn(said: string, expected: Expected): Line {
  const line = expected.kind === 'text' || expected.kind === 'choice' ? said : inSigns(said)
  const calm = expected.factorial || /\$\W*$/.test(line) ? line : line.replace(/(\d[\s*_]{0,4})!+[\s*_]{0,4}$/, '$1')
  const head = /[.!?]\s+(?=[A-Z][a-z])/.exec(calm)
  const first = head && isAnswer(trimEnd(calm.slice(0, head.index))) ? calm.slice(0, head.index) : calm
  const whole = trimEnd(upTo(first, APPOSITION)) || trimEnd(calm)
  const own = trimEnd(upTo(calm, SENTENCE_END))
  const behind = (text: string): Status => statusBehind(firstSentence(calm.slice(calm.indexOf(text) + text.length)))
  const polar = expected.polar ? polarIn(calm) : undefined
  if (polar) return { text: polar.text, status: 'stated', direct: true }
  const parts = expected.kind === 'text' || expected.kind === 'choice' ? undefined : namedValues(whole)
  if (parts && !isAnswer(whole)) return { text: parts.text, status: expected.kind === 'list' ? 'stated' : 'hedged', direct: true }
  for (const text of expected.kind === 'choice' ? [whole, own, upTo(own, /, (?:an?|the) /), LETTER_FIRST.exec(whole)?.[1] ?? ''] : []) {
    if (chosenLetter(text) !== undefined) return { text, status: behind(text), direct: true }
  }
  if (UNCERTAIN.test(whole) || /\b(?:give or take|or so|thereabouts)\b/i.test(whole)) return { text: whole, status: 'hedged', direct: true }
  if (TAKEN_BACK.test(own) && expected.kind !== 'text') return { text: whole, status: 'denied', direct: true }
  const named = expected.kind === 'text' || expected.kind === 'choice' ? undefined : appositionIn(whole)
  if (named !== undefined) return { text: named, status: 'stated', direct: true }
  if (isAnswer(whole)) return { text: whole, status: 'stated', direct: true }
  if (expected.problem !== undefined && asksDay(expected.problem) && readDate(own) !== undefined)
    return { text: dateIn(own)?.text ?? own, status: behind(own), direct: true }
  const made = expected.kind === 'text' || expected.kind === 'choice' ? undefined : madeInWords(own)
  if (made !== undefined) return { text: made, status: behind(own), direct: true }
  const several = isOfSeveral(own)
  const concluded = several || isQualified(own) ? WORKED_OUT.exec(calm) : null
  if (concluded && isAnswer(trimEnd(concluded[1]))) return { text: trimEnd(concluded[1]), status: behind(concluded[1]), direct: true }
  if (several && expected.kind !== 'text') return { text: own, status: 'operation', direct: true }
  if (isCaseDistinction(line) && expected.kind !== 'text') return { text: whole, status: 'conditional', direct: true }
  if (expected.kind === 'text') return { text: own || whole, status: behind(own || whole), direct: false }
  const bound = expected.bounds ? boundAlone(whole) : undefined
  if (bound !== undefined) return { text: bound, status: 'stated', direct: true }
  // "either 4 or 8" are the solutions, where several are asked for.
  const both = expected.kind === 'list' ? EITHER_OF.exec(whole)?.[1] : undefined
  if (both !== undefined && isAnswer(both)) return { text: both, status: behind(both), direct: true }
  if (OPEN.test(whole))
    return {
      text: whole,
      status: /^(?:not|never|cannot)\b/i.test(whole) ? 'denied' : /^(?:either|one of|unknown|I |we )/i.test(whole) ? 'hedged' : 'operation',
      direct: true,
    }
  if (own !== '' && (isAnswer(own) || own.length <= 3)) return { text: own, status: behind(own), direct: true }
  const sentence = trimEnd(mainClause(`is ${withoutAsides(own)}`).slice(3))
  if (sentence !== own && isAnswer(sentence)) return { text: sentence, status: 'stated', direct: true }
  const found = /(?:\$|\\[)\]])$/.test(sentence) ? lastMath(sentence) : undefined
  const text = found ?? copula(sentence)?.text ?? lastMath(sentence) ?? statedNumber(sentence)?.text
  const operated = text !== undefined && isOperated(sentence.slice(0, sentence.lastIndexOf(text)).replace(OPENING, ''))
  if (operated || (text === undefined && isOperated(own.replace(NUMBER_AT_END, '')))) {
    const result = WORKED_OUT.exec(calm)?.[1]
    if (result !== undefined && isAnswer(result)) return { text: result, status: 'stated', direct: true }
    if (operated) return { text: own, status: 'operation', direct: true }
  }
  return text === undefined
    ? { text: own || whole, status: /\d/.test(own) ? 'operation' : 'stated', direct: false }
    : {
        text,
        status:
          ([statusBefore(sentence.slice(0, sentence.indexOf(text))), behind(text)] as const).find((one) => one !== 'stated') ?? 'stated',
        direct: false,
      }
}
