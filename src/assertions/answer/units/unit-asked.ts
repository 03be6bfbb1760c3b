/** A unit by its one letter, where the problem asks in it: the L of "25 + 30 = 55 L" where it asks how many litres. */

import { askedOf } from '../claims/asked.ts'

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

const MEASURED = /^([^a-zA-Z\\=]*[\d)]) ?([LhmsgNJWVA])[.\s]*$/

/** The number without this letter. Undefined: it has none, or the problem asks in another unit. */
export function withoutUnitAsked(text: string, problem: string): string | undefined {
  const found = MEASURED.exec(text.trim())
  if (!found) return undefined
  const [, value, letter] = found
  return new RegExp(String.raw`\b(?:how many|in)\s(?:${NAMES[letter]}|${letter})\b`).test(askedOf(problem).sentence.replace(/^How/, 'how'))
    ? value
    : undefined
}
