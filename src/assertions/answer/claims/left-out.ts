/** Values of a list that the words behind it take out of it again: "4 or 8, but 8 is extraneous". */

import { matchesOf } from '../reading/matches.ts'

const OUT =
  /([-−]?\d[\d./]{0,12})[\s$)\\]{0,4}(?:(?:is|are|was|must be|has to be|turns out to be) (?:[a-z]+ly |thus |then |also )?(?:extraneous|invalid|inadmissible|rejected|discarded|excluded|ruled out|left out|impossible|wrong|no |not |too )|(?:does|do|can) ?n(?:o|['’])t\b|cannot\b|fails?\b|drops? out\b)/gi
const WE_REJECT =
  /\b(?:reject|discard|exclude|rule out|throw (?:out|away)|drop|leave out|dismiss)(?: the (?:value|root|solution|case))?\s[$\\(]{0,3}(?:[a-z]\s?=\s?)?([-−]?\d[\d./]{0,12})/gi

/** Whether the words behind values deny one of them. */
export function leavesOut(values: string, behind: string): boolean {
  if (!/[a-z]{3}/i.test(behind)) return false
  const rest = behind.slice(0, 400)
  const out = [...matchesOf(rest, OUT), ...matchesOf(rest, WE_REJECT)].map(([, value]) => numeral(value))
  return out.length > 0 && matchesOf(values, /[-−]?\d[\d./]{0,12}/g).some(([value]) => out.includes(numeral(value)))
}

/** Where a rejected value stands at the end of a sentence: "; reject x = -3". Undefined: none does. */
export function rejectionAtEnd(sentence: string): number | undefined {
  const at = Math.max(0, sentence.length - 120)
  const last = matchesOf(sentence.slice(at), WE_REJECT).at(-1)
  if (!last || at + last.index === 0 || !/^[\s$).*!]*$/.test(sentence.slice(at + last.index + last[0].length))) return undefined
  return at + last.index
}

const numeral = (text: string): string => text.replace('−', '-').replace(/[./]$/, '')
