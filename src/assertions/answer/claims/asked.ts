/** What a problem asks for, in the words of its question. It helps to rank what a response says and is never a source of an answer. */

import { Recent } from '../reading/recent.ts'
import { sentencesOf } from './sentences.ts'

/** Words that say nothing of what is asked. */
const EMPTY = new Set(
  `a an and are as at be been by can could did do does each find for from given had has have he her him his how if in into is it its let many
  me much must now of on or our out please she should so some such than that the their them then there these they this those to us was we were what
  when where which who will with would you your determine compute calculate evaluate give answer simplify solve express write value number
  integer positive real all`.split(/\s+/),
)
const ASKS = /\?|\b(?:find|determine|compute|calculate|evaluate|give|what|how|which|list|express|simplify|solve|write)\b/i

const kept = new Recent<Asked>(64)

/** The sentence that asks, and its words. Empty where there is none. */
interface Asked {
  sentence: string
  words: ReadonlySet<string>
}

const askedOf = (problem: string): Asked =>
  kept.of(problem, () => {
    const sentence = sentencesOf(problem.slice(-2000)).findLast((one) => ASKS.test(one)) ?? ''
    return { sentence, words: new Set(stems(sentence)) }
  })

/** Words of three or more letters, without the endings of plural and tense. */
function stems(text: string): string[] {
  const words = text
    .replace(/\$[^$]{0,400}\$|\\\([^\n]{0,400}?\\\)/g, ' ')
    .toLowerCase()
    .match(/\p{L}{2,}/gu)
  return (words ?? [])
    .filter((word) => !EMPTY.has(word))
    .map((word) => (LEFT.test(word) ? 'left' : word.length > 4 ? word.replace(/(?:ies|es|s|ing|ed|e)$/, '') : word))
}

const LEFT = /^(?:left|leaves?|leaving|remain(?:s|ed|ing|der)?|rest)$/

/** How many of the words that a problem asks with stand in a part of the response. */
export function askedIn(part: string, problem: string): number {
  const { words } = askedOf(problem)
  return words.size === 0 ? 0 : new Set(stems(part).filter((word) => words.has(word))).size
}

const ASKED_BY_KIND: Readonly<Record<string, RegExp>> = {
  comparison: /\b(?:more|less|fewer|than|difference|times|percent)\b/i,
  counterfactual: /\b(?:would|if|suppose)\b/i,
  example: /\bexample\b/i,
}

/** Whether a problem asks for what is mostly an elaboration: how many more, what would be. */
export const asksFor = (elaboration: string, problem: string): boolean =>
  ASKED_BY_KIND[elaboration]?.test(askedOf(problem).sentence) ?? false
