/** A response that goes through several attempts and chooses one by its number: "So we go with attempt 2." */

import { matchesOf } from '../reading/matches.ts'
import { lastSentence } from './sentences.ts'

const NOUN = '(?:attempt|method|approach|way|idea|try|strategy|version|variant|argument|count)'
const ORDINALS = ['first', 'second', 'third', 'fourth', 'fifth', 'sixth']
const ONE = String.raw`(?:(?:the |my |our )?(${ORDINALS.join('|')}) ${NOUN}|${NOUN}\s#?(\d))`
const HEADING = new RegExp(String.raw`(?:^|\n)[\s#*_>-]{0,6}${ONE}\b(?=[\s*_]{0,3}[.:,;–—-]|[\s*_]{0,3}\(|[\s*_]{0,3}\n)`, 'gi')
const POINTS = new RegExp(
  String.raw`\b(?:go(?:ing)? with|trust|stick (?:with|to)|choose|accept|keep|adopt|settle (?:on|for)|(?:the )?(?:answer|result|value) (?:is|comes from) (?:(?:that|the one|the (?:answer|result|value|number)) (?:of|from)\s)?)\s?${ONE}|\b${ONE}(?: of (?:them|these|mine))? (?:is|was|must be|has to be) (?:the |therefore |thus |indeed )?(?:right|correct|valid|sound)`,
  'gi',
)
const MENTIONS = new RegExp(String.raw`\b${ONE}\b`, 'gi')
const OPEN =
  /\b(?:not|never|nor|neither|maybe|perhaps|probably|possibly|might|may|could|if|whether|unless|unsure|seems?|or|wrong|incorrect)\b|n['’]t\b/i
const SOME = new RegExp(String.raw`\b${NOUN}\b`, 'i')

const ENDS_IN_WORDS = /[a-z\d][.!*]{0,3}\s*$/i

/** How much of a response is searched for its attempts. */
const SEARCHED = 8000

/** `part`: the attempt that is chosen. Without it none is, though the last sentence speaks of nothing else. */
export interface Chosen {
  part?: string
  /** The sentence that says so. */
  sentence: string
}

/** The attempt that the last sentence of a response chooses. Undefined: it says something else. */
export function attemptChosen(text: string): Chosen | undefined {
  if (!ENDS_IN_WORDS.test(text.slice(-8)) || !SOME.test(text.slice(-240))) return undefined
  const tail = text.slice(-SEARCHED).trimEnd()
  const last = lastSentence(tail.slice(Math.max(tail.lastIndexOf('\n') + 1, tail.length - 600)))
  const mentioned = matchesOf(last, MENTIONS)
  if (mentioned.length === 0 || /[\d$\\]/.test(last.replace(MENTIONS, ''))) return undefined
  const heads = matchesOf(tail.slice(0, tail.length - last.length), HEADING).map((head) => ({ at: head.index, number: numberOf(head) }))
  if (heads.length === 0) return undefined
  const pointed = matchesOf(last, POINTS)
  // What only tells of an attempt leaves all as it stands.
  if (pointed.length === 0)
    return /\b(?:wrong|incorrect|fails?|mistaken)\b/i.test(last) && isLast(mentioned.at(-1)!, heads) ? { sentence: last } : undefined
  const clause = last.slice(last.slice(0, pointed[0].index).search(/[^,;]*$/))
  const found = heads.filter(({ number }) => number === numberOf(pointed[0]))
  if (pointed.length > 1 || found.length !== 1 || OPEN.test(clause)) return { sentence: last }
  const next = heads.find(({ at }) => at > found[0].at)?.at ?? tail.length - last.length
  const whole = tail.slice(found[0].at, next).trim()
  const paragraph = whole.split(/\n\s*\n/)[0]
  return { part: /\d/.test(paragraph.replace(MENTIONS, '')) ? paragraph : whole, sentence: last }
}

const isLast = (mention: RegExpExecArray, heads: readonly { number: number }[]): boolean => numberOf(mention) === heads.at(-1)!.number

/** The number of an attempt, from its groups. */
function numberOf(match: RegExpExecArray): number {
  const said = match.slice(1).find((group) => group !== undefined) ?? ''
  return /\d/.test(said) ? Number(said) : ORDINALS.indexOf(said.toLowerCase()) + 1
}
