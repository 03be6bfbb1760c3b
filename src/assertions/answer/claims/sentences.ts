/** Sentences and what stands beside the statement in them. */

import { matchesOf } from '../reading/matches.ts'
import { remembered } from '../reading/remembered.ts'

/** Where a sentence ends: not behind an abbreviation or an ordinal, and not inside a number; "4! ways" goes on. */
const STOP = /(?:[.?。।]|!(?!(?<=\d!{1,2})\s(?:[a-z]|\.)))(?=["'”)\]*_]{0,3}(?:\s|$))/g
const ABBREVIATION =
  /(?:\b(?:[iI]\.e|[eE]\.g|vs|approx|Mr|Mrs|Ms|Dr|St|No|etc|cf|resp|a\.m|p\.m|U\.S|sq|ft|in|oz|lbs?)|(?:^|\n)\s{0,4}\d{1,3})$/

/** Start and end of a sentence in a text. */
export interface Span {
  start: number
  end: number
}

/** A formula, in which no sentence ends. */
const FORMULA = /\$[^$\n]{1,400}\$|\\\([^\n]{1,400}?\\\)|\\\[[^\n]{1,400}?\\\]/g

/** The text with its formulas blotted out, each as long as it was. */
export const blotted = (text: string): string => (text.includes('$') || text.includes('\\') ? withBlots(text) : text)

const withBlots = remembered(
  (text: string): string =>
    text.replace(FORMULA, (found) =>
      found.startsWith('$') && /^\$[^\\]*[a-z]{2,}\s/i.test(found) ? found : '\u2022'.repeat(found.length),
    ),
  8,
)

const WORD = /[\p{L}\p{N}]/u

/** Whether a text holds a letter or a digit. Nearly all do, and show it by one of ASCII. */
export const isWorded = (text: string): boolean => /[A-Za-z\d]/.test(text) || WORD.test(text)

/** The sentences of a text; a line break ends one too. */
export function sentencesOf(text: string): string[] {
  const out: string[] = []
  if (!isWorded(text)) return out
  for (const line of text.split('\n')) {
    let start = 0
    for (const { index } of matchesOf(line, STOP)) {
      if (ABBREVIATION.test(line.slice(Math.max(0, index - 8), index))) continue
      out.push(line.slice(start, index + 1).trim())
      start = index + 1
    }
    out.push(line.slice(start).trim())
  }
  return out.filter(isWorded)
}

/** What stands before `at` in its sentence. */
export function sentenceBefore(text: string, at: number): string {
  const line = text.slice(Math.max(text.lastIndexOf('\n', at - 1) + 1, at - 400), at)
  for (let i = line.length - 1; i >= 0; i--) {
    if (isMark(line, i) && isStop(line, i)) return line.slice(i + 1)
  }
  return line
}

/** Whether a mark that may end a sentence stands at a place. */
export function isMark(text: string, at: number): boolean {
  const code = text.charCodeAt(at)
  return code === 0x2e || code === 0x21 || code === 0x3f || code === 0x3002 || code === 0x964
}

const STOP_HERE = new RegExp(STOP, 'y')

/** Whether a sentence ends with the mark at a place. */
export function isStop(line: string, at: number): boolean {
  STOP_HERE.lastIndex = at
  return STOP_HERE.test(line) && !ABBREVIATION.test(line.slice(Math.max(0, at - 8), at))
}

/** What stands from `at` to the end of its sentence. */
export function sentenceBehind(text: string, at: number): string {
  const line = firstLine(text.slice(at, at + 600))
  return line.slice(0, endOfSentence(line))
}

/** Length of the first sentence of a line. */
function endOfSentence(line: string): number {
  const plain = blotted(line)
  for (let i = 0; i < plain.length; i++) {
    if (isMark(plain, i) && isStop(plain, i)) return i + 1
  }
  return line.length
}

/** The last full stop that is not that of "i.e." */
function lastStop(text: string): number {
  let stop = text.lastIndexOf('. ')
  while (stop > 0 && /\b(?:[iI]\.e|[eE]\.g|vs|cf|approx)$/.test(text.slice(Math.max(0, stop - 8), stop)))
    stop = text.lastIndexOf('. ', stop - 1)
  return stop
}

/** The last exclamation mark that is not that of "4! ways". */
function lastCall(text: string): number {
  let call = text.lastIndexOf('! ')
  while (call > 0 && /^(?:\d!|\d)! (?:[a-z]|\.)/.test(text.slice(text[call - 1] === '!' ? call - 2 : call - 1, call + 3)))
    call = text.lastIndexOf('! ', call - 1)
  return call
}

export function lastSentence(line: string): string {
  const end = line.trimEnd().replace(/(?<!\d!{1,2}\s?)[.。।]$/, '')
  const plain = blotted(end.slice(-4000))
  const stop = Math.max(lastStop(plain), lastCall(plain), ...['? ', '。', '।'].map((mark) => plain.lastIndexOf(mark)))
  return stop < 0 ? end : end.slice(end.length - plain.length + stop + 1)
}

export function firstLine(text: string): string {
  const end = text.indexOf('\n')
  return end < 0 ? text : text.slice(0, end)
}

/** Without the marks around and behind a statement. */
export function trimEnd(text: string): string {
  return text.trim().replace(/[\s.*_]{1,8}$/, '')
}

/** Where a sentence turns from one statement to another. */
const TURNS = /[,;]?\s(?:but|however|yet|whereas|while|although|though(?!\s?[:.;]|,|\s*$)|even though|despite)\b,?|;/gi
/** What these open is said beside the main statement. */
const BESIDE = /while|whereas|though|despite/i

/** "all but 19" */
const ALL_BUT = /\b(?:all|any(?:thing|one)?|every(?:thing|one)?|nothing|option)$/i
/** "every digit but", "all of the other primes but" */
const EACH_BUT = /\b(?:all|any|every|each)(?:\s\w+){1,5}$/i

/** Whether "but" leaves the value behind it out of all: "every digit but 9". */
/** "bigger than -6, but smaller than 6": the other bound of the same. */
const OTHER_BOUND =
  /^\s?(?:also |at the same time )?(?:(?:less|smaller|lower|greater|larger|bigger|higher|more) than|at (?:most|least)|below|above)\s[$\\(]{0,3}[-−\d]/i

const isAllBut = (before: string, behind: string): boolean =>
  EACH_BUT.test(before.slice(-80)) && /^\s?[$(]?(?:[-−]?\d|[A-J]\b)/.test(behind)

/** The statements that a sentence sets against one another: "Many say 55, but it is 50." has two. "It is 16, although 15 looks plausible." has one. */
export function contrasted(sentence: string): string[] {
  const out: string[] = []
  let start = 0
  let beside = false
  for (const { index, 0: turn } of matchesOf(blotted(sentence), TURNS)) {
    // "all but 19" and "anything but C" exclude.
    if (
      /but/i.test(turn) &&
      (OTHER_BOUND.test(sentence.slice(index + turn.length)) ||
        ALL_BUT.test(sentence.slice(0, index)) ||
        isAllBut(sentence.slice(0, index), sentence.slice(index + turn.length)))
    )
      continue
    if (!beside) out.push(sentence.slice(start, index))
    beside = BESIDE.test(turn)
    start = index + turn.length
  }
  if (!beside) out.push(sentence.slice(start))
  return out.filter((part) => part.trim() !== '')
}

/** What a sentence sets the answer apart from: "95 instead of 90", "43, not 42", "any prime other than 19". */
const APART =
  /^\W{0,4}(?:instead of|rather than)\s(?:being\s)?[^,;]{1,60}?(?:,|(?=\s(?:there|we|he|she|it|they|I|you|one|the)\s))|(?:[,(]\s?|\b)(?:and |but )?(?:instead of|rather than|as opposed to|(?:other than|except(?: for)?|excluding|besides|apart from)(?<!\breals? (?:numbers? |values? |[a-z] )?(?:other than|except(?: for)?|excluding|besides|apart from))|excludes|aside from|in place of|(?:all|any(?:thing|one)?|every(?:thing|one)?|option|choice|value) but|save(?<=\b(?:all|any|every|each)\s(?:\w+\s)?save)(?: for)?|not(?<!(?:\b(?:is|are|was|were|be|do|does|did|can|could|would|will|should|must|has|have|had) |['’]ve )not))\s[^,;()]{1,200}?(?=\sbut\s|,\s|;|:\s|\)|$)\)?|(?:[,(]\s?(?:no|nicht|pas|а не|не|non|niet|não)|[,(]?\s?(?:et non|и не|e non|y no|en niet|und nicht|e não))\s(?=[$(\\]{0,3}\d)[^,;()]{1,60}\)?|^\W{0,4}(?:unlike|in contrast (?:to|with)|compared (?:to|with)|instead of)\s[^,;]{1,200},|,?\s(?:unlike|in contrast (?:to|with)|compared (?:to|with)|versus)\s.{1,300}/gi
/** A remark in brackets behind an answer: "95 (90 leaves out the corner)". */
const ASIDE =
  /(?<=(?:[\d$%}*]|\\\))[\w ]{0,20}\s)\((?!mod\b)(?=(?:[^()]{0,200}\s)?[a-z]{3})(?:[^()\\]|\\[^\n]){1,200}\)|(?<=\S\s)\((?:\$|\\\()?\s?(?:≈|~|\\approx(?![a-z])|approx\.?|about|roughly|around)\s?[^()]{1,40}?(?:\$|\\\))?\)/gi

/** A number said once more as a rate: "; that is $500 a month over 4 months", ", or 7 a day". */
const AS_RATE =
  /[,;]\s(that(?:['’]s| is)|which (?:is|means|makes|comes to)|or)\s(?:just |only |exactly )?[$€£\ue000]?\d[\d.,]{0,12}(?:\s[a-z]{1,12}){0,2}(?:\s(?:per|an?|each|every)\s|\/)[a-z]{1,12}\b(?:\s[a-z]{1,12}){0,3}(?:\s\d{1,9}\s[a-z]{1,12})?[.\s]{0,4}$/i
/** "600 dollars a year" is a rate already, and is told in another. */
const RATE = /\d(?:\s[a-z]{1,12}){0,2}\s(?:per|an?|each|every)\s[a-z]{1,12}$/i
const TOTAL = /\b(?:in total|in all|altogether|total(?:s|ed|ing)?|all together)\b/i

/**
 * A sentence without the rate that its total comes to. Where no total is named, two numbers are said and it is `open` which one is meant;
 * "180 miles in 3 hours, which is 60 miles per hour" goes on to the second.
 */
export function withoutRate(sentence: string): { said: string; open: boolean } {
  const rate = /\d/.test(sentence) ? AS_RATE.exec(sentence.slice(-300)) : null
  const said = rate ? sentence.slice(0, sentence.length - Math.min(300, sentence.length) + rate.index) : sentence
  if (!rate || !/\d/.test(said) || /^\W{0,4}[A-Z]?[a-z]+ing\b/.test(said)) return { said: sentence, open: false }
  if (TOTAL.test(said)) return { said, open: false }
  return { said: sentence, open: !/^which/i.test(rate[1]) && !RATE.test(said) }
}

/** A sentence without remarks in brackets and without what it sets the answer apart from. */
export const withoutAsides = (sentence: string): string =>
  (sentence.includes('(') ? sentence.replace(ASIDE, '') : sentence).replace(APART, ' ')
