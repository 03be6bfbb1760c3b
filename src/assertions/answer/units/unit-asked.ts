/** The unit that a problem asks for: "in microns", "(in meters)", "how many minutes". */

import { askedOf } from '../claims/asked.ts'
import { matchesOf } from '../reading/matches.ts'
import { Recent } from '../reading/recent.ts'
import { isMeasure, relateUnits } from './units.ts'

/** What may name it: as many words, of which the first ones that are a unit count. */
const PLACE = /\b(?:in|how many)\s+((?:[^\s?.;:!,]{1,40}\s?){1,4})/gi
/** "in 3 feet", "in the hours before": no unit of the answer. */
const OTHERS = /^(?:\d|(?:a|an|the|each|every|one|this|that|his|her|its|their|these|those|all)\b)/i

const kept = new Recent<{ unit?: string }>(64)

/** Undefined: none, or several that differ. */
export function unitAsked(problem: string): string | undefined {
  return kept.of(problem, () => {
    const units = new Set(matchesOf(askedOf(problem).sentence, PLACE).flatMap(([, words]) => unitOf(words) ?? []))
    return units.size === 1 ? { unit: [...units][0] } : {}
  }).unit
}

/** Where its name ends. */
const BEHIND =
  /\s(?:at|in|on|of|do|does|did|is|are|was|were|will|would|can|could|to|for|that|this|the|he|she|it|they|there|has|have|had|from|with|and|or)\b.*$/i

/** The longest unit with which some words begin. */
function unitOf(text: string): string | undefined {
  const words = text
    .replace(BEHIND, '')
    .replace(/[$()]|\\(?:text|mathrm|rm)\b|[{}~]/g, ' ')
    .trim()
    .split(/\s+/)
  if (OTHERS.test(words[0])) return undefined
  for (let n = words.length; n > 0; n--) {
    const unit = words.slice(0, n).join(' ')
    if (isMeasure(unit) && NAMED.test(unit)) return unit
  }
  return undefined
}

/** More than a letter, which may be a name: in V, how many A. */
const NAMED = /[a-z]{2}|\//i

/** Whether a unit is another one of the same kind than the problem asks for. */
export function isOtherUnit(unit: string, asked: string): boolean {
  const conversion = relateUnits(asked, unit)
  return typeof conversion === 'object' && (conversion.factor.n !== conversion.factor.d || conversion.pi !== 0 || conversion.shift.n !== 0n)
}

/** The scales that a letter may mean beside another unit. */
const SCALES: Readonly<Record<string, string>> = { C: '°C', F: '°F' }

/** The unit that a letter is where the problem asks in one of its kind. Undefined: it is none of that kind. */
export function letterAsked(letters: string, asked: string): string | undefined {
  return [letters, SCALES[letters]].find((unit) => unit !== undefined && typeof relateUnits(asked, unit) === 'object')
}

const RATE = /\bper\b|\//
/** "30 km each week" says how many kilometres, and of "degrees about point C" or "years older" only a part is a unit. */
const ONE_WORD = /^[a-zA-Z]{2,}(?:\s?(?:\^\s?\{?[23]\}?|²|³))?$/

/** Whether a unit is of another kind than the problem asks for: 45 m "in seconds", 85 kg "in centimeters". An initial may be short for it. */
export function isOfAnotherKind(unit: string, asked: string): boolean {
  return (
    isMeasure(unit) &&
    !RATE.test(asked) &&
    (/^[a-zA-Z]$/.test(unit) || (ONE_WORD.test(unit) && ONE_WORD.test(asked))) &&
    asked[0].toLowerCase() !== unit.toLowerCase() &&
    letterAsked(unit, asked) === undefined &&
    relateUnits(unit, asked) === 'contradict'
  )
}

/** How a problem names units of one letter. */
const NAMES: Readonly<Record<string, string>> = {
  L: 'lit(?:re|er)s?',
  h: 'hours?',
  m: 'met(?:re|er)s?',
  s: 'seconds?',
  g: 'grams?|grammes?',
  N: 'newtons?',
  J: 'joules?',
  W: 'watts?',
  V: 'volts?',
  A: 'amp[eè]?res?|amps?',
}

const MEASURED =
  /^(?:[a-zA-Z]\s?=\s?(?=[^=]*\^|[^=]*\de))?((?:[^a-zA-Z\\=]*[\d)]|[-−]?\d[\d.]{0,20}[eE][-+−]?\d{1,3}|[-−]?\d[\d.]{0,20}\s?\\(?:times|cdot)\s?10\s?\^\s?\{?\s?[-−]?\d{1,3}\s?\}?)\$?) ?([LhmsgNJWVA])[.\s]*$/

/** A number without its unit of one letter, where the problem asks in it: 55 of "25 + 30 = 55 L" if it asks how many litres a day. Undefined: it has none, or the problem asks in another unit. */
export function withoutUnitAsked(text: string, problem: string): string | undefined {
  const found = MEASURED.exec(text.replace(/^[\s*]+|[\s*]+$/g, ''))
  if (!found) return undefined
  const [, value, letter] = found
  return new RegExp(String.raw`\b(?:how many|in)\s(?:${NAMES[letter]}|${letter})\b`).test(askedOf(problem).sentence.replace(/^How/, 'how'))
    ? value
    : undefined
}
