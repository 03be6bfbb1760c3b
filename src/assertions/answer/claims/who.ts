/** Who does what a question asks: "Maria finishes first" to "Who finishes first?" */

import { askedOf } from './asked.ts'
import type { Found } from './numbers.ts'

/** "Who finishes first?", "Which runner had the highest score?" */
const ASKS =
  /^\W{0,4}(?:so |then )?(?:who|which (?:of (?:them|the [a-z]+) |[a-z]+ )?)\s?([a-z][^?,;:]{2,60}?)(?: and (?:by|at|in) (?:how|what)\b[^?]*)?\?\W*$/i
const NAME = String.raw`((?:[A-Z][\w'’.-]*)(?: [A-Z][\w'’.-]*){0,2})`
const ESCAPED = /[.*+?^$(){}|[\]\\]/g
/** "So Maria" */
const LEAD = /^(?:So|Thus|Hence|Therefore|Then|And|But|Since|Because|While|If|That|It|The)\s/
/** Another one than the name: "the rival of Maria", "Bob and Maria". */
const OF_ANOTHER =
  /\b(?:and|or|nor|of|than|but|except|besides|excluding|behind|before|after|beside|below|above|near|under|over|with|without|from|to|by|for|against|unlike)\s$/i
/** A set that leaves somebody out, who may be first in it: "besides Ann". */
const LEAVES_OUT = /^\s(?:besides|except|excluding|after|behind|but|apart from|other than|aside from|not counting|second only)\b/i
/** "Second only to Ben, Ann is the tallest." */
const SECOND = /\bsecond (?:only )?to\b|\bnext to\b/i
/** "Except for Ben, Ann is the tallest." */
const BUT_FOR = /\b(?:except|excluding|apart from|aside from|other than|besides|after|behind|without)\b/i
const DENIED = /\b(?:not|never|nobody|neither|if|unless|would|could|might)\b|n['’]t\b/i

/** "So Store Q is cheaper.", "Second place goes to Vic." */
const DEGREE = /\b([a-z]{3,12}(?:er|est)|best|most|least)\b/gi
const GOES_TO = new RegExp(
  String.raw`\b(?:(first|second|third|last) (?:place|prize)|the win|the prize|the title) (?:goes to|belongs to|is won by|is taken by) ${NAME}[.!]*$`,
  'i',
)

function byDegree(sentence: string, question: string): Found | undefined {
  const end = sentence.slice(-200).trimEnd()
  const place = GOES_TO.exec(end)
  if (place && (place[1] === undefined || new RegExp(String.raw`\b${place[1]}\b`, 'i').test(question)))
    return { text: place[2].replace(/[.!]$/, ''), at: sentence.lastIndexOf(place[2]) }
  for (const [degree] of question.matchAll(DEGREE)) {
    const said = new RegExp(`${NAME} (?:is|was) (?:the )?${degree}(?: one)?[.!]*$`).exec(end)
    if (!said || SECOND.test(end) || BUT_FOR.test(end.slice(0, said.index)) || DENIED.test(end.slice(0, said.index).split(/[,;:]/).at(-1)!))
      continue
    const noun = /\bwhich ([a-z]{3,15})\b/i.exec(question)?.[1]
    const name = said[1].replace(LEAD, '')
    const bare = noun === undefined ? name : name.replace(new RegExp(`^${noun} `, 'i'), '')
    if (/^[A-Z]/.test(bare) && !LEAD.test(`${bare} `)) return { text: bare, at: sentence.lastIndexOf(bare) }
  }
  return undefined
}

/** The one name before the words of the question, in the last part of a sentence that has them. */
export function whoIn(sentence: string, problem: string): Found | undefined {
  const question = askedOf(problem).sentence
  const asked = ASKS.exec(question)?.[1].trim()
  if (asked === undefined) return undefined
  const named = byDegree(sentence, question)
  if (named) return named
  const predicate = new RegExp(
    String.raw`${NAME} (?:(?:also|then|thus|therefore) )?${asked.replace(ESCAPED, '\\$&').replace(/\s+/g, '\\s+')}(?!\w)`,
    'g',
  )
  const found = [...sentence.slice(-400).matchAll(predicate)]
  const last = found.at(-1)
  if (!last) return undefined
  const name = last[1].replace(LEAD, '')
  const part = sentence.slice(-400).slice(0, last.index).split(/[,;:]/).at(-1)!
  const behind = sentence.slice(-400).slice(last.index + last[0].length)
  if (OF_ANOTHER.test(part) || LEAVES_OUT.test(behind) || SECOND.test(sentence) || BUT_FOR.test(sentence.slice(-400).slice(0, last.index)))
    return undefined
  if (DENIED.test(part) || !/^[A-Z]/.test(name) || LEAD.test(`${name} `) || new Set(found.map(([, one]) => one.replace(LEAD, ''))).size > 1)
    return undefined
  return { text: name, at: Math.max(0, sentence.length - 400) + last.index + last[0].indexOf(name) }
}
