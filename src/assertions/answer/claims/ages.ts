/** Ages at several times: "Sam is 12 now and will be 15 in 3 years." */

import { matchesOf } from '../reading/matches.ts'
import { askedOf, stems } from './asked.ts'
import type { Found } from './numbers.ts'

const ASKS = /\bhow old (is|are|will|was|were|would)\b/i
/** What a question puts at another time than now. */
const AT_A_TIME = /\b(?:will|was|were|would|ago|in \w+ (?:years?|months?)|when|after|years? (?:later|from now)|next|last|be)\b/i
const PART = /,? (?:and|but|so|while) |[;,] /
const AGE =
  /\b(?:is|are|will be|would be|was|were|turns?|be|['’]s) (?:only |just |now |already |exactly )?(\d{1,3})\b(?! (?:more|less|younger|older|times)\b)/gi
const THEN = /\b(?:will|was|were|would|ago|in (?:\d+|[a-z]+) (?:more )?years?|years? (?:later|from now)|then)\b/i

/** Whose age a part may say: of whom the question asks, by name or by a word for them; a part without a subject goes on about the one before. */
const OTHER_SUBJECT =
  /^\W{0,3}(?:(?:so|thus|hence|therefore|then|now|that|today|currently|in [\w ]{1,12} years?,?)\s){0,2}((?:(?:the|his|her|their|its|my|our) [a-z]+|[A-Z][\w'’-]+)(?:['’]s [a-z]+)?)\s(?:is|are|was|were|will|would|turns?)\b/i
const PRONOUN = /^(?:he|she|they|it|i|we|so|thus|hence|therefore|that|now|which|who|answer|the (?:answer|age)|(?:his|her|their|its) age)$/i

/** Whether a part of a sentence speaks of somebody else than the question. */
function isOfAnother(part: string, question: string): boolean {
  const subject = OTHER_SUBJECT.exec(part)?.[1]
  if (subject === undefined || PRONOUN.test(subject)) return false
  return !stems(subject).some((word) => stems(question).includes(word))
}

interface Age extends Found {
  /** At another time than now. */
  elsewhen: boolean
  /** Of somebody else than the question asks for. */
  ofAnother: boolean
}

/** The last age that each part of a sentence says. */
function agesIn(sentence: string, question: string): Age[] {
  const out: Age[] = []
  let end = 0
  for (const part of sentence.split(PART)) {
    const start = sentence.indexOf(part, end)
    end = start + part.length
    const age = matchesOf(part, AGE).at(-1)
    if (!age) continue
    const at = start + age.index + age[0].length - age[1].length
    out.push({ text: age[1], at, elsewhen: THEN.test(part), ofAnother: isOfAnother(part, question) })
  }
  return out
}

const plain = ({ text, at }: Found): Found => ({ text, at })
const NOWHERE: Found = { text: '', at: 0 }

/**
 * The age now, where a problem asks how old somebody is. Empty: the sentence says the age at another time only. Undefined: the problem asks for
 * something else, or the sentence names no other time.
 */
export function ageNow(sentence: string, problem: string): Found | undefined {
  const question = /\bhow old\b/i.test(problem) ? askedOf(problem).sentence : ''
  const asks = ASKS.exec(question)
  if (!asks || !/^(?:is|are)$/i.test(asks[1]) || AT_A_TIME.test(question) || !THEN.test(sentence)) return undefined
  const ages = agesIn(sentence, question)
  const now = ages.findLast(({ elsewhen, ofAnother }) => !elsewhen && !ofAnother)
  if (now) return plain(now)
  const concludes = /\b(?:so|thus|hence|therefore|now|currently|today|means|minus)\b|[-−=]/i.test(sentence)
  return ages.some(({ elsewhen }) => elsewhen) && !concludes ? NOWHERE : undefined
}

/** The age at the time that a problem asks for: "in 3 years". Empty: the sentence says the age now alone. */
export function ageThen(sentence: string, problem: string): Found | undefined {
  const question = /\bhow old\b/i.test(problem) ? askedOf(problem).sentence : ''
  const asks = ASKS.exec(question)
  if (!asks || !AT_A_TIME.test(question.replace(/\bhow old (?:is|are)\b/i, '')) || !/\b(?:now|today|currently)\b/i.test(sentence))
    return undefined
  const ages = agesIn(sentence, question).filter(({ elsewhen, ofAnother }) => elsewhen && !ofAnother)
  if (ages.length === 0 && asks[1] === 'will' && !THEN.test(sentence)) return NOWHERE
  return ages.length === 1 ? plain(ages[0]) : undefined
}
