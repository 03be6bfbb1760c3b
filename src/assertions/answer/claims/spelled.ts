/** Numbers in words that a sentence states: "There are seven characters.", "So two thirds of the tank is full." */

import { matchesOf } from '../reading/matches.ts'
import { numberInWords, rationalInWords } from '../reading/words.ts'
import type { Found } from './numbers.ts'

const ONES = 'two|three|four|five|six|seven|eight|nine'
const TEENS = 'ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen|eighteen|nineteen'
const TENS = 'twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety'
const NUMERAL = `(?:(?:${TENS})[\\s-](?:one|${ONES})|zero|${ONES}|${TEENS}|${TENS}|hundred|thousand|million|dozen)`
const WHOLE = `(?:one (?=hundred|thousand|million|dozen))?${NUMERAL}(?:(?:[\\s-]|\\sand\\s)(?:one(?=[\\s,.]*$)|${NUMERAL})){0,8}`
const PART =
  '(?:halves|half|thirds?|quarters?|fourths?|fifths?|sixths?|sevenths?|eighths?|ninths?|tenths?|twelfths?|[a-z]{3,6}teenths?|[a-z]{3,6}tieths?)'
/** "two thirds", "two and a half", "a quarter". */
const FRACTION = `(?:half(?= an? )|(?:(?:(?:one|${ONES}|${TEENS}) and )?(?:an?|one|${ONES}|${TEENS})[\\s-]${PART})(?![a-z-])(?=(?! past| to (?:one|two|three|${ONES}|ten)| times)))`

export const SPELLED = new RegExp(`\\b(?:${FRACTION}|${WHOLE})\\b`, 'gi')
/** "exactly one solution", "only one of the ten numbers" */
const ONE = /\b(?:exactly|precisely|only|just) (one)\b(?! (?:way to|can|may|could|has to|must))/gi

/** A longer sentence is not searched. */
const SEARCHED = 400

/**
 * The only number in words that a sentence states. Where it has figures too, `beside`, they only say of what or for what, and the
 * words count where the sentence concludes.
 */
export function spelledNumber(sentence: string, beside: boolean): Found | undefined {
  if (sentence.length > SEARCHED || (!beside && /\d/.test(sentence))) return undefined
  const runs = matchesOf(sentence, SPELLED).filter(({ index }) => !isGoverned(sentence.slice(0, index)))
  const [run, ...others] = runs
  if (run === undefined && !beside) return onlyOne(sentence)
  const subject = beside
    ? undefined
    : runs.findLast(({ index, 0: words }) => isPartOf(sentence.slice(0, index), words, sentence.slice(index + words.length)))
  const part = subject && (subject === run || AFTER.test(sentence)) ? spelledValue(subject[0].toLowerCase()) : undefined
  if (part?.includes('/')) return { text: part, at: subject!.index }
  const last = others.at(-1)
  // "It won eight games and lost four, so it played twelve games."
  const found = last && RESULT.test(sentence.slice(run.index + run[0].length, last.index)) ? last : others.length === 0 ? run : undefined
  if (found === undefined) return undefined
  const value = spelledValue(found[0].toLowerCase())
  if (value === undefined) return undefined
  const { index } = found
  const before = sentence.slice(0, index).replace(/\ban? $/i, (article) => (/^(?:dozen|hundred|thousand)/i.test(found[0]) ? '' : article))
  const behind = sentence.slice(index + found[0].length)
  const sign = /\b(?:minus|negative)\s$/i.test(before) ? '-' : ''
  return isStated(sign ? before.replace(/\w+\s$/, '') : before, behind, found[0], beside, found === last)
    ? { text: sign + textOf(value, behind), at: index }
    : undefined
}

const AFTER = /^\W{0,4}(?:(?:so|then|now),? )?(?:after|when|once|since|as)\b[^,]{1,120}, /i
/** "Three fifths of the land remained.": a fraction as what the sentence is about. */
const isPartOf = (before: string, words: string, behind: string): boolean =>
  /half|hal|third|quarter|fourth|fifth|sixth|seventh|eighth|ninth|tenth|teenth|tieth/i.test(words) &&
  /^\W{0,4}(?:(?:in the end|finally|at the end|now|then|still|only),? ){0,2}$|^\W{0,4}(?:(?:so|then|now),? )?(?:after|when|once|since|as)\b[^,]{1,120}, (?:only |still |exactly )?$/i.test(
    before,
  ) &&
  /^ of (?:the|them|it|all|these|this|her|his|their)\b[^.;,]{0,50}\b(?:remain(?:s|ed)?|(?:is|are|was|were) (?:left|still|empty|full|free)|left|stay(?:s|ed)?)\b/i.test(
    behind,
  )

const ORDINAL =
  /\b((?:(?:twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety)[-\s])?(?:first|second|third|fourth|fifth|sixth|seventh|eighth|ninth|tenth|eleventh|twelfth|[a-z]{3,6}teenth|[a-z]{3,6}tieth))\b(?: [a-z]+){0,4}[.\s!]{0,4}$/i

/** "He lives on the sixth floor.": the only ordinal of a sentence without other numbers, at its end. */
export function ordinalAtEnd(sentence: string): Found | undefined {
  const found = sentence.length > SEARCHED || /\d/.test(sentence) ? null : ORDINAL.exec(sentence)
  if (found && /\b(?:an?|one|per)[\s-]$/i.test(sentence.slice(0, found.index))) return undefined
  return found ? { text: found[1].toLowerCase(), at: found.index } : undefined
}

const NUMERAL_OR_WORD = String.raw`\d{1,4}(?:st|nd|rd|th)|(?:(?:twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety)[-\s])?(?:first|second|third|fourth|fifth|sixth|seventh|eighth|ninth|tenth|eleventh|twelfth|[a-z]{3,6}teenth|[a-z]{3,6}tieth)`
const PLACE = new RegExp(
  String.raw`\b(?:in|on|at|during|by|from|with|is|was|be|comes) (?:(?:the|its|his|her|their) )?(${NUMERAL_OR_WORD})\s([a-z]{3,14})(?:\s(?:of|in|after|from|since|on)\s[a-z][a-z ]{2,30})?[.!\s]{0,4}$`,
  'i',
)

/** "The 13th week is the one in which it starts.", "It is the 13th week in which it starts" */
const PLACE_FIRST = new RegExp(
  String.raw`(?:^|,? )\W{0,4}(?:(?:so|thus|hence|then|therefore),? )?(?:it (?:is|was) )?the (${NUMERAL_OR_WORD})\s([a-z]{3,14}) (?:(?:is|was) (?:the (?:one|first)|when|where|in which|that)|in which|on which|when|that)\b[^\d]*$`,
  'i',
)
/** "It starts the week after." */
const NEXT =
  /\b(?:the|in the|on the) (?:(?:next|following|preceding|previous) ([a-z]{3,12})|([a-z]{3,12}) (?:after|before))(?: (?:that|this|it))?[.!\s]{0,4}$/i

/** Whether a sentence tells its place by the number in the sentence before. */
export function isPlaceBeside(sentence: string, before: string | undefined): boolean {
  const found = sentence.length > SEARCHED || /\d/.test(sentence) ? null : NEXT.exec(sentence)
  const noun = (found?.[1] ?? found?.[2])?.replace(/s$/i, '')
  return noun !== undefined && before !== undefined && new RegExp(String.raw`\d\s(?:[a-z]+\s)?${noun}s?\b`, 'i').test(before)
}

/** "the seventh floor" at the end of a sentence, where the problem asks which floor. */
export function asksPlace(sentence: string, problem: string): boolean {
  const noun = /(?:st|nd|rd|th) ([a-z]{3,14})[.!\s]{0,4}$/i.exec(sentence)?.[1]
  return noun !== undefined && new RegExp(String.raw`\b(?:which|what) ${noun.replace(/s$/i, '')}s?\b`, 'i').test(problem)
}

/**
 * "The holiday starts in the 13th week.": which one it is, where the problem asks for that, the sentence concludes, or the sentence
 * before it counted the same.
 */
export function placeStated(sentence: string, before: string | undefined, problem: string | undefined, wanted: boolean): Found | undefined {
  const found = sentence.length > SEARCHED ? null : (PLACE.exec(sentence) ?? PLACE_FIRST.exec(sentence))
  const ahead = found === null || /^,? ?(?:so|thus|hence|therefore)\b/i.test(found[0]) ? '' : sentence.slice(0, found.index)
  if (!found || /\d/.test(ahead.split(/, (?:and )?(?:so|thus|hence|therefore)\b/).at(-1)!) || /\b(?:not|never)\b|n['’]t\b/i.test(sentence))
    return undefined
  const noun = found[2].replace(/s$/i, '')
  const asked = problem !== undefined && new RegExp(String.raw`\b(?:which|what)\s(?:[a-z]+\s)?${noun}s?\b|\bwhen\b`, 'i').test(problem)
  const counted = before !== undefined && new RegExp(String.raw`\d\s(?:[a-z]+\s)?${noun}s?\b`, 'i').test(before)
  if (!wanted && !asked && !counted && !opensConclusion(sentence)) return undefined
  return { text: found[1].toLowerCase(), at: found.index + found[0].indexOf(found[1]) }
}

const RESULT = /\b(?:so|thus|hence|therefore|which (?:means|makes|leaves|gives)|making|leaving|giving)\b/i

function isStated(before: string, behind: string, word: string, beside: boolean, result: boolean): boolean {
  if (/\b(?:more|less|fewer|other|than|times|or)\b/i.test(behind.slice(0, 40)))
    return PREDICATE.test(before) && !/^ (?:more|less|fewer|times|or)\b/i.test(behind)
  if (ONLY_SUBJECT.test(before) && REMAINS.test(behind)) return true
  const concluded = (opensConclusion(before) || result) && (!DETERMINED.test(before) || /\b(?:by|after)\s$/i.test(before))
  if (concluded) return true
  const many = (wholeInWords(word.toLowerCase()) ?? 0n) >= INCIDENTAL
  if (beside) return /\b(?:exactly|only|just)\s$/i.test(before) || (many && PREDICATE.test(before))
  const fraction = /half|hal|third|quarter|fourth|fifth|sixth|seventh|eighth|ninth|tenth|teenth|tieth/i.test(word)
  return PREDICATE.test(before) || ((fraction || many) && OWNS.test(before))
}

/** "Only three remain.", "Exactly two of the roots work." */
const ONLY_SUBJECT = /^\W{0,4}(?:(?:so|thus|hence|then|now|finally|in the end),? )?(?:only|just|exactly|precisely) $/i
const REMAINS = /^ (?:[a-z]+ ){0,3}(?:remain|are|were|work|survive|stay|pass|fit|qualify|hold|satisfy|can|have|do)\b/i

/** "So only one of the ten is prime.", "There is exactly one solution." */
function onlyOne(sentence: string): Found | undefined {
  const ones = matchesOf(sentence, ONE)
  const [one] = ones
  if (ones.length !== 1 || !(opensConclusion(sentence) || /\bthere (?:is|was) $/i.test(sentence.slice(0, one.index)))) return undefined
  return { text: '1', at: one.index + one[0].length - 3 }
}

/** "the three of them", "with two brothers": not what the sentence says. */
const DETERMINED =
  /\b(?:the|these|those|all|both|every|other|of|with|by|in|for|to|from|his|her|its|their|our|after|within|than)\s(?:an? )?$/i
const isGoverned = (before: string): boolean =>
  /\b(?:the|these|those|his|her|its|their|our|of the|for|from|in|within|than|between)\s$/i.test(before)

const opensConclusion = (sentence: string): boolean =>
  /^\W{0,4}(?:and )?(?:so|thus|hence|therefore|altogether|in total|in all|consequently|this means|that means|we conclude|in conclusion|as a result)\b/i.test(
    sentence,
  )

/** What says a number and not how many of something else: "there are seven", and not "add the three numbers". */
const PREDICATE =
  /(?:\b(?:that|it|there|this|here)['’](?:s|re)|\b(?:there (?:are|is|were|was|will be|must be)|is|was|equals|becomes|costs?|total of|makes|leaves|answer:|(?:comes?|came|amounts?|adds? up|sums? up)(?: out)? (?:to|as)|takes (?:\w+ )?))\s?(?:exactly |only |just )?\**(?:an? )?$/i

/** What is told of who has so many: "the village has fifteen hundred inhabitants". Small numbers, "she has two brothers", say it in passing. */
const OWNS =
  /\b(?:has|have|had|holds?|contains?|needs?|uses?|buys?|bought|sells?|sold|lasts?|lasted|weighs?|weighed|measures?|measured|walks?|walked|drinks?|drank|makes?|made|earns?|earned|saves?|saved|pays?|paid|spends?|spent|gets?|got|eats?|ate|takes? (?:\w+ )?|collect(?:s|ed)|bak(?:es|ed)|plant(?:s|ed))\s?(?:exactly |only |just |a total of )?(?:an? )?$/i

const INCIDENTAL = 12n

/** The value that words spell: a whole number, dozens too, or a fraction. */
export function spelledValue(words: string): string | undefined {
  const whole = wholeInWords(words)
  if (whole !== undefined) return String(whole)
  const fraction = rationalInWords(words === 'half' ? 'one half' : words)
  return fraction && `${fraction.n}/${fraction.d}`
}

function wholeInWords(words: string): bigint | undefined {
  const [, times, dozen] = /^(.*?)[\s-]?(dozen)?$/s.exec(words)!
  const value = times === '' ? 1n : (numberInWords(times) ?? numberInWords(`one ${times}`))
  return value === undefined ? undefined : value * (dozen === undefined ? 1n : 12n)
}

/** With the noun behind it: "16 inhabitants". A fraction is of something: "3/4 hour" of "three quarters of an hour". */
function textOf(value: string, behind: string): string {
  const noun =
    /^(?: (?:of )?an?)? (second|minute|hour|day|week|month|year|mile|metre|meter|foot|feet|inch|kilometer|kilometre|km|pound|kilogram|kg|gram|gallon|liter|litre|dollar|euro|cent|degree)(?:e?s)?\b/i.exec(
      behind,
    )
  return noun ? `${value} ${noun[1]}` : value
}
