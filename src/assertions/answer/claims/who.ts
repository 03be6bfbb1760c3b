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
const DENIED = /\b(?:not|never|nobody|neither|if|unless|would|could|might)\b|n['’]t\b/i

/** The one name before the words of the question, in the last part of a sentence that has them. */
export function whoIn(sentence: string, problem: string): Found | undefined {
  const asked = ASKS.exec(askedOf(problem).sentence)?.[1].trim()
  if (asked === undefined) return undefined
  const predicate = new RegExp(
    String.raw`${NAME} (?:(?:also|then|thus|therefore) )?${asked.replace(ESCAPED, '\\$&').replace(/\s+/g, '\\s+')}(?!\w)`,
    'g',
  )
  const found = [...sentence.slice(-400).matchAll(predicate)]
  const last = found.at(-1)
  if (!last) return undefined
  const name = last[1].replace(LEAD, '')
  const part = sentence.slice(-400).slice(0, last.index).split(/[,;:]/).at(-1)!
  if (DENIED.test(part) || !/^[A-Z]/.test(name) || LEAD.test(`${name} `) || new Set(found.map(([, one]) => one.replace(LEAD, ''))).size > 1)
    return undefined
  return { text: name, at: Math.max(0, sentence.length - 400) + last.index + last[0].indexOf(name) }
}
