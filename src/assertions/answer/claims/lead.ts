/** A paragraph at the start that is nothing but the answer. */

import { isOpenConclusion } from './roles.ts'
import { lastSentence } from './sentences.ts'

/** What explains the answer that stands before it. */
const EXPLAINS =
  /^[\W_]{0,6}(?:explanation|reasons?|reasoning|why|because|here(?: is|['’]s) (?:why|how|the|my|a)|the reason|justification|rationale|working|work|proof|derivation|details|to see (?:this|why)|this is because|this follows|indeed|how|step 1)\b/i

/** "**58**", "TL;DR: 58" */
const LEADS = /^\*\*[^*\n]{1,60}\*\*\.?$|^[*_]{0,2}(?:TL;?DR|(?:quick|short) answer|in short)\b/i

const LABEL = /^[*_]{0,2}(?:TL;?DR|(?:quick|short) answer|in short)[*_]{0,2}\s?[:,-][*_]{0,2}\s/i
const BOLD = /^\*\*([^*\n]{1,80}?)[.!]?\*\*[.!]?$/

/** "2x + 3 = 7", "12 × 5": the problem once more, and no answer. */
const RESTATED = /[+*×·<>]|\\(?:times|cdot)(?![a-z])|[^=]{3,}=|=.*=/

/** The longest that a lead may be. */
const LONGEST = 200

/** The first paragraph without its label, where it stands in bold or reasons follow it. Undefined: it does not, or the end concludes something. */
export function leadOf(text: string): { text: string; end: number } | undefined {
  const end = text.slice(0, LONGEST + 1000).search(/\n\s*\n/)
  if (end < 0 || end > LONGEST) return undefined
  const first = text.slice(0, end).trim()
  if (!EXPLAINS.test(text.slice(end).trimStart().slice(0, 60)) && !LEADS.test(first)) return undefined
  if (/\b(?:answer|result)\b[^.\n]{0,60}(?:\bis\b|[=:])/i.test(text.slice(end, end + 4000))) return undefined
  if (isOpenConclusion(lastSentence(text.trimEnd().slice(-600)))) return undefined
  const said = first.replace(LABEL, '').replace(BOLD, '$1')
  return RESTATED.test(said) ? undefined : { text: said, end }
}
