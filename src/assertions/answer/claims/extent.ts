/** How far a quantity goes in a sentence: its scale, its unit, and the smaller parts of a compound. */

import { readAnswer } from '../reading/read.ts'
import { scaleAt } from '../units/scales.ts'
import { parseUnit } from '../units/units.ts'

const SEARCHED = 80
const WORDS = 6
const PARTS = 3
/** Symbols and names that are words of a sentence too. */
const WORDY = /^(?:in|as|at|us|am|was|has|do|won|a|hand|[b-fiko-rt-zA-IKMO-UX-Z])$/
const NEXT = /^(?:,? and |, | )(\d{1,9}(?:\.\d{1,9})?)(?=[ -]?[a-z])/i

/** Characters of the scale and the unit right behind a number: 13 in " million euros in all". 0: there are none. */
function measureLength(behind: string): number {
  const text = behind.slice(0, SEARCHED).trimEnd()
  const scale = scaleAt(text)
  const from = scale ? text.length - scale.rest.length : 0
  const unit = unitLength(text.slice(from))
  return unit > 0
    ? from + unit
    : text
        .slice(0, from)
        .replace(/\s(?:of(?: an?| the)?)?\s*$/i, '')
        .trimEnd().length
}

/** Characters of the longest unit of a few words at the start. */
function unitLength(text: string): number {
  const ends = [...text.matchAll(/[^\s]+/g)].slice(0, WORDS).map(({ index, 0: word }) => index + word.length)
  for (const end of ends.reverse()) {
    const unit = text.slice(0, end).replace(/[.,;:!?)*_$]{1,4}$/, '')
    if (!/\s\d/.test(unit) && /^[ -]?[\p{L}°¢€£]/u.test(unit) && !WORDY.test(unit.trim()) && parseUnit(unit.replace(/^-/, ''))?.strict)
      return unit.length
  }
  return 0
}

/** Where the quantity of the number at `start` to `end` ends: "6 ft 3 in" of "6 ft 3 in tall". */
export function quantityEnd(text: string, start: number, end: number): number {
  let at = end + measureLength(text.slice(end, end + SEARCHED))
  for (let part = 0; part < PARTS && at > end; part++) {
    const next = NEXT.exec(text.slice(at, at + SEARCHED))
    const number = next ? at + next[0].length : at
    const unit = next ? measureLength(text.slice(number, number + SEARCHED)) || (/^ in\b/.test(text.slice(number)) ? 3 : 0) : 0
    if (unit === 0) break
    const whole = readAnswer(text.slice(start, number + unit))
    if (whole.kind !== 'expression' || !whole.compound) break
    at = number + unit
  }
  return at
}
