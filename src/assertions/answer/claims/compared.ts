/** Which of two is more, where a response says it by the other one: "so 3/5 is smaller", "2/3 > 3/5". */

import { askedOf } from './asked.ts'
import type { Found } from './numbers.ts'

const MORE = 'greater|larger|bigger|higher|more|taller|longer|heavier|older|faster'
const LESS = 'less|smaller|lower|fewer|shorter|lighter|younger|slower'
const VALUE = String.raw`\$?([-−]?[^\s,;:?$]{1,40}?)\$?`
/** "Which is greater, 2/3 or 3/5?" */
const ASKS = new RegExp(
  String.raw`\b(?:which|what|who) (?:[a-z]+ ){0,3}?(?:is|has|have|costs|weighs) (?:the )?(${MORE}|${LESS})(?: [a-z]+)?[,:–—-]? ${VALUE} or ${VALUE}\?`,
  'i',
)
const IS = new RegExp(
  String.raw`(?:^|[\s,;])${VALUE} is (?:the )?(${MORE}|${LESS})(?: (?:one|number|fraction|value))?(?: than ${VALUE})?[.!\s]*$`,
  'i',
)
const RELATION = new RegExp(String.raw`(?:^|[\s,;])${VALUE}\s?([<>])\s?${VALUE}[.!\s]*$`)

/** What a comparison is not said outright behind. */
const UNSURE =
  /\b(?:not|never|neither|nobody|no one|nor|hardly|if|unless|would|could|might|may|perhaps|maybe|suppose|assume|whether|false|wrong|seems?|appears?|looks?|think|thinks|thought)\b|n['’]t\b/i
/** "They are equal": neither of the two. */
const EQUAL = /\b(?:are|both) (?:exactly |in fact |actually )?(?:equal|the same|equally \w+|identical)\b|\bneither\b/i

const isMore = (word: string): boolean => word === '>' || new RegExp(`^(?:${MORE})$`, 'i').test(word)

/** Empty: it is neither of them. Undefined: the problem asks for no such choice, or the sentence does not end in the comparison of its two. */
export function comparedIn(sentence: string, problem: string): Found | undefined {
  const asked = /\bor\b/.test(problem) ? ASKS.exec(askedOf(problem).sentence) : null
  if (!asked) return undefined
  const [, degree, first, second] = asked
  const end = sentence.slice(-200)
  if (EQUAL.test(end)) return { text: '', at: 0 }
  const relation = RELATION.exec(end)
  const [one, word, other] = relation ? [relation[1], relation[2], relation[3]] : (IS.exec(end)?.slice(1) ?? [])
  if (one === undefined || (one !== first && one !== second) || UNSURE.test(end)) return undefined
  const rest = one === first ? second : first
  if (other !== undefined && other !== rest) return undefined
  const text = isMore(word) === isMore(degree) ? one : rest
  return { text, at: sentence.length - end.length + Math.max(0, end.lastIndexOf(one)) }
}
