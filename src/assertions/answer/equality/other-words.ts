/** What the same answer looks like in the words of others. Each rule has a cheap first look at the texts, as few answers have such words. */

import type { Answer } from '../node.ts'
import { sameAdjectives } from './adjectives.ts'
import { CIRCLE, sameCircle } from './circles.ts'
import { mayDeclare, sameDeclared } from './declared-constants.ts'
import { mayBeFunctions, mayListSolutions, sameFunctions, sameListed } from './plain-statements.ts'
import { mayTellPrimes, samePrimes } from './prime-classes.ts'
import { mayState, sameConditioned } from './stated-conditions.ts'
import { maySplit, sameSymmetricLine } from './symmetric-lines.ts'
import { sameTurn, TURN } from './turns.ts'

/** The rule by which two texts say the same. Undefined: none does. */
export function sameInOtherWords(text: string, reference: string, equal: (a: Answer, b: Answer) => boolean): string | undefined {
  if (text.length > 400 || reference.length > 400 || !/[a-z]/i.test(text) || !/[a-z]/i.test(reference)) {
    // "The roots are 4 and -9" beside 4, -9
    return text.length < 200 && mayListSolutions(text) && sameListed(text, reference, equal) ? 'the same values listed' : undefined
  }
  if ((mayDeclare(text) || mayDeclare(reference)) && sameDeclared(text, reference)) return 'its constants by other names'
  if ((CIRCLE.test(text) || CIRCLE.test(reference)) && sameCircle(text, reference)) return 'the same circle'
  if (mayTellPrimes(reference) && mayTellPrimes(text) && samePrimes(text, reference)) return 'the same primes'
  if (TURN.test(reference) && TURN.test(text) && sameTurn(text, reference)) return 'the same turn'
  if (mayBeFunctions(text) && sameFunctions(text, reference, equal)) return 'the same functions'
  if (mayListSolutions(text) && sameListed(text, reference, equal)) return 'the same values listed'
  if (mayState(text) && mayState(reference) && sameConditioned(text, reference, equal)) return 'the same under the same condition'
  if ((maySplit(text) || maySplit(reference)) && sameSymmetricLine(text, reference)) return 'the same line'
  return sameAdjectives(text, reference) ? 'the same adjectives' : undefined
}
