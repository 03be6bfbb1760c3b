/** The time of day that a sentence says, where the answer is one: "arriving at 15:45", "at a quarter to four in the afternoon". */

import { matchesOf } from '../reading/matches.ts'
import { numberInWords } from '../reading/words.ts'
import { askedIn, askedOf } from './asked.ts'
import type { Found } from './numbers.ts'

const SEARCHED = 400
const HALF = String.raw`(?:\s?([ap])\.?\s?m\b\.?| in the (morning|afternoon|evening)| at (night))`
const IN_FIGURES = new RegExp(
  String.raw`(?<![\w:.])(\d{1,2}:[0-5]\d)(?!\d|:)${HALF}?|(?<![\w:.])(\d{1,2})${HALF}(?!\w)|\b(noon|midnight)\b`,
  'gi',
)
const WORD = `(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|twenty(?:-five)?)`
const HOUR = String.raw`(${WORD}|\d{1,2}|noon|midnight)`
/** "a quarter to four", "half past three", "ten minutes before six", "five o'clock" */
const IN_WORDS = new RegExp(
  String.raw`\b(?:(?:an? )?(quarter|half|(?:${WORD}|\d{1,2})(?: minutes?)?) (to|past|before|after|till) ${HOUR}|${HOUR} o['’]clock)${HALF}?(?!\w)`,
  'gi',
)

/** Where another thing of a sentence begins. */
const JOINT = /[,;(]\s?|\s(?:and|but|so|then)\s/g
/** How long something takes: "3:45 hours". */
const TAKES = /^\s?(?:hours?|hrs?|h|minutes?|mins?)\b/i
/** What a time is only compared with. */
const BESIDE = /\b(?:before|after|until|till|than|from|since|by|past|between)\s$|\bbetween\s[^,;]{1,30}\sand\s$/i

const BEGINS = /\b(?:starts?|started|begins?|began|leaves?|left|departs?|sets? (?:off|out)|opens?)\b/i
const ENDS = /\b(?:ends?|ended|arriv\w+|finish\w*|return\w*|be over|is over|gets? (?:there|home|back)|reach\w*|clos\w+)\b/i
/** Whether a part of a sentence tells when something begins, and the problem asks when it ends, or the other way round. */
const isOfOtherEnd = (part: string, question: string): boolean =>
  (BEGINS.test(part) && !ENDS.test(part) && ENDS.test(question) && !BEGINS.test(question)) ||
  (ENDS.test(part) && !BEGINS.test(part) && BEGINS.test(question) && !ENDS.test(question))

/** The last time of day in the part of a sentence that has the most words of the question. Undefined: it says none. */
export function timeIn(sentence: string, problem: string | undefined): Found | undefined {
  const from = Math.max(0, sentence.length - SEARCHED)
  const text = sentence.slice(from)
  const spelled = matchesOf(text, IN_WORDS).flatMap((found) => withText(found, inFigures(found)))
  const figures = matchesOf(text, IN_FIGURES)
    .filter(
      ({ index, 0: whole }) =>
        !TAKES.test(text.slice(index + whole.length)) && !spelled.some(({ at, end }) => index < end && index + whole.length > at),
    )
    .flatMap((found) => withText(found, written(found)))
  let best: (Found & { asked: number }) | undefined
  for (const { text: said, at } of [...spelled, ...figures].sort((a, b) => a.at - b.at)) {
    const before = text.slice(0, at)
    if (BESIDE.test(before)) continue
    const start = Math.max(0, ...matchesOf(before, JOINT).map(({ index, 0: joint }) => index + joint.length))
    if (problem !== undefined && isOfOtherEnd(before.slice(start), askedOf(problem).sentence)) continue
    const asked = problem === undefined ? 0 : askedIn(before.slice(start), problem)
    if (best === undefined || asked >= best.asked) best = { text: said, at: from + at, asked }
  }
  return best && { text: best.text, at: best.at }
}

const withText = ({ index, 0: whole }: RegExpExecArray, text: string | undefined): { text: string; at: number; end: number }[] =>
  text === undefined ? [] : [{ text, at: index, end: index + whole.length }]

function written([, time, ofTime, part, night, hour, ofHour, hourPart, hourNight, named]: RegExpExecArray): string {
  if (named !== undefined) return named
  return `${time ?? `${hour}:00`}${halfOf(ofTime ?? ofHour, part ?? hourPart, night ?? hourNight, Number.parseInt(time ?? hour, 10))}`
}

/** 3:45 PM of "quarter to four in the afternoon". "Half four" is no such time: it means another one in every country. */
function inFigures([, minutes, side, hour, oclock, letter, part, night]: RegExpExecArray): string | undefined {
  const full = numberOf(hour ?? oclock)
  if (full === undefined || full > 12) return undefined
  const away =
    minutes === undefined ? 0 : /quarter/i.test(minutes) ? 15 : /half/i.test(minutes) ? 30 : numberOf(minutes.replace(/ minutes?$/i, ''))
  if (away === undefined || away >= 60) return undefined
  const before = side !== undefined && !/past|after/i.test(side)
  if (before && away === 30) return undefined
  const total = (full * 60 + (before ? -away : away) + 720) % 720
  const shown = `${Math.floor(total / 60) || 12}:${String(total % 60).padStart(2, '0')}`
  const named = /noon|midnight/i.exec(hour ?? oclock)?.[0]
  if (named !== undefined) return `${shown} ${/noon/i.test(named) === before ? 'AM' : 'PM'}`
  return `${shown}${halfOf(letter, part, night, Math.floor(total / 60))}`
}

function numberOf(word: string): number | undefined {
  if (/^(?:noon|midnight)$/i.test(word)) return 12
  const value = /^\d+$/.test(word) ? BigInt(word) : numberInWords(word.toLowerCase())
  return value === undefined ? undefined : Number(value)
}

/** The half of the day. "at night" is before midnight from 6, and after it up to 5. */
function halfOf(letter: string | undefined, part: string | undefined, night: string | undefined, hour: number): string {
  if (letter !== undefined) return ` ${letter.toUpperCase()}M`
  if (part !== undefined) return /morning/i.test(part) ? ' AM' : ' PM'
  if (night === undefined) return ''
  return hour >= 6 && hour < 12 ? ' PM' : ' AM'
}
