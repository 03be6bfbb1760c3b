/** The value that a sentence states: a formula, a choice, what stands behind its verb, or its number. */

import { matchesOf } from '../reading/matches.ts'
import { isTime } from '../reading/times.ts'
import { numberInWords } from '../reading/words.ts'
import { ageNow, ageThen } from './ages.ts'
import { countedIn, differenceIn } from './answering.ts'
import { askedOf, focusIn, stems } from './asked.ts'
import { boundsIn, exceptionIn, thoseWith } from './bounds.ts'
import { chosenLetter } from './choice.ts'
import { chosenIn, lastLetter } from './chosen.ts'
import { comparedIn } from './compared.ts'
import { countedInWords } from './counted-in-words.ts'
import { asksDay, dateIn } from './days.ts'
import type { Expected } from './expected.ts'
import { measuresInside } from './extent.ts'
import { FORMULA, isAnswer, lastMath } from './formulas.ts'
import { leavesOut, rejectionAtEnd } from './left-out.ts'
import { namedValues } from './named.ts'
import { type Found, statedNumber, statement } from './numbers.ts'
import { calledValue, copula, rootsIn } from './predicates.ts'
import { ratioIn } from './ratios.ts'
import { relationAtEnd } from './relation-at-end.ts'
import { trimEnd } from './sentences.ts'
import { ordinalAtEnd, spelledNumber } from './spelled.ts'
import { mainClause } from './subordinate.ts'
import { timeIn } from './times-of-day.ts'
import { inUnitAsked } from './twice.ts'
import { whoIn } from './who.ts'

/** What comes before a word that a sentence states. */
const SAYS =
  / (?:(?:is|are|was|were) called(?: an?| the)?|is|are|was|were|would be(?= an? )|will be|(?<=[a-z] ?[-+] ?\d{1,3} )=|(?:land|lands|falls|fall|arrive|arrives) (?:on|at)|back to) |(?<=\b(?:[Ii]t|[Tt]hat|[Tt]his|answer|statement))['’]s |: /g

type Placed = Found & { where: string }

const placed = (found: Found | undefined, where: string): Placed | undefined => found && { ...found, where }

/** "f(x) = 2x for all real x", "x = 2k, where k is an integer": the formula says the value, and these what its letter ranges over. */
const DOMAIN =
  /(?<=(?:\$|\\\)|\\\]),? )(?:for (?:all|every|each|any|some|integers?|arbitrary|an?)|for(?= (?:\$|\\\()\s?[a-z]\s?(?:\\(?:ge|geq|in|neq?|le|leq)(?![a-z])|[<>≥≤]))|where|with) (?:(?:real|positive|negative|non-?negative|nonzero|natural|whole|rational|complex|numbers?|integers?|constants?|parameters?|values? of|an?|the|arbitrary|is|are) ){0,5}(?:\$|\\\()\s?(?:[a-zA-Z]|\\[a-z]{2,8})(?:_\w|, ?[a-z]){0,3}(?:\s?(?:\\(?:in|neq?|geq?|ge|leq?)|[<>≥≤])\s?[^$=]{1,24}?)?\s?(?:\$|\\\))(?: (?:is |are |being )?(?:an? )?[a-z -]{1,40})?[.\s]{0,4}$/
const ALL_OF = /\b(?:all|every|each|any|those) (?:real |positive |numbers? |values? ){0,3}(?:\$|\\\()\s?[a-z]\s?(?:\$|\\\)),?\s?$/
const withoutDomain = (sentence: string): string => {
  const end = sentence.slice(-200)
  const domain = /[$)]/.test(sentence.slice(-60)) ? (FREE.exec(end) ?? DOMAIN.exec(end)) : null
  // "all $x$ with $x > 1$": which ones is the value.
  const which = domain && ALL_OF.exec(sentence.slice(0, sentence.length - domain[0].length).slice(-300))
  if (which) {
    const head = sentence.slice(0, sentence.length - domain[0].length - which[0].length)
    return /(?:\$|\\\)) for $/.test(head) ? head.slice(0, -5) : sentence
  }
  // "all $a > 0$ with $a \\ne 1$": both say which ones.
  if (
    domain &&
    /\\neq?(?![a-z])|≠/.test(domain[0]) &&
    /[<>≤≥]|\\[lg]eq?(?![a-z])/.test(sentence.slice(-260, sentence.length - domain[0].length))
  )
    return sentence
  return domain ? sentence.slice(0, sentence.length - domain[0].length).replace(/,? $/, '') : sentence
}

/** "as $x\\to 3$" */
const TENDS = /,? (?:as|when|for|if) (?:\$|\\\()\s?[a-z]\s?\\(?:to|rightarrow)(?![a-z])[^$]{1,30}(?:\$|\\\))[.\s]{0,4}$/

/** ", $A$ an arbitrary constant" */
const FREE =
  /(?<=\$|\\\)|\\\]),? (?:(?:where|with|and|for) )?(?:\$|\\\()\s?[a-zA-Z](?:_\w)?\s?(?:\$|\\\)) (?:is |being )?(?:an?|any|some) (?:(?:arbitrary|free|real|any) )*constant[.\s]{0,4}$/

/** "with $t \\in \\mathbb{Z}$" */
const MEMBER =
  /(?<=(?:\$|\\\()\s?)[a-z](?=\s?(?:\\in(?![a-z])|∈)\s?(?:\\(?:mathbb|mathbf|Bbb)\s?\{?\s?Z\s?\}?|\\Z(?![a-z])|ℤ)\s?(?:\$|\\\))[^$]{0,20}$)/

/** "n = 7m − 4 with m an integer": the parameter belongs to the value. */
function parameterOf(sentence: string, math: string): string {
  const name = /^\s?([a-zA-Z]|\([a-z](?:,\s?[a-z]){1,2}\))\s?=/.exec(math)?.[1]
  const domain =
    name === undefined || !/integer|\\in(?![a-z])|∈/.test(sentence.slice(-60))
      ? null
      : (MEMBER.exec(sentence.slice(-60)) ??
        /[a-z]+(?=(?:\$|\\\))[^$]{0,30}\bintegers?[.\s]{0,4}$)|(?<=\bintegers? (?:\$|\\\()\s?)[a-z](?=\s?(?:\$|\\\))[.\s]{0,4}$)/.exec(
          sentence.slice(-60),
        ))
  return domain && domain[0] !== name && domain[0].length === 1 && !/\\in(?![a-z])|∈/.test(math) ? `, ${domain[0]}\\in\\mathbb{Z}` : ''
}

/** "12 is the greatest common factor of 36 and 60", "12 divides both" */
const SUBJECT =
  /(?:^\W{0,4}(?:(?:so|thus|hence|therefore|then),? )?|, (?:and|so|but) )(-?\d[\d.,/]{0,20}) (?:is (?:the|our) (?!(?:wrong|same|number of|first|second|other|sum|product|difference)\b)(?:[a-z\d]+ ){0,3}(?:factor|divisor|multiple|number|integer|value|solution|root|answer|result|minimum|maximum|prime|one|remainder|total|area|length|age|probability)\b|divides (?:both|all)\b|(?:works|fits|does(?: the job)?|is right|is correct)(?=[.!\s]*$))(?![^.]*=)/i

/** Whether a part says where or when, and the problem asks for that. */
const asksPlace = (part: string, problem: string): boolean =>
  (/^\W{0,3}(?:occurs?|is|are)\b/.test(part) && /\b(?:at which|at what|where|when|for which|for what)\b/i.test(problem)) ||
  (/^\W{0,3}and in \d/.test(part) && /\b(?:in \d+ \w+|will)\b/i.test(problem))

/** The 3:4 of a sentence in any language that has one ratio. */
function onlyRatioIn(sentence: string): Placed | undefined {
  const found = matchesOf(sentence.slice(-400), /(?<![\d.:])\d{1,6}\s?:\s?\d{1,6}(?![\d.]*:|\d)/g)
  return found.length === 1 ? { text: found[0][0], at: sentence.lastIndexOf(found[0][0]), where: 'last ratio' } : undefined
}

/** What a price is made of. */
const SHARE = /\b(tax|tip|discount|interest|fee|commission|mark-?up|reduction|saving|savings|surcharge|deposit)\b/i
/** ", for a total of $47.25", ", so you pay $45" */
const TO_THE_WHOLE =
  /,? (?:so|for|making|bringing|giving|which (?:makes|brings|leaves)|and|leaving)\b[^,;]*\b(?:total|bill|price|cost|costs|pay|pays|paid|amount)\b[^,;]*$/i

/** A sentence without the whole price at its end, where the problem asks for a part of it: the tax, the discount. */
function withoutTotal(sentence: string, problem: string): string {
  const share = SHARE.exec(askedOf(problem).sentence)?.[1]
  const from = Math.max(0, sentence.length - 300)
  const whole = share === undefined ? null : TO_THE_WHOLE.exec(sentence.slice(from))
  if (!whole || new RegExp(String.raw`\b${share}`, 'i').test(whole[0])) return sentence
  const head = sentence.slice(0, from + whole.index)
  return /\b(?:is|are|was|equals|=|of)\s?[$€£\ue000]?\d[\d.,]*[^,;\d]{0,20}$/i.test(head) ? `${head}.` : sentence
}

/** The value that a sentence states, where nothing behind it rejects it: "x = 8; reject x = 8". */
export function valueIn(whole: string, expected: Expected): Placed | undefined {
  const end = rejectionAtEnd(whole)
  // A list whose value is rejected in a sentence of its own stands before it.
  if (end === undefined || (expected.kind === 'list' && !/\d/.test(whole.slice(0, end)))) return timeOrValueIn(whole, expected)
  const found = timeOrValueIn(whole.slice(0, end), expected)
  return found !== undefined && leavesOut(found.text, whole.slice(end)) ? undefined : found
}

/** Where the answer is a time of day, a time that something takes is none. */
function timeOrValueIn(said: string, expected: Expected): Placed | undefined {
  const whole = expected.problem === undefined || expected.kind !== 'other' ? said : withoutTotal(said, expected.problem)
  if (expected.ratio) {
    const other = expected.problem !== undefined && ratioIn(whole, expected.problem)?.text === ''
    return other ? undefined : (anyValueIn(whole, expected) ?? onlyRatioIn(whole))
  }
  if (!expected.time) return anyValueIn(whole, expected)
  const value = anyValueIn(whole, expected)
  const time = placed(timeIn(whole, expected.problem), 'last time of day')
  return time ?? (value !== undefined && isTime(value.text) ? undefined : value)
}

/** The last formula, the chosen letter, the last "= X" or "is X", the last number of the main clause: the first of these that is there. */
function anyValueIn(whole: string, expected: Expected): Placed | undefined {
  if (expected.kind === 'text' || expected.kind === 'choice') {
    const one = expected.problem === undefined ? undefined : comparedIn(whole, expected.problem)
    if (one?.text === '') return undefined
    return one ? { ...one, where: 'which of the two in the last line' } : valueOfClause(whole, expected)
  }
  const limit = /\\(?:to|rightarrow)(?![a-z])/.test(whole.slice(-80)) ? TENDS.exec(whole.slice(-80)) : null
  const sentence = limit ? whole.slice(0, whole.length - limit[0].length) : whole
  const exception = exceptionIn(sentence) ?? thoseWith(sentence)
  if (exception) return { ...exception, where: 'last line' }
  const listed = expected.kind === 'list' ? undefined : countOfListed(sentence)
  if (listed) return { ...listed, where: 'how many are listed in the last line' }
  const { problem } = expected
  if (problem === undefined) return valueOfClause(mainClause(sentence), expected)
  const date = asksDay(problem) ? dateIn(mainClause(sentence)) : undefined
  if (date) return { ...date, where: 'last date' }
  const quadrant = /\bquadrant\b/i.test(problem) ? QUADRANT.exec(sentence.slice(-120)) : null
  if (quadrant) return { text: quadrant[1] ?? quadrant[2], at: sentence.lastIndexOf(quadrant[0]), where: 'quadrant in the last line' }
  const count = thereAre(sentence, problem)
  if (count) return { ...count, where: 'how many there are in the last line' }
  const summed = sumIn(sentence, problem)
  if (summed) return { ...summed, where: 'the sum in the last line' }
  const chosen = bySign(sentence)
  if (chosen) return { ...chosen, where: 'the one that is chosen by its sign' }
  const who = whoIn(sentence, problem)
  if (who) return { ...who, where: 'who it is in the last line' }
  const compared = comparedIn(sentence, problem)
  if (compared) return compared.text === '' ? undefined : { ...compared, where: 'which of the two in the last line' }
  const age = ageThen(sentence, problem) ?? ageNow(sentence, problem)
  if (age) return age.text === '' ? undefined : { ...age, where: 'age at the time asked for' }
  const remainder = remainderOf(sentence, problem)
  if (remainder) return { ...remainder, where: 'remainder in the last line' }
  const ratio = ratioIn(sentence, problem)
  if (ratio) return ratio.text === '' ? undefined : { ...ratio, where: 'ratio in the order asked for' }
  if (goesTheOtherWay(sentence, problem)) return undefined
  const growth = byHowMuch(sentence, problem)
  if (growth) return { ...growth, where: 'last line, by how much' }
  const twice = inUnitAsked(sentence, problem)
  if (twice) return twice.text === '' ? undefined : { ...twice, where: 'last line, in the unit asked for' }
  const counted = placed(
    differenceIn(sentence, problem) ?? (expected.kind === 'list' ? undefined : countedIn(sentence.replaceAll('**', ''), problem)),
    'last line',
  )
  return (
    counted ??
    valueOfClause(
      mainClause(sentence, (part, head) => focusIn(part, problem) > focusIn(head, problem) || asksPlace(part, problem)),
      expected,
    )
  )
}

/** "100 ÷ 7 = 14 R 2" */
const DIVISION =
  /\d\s?(?:[/÷:]|\\div|divided by)\s?\d{1,9}\s?(?:=|is|gives)\s?\d{1,12},? ?(?:with )?(?:an? )?(?:R|r|rem\.?|remainder)(?: of)? ?(\d{1,9})[.!\s]*$/

/** The remainder of a division that a sentence writes out, where the problem asks for that alone. */
function remainderOf(sentence: string, problem: string): Found | undefined {
  if (!/\d/.test(sentence) || !/\bremainder\b/i.test(problem) || /\bquotient\b/i.test(problem)) return undefined
  const found = DIVISION.exec(sentence.slice(-160))
  return found ? { text: found[1], at: sentence.lastIndexOf(found[1]) } : undefined
}

/** "12 apples and 7 pears make 19 pieces" */
const SUMMED =
  /\d[\d.,]*(?: [a-z]+){1,2} and [$€£]?\d[\d.,]*(?: [a-z]+){0,2} (?:make|makes|give|gives|equals?|total|come to|comes to|add up to) ([$€£]?\d[\d,]*(?:\.\d+)?)(?![\d.]*\s?[-+*/×·])/i

/** "Quadrant III", "the third quadrant" */
const QUADRANT = /\b[Qq]uadrant (I{1,3}|IV|[1-4])\b(?!.*\b[Qq]uadrant\b)|\b(first|second|third|fourth) quadrant\b(?!.*\bquadrant\b)/

/** "There are two solutions, x = 1 and x = 3." */
const THERE_ARE =
  /\bthere (?:are|is) (?:exactly |only |just )?(two|three|four|five|six|seven|eight|nine|ten|one|\d{1,4}) (?:[a-z]+ )?([a-z]{3,})(?:,|:| ?[—–]| namely)\s(?=[a-z] ?=)/i

/** How many of what the problem counts a sentence says there are, before it lists them. */
function thereAre(sentence: string, problem: string): Found | undefined {
  const found = /\bhow many\b/i.test(problem) ? THERE_ARE.exec(sentence.slice(0, 400)) : null
  if (!found || !stems(askedOf(problem).sentence).includes(stems(found[2])[0])) return undefined
  const count = /\d/.test(found[1]) ? found[1] : String(numberInWords(found[1]))
  return { text: count, at: found.index + found[0].indexOf(found[1]) }
}

/** The sum that a sentence names behind its two parts, where the problem asks for all of them. */
export function sumIn(sentence: string, problem: string): Found | undefined {
  const summed = SUMMED.exec(sentence.slice(-160))
  if (!summed || !/\b(?:in (?:all|total)|altogether|together|total)\b/i.test(askedOf(problem).sentence)) return undefined
  return { text: summed[1], at: sentence.lastIndexOf(summed[1]) }
}

/** "n = -8 or 7, but n must be positive" */
const TWO_BY_SIGN =
  /([a-z]) ?= ?([-−]?\d[\d./]*),? (?:or|and) (?:\1 ?= ?)?([-−]?\d[\d./]*)[,;] (?:but|and|where|since|as) \1 (?:(?:must be|has to be|is|cannot be|can['’]t be) (positive|negative)|([<>]) ?0)[.!\s]*$/i

/** The one of two values of a letter that has the sign which the sentence asks for. */
function bySign(sentence: string): Found | undefined {
  const found = /\bor\b|\band\b/.test(sentence) ? TWO_BY_SIGN.exec(sentence.slice(-160)) : null
  if (!found) return undefined
  const denied = /\b(?:cannot|can['’]t) be (?:positive|negative)/i.test(found[0])
  const positive = ((found[4]?.toLowerCase() ?? (found[5] === '>' ? 'positive' : 'negative')) === 'positive') !== denied
  const fitting = [found[2], found[3]].filter((value) => /^[-−]/.test(value) !== positive)
  return fitting.length === 1 ? { text: fitting[0], at: sentence.lastIndexOf(fitting[0]) } : undefined
}

const RISES = /\b(?:ris\w+|rose|increas\w+|gr[eo]w\w*|gain\w*|climb\w*)\b/i
const FALLS = /\b(?:fall\w*|fell|decreas\w+|drop\w*|shr[aiu]nk\w*|declin\w+)\b/i

/** "It fell by 13 degrees", where the problem asks by how much it rose. */
function goesTheOtherWay(sentence: string, problem: string): boolean {
  const question = /\bby (?:how|what)\b/i.test(problem) ? askedOf(problem).sentence : ''
  if (!/\bby (?:how|what)\b/i.test(question)) return false
  const [up, down] = [RISES, FALLS].map((way) => way.test(question))
  return up !== down && (up ? FALLS.test(sentence) && !RISES.test(sentence) : RISES.test(sentence) && !FALLS.test(sentence))
}

/** "It rose by 13 degrees to 9 degrees." */
const BY = /\bby (?:exactly |about )?([$€£\ue000]?\d[\d,]*(?:\.\d+)?%?)(?![\w/.]|\s?[-+*×·/=])/gi
/** What it was or became. */
const BECAME = /\b(?:to|from) [$€£\ue000]?-?\d/i

/** How much more it became, where the problem asks by how much and the sentence says what it became, too. */
function byHowMuch(sentence: string, problem: string): Found | undefined {
  if (!BECAME.test(sentence) || !/\bby (?:how (?:much|many)|what (?:percent\w*|amount))\b/i.test(askedOf(problem).sentence))
    return undefined
  const found = matchesOf(sentence, BY)
  return found.length === 1 ? { text: found[0][1], at: found[0].index + found[0][0].lastIndexOf(found[0][1]) } : undefined
}

/** ", which as a remainder is 4" */
const WORKED_OUT =
  /,? (?:which|and (?:this|that)) (?:(?:as|in|written|reduced|taken|said) [a-z ]{1,30} )?(?:is|equals|gives|makes|leaves) (?:just |simply )?([-−]?\d[\d,]*(?:\/\d+)?)[.\s]*$/i

/** "Only 3 of them are prime: 2, 3 and 5." says how many, and which ones. */
const COUNTED =
  /^[^:\d$]{0,60}(?<![\w.])(\d{1,3})(?=\s[a-z])[^:\d$=]{3,80}:\s((?:[-−]?\d[\d./]*, ){0,20}[-−]?\d[\d./]*,? and [-−]?\d[\d./]*)[.\s]*$/i
/** "They are 2, 3, 5 and 7, which makes 4 of them.", "2, 3, 5, 7: 4 primes" */
const COUNTED_BEHIND =
  /((?:[-−]?\d[\d./]*, ){1,20}(?:and )?[-−]?\d[\d./]*(?:,? and [-−]?\d[\d./]*)?)(?::|\s[—–-]|,? (?:which|that|this) (?:makes|is|are|gives)|,? (?:so|thus|making|giving|for a total of|i\.e\.,?)(?: (?:there are|that is|that['’]s|we have))?) (?:that['’]s |a total of |exactly |in total )?(\d{1,3})(?: of (?:them|these|those)| [a-z]+(?: [a-z]+)?| in (?:all|total))?[.!\s]*$/i
export function countOfListed(sentence: string): Found | undefined {
  const found = COUNTED_BEHIND.exec(sentence.slice(-240))
  return found && isCountOf(found[2], found[1]) ? { text: found[2], at: sentence.lastIndexOf(found[2]) } : undefined
}

const isCountOf = (count: string, list: string): boolean => list.split(/,? and |, /).length === Number(count)

/** "$DE$", "$\\angle ABC$": a formula that only names an object. */
const OBJECT = /(?:\$|\\\()\s?((?:\\(?:overline|angle|triangle|vec|widehat)\s?)?\{?[A-Z]{1,4}'{0,2}\}?)\s?(?:\$|\\\))(?=[^$=]{1,80}\d)/g
/** The names of objects without the signs that set them, where a number follows: the formula is then no value. */
const namesBare = (written: string): string => {
  const sentence = written.replace(COUNTED_LETTERS, (_, counted: string, letter: string) => counted + ' '.repeat(letter.length))
  return withNamesBare(sentence)
}
/** "$15$ integers $k$ work": the letter of what is counted. */
const COUNTED_LETTERS = /((?:\$|\\\()\d[\d,]*(?:\$|\\\)) [a-z]+s)( (?:\$|\\\()[a-z](?:\$|\\\)))(?= [a-z]|[.!]?\s*$)/g
const withNamesBare = (sentence: string): string =>
  /(?:\$|\\\()\s?[\\A-Z]/.test(sentence) ? sentence.replace(OBJECT, (found, name: string) => name.padEnd(found.length)) : sentence

/** "so x = 0, x = 2" */
const COMMA_ROOTS =
  /(?<![\w.,^*/+-] ?)(([a-z]) ?= ?[-−]?\d[\d./]{0,12}(?:, \2 ?= ?[-−]?\d[\d./]{0,12}){0,5}, \2 ?= ?[-−]?\d(?:[\d./]{0,11}\d)?)[.!\s]*$/

/** "at 1 s on the way up and again at 3 s on the way down" */
const AGAIN = /\bat ([-−]?\d[\d.,/]*)(?: [a-z]{1,12})?(?: [a-z]+){0,6}?,? and (?:again|once more|then again) at ([-−]?\d[\d./]*\d|[-−]?\d)/i

/** "in March", "48, in March" */
const IN_PLACE = /^(?:\d[\d.,]*,? )?(?:in|on|at) (?=[A-Z][a-z]+$)/

function valueOfClause(written: string, expected: Expected): Placed | undefined {
  const words = expected.kind === 'text' || expected.kind === 'choice'
  const whole = words ? written : namesBare(measuresInside(written))
  const tail = Math.max(0, whole.length - 300)
  const again = expected.kind === 'list' ? AGAIN.exec(whole.slice(tail)) : null
  if (again) return { text: `${again[1]}, ${again[2]}`, at: tail + again.index, where: 'last line' }
  const roots = expected.kind === 'list' ? COMMA_ROOTS.exec(whole.slice(tail)) : null
  if (roots && isAnswer(roots[1])) return { text: roots[1], at: tail + roots.index, where: 'last line' }
  const named = expected.kind === 'list' ? namedValues(whole) : undefined
  if (named) return { ...named, where: 'last line' }
  const subject = SUBJECT.exec(whole)
  if (subject && expected.kind !== 'text' && expected.kind !== 'choice' && isAnswer(subject[1]))
    return { text: subject[1], at: subject.index + subject[0].indexOf(subject[1]), where: 'last line' }
  const sentence = statement(whole)
  const shift = whole.indexOf(sentence)
  const bounds = expected.kind === 'text' || expected.kind === 'choice' ? undefined : boundsIn(sentence)
  if (bounds) return { ...bounds, at: shift + bounds.at, where: 'last line' }
  const restated = /[,:] (?:namely|viz\.?|i\.e\.,?|that is,) ([-−$€£]?\d[\d.,/]*)[.\s]*$/i.exec(sentence)
  if (restated && /\$|\\\(/.test(sentence.slice(0, restated.index)) && isAnswer(trimEnd(restated[1])))
    return { text: trimEnd(restated[1]), at: shift + sentence.lastIndexOf(restated[1]), where: 'last line' }
  const spelledOut = WORKED_OUT.exec(sentence)
  if (
    spelledOut &&
    /(?:\$|\\\))(?: [a-z]+){0,3}$/.test(sentence.slice(0, spelledOut.index)) &&
    !/\\(?:sqrt|pi|ln|log)|[√π]/.test(sentence.slice(0, spelledOut.index))
  )
    return { text: spelledOut[1], at: shift + spelledOut.index + spelledOut[0].indexOf(spelledOut[1]), where: 'last line' }
  const counted = COUNTED.exec(sentence)
  if (counted && expected.kind !== 'list' && isCountOf(counted[1], counted[2]))
    return { text: counted[1], at: shift + counted.index + counted[0].indexOf(counted[1]), where: 'last line' }
  const math = lastMath(withoutDomain(sentence))
  if (math !== undefined) {
    const at = Math.max(0, whole.lastIndexOf(math.trim()))
    // "From $x^2 - 16 = 0$ we get x = 4 or x = -4."
    const behind = at + math.trim().length
    const roots = rootsIn(whole.slice(behind))
    return roots
      ? { ...roots, at: behind + roots.at, where: 'last line' }
      : { text: math.trim() + parameterOf(sentence, math), at, where: 'formula at the end' }
  }
  const moved = (found: Placed | undefined): Placed | undefined => found && { ...found, at: found.at + shift }
  const letter = expected.kind === 'choice' || expected.kind === 'list' ? chosenIn(whole, expected.kind === 'list') : undefined
  if (letter) return { ...letter, where: 'choice in the last line' }
  if (expected.kind === 'text') {
    const who = expected.problem === undefined ? undefined : whoIn(whole, expected.problem)
    if (who) return { ...who, where: 'who it is in the last line' }
    const at = Math.max(0, ...matchesOf(sentence.slice(-FORMULA), SAYS).map(({ index, 0: word }) => index + word.length))
    return moved({
      text: trimEnd(sentence.slice(-FORMULA).slice(at))
        .replace(/^[*_]{1,3}/, '')
        .replace(IN_PLACE, ''),
      at: Math.max(0, sentence.length - FORMULA) + at,
      where: 'last line',
    })
  }
  const relation = expected.bounds || expected.equation ? relationAtEnd(sentence, !expected.equation) : undefined
  const said = placed(relation ?? copula(sentence) ?? calledValue(sentence), 'last line')
  const letterAt = placed(lastLetter(sentence), 'last word')
  // "9 × 7 = 63 → (B)"
  if (said && !(letterAt && expected.kind === 'choice' && chosenLetter(said.text) === undefined)) return moved(said)
  if (letterAt) return moved(letterAt)
  const inWords = expected.problem === undefined || expected.kind === 'list' ? undefined : countedInWords(sentence, expected.problem)
  if (inWords) return moved({ ...inWords, where: 'number in words of what is counted' })
  // "He needs seven boxes for his 80 books."
  const number = numberIn(sentence, 'last number')
  const ordinal = expected.ordinal && number === undefined ? ordinalAtEnd(sentence) : undefined
  if (ordinal) return moved({ ...ordinal, where: 'ordinal in words' })
  const spelled = number === undefined || number.oblique ? spelledNumber(sentence, number !== undefined) : undefined
  return moved(placed(spelled, 'number in words') ?? number)
}

function numberIn(text: string, where: string): Placed | undefined {
  const number = statedNumber(text)
  // A bare row of numbers states none. A unit of its own takes the last one out: "what is missing to 180, 65 degrees".
  const row = (end: number): boolean =>
    /\d[\s,;.]+$/.test(text.slice(-2000, end)) &&
    !(/^[$€£]?[\d.,]+ (?!and\b|or\b|to\b)[a-z]/i.test(number!.text) && !/:\d\d[\s,;.]+$/.test(text.slice(0, end)))
  return number === undefined || row(text.lastIndexOf(number.text)) ? undefined : { ...number, where }
}
