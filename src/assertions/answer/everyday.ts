/**
 * Answers in the words and forms of everyday, for a reference that is written in another one: "yes, it is", "1 in 8", "7 R 3",
 * "Day 10 falls on 7 February 2025", 1000 ≡ 6 (mod 7) where a remainder is asked for, "18,5" in a language with decimal commas.
 */

import { askedOf } from './claims/asked.ts'
import { isNumeric } from './equality/values.ts'
import { readDate } from './reading/dates.ts'
import { matchesOf } from './reading/matches.ts'
import { Recent } from './reading/recent.ts'
import { numberInWords } from './reading/words.ts'
import type { Reference } from './reference.ts'

interface Said {
  text: string
  rule: string
}

/** The same answer as others write it. Undefined: it has none of these forms. */
export function inUsualForm(text: string, reference: Reference, output: string, problem: string | undefined): Said | undefined {
  if (text.length > LONGEST) return undefined
  const wanted = reference.answer
  if (reference.expected.polar) return said(shortReply(text), 'yes or no, said in a sentence')
  const quadrant = problem !== undefined && /quadrant/i.test(problem) ? quadrantIn(reference.text) : undefined
  if (quadrant !== undefined) return quadrantIn(text) === quadrant ? { text: reference.text, rule: 'the same quadrant' } : undefined
  if (/^\W{0,4}(?:true|false)\W{0,4}$/i.test(reference.text)) return said(denied(text), 'not false is true')
  if (problem !== undefined && /\bintercept\b/i.test(problem))
    return said(interceptIn(text, problem, wanted.kind === 'tuple'), 'the other coordinate of an intercept is 0')
  if (wanted.kind === 'text') {
    if (QUOTIENT.test(reference.text)) return sameRemainder(text, reference.text)
    return readDate(reference.text) === undefined ? undefined : said(dateStated(text), 'the date in it')
  }
  if (problem === undefined || wanted.kind !== 'expression' || !isNumeric(wanted.node)) return undefined
  return (
    said(/\\equiv|≡/.test(text) ? remainderStated(text, problem) : undefined, 'the remainder that the congruence states') ??
    said(/ (?:in|out of) |\bin\b/.test(text) ? chanceIn(text, problem) : undefined, 'a chance as a fraction') ??
    said(text.includes(',') ? decimalIn(text, output, problem) : undefined, 'decimal comma')
  )
}

const LONGEST = 300

const said = (text: string | undefined, rule: string): Said | undefined => (text === undefined ? undefined : { text, rule })

const REPLY =
  /^\W{0,4}(yes|no)\b[*_]{0,2}[,.;:!]?[*_]{0,2}\s(?:it|they|that|this|there|these|those|he|she|we|you|I|one)\s(?:(?:is|are|was|were|does|do|did|can|could|will|would|has|have|had|must|should)(n['’]t|\s?not)?|(can['’]t|won['’]t|exists?))[.!*\s]*$/i

/** The yes of "yes, it is". "Yes, it isn't" says both. */
function shortReply(text: string): string | undefined {
  const reply = REPLY.exec(text)
  if (!reply) return undefined
  const denies = reply[2] !== undefined || reply[3]?.includes('t') === true
  const exists = /^exists?$/i.test(reply[3] ?? '')
  return /yes/i.test(reply[1]) === (exists || !denies) ? reply[1] : undefined
}

/** True of "not false". */
function denied(text: string): string | undefined {
  const found = /^\W{0,4}(?:(?:it|this|that|the (?:claim|statement)) is )?not (true|false)[.!\s*]{0,4}$/i.exec(text)
  return found ? (/true/i.test(found[1]) ? 'false' : 'true') : undefined
}

/** The -7 of (0, -7), where the problem asks for the y-intercept. */
function interceptIn(text: string, problem: string, asPoint: boolean): string | undefined {
  const question = askedOf(problem).sentence
  if (/\b(?:sum|product|difference|distance|coordinates|slope)\b/i.test(question)) return undefined
  const asked = /\b([xy])[\s$]{0,3}-?\s?intercept\b(?!s)/i.exec(question || problem)?.[1].toLowerCase()
  const value = asPoint ? /^\W{0,3}(?:([xy])\s?=\s?)?([-−]?\d[\d./]{0,12})\W{0,3}$/.exec(text) : null
  if (asked !== undefined && value && (value[1] ?? asked) === asked) return asked === 'x' ? `(${value[2]}, 0)` : `(0, ${value[2]})`
  const point = /^\W{0,3}\(\s?([^(),]{1,40}),\s?([^(),]{1,40})\)\W{0,3}$/.exec(text)
  if (asked === undefined || !point) return undefined
  const [, x, y] = point
  return asked === 'y' ? (x.trim() === '0' ? y.trim() : undefined) : y.trim() === '0' ? x.trim() : undefined
}

const QUADRANT =
  /^(?:(?:in )?(?:the )?(?:quadrant|Q) ?)?(I{1,3}|IV|[1-4]|one|two|three|four|first|second|third|fourth|[1-4](?:st|nd|rd|th))(?: quadrant)?\.?$/i
const QUADRANTS = [
  ['i', '1', 'one', 'first', '1st'],
  ['ii', '2', 'two', 'second', '2nd'],
  ['iii', '3', 'three', 'third', '3rd'],
  ['iv', '4', 'four', 'fourth', '4th'],
]

/** 0 to 3 of "II", "the second quadrant", "Quadrant 2". */
function quadrantIn(text: string): number | undefined {
  const said = QUADRANT.exec(text.replace(/\$|\\(?:text|mathrm)\s?\{([^{}]*)\}/g, '$1').trim())?.[1].toLowerCase()
  return said === undefined ? undefined : QUADRANTS.findIndex((names) => names.includes(said))
}

/** "7 remainder 3", "7 R 3", also behind "52 ÷ 7 =" */
const QUOTIENT =
  /(?:^|[=:]\s?|\b(?:is|so|gives)\s)[*_$\s]{0,4}(\d{1,12})(?:\\[ ,;])?\s?,?\s?(?:\\(?:text|mathrm)\s?\{\s?)?(?:(?:with )?(?:an? )?(?:remainder|rem\b\.?)(?: of)?|[Rr](?![a-z])\.?)\s?\}?(?:\\[ ,;])?\s?(\d{1,12})[.*_$\s]{0,4}$/

function sameRemainder(text: string, reference: string): Said | undefined {
  const [one, other] = [QUOTIENT.exec(text), QUOTIENT.exec(reference)]
  return one?.[1] === other?.[1] && one?.[2] === other?.[2] ? { text: reference, rule: 'same quotient and remainder' } : undefined
}

const MONTH = '(?:January|February|March|April|May|June|July|August|September|October|November|December)'
const WEEKDAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday']
const DATE = new RegExp(
  String.raw`\b(?:(${WEEKDAYS.join('|')}),? )?(?:the )?(${MONTH} \d{1,2}(?:st|nd|rd|th)?(?:,? \d{4}\b)?|\d{1,2}(?:st|nd|rd|th)?(?: of)? ${MONTH}(?:,? \d{4}\b)?)(?!\d)`,
  'g',
)
/** What stands before a date that is told. */
const TELLS = /(?:^|\b(?:is|was|be|on|will be|date:|falls|lands)|:)[\s*_]{0,4}$/i
const OTHER_DAY =
  /\b(?:not|never|before|after|until|till|since|by|from|except|instead|rather|later|earlier|if|unless|perhaps|maybe|might|could|or)\b|n['’]t\b|\?/i

/** The only date in a sentence that tells it. */
function dateStated(text: string): string | undefined {
  if (OTHER_DAY.test(text)) return undefined
  const dates = matchesOf(text, DATE)
  const [found] = dates
  if (dates.length !== 1 || !TELLS.test(text.slice(0, found.index)) || !/^[\s.*_!]*$/.test(text.slice(found.index + found[0].length)))
    return undefined
  return found[1] === undefined || isOn(found[2], found[1]) ? found[2] : undefined
}

/** Whether a date falls on a day of the week. Without a year nobody knows. */
function isOn(date: string, weekday: string): boolean {
  const [day, month, year] = (readDate(date) ?? '').split('-').reverse().map(Number)
  return year === undefined || WEEKDAYS[new Date(Date.UTC(year, month - 1, day)).getUTCDay()] === weekday
}

const CHANCE =
  /^[\s*_]{0,4}(?:an? |about )?(\d{1,9}|[a-z]{3,12})[\s-](?:in|out of)[\s-](?:an? )?(\d{1,9}|[a-z]{3,12}(?:[ -][a-z]{3,12})?)(?: chance)?[\s.*_]{0,4}$/i

/** The 1/8 of "1 in 8", where a chance is asked for. Odds are told otherwise. */
function chanceIn(text: string, problem: string): string | undefined {
  const { sentence } = askedOf(problem)
  if (!/\b(?:probability|chances?|likelihood|likely)\b/i.test(sentence) || /\bodds\b/i.test(sentence)) return undefined
  const found = CHANCE.exec(text.replace(/\\text\s?\{([^{}]*)\}|[$~]|\\[ ,;]/g, ' $1 ').replace(/\s+/g, ' '))
  const [part, whole] = (found?.slice(1, 3) ?? []).map((one) => (/^\d/.test(one) ? BigInt(one) : numberInWords(one)))
  return part !== undefined && whole !== undefined && whole > 0n && part <= whole ? `${part}/${whole}` : undefined
}

const CONGRUENCE =
  /^(.{1,120}?)(?:=|\\equiv|≡)(?:.*(?:\\equiv|≡))?(\d{1,12})(?:\\pmod|\\bmod|\\mod|\(?(?:\\(?:text|mathrm|operatorname)\{)?mod(?:ulo)?\}?)\{?(\d{1,12})\}?\)?$/
const plain = (formula: string): string => formula.replace(/\\(?:left|right|cdot|quad|[,;:! ])|[\s$*{}]|\\[()[\]]/g, '')

/** The 6 of "1000 ≡ 6 (mod 7)", where the problem asks for the remainder of 1000 by 7. */
function remainderStated(text: string, problem: string): string | undefined {
  const [, of, remainder, modulus] =
    CONGRUENCE.exec(
      plain(text)
        .replace(/\.$/, '')
        .replace(/(?<=^|[^\\])\(mod/, 'mod'),
    ) ?? []
  if (remainder === undefined || BigInt(remainder) >= BigInt(modulus)) return undefined
  const asked = askedOf(problem).sentence
  const digits = /\b(?:last|ones|units?|final) digit\b/i.test(asked) ? '10' : /\blast two digits\b/i.test(asked) ? '100' : undefined
  const divides =
    digits === modulus ||
    (/\bremainder\b|\bmod(?:ulo)?\b|\\[pb]?mod/i.test(asked) &&
      new RegExp(String.raw`(?:divided\s+by|dividing.{1,80}by|modulo|mod)[\s$\\({]{0,6}${modulus}(?!\d)`, 'i').test(asked))
  if (!divides) return undefined
  // The number that is asked about, and no step on the way.
  const known = plain(problem)
  for (let at = known.indexOf(of); at >= 0; at = known.indexOf(of, at + 1)) {
    const [before, behind] = [known[at - 1] ?? '', known[at + of.length] ?? '']
    if (
      /^[a-z]$/i.test(of)
        ? /\bremainder when \W{0,4}(\w)\W/i.exec(asked)?.[1] === of
        : !/[\d^.+*/-]/.test(before) && !/[\d^+*/!-]/.test(behind)
    )
      return remainder
  }
  return undefined
}

/** Questions of languages that write decimals with a comma. */
const COMMA_LANGUAGE =
  /¿|(?<!\p{L})(?:qual|quais|quant[oaie]s?|cuál(?:es)?|cuánt[oa]s?|wie ?viele?|wie (?:groß|lang|hoch|schwer|weit|breit)|welche[rs]?|berechnen?|combien|quel(?:le)?s?|calcule[rz]?|hoeveel|bereken|ile|oblicz|quale|calcola|сколько|найдите|чему|kolik|hur mång?a|vad är|hvor mange)(?!\p{L})/iu
const comma = new Recent<{ written: boolean }>(64)

/** "18,5" as 18.5, and "7,4 × 2,5 = 18,5", where question and response are in such a language. */
function decimalIn(text: string, output: string, problem: string): string | undefined {
  const number = /^(?:[\d\s,.·×*÷:/+−$-]{1,60}=){0,3}[\s*$]{0,4}([-+]?\d{1,12}),(\d{1,2})[\s*$.]{0,4}$/.exec(text)
  if (!number || !comma.of(problem, (of) => ({ written: COMMA_LANGUAGE.test(of.slice(-2000)) })).written) return undefined
  return /\b(?:the|answer|which)\b/i.test(output.slice(-1000)) ? undefined : `${number[1]}.${number[2]}`
}
