/** Ages at several times: "Sam is 12 now and will be 15 in 3 years." */

import { matchesOf } from '../reading/matches.ts'
import { askedOf } from './asked.ts'
import type { Found } from './numbers.ts'

const ASKS = /\bhow old (is|are|will|was|were|would)\b/i
/** What a question puts at another time than now. */
const AT_A_TIME = /\b(?:will|was|were|would|ago|in \w+ (?:years?|months?)|when|after|years? (?:later|from now)|next|last|be)\b/i
const PART = /,? (?:and|but|so|while) |[;,] /
const AGE =
  /\b(?:is|are|will be|would be|was|were|turns?|be|['’]s) (?:only |just |now |already |exactly )?(\d{1,3})\b(?! (?:more|less|younger|older|times)\b)/gi
const THEN = /\b(?:will|was|were|would|ago|in (?:\d+|[a-z]+) (?:more )?years?|years? (?:later|from now)|then)\b/i

/**
 * The age now, where a problem asks how old somebody is. Empty: the sentence says the age at another time only. Undefined: the problem asks for
 * something else, or the sentence names no other time.
 */
export function ageNow(sentence: string, problem: string): Found | undefined {
  const question = /\bhow old\b/i.test(problem) ? askedOf(problem).sentence : ''
  const asks = ASKS.exec(question)
  if (!asks || !/^(?:is|are)$/i.test(asks[1]) || AT_A_TIME.test(question)) return undefined
  if (!THEN.test(sentence)) return undefined
  let at = 0
  let found: Found | undefined
  let then = false
  for (const part of sentence.split(PART)) {
    const start = sentence.indexOf(part, at)
    at = start + part.length
    const age = matchesOf(part, AGE).at(-1)
    if (age && THEN.test(part)) then = true
    else if (age) found = { text: age[1], at: start + age.index + age[0].length - age[1].length }
  }
  return (
    found ??
    (then && !/\b(?:so|thus|hence|therefore|now|currently|today|means|minus|[-−=])\b/i.test(sentence) ? { text: '', at: 0 } : undefined)
  )
}

/** The age at the time that a problem asks for: "in 3 years". */
export function ageThen(sentence: string, problem: string): Found | undefined {
  const question = /\bhow old\b/i.test(problem) ? askedOf(problem).sentence : ''
  const asks = ASKS.exec(question)
  if (!asks || !AT_A_TIME.test(question.replace(/\bhow old (?:is|are)\b/i, '')) || !/\b(?:now|today|currently)\b/i.test(sentence))
    return undefined
  let at = 0
  const said: Found[] = []
  for (const part of sentence.split(PART)) {
    const start = sentence.indexOf(part, at)
    at = start + part.length
    const age = matchesOf(part, AGE).at(-1)
    if (age && THEN.test(part)) said.push({ text: age[1], at: start + age.index + age[0].length - age[1].length })
  }
  return said.length === 1 ? said[0] : undefined
}
