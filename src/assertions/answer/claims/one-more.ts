/** "She needs 7 bags. Six bags would only hold 36, so one more bag is needed for the last 4.": why one fewer is not enough. */

import { matchesOf } from '../reading/matches.ts'
import { stems } from './asked.ts'
import { lastSentence } from './sentences.ts'
import { spelledValue } from './spelled.ts'

const ONE_MORE =
  /\b(?:one (?:more|extra|additional)|another|an (?:extra|additional)) ([a-z]{2,20}) (?:is|was|has to be|must be) (?:still )?(?:needed|necessary|required) for the (?:last|other|remaining|final|rest|leftover)\b[^.;:=]{0,40}[.\s]{0,3}$/i
const TOO_FEW =
  /(?:^|[.;,]\s{1,2}|\band )(?:but |only |just )?([a-z]{3,9}|\d{1,6}) ([a-z]{2,20}) (?:would |could |can |will )?(?:only |just )?(?:holds?|carry|carries|seats?|fits?|takes?|covers?|contains?)\b/gi
const NEEDED = /\b(?:needs?|takes?|requires?|uses?|buys?|orders?) (?:exactly |at least )?(\d{1,6}|[a-z]{3,9}) ([a-z]{2,20})[.!*\s]{0,4}$/i

const countOf = (said: string): number => Number(/^\d/.test(said) ? said : spelledValue(said.toLowerCase()))

/** A text without the reason at its end why one fewer is not enough, where the conclusion stands right before it. */
export function withoutOneMore(text: string): string {
  if (!/\bfor the (?:last|other|remaining|final|rest|leftover)\b/.test(text.slice(-80))) return text
  const reason = lastSentence(text.slice(text.lastIndexOf('\n') + 1).slice(-600)).trimStart()
  const more = ONE_MORE.exec(reason)
  if (!more) return text
  const rest = text.slice(0, text.lastIndexOf(reason)).trimEnd()
  const needed = NEEDED.exec(lastSentence(rest.slice(rest.lastIndexOf('\n') + 1)).slice(-120))
  if (!needed) return text
  const isSame = (noun: string): boolean => stems(noun).join() === stems(needed[2]).join()
  const fewer = matchesOf(reason, TOO_FEW).some(([, count, noun]) => isSame(noun) && countOf(count) + 1 === countOf(needed[1]))
  return fewer && isSame(more[1]) ? rest : text
}
