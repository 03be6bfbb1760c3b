/** Two things that are counted, each with its number: "**four** full boxes with **three** cookies left over". */

import { matchesOf } from '../reading/matches.ts'
import { numberInWords } from '../reading/words.ts'
import { isMeasure } from '../units/units.ts'
import { askedOf, stems } from './asked.ts'
import type { Expected } from './expected.ts'
import { lastSentence } from './sentences.ts'
import type { Statement } from './statement.ts'
import { statusBefore } from './status.ts'
import { sameNoun } from './weighing/marks.ts'

const NUMBER = String.raw`(?:\d{1,9}|(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|[a-z]{3,6}teen|(?:twen|thir|for|fif|six|seven|eigh|nine)ty(?:-[a-z]{3,5})?))`
const NOUN = '((?:[a-z]{2,} ){0,3}?[a-z]{2,}?)'
const PAIR = new RegExp(
  String.raw`\b(?:is|are|be|has|have|get|gets|fills?|makes?|made|needs?|gives?|obtain)\s(?:exactly )?(${NUMBER}) ${NOUN},? (?:and|with) (?:exactly )?(${NUMBER}) ${NOUN}[.!\s]*$`,
  'i',
)
/** What a noun goes on to when it is none. */
const OTHER = /\b(?:in|per|of|for|more|less|fewer|than|to|by|or|and|with|who|that|which|from|at|on|each|not|times)\b/i

/** "How many full boxes does he have, and how many cookies are left over?" */
const HOW_MANY =
  /\bhow many ((?:[a-z]+ ){0,3}?[a-z]+)(?= (?:is|are|was|were|do|does|did|can|could|will|would|should|must|has|have|remain|in|of|on|there)\b|[?,.])/gi

/** Whether two nouns are what a problem counts, in that order or the other way round. Undefined: they are other things. */
function orderOf(first: string, second: string, problem: string | undefined): 'as asked' | 'the other way' | undefined {
  const asked = problem === undefined ? [] : matchesOf(askedOf(problem).sentence, HOW_MANY).map(([, noun]) => stems(noun))
  if (asked.length !== 2) return 'as asked'
  const [said, beside] = [first, second].map(stems)
  const names = (words: readonly string[], noun: readonly string[]): boolean =>
    words.some((word) => noun.some((one) => sameNoun(word, one)))
  if (names(said, asked[1]) && names(beside, asked[0]) && !(names(said, asked[0]) && names(beside, asked[1]))) return 'the other way'
  return names(said, asked[0]) || names(beside, asked[1]) ? 'as asked' : undefined
}

/** Both with their numbers, where the reference has two such parts. */
export function countedPair(text: string, expected: Expected): Statement | undefined {
  if (expected.kind !== 'list' || expected.entries?.count !== 2) return undefined
  const line = text.slice(text.lastIndexOf('\n') + 1).slice(-300)
  const sentence = lastSentence(line).replaceAll('**', '')
  const found = PAIR.exec(sentence)
  if (!found || OTHER.test(found[2]) || OTHER.test(found[4])) return undefined
  // "51 = 12 × 4 + 3, so there are …"
  if (/\d/.test(sentence.slice(0, found.index).replace(/^.*\b(?:so|thus|hence|therefore)\b/i, ''))) return undefined
  const [first, second] = [found[1], found[3]].map((one) => (/^\d/.test(one) ? one : numberInWords(one)?.toString()))
  if ([found[2], found[4]].some((noun) => isMeasure(noun.split(' ')[0]))) return undefined
  if (first === undefined || second === undefined) return undefined
  const order = orderOf(found[2], found[4], expected.problem)
  if (order === undefined) return undefined
  const counts = [`${first} ${found[2]}`, `${second} ${found[4]}`]
  return {
    text: (order === 'as asked' ? counts : counts.reverse()).join(', '),
    status: statusBefore(sentence.slice(0, found.index)),
    where: 'two counts at the end',
  }
}
