/** Days of a month that a problem asks for: "On what day of May is the test?" June 19 is none. */

import { readDate } from '../reading/dates.ts'
import { matchesOf } from '../reading/matches.ts'
import { Recent } from '../reading/recent.ts'
import { askedOf } from './asked.ts'
import type { Found } from './numbers.ts'

const MONTH = '(?:January|February|March|April|May|June|July|August|September|October|November|December)'
const ASKS = new RegExp(String.raw`\b(?:[Ww]hat|[Ww]hich)\s(?:[a-z]+\s)?(?:day|date)\s(?:[a-z]+\s){0,2}?(?:of|in)\s(${MONTH})\b`)
const DATE = new RegExp(String.raw`\b${MONTH} \d{1,2}(?:st|nd|rd|th)?\b(?!\d)|\b\d{1,2}(?:st|nd|rd|th)?(?: of)? ${MONTH}\b`, 'g')

const DAY_FIRST = /^(\d{1,2})(?:st|nd|rd|th)?(?: of)? (\w+)$/

const kept = new Recent<string>(64)

/** The month of which a problem asks the day. Empty: it asks for none. */
const monthAsked = (problem: string): string =>
  kept.of(problem, (of) => (/\b(?:day|date)\b/.test(of) ? (ASKS.exec(askedOf(of).sentence)?.[1] ?? '') : ''))

export const asksDay = (problem: string): boolean => monthAsked(problem) !== ''

/** The last date in a sentence. */
export function dateIn(sentence: string): Found | undefined {
  const last = matchesOf(sentence.slice(-400), DATE).at(-1)
  return last && { text: last[0].replace(DAY_FIRST, '$2 $1'), at: Math.max(0, sentence.length - 400) + last.index }
}

/** The day that a date names, where it is in the month that the problem asks for. Undefined: it is no date or no such problem; empty: another month. */
export function dayAsked(text: string, problem: string): string | undefined {
  const month = monthAsked(problem)
  const date = month === '' ? undefined : readDate(text)
  if (date === undefined) return undefined
  const [asked] = readDate(`${month} 1`)!.split('-')
  const [ofMonth, day] = date.split('-').slice(-2)
  return ofMonth === asked ? String(Number(day)) : ''
}
