/** A number made of another one in words: "one more than the 127 I wrote above". */

import { numberInWords } from '../reading/words.ts'

const MADE =
  /^(?:exactly |just )?([a-z]{3,9}|\d{1,6}) (more|less|fewer|greater|smaller) than (?:(?:the|our|my) )?(\d{1,3}(?:,\d{3}){1,4}|\d{1,12}|[a-z-]{3,20})(?: (?:that|which|we|I)\b[^\d$\\;:]{0,60})?$/

/** The number that comes out, in figures. Undefined: the words say something else. */
export function madeInWords(text: string): string | undefined {
  const said = text.length < 160 ? MADE.exec(text.trim()) : null
  if (!said) return undefined
  const [by, of] = [said[1], said[3]].map((one) => (/^\d/.test(one) ? BigInt(one.replaceAll(',', '')) : numberInWords(one)))
  if (by === undefined || of === undefined) return undefined
  return String(/more|greater/.test(said[2]) ? of + by : of - by)
}
