/** Lists in the order that a problem asks for: "from smallest to largest". There another order is another answer, and 0.3 < 1/3 < 0.35 is a list. */

import { sentencesOf } from '../claims/sentences.ts'
import type { Answer } from '../node.ts'
import { Recent } from '../reading/recent.ts'

/** `up` and `down` where the values have to rise or fall, `other` where the order is another one: fastest first, in order. */
type Order = 'up' | 'down' | 'other'

const LEAST = '(?:least|smallest|lowest|shortest|lightest|youngest|slowest|cheapest|coldest|earliest|fewest|narrowest|thinnest|weakest)'
const MOST = '(?:greatest|largest|biggest|highest|longest|heaviest|oldest|fastest|hottest|warmest|latest|most|widest|tallest|strongest)'
const UP = new RegExp(
  String.raw`\b(?:ascending|increasing)(?: \w+)? order\b|\border of (?:ascending|increasing)\b|\b${LEAST}(?: \w+)? (?:to (?:the )?${MOST}|first)\b`,
  'i',
)
const DOWN = new RegExp(
  String.raw`\b(?:descending|decreasing)(?: \w+)? order\b|\border of (?:descending|decreasing)\b|\b${MOST}(?: \w+)? (?:to (?:the )?${LEAST}|first)\b`,
  'i',
)
const OTHER =
  /^\W{0,4}(?:please |now )?(?:arrange|rank|sort|order)\b|\b(?:arrange|put|place|list|write|give|sort|rank) [^.?!]{1,160}\bin (?:the (?:right|correct) |numerical |alphabetical |chronological )?order\b/i
/** Of what asks for a list. "Find three numbers in increasing order" tells of them. */
const ASKS = /\b(?:arrange|order|rank|sort|put|place|write|list|give|state|name|express|enter|report|what|which)\b/i
const COUNTS = /\bhow (?:many|much)\b|\bnumber of ways\b/i
/** "whose digits are in increasing order" */
const DESCRIBES =
  /\b(?:are|is|were|digits?|terms?|sides?|letters?|elements?)(?: (?:all|arranged|written|listed|sorted|given|each))? in (?:strictly |a strictly )?(?:ascending|increasing|descending|decreasing)\b/i

const kept = new Recent<Order | ''>(64)

/** The order in which a problem wants its list. Undefined: it asks for none. */
export function orderAsked(problem: string): Order | undefined {
  const order = kept.of(problem, (of) => {
    if (!/\b(?:order|rank|sort|arrange|first|to)\b/i.test(of)) return ''
    const sentence = sentencesOf(of.slice(-2000)).findLast((one) => ASKS.test(one) && orderIn(one) !== '')
    return sentence === undefined ? '' : orderIn(sentence)
  })
  return order === '' ? undefined : order
}

function orderIn(sentence: string): Order | '' {
  if (COUNTS.test(sentence) || DESCRIBES.test(sentence)) return ''
  const [up, down] = [UP.test(sentence), DOWN.test(sentence)]
  if (up !== down) return up ? 'up' : 'down'
  return OTHER.test(sentence) || up ? 'other' : ''
}

/** Whether order counts in an answer: of values that have a name each it does not. */
export const isOrdered = (answer: Answer): boolean =>
  answer.kind === 'list' ? !answer.items.some((item) => item.kind === 'relation') : isChain(answer)

const isChain = (answer: Answer): boolean => answer.kind === 'relation' && answer.ops.every((op) => op === '<')

/** The items in the order in which they stand. Undefined: it is no list, or a chain that goes against the order asked for. */
export function asOrdered(answer: Answer, text: string, order: Order): Answer | undefined {
  if (answer.kind === 'list') return answer
  // Braces around an answer to such a question make no set of it.
  if (answer.kind === 'set') return { kind: 'list', items: answer.items, key: answer.key }
  if (answer.kind !== 'relation' || !isChain(answer)) return undefined
  const falls = />|\\gt?(?![a-z])/.test(text)
  if (order !== (falls ? 'down' : 'up')) return undefined
  return { kind: 'list', items: falls ? [...answer.sides].reverse() : answer.sides, key: answer.key }
}
