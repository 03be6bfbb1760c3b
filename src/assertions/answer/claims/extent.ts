/** How far a quantity goes in a sentence: its scale, its unit, and the smaller parts of a compound. */

import { matchesOf } from '../reading/matches.ts'
import { readAnswer } from '../reading/read.ts'
import { scaleAt } from '../units/scales.ts'
import { parseUnit } from '../units/units.ts'

const SEARCHED = 80
const WORDS = 6
const PARTS = 3
/** Symbols and names that are words of a sentence too. */
const WORDY = /^(?:in|as|at|us|am|was|has|do|won|a|hand|[b-fiko-rt-zA-IKMO-UX-Z])$/
/** Words that begin no unit: "as an answer". */
const BEGUN = /^[ -]?(?:as|at|in|is|so|am|a|an)\s/
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

/** A formula that ends in a number, with its closing sign. */
const NUMBER_SET = /(?:\d|\}|\\pi)\s?(?:\$\$?|\\\)|\\\])(?=\s?[\p{L}°%])/gu
/** Formulas of a sentence whose units are looked for, from its end. */
const FORMULAS = 6

/** "It holds $8$ pints." as "It holds $8 pints$.": a unit of measure or a scale behind a formula belongs to its number. */
export function measuresInside(text: string): string {
  if (!/\$|\\\)|\\\]/.test(text)) return text
  let out = text
  for (const { index, 0: set } of matchesOf(text, NUMBER_SET).slice(-FORMULAS).reverse()) {
    const end = index + set.length
    const closing = /(?:\$\$?|\\\)|\\\])$/.exec(set)![0]
    const measure = measureAt(text.slice(end, end + SEARCHED))
    if (measure.trim() !== '') out = text.slice(0, end - closing.length) + measure + closing + out.slice(end + measure.length)
  }
  return out
}

/** The unit right behind a box that ends at `end`. A scale, "million tons", is left to what the problem asks in. */
export function measureBehind(text: string, end: number): string {
  let at = end
  for (const sign of ['$$', '$', '\\)', '\\]', '**']) if (text.startsWith(sign, at)) at += sign.length
  const first = text[at] === ' ' || text[at] === '-' ? text[at + 1] : text[at]
  if (first === undefined || !LETTER.test(first)) return ''
  const behind = text.slice(at, at + 2 * SEARCHED)
  const unit = measureAt(behind).replace(/\sof$/, '')
  return unit === '' || scaleAt(behind) || /\b(?:cubed|squared)\b/.test(unit) ? '' : unit
}

const LETTER = /[\p{L}°]/u

/** What the first word of a unit of several words may be. */
const FIRST = /^(?:square|cubic|sq|cu|us|u\.s|fluid|metric|nautical|light|per|degrees?|hundred|thousand|dozen)/i

/** A percent sign in words, a scale or a unit at the start of a text. Most words are none, which their first one tells. */
function measureAt(text: string): string {
  const word = /^[\s-]?([\p{L}°¢€£‰%][^\s]*)/u.exec(text)?.[1].replace(/[.,;:!?)*_$]{1,4}$/, '')
  if (!word) return ''
  const percent = /^\s?per ?cent\b/.exec(text)
  if (percent) return percent[0]
  return FIRST.test(word) || parseUnit(word)?.strict || scaleAt(word) ? text.slice(0, measureLength(text)) : ''
}

/** Characters of the longest unit of a few words at the start. */
function unitLength(text: string): number {
  const ends = matchesOf(text, /[^\s]+/g)
    .slice(0, WORDS)
    .map(({ index, 0: word }) => index + word.length)
  for (const end of ends.reverse()) {
    const unit = text.slice(0, end).replace(/[.,;:!?)*_$]{1,4}$/, '')
    if (/\s\d/.test(unit) || !/^[ -]?[\p{L}°¢€£]/u.test(unit) || WORDY.test(unit.trim()) || BEGUN.test(unit)) continue
    const parsed = parseUnit(unit.replace(/^-/, ''))
    if (parsed?.strict) return unit.length
    // Fewer words begin with the same noun, unless the sign behind a formula is taken for a part of it.
    if (parsed?.nounFirst && !unit.includes('$')) return 0
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
