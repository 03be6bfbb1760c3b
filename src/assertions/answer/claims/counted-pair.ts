/** Two things that are counted, each with its number: "**four** full boxes with **three** cookies left over". */

import { numberInWords } from '../reading/words.ts'
import { isMeasure } from '../units/units.ts'
import type { Expected } from './expected.ts'
import { lastSentence } from './sentences.ts'
import type { Statement } from './statement.ts'
import { statusBefore } from './status.ts'

const NUMBER = String.raw`(?:\d{1,9}|(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|[a-z]{3,6}teen|(?:twen|thir|for|fif|six|seven|eigh|nine)ty(?:-[a-z]{3,5})?))`
const NOUN = '((?:[a-z]{2,} ){0,3}?[a-z]{2,}?)'
const PAIR = new RegExp(
  String.raw`\b(?:is|are|be|has|have|get|gets|fills?|makes?|made|needs?|gives?|obtain)\s(?:exactly )?(${NUMBER}) ${NOUN},? (?:and|with) (?:exactly )?(${NUMBER}) ${NOUN}[.!\s]*$`,
  'i',
)
/** What a noun goes on to when it is none. */
const OTHER = /\b(?:in|per|of|for|more|less|fewer|than|to|by|or|and|with|who|that|which|from|at|on|each|not|times)\b/i

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
  return {
    text: `${first} ${found[2]}, ${second} ${found[4]}`,
    status: statusBefore(sentence.slice(0, found.index)),
    where: 'two counts at the end',
  }
}
