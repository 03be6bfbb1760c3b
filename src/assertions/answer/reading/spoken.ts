/** Answers that are written in words or signs of their own: "3 to 5", "no such x exists", ①③. */

import { rational } from '../../rational.ts'
import type { Answer } from '../node.ts'
import { numberInWords, setInWords } from './words.ts'

const numberOf = (value: bigint): Answer => ({
  kind: 'expression',
  node: { kind: 'number', value: rational(value) },
  key: String(value),
})

const TERM = String.raw`\$?(?:\d{1,9}|[a-z]{3,9}(?:-[a-z]{3,5})?)\$?`
const RATIO = new RegExp(`^${TERM}(?: to ${TERM}){1,4}$`, 'i')

/** "3 to 5", "two to three to four" */
function ratioInWords(text: string): Answer | undefined {
  if (!text.includes(' to ') || !RATIO.test(text)) return undefined
  const terms = text
    .replaceAll('$', '')
    .split(/ to /i)
    .map((term) => (/^\d/.test(term) ? BigInt(term) : numberInWords(term)))
  return terms.every((term) => term !== undefined) ? { kind: 'ratio', items: terms.map(numberOf), key: text } : undefined
}

/** The statements that a multiple choice in Chinese or Japanese numbers: ①③, ②、④ */
const FIRST_CIRCLED = 0x2460
const CIRCLED = /^[①-⑳](?:[\s,，、;；和与及]{0,3}[①-⑳]){1,19}$/u

function circled(text: string): Answer | undefined {
  if (!CIRCLED.test(text)) return undefined
  const items = [...text.matchAll(/[①-⑳]/gu)].map(([sign]) => numberOf(BigInt(sign.codePointAt(0)! - FIRST_CIRCLED + 1)))
  return { kind: 'list', items, key: text }
}

/** The value of words or signs that no formula is made of. `written` is the text before its signs were made plain. */
export function readSpoken(written: string, plain: string): Answer | undefined {
  if (written.length > 60) return undefined
  const first = written.charCodeAt(0)
  if (first >= FIRST_CIRCLED && first < FIRST_CIRCLED + 20) return circled(written.trim())
  if (!plain.includes(' ') || !/^[$\da-z][$\da-z ,.'-]+$/i.test(plain) || !/[a-z]{2}/i.test(plain)) return undefined
  const set = setInWords(plain)
  if (set !== undefined) return set === 'reals' ? { kind: 'reals', key: plain } : { kind: 'set', items: [], key: '\\emptyset' }
  return ratioInWords(plain)
}
