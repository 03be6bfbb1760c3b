/** What a problem asks for, in the words of its question. It helps to rank what a response says and is never a source of an answer. */

import { matchesOf } from '../reading/matches.ts'
import { Recent } from '../reading/recent.ts'
import { remembered } from '../reading/remembered.ts'
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
  /** Triangles, segments and the like by their corners. */
  objects: ReadonlySet<string>
}

export const askedOf = (problem: string): Asked =>
  kept.of(problem, () => {
    const sentence = sentencesOf(problem.slice(-2000)).findLast((one) => ASKS.test(one)) ?? ''
    return { sentence, words: wordsOf(sentence), focus: focusOf(sentence), objects: new Set(objectsIn(sentence)) }
  })

/** What a question that asks how long something is asks for. */
const QUALITIES: ReadonlyMap<string, string> = new Map([
  ['long', 'length'],
  ['wide', 'width'],
  ['high', 'height'],
  ['tall', 'height'],
  ['deep', 'depth'],
  ['old', 'age'],
  ['heavy', 'weight'],
  ['far', 'distance'],
  ['fast', 'speed'],
])

/** The words of a question, and the nouns of the qualities that it asks for. */
function wordsOf(sentence: string): ReadonlySet<string> {
  const words = new Set(stems(sentence))
  for (const word of [...words]) {
    const quality = QUALITIES.get(word)
    if (quality !== undefined) words.add(stemOf(quality))
  }
  return words
}

/** CDE of "the area of CDE" */
export const objectsIn = (text: string): readonly string[] => text.match(/(?<![A-Za-z\\])[A-Z]{2,5}(?![A-Za-z])/g) ?? []

/** "How many red marbles are", "What is the median of", "Find the slope of", "How old is Bob" */
const FOCUS =
  /\b(?:how many|how much)\s((?:[\p{L}'’-]+\s?){1,4}?)(?=\b(?:is|are|was|were|do|does|did|can|could|will|would|should|must|has|have|had|in|of|on|for|to|there|remain|be)\b|[?,.]|$)|\bhow (old|tall|long|wide|heavy|fast|far|big|large|high|deep) (?:is|are|was|were|will|does|did|do)\s((?:[\p{L}'’-]+\s?){1,3})|\b(?:what(?: is|['’]s| are| was| were| will be)|find|determine|compute|calculate|give|state|evaluate)\s(?:the|its|his|her|their|an?)\s((?:[\p{L}'’-]+\s?){1,5}?)(?=\b(?:of|in|for|to|on|with|at|from|that|which|when|if|such|between|per|is|are|as|by)\b|[?,.(:$]|$)/giu

/** The words of the thing that a question asks for; none where it asks for several. */
function focusOf(sentence: string): ReadonlySet<string> {
  const found = matchesOf(sentence, FOCUS)
  if (found.length !== 1) return new Set()
  const [, many, adjective, whom, noun] = found[0]
  const whose = many === undefined ? [] : matchesOf(sentence.slice(found[0].index), /(?<=\s)[A-Z][a-z]{2,15}\b/g).slice(0, 1)
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

const qualifiersOf = remembered((sentence: string): readonly RegExp[] => QUALIFIERS.filter((word) => word.test(sentence)))

/** Whether a part speaks of all that qualifies the thing that a problem asks for: "left", "more", "each". */
export const meetsQualifiers = (part: string, problem: string): boolean =>
  qualifiersOf(askedOf(problem).sentence).every((word) => word.test(part))

/** How many different words of a set stand among others. */
function distinctIn(said: readonly string[], words: ReadonlySet<string>): number {
  let count = 0
  for (const [i, word] of said.entries()) if (words.has(word) && said.indexOf(word) === i) count++
  return count
}

/** How many words of the thing that a problem asks for stand in a part of the response. 0: none, or it leaves out what qualifies it. */
export function focusIn(part: string, problem: string): number {
  const { focus, objects } = askedOf(problem)
  if (focus.size === 0) return 0
  if (objects.size > 0 && isAboutOthers(objectsIn(part), objects)) return 0
  if (!meetsQualifiers(part, problem)) return 0
  return distinctIn(stems(part), focus)
}

const isAboutOthers = (said: readonly string[], asked: ReadonlySet<string>): boolean =>
  said.length > 0 && !said.some((one) => asked.has(one))

/** Words of three or more letters, without the endings of plural and tense. */
export const stems = remembered((text: string): readonly string[] => {
  const words = (text.includes('$') || text.includes('\\') ? text.replace(/\$[^$]{0,400}\$|\\\([^\n]{0,400}?\\\)/g, ' ') : text)
    .toLowerCase()
    .match(/\p{L}{2,}/gu)
  const out: string[] = []
  for (const word of words ?? []) if (!EMPTY.has(word)) out.push(stemOf(word))
  return out
}, 16)

/** Stems by word: of ordinary words there are not many. */
const known = new Map<string, string>()
const KNOWN = 4096

function stemOf(word: string): string {
  let stem = known.get(word)
  if (stem === undefined) {
    stem = LEFT.test(word) ? 'left' : word.length > 3 ? word.replace(/(?<=.{3})(?:ies|es|s|ing|ed|e)$/, '') : word
    if (known.size >= KNOWN) known.clear()
    if (word.length < 40) known.set(word, stem)
  }
  return stem
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
  return words.size === 0 ? 0 : distinctIn(stems(part), words)
}

const ASKED_BY_KIND: Readonly<Record<string, RegExp>> = {
  supposition: /\b(?:would|if|suppose)\b/i,
  comparison: /\b(?:more|less|fewer|than|difference|times|percent)\b/i,
  counterfactual: /\bwould\b|['’]d\b|\bsuppos\w+|\bif (?:[\w'’]+ ){1,8}(?:had|were|was|did|could|[a-z]{2,}ed)\b/i,
  example: /\bexample\b/i,
}

/** Whether a problem asks for what is mostly an elaboration: how many more, what would be. */
export const asksFor = (elaboration: string, problem: string): boolean =>
  ASKED_BY_KIND[elaboration]?.test(askedOf(problem).sentence) ?? false
