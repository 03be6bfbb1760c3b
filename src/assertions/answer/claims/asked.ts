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

/** The sentence that asks, its words, and those of the thing it asks for. Empty where there is none. */
interface Asked {
  sentence: string
  words: ReadonlySet<string>
  focus: ReadonlySet<string>
}

const askedOf = (problem: string): Asked =>
  kept.of(problem, () => {
    const sentence = sentencesOf(problem.slice(-2000)).findLast((one) => ASKS.test(one)) ?? ''
    return { sentence, words: new Set(stems(sentence)), focus: focusOf(sentence) }
  })

/** "How many red marbles are", "What is the median of", "Find the slope of", "How old is Bob" */
const FOCUS =
  /\b(?:how many|how much)\s((?:[\p{L}'’-]+\s?){1,4}?)(?=\b(?:is|are|was|were|do|does|did|can|could|will|would|should|must|has|have|had|in|of|on|for|to|there|remain|be)\b|[?,.]|$)|\bhow (old|tall|long|wide|heavy|fast|far|big|large|high|deep) (?:is|are|was|were|will|does|did|do)\s((?:[\p{L}'’-]+\s?){1,3})|\b(?:what(?: is|['’]s| are| was| were| will be)|find|determine|compute|calculate|give|state|evaluate)\s(?:the|its|his|her|their|an?)\s((?:[\p{L}'’-]+\s?){1,5}?)(?=\b(?:of|in|for|to|on|with|at|from|that|which|when|if|such|between|per|is|are|as|by)\b|[?,.(:$]|$)/giu

/** The words of the thing that a question asks for; none where it asks for several. */
function focusOf(sentence: string): ReadonlySet<string> {
  const found = [...sentence.matchAll(FOCUS)]
  if (found.length !== 1) return new Set()
  const [, many, adjective, whom, noun] = found[0]
  const whose = many === undefined ? [] : [...sentence.slice(found[0].index).matchAll(/(?<=\s)[A-Z][a-z]{2,15}\b/g)].slice(0, 1)
  return new Set([...stems(many ?? noun ?? `${adjective} ${whom}`), ...whose.map(([name]) => name.toLowerCase())])
}

/** What a question asks beside a thing: of this the part that answers has to speak, too. */
const QUALIFIERS = [
  /\b(?:left|remain\w*|leftover)\b/i,
  /\b(?:total|altogether|in all|combined|together|sum)\b/i,
  /\b(?:more|less|fewer|longer|shorter|older|younger|taller|difference)\b/i,
  /\b(?:average|mean)\b/i,
  /\b(?:each|per|every)\b/i,
  /\b(?:greatest|largest|biggest|maximum|most|highest|longest|smallest|least|minimum|fewest|lowest|shortest)\b/i,
  /\b(?:first|second|third|fourth|fifth|last)\b/i,
  /\b(?:now|after|later|originally|initially|at first|start)\b/i,
]

/** How many words of the thing that a problem asks for stand in a part of the response. 0: none, or it leaves out what qualifies it. */
export function focusIn(part: string, problem: string): number {
  const { focus, sentence } = askedOf(problem)
  if (focus.size === 0) return 0
  if (QUALIFIERS.some((word) => word.test(sentence) && !word.test(part))) return 0
  return new Set(stems(part).filter((word) => focus.has(word))).size
}

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

/** Whether a problem asks how many there are of a thing. */
export const asksHowMany = (problem: string): boolean => {
  const { focus, sentence } = askedOf(problem)
  return focus.size > 0 && /\bhow many\b/i.test(sentence)
}

/** Whether a problem asks by how much one is more than another. */
export const asksDifference = (problem: string): boolean =>
  /\bhow (?:many|much) (?:\w+ )?(?:more|less|fewer|older|younger|taller|shorter|longer|heavier|lighter|faster|slower|higher|lower|bigger|larger|smaller)\b[^?]{0,80}\b(?:than|compared)\b/i.test(
    askedOf(problem).sentence,
  )

/** How many words of the thing that a problem asks for stand in a few words, less those that are of something else. */
export function focusWithin(words: string, problem: string): number {
  const { focus } = askedOf(problem)
  const said = [...new Set(stems(words))]
  return said.filter((word) => focus.has(word)).length - said.filter((word) => !focus.has(word)).length
}

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
