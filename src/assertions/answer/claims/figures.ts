/**
 * Numbers in words as figures: "thirty-six" as 36, "two and a half" as 5/2. So every rule that reads a number reads them, too. Small
 * ones are mostly said in passing ("the two throws", "for three friends") and become figures only where a sentence states them.
 */

import { matchesOf, upTo } from '../reading/matches.ts'
import { askedOf, stems } from './asked.ts'
import { sentenceBefore, sentenceBehind } from './sentences.ts'
import { SPELLED, spelledValue } from './spelled.ts'
import { namesOthers, sameNoun } from './weighing/marks.ts'
import { degreesOf, EACH_ONE, questionOf } from './weighing/question.ts'

/** Characters at the end of a response that are read. */
const SEARCHED = 1600
/** Part of every number in words. */
const NUMERAL =
  /\b(?:tw(?:o|elve|en)|thir|three|four|for?ty|fi(?:ve|f)|six|seven|eigh|nine|ten|eleven|zero|hundred|thousand|million|dozen|half|(?:an?|one)[\s-][a-z]{3,8}(?:th|rd|ter)\b|(?:exactly|only|just|is|equals|gives|makes|leaves) one\b|a single\b)/i
/** Below it a number is said in passing more often than not. */
const SMALL = 13

/** What a small number stands behind where a sentence states it: a verb and what may stand between. */
const SAID =
  /(?:^|[\s(])(?!(?:as|this|his|its|plus|minus|times|less|across|others|besides|unless|versus|perhaps|always|these|those|needed|used|based|shared|divided|multiplied|compared|added|instead|increased|decreased|reduced|followed|was|is|are|were|has|does)\s)(?:[a-z]{2,}(?:s|ed|['’]s|['’]re)|be|have|get|need|take|make|gives?|got|took|made|ate|bought|sold|won|lost|found|left|drew|broke|eaten|taken|given|spent|read|paid|leaving|giving|making|yielding|(?:must|can|will|should|could|has to|have to|needs? to|had to|to|still|did)\s(?:still |now |only )?[a-z]{2,})\s(?:(?:him|her|us|you|me|them|it|each|everyone)\s)?(?:still |only |exactly |just |another |a total of |now |precisely |in all |back )?$/i
const IS =
  /(?:\b(?:is|are|was|were|has|be|equals?|becomes)|=|['’](?:s|re))\s(?:thus |therefore |then |now |still |only |exactly |just |precisely |simply |equal to |about )?$/i
/** Known before, of others, or part of an operation. */
const GOVERNED =
  /(?:\b(?:the|these|those|his|her|its|their|our|my|both|all|every|each|other|another|between|by|for|with|after|before|within|from|per|times|than|to|on|at|over|under|during|among|using|into|plus|minus|and|or|of|in|step|steps|case|cases|part|page|chapter|day|number|numbers|digits?|first|last|next|most|least|any|no)|[-−+*/×·÷^<>≤≥]|\d)\s(?:an?\s)?$/i
/** "a slope of ten.", "for a total of twelve": the noun says what the number is. */
const NAMED =
  /\b(?:an?|the|its|his|her|their)\s(?:[a-z]+\s){0,3}?(?!(?:out|each|all|one|half|some|none|number|many|most|any|both|group|pair|set|row|age|list)\s)[a-z]{3,}\sof\s(?:exactly |only |just )?$/i
/** "in two points", "in six different ways" */
const IN = /\bin\s(?:exactly |only |just )?$/i
const PLACES = /^(?: [a-z]+)? (?:points?|ways?|places|spots|orders|arrangements|combinations|solutions)[.!*\s]*$/i
/** "twelve remain", "the other ten are left" */
const REMAIN =
  /^(?! [a-z]+ remain to be)(?: [a-z]+)?(?: of (?:them|these|the [a-z]+))? (?:still )?(?:remain(?:s|ed)?|(?:is|are|was|were) (?:still )?(?:left|free|missing|over|needed)|stay(?:s|ed)?(?= |[.,!]|$))\b/i
const FIRST =
  /(?:^|[.!?]\s|[,;:]\s(?:and |so |but )?|\b(?:so|and|then|means|that|therefore|thus)\s)(?:in the end |now |then |finally |only |still )?(?:(?:the )?(?:other|remaining) )?(?:an? )?$/i
/** "The chance is one in two hundred." */
const CHANCE = /(?<=\b(?:is|are|of) (?:only |just )?)one (?:in|out of) (?:an? )?$/i
/** "The other ten wear glasses." */
const THE_OTHERS = /(?:^|[.!?]\s)(?:(?:So|Thus|Hence|Therefore),? )?[Tt]he (?:other|remaining) $/
/** "He is left with ten.", "It comes to six." */
const COMES_TO =
  /\b(?:(?:left|ends? up|ended up) with|(?:comes?|came|amounts?|adds? up|sums? up|works? out) (?:out )?to) (?:only |just |exactly )?$/i
/** "Three of the ten eggs broke." */
const OF_THE = /^ of (?:the|his|her|its|their|our|those|these) [a-z]/i
/** "six red apples and twelve green ones" */
const COORDINATED = /\b(?:two|three|four|five|six|seven|eight|nine|ten|eleven|twelve)(?: [a-z]{3,}){1,3},? and $/i
/** "form nine teams." */
const LAST_NOUN = /^ [a-z][a-z'’-]{2,}[*_]{0,2}[.!](?:\s|$)/
/** Nothing but the noun of the number behind it. */
const ENDS = /^(?:\s?(?:[a-z][a-z'’-]{2,}|in all|in total))?[*_]{0,2}[.!,;:)]*(?:\s|$)/i
/** The end of a sentence or clause. */
const CLOSED = /^[*_]{0,2}(?:[.!](?:\s|$)|[,;:)]|\s*$)/
/** What makes another thing of the number, or is no number of its own. */
const MADE_OTHER =
  /^(?:[-–][a-z]|\s(?:hundred|thousand|million|billion|trillion|dozen)s?\b|[\s-]?(?:times|fold)\b(?! (?:as )?(?:many|much)\b)| (?:or|to) (?:[a-z]+teen|[a-z]+ty|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|one|more|less|fewer)\b| by (?:two|three|four|five|six|seven|eight|nine|ten)\b| o['’]clock)/i
/** Fractions as ordinals: "a third one", "a fifth quiz". */
const ORDINAL = /^an? (?!half|quarter)/i
const OF_WHOLE = /^(?:\s?[.,;:!)*]| (?:of|as|less|more|full|each|and|in|is|are|was|remains?|left)\b)/i
/** "three quarters of an hour", "half a mile" */
const UNIT_OF =
  /^ (?:of )?an? (?=(?:second|minute|hour|day|week|month|year|mile|metre|meter|foot|inch|kilo[a-z]+|km|pound|kg|gram|gallon|lit(?:re|er)|dollar|cup|pint|quart|dozen)\b)/i
/** "a fifth of forty-five", "half of 30": an operation and no value. */
const OF_NUMBER =
  /^ of (?:the |these |those |his |her )?(?:[$€£]?\d|•|\$|(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|[a-z]{3,6}teen|(?:twen|thir|for|fif|six|seven|eigh|nine)ty|hundred|that|this|it|what|which)\b)/i
const COINS = /\b(?:dimes?|nickels?|penn(?:y|ies)|coins?)\b/i

/** "exactly one solution", "x equals one." */
const ONE =
  /\b(?:one)(?= (?:hour|minute|day|week|month|year|foot|yard|mile|dollar|pound|euro|met(?:er|re)),? (?:and )?[a-z-]{3,14} (?:minute|second|hour|day|week|month|inch|cent|pence|feet|centimet)[a-z]*\b)|\b(?:exactly|only|just|precisely) (one)(?= [a-z])(?! (?:of|way to|can|may|could|has to|must|more|another)\b)|\b(?:is|equals|gives|makes|leaves|be|becomes) (?:just |only |exactly )?(one)(?=[.,;!*]|\s*$)|\b(?:in|has|have|is|are|leaves) (a single)(?= [a-z]+[.!*\s]*$)/gi

/** A number in figures, or a formula that holds one. */
const FIGURE = /\d|\\(?:frac|sqrt|pi)/
/** What a sentence opens with that concludes: what stands behind it only adds to it. */
const CONCLUDES =
  /^[\W_]{0,6}(?:so|thus|hence|therefore|altogether|in total|in all|that (?:means|leaves|makes|gives)|this (?:means|leaves|makes|gives))\b/i
/** What stands behind a figure and only says more of it: "192 cows in 8 stalls after he adds four". */
const SUBORDINATE = /\b(?:after|before|when|while|if|until|since|because|who|where|as)\b/i
/** "two years ago", "three days later" */
const WHEN = /^ (?:[a-z]+ )?(?:second|minute|hour|day|week|month|year)s? (?:ago|later|earlier|before|after|from now|old when)\b/i
const COMPARED = /^ (?:an? )?(?:[a-z]+ )?(?:more|less|fewer)\b[^.;]{0,60}\bthan\b/i

/** The text with the numbers in words of its end as figures. */
export function inFigures(text: string, problem: string | undefined): string {
  const from = text.length <= SEARCHED ? 0 : text.length - SEARCHED + text.slice(-SEARCHED).indexOf(' ') + 1
  const tail = text.slice(from)
  if (!NUMERAL.test(tail)) return text
  const found: Figure[] = []
  for (const { index, 0: words } of matchesOf(tail, SPELLED)) {
    const figure = index < (found.at(-1)?.end ?? 0) ? undefined : figureOf(tail, index, words, problem)
    if (figure) found.push(figure)
  }
  for (const { index, 0: words, 1: some, 2: one, 3: single } of matchesOf(tail, ONE)) {
    const said = some ?? one ?? single ?? words
    const at = index + words.lastIndexOf(said)
    if (isLast(tail, at)) found.push({ text: '1', at, end: at + said.length })
  }
  if (found.length === 0) return text
  let out = text.slice(0, from)
  let end = 0
  for (const figure of found.sort((a, b) => a.at - b.at)) {
    out += tail.slice(end, figure.at) + figure.text
    end = figure.end
  }
  return out + tail.slice(end)
}

interface Figure {
  text: string
  at: number
  end: number
}

/** Undefined: the words stay as they are. */
function figureOf(tail: string, index: number, words: string, problem: string | undefined): Figure | undefined {
  const before = tail.slice(Math.max(0, index - 80), index)
  const behind = tail.slice(index + words.length, index + words.length + 80)
  // "15 million", "an hour and a half", "two and a half million", "seven-day"
  const times = /^ times as\b/.test(behind) && problem !== undefined && /\bhow many times\b/i.test(problem)
  if ((MADE_OTHER.test(behind) && !times) || WHEN.test(behind)) return undefined
  const value = spelledValue(words.toLowerCase())
  if (value === undefined || (PART_OF_OTHER.test(before) && !(AND_SMALLER.test(before) && /^\d+$/.test(value)))) return undefined
  const end = index + words.length
  const chance = CHANCE.exec(before)
  if (chance && !value.includes('/') && /\b(?:probability|chances?|odds|likel\w+)\b/i.test(`${problem ?? ''} ${tail}`))
    return { text: `1/${value}`, at: index - chance[0].length, end }
  if (value.includes('/')) {
    const unit = UNIT_OF.exec(behind)
    if (isPartLeft(before, behind, problem) && isLast(tail, index)) return { text: value, at: index, end }
    if (!isFraction(tail, words, before, behind) || COMPARED.test(behind) || (unit && !isLast(tail, index))) return undefined
    return unit ? { text: `${value} `, at: index, end: end + unit[0].length } : { text: value, at: index, end }
  }
  const round = /^(?:dozen|hundred|thousand|million)$/i.test(words)
  const article = round ? (/\ban? $/i.exec(before)?.[0].length ?? 0) : 0
  // "take her a dozen weeks": before an article it is no possessive.
  const ahead = article > 0 ? before.slice(0, before.length - article).replace(/\bher\s$/i, 'him ') : before
  if (
    round &&
    (article === 0 || /\b(?:about|around|roughly|nearly|almost|some|half)\s$/i.test(ahead) || /^s?\s(?:of|times)\b/.test(behind))
  )
    return undefined
  const passing =
    Number(value) < SMALL &&
    !(
      (isLast(tail, index) || isCounted(ahead, behind, problem)) &&
      isSaid(ahead, behind, problem !== undefined) &&
      isAskedFor(tail, index, end, problem)
    )
  return passing ? undefined : { text: value, at: index - article, end }
}

/** "That is nine coins, worth $1.30.": of what the problem counts, figures may say something else behind it. */
function isCounted(before: string, behind: string, problem: string | undefined): boolean {
  const counted = problem === undefined || !IS.test(before) ? undefined : questionOf(problem).counted
  const noun = counted === undefined ? undefined : /^ ([a-z]{3,})(?=[,.;])/i.exec(behind)?.[1]
  return noun !== undefined && stems(noun).some((word) => counted!.some((one) => sameNoun(word, one)))
}

/** A number that goes on from another one, or one in a name. */
const PART_OF_OTHER = /(?:[a-z]-|\d\s?|\band |\bper |\d\sand\s)$/i
/** "twelve dollars and fifty cents" goes on in a smaller unit. */
const AND_SMALLER = /\b(?:dollars?|euros?|pounds?|hours?|minutes?|feet|foot|yards?|met(?:er|re)s?|weeks?|days?|years?) and $/i

/** A fraction of a whole, and no ordinal, coin, or operation on a number. */
const isFraction = (tail: string, words: string, before: string, behind: string): boolean =>
  !(ORDINAL.test(words) && !OF_WHOLE.test(behind)) &&
  !(/quarter/i.test(words) && COINS.test(tail)) &&
  !OF_NUMBER.test(behind) &&
  (!/^ of\b/.test(behind) || UNIT_OF.test(behind) || SAID.test(before) || IS.test(before))

const LEFT = /\b(?:left|leav\w+|remain\w*|over|still|rest)\b/i
/** "which means three eighths of it is left", "so a quarter of the wall is still bare", where the problem asks what part. */
const isPartLeft = (before: string, behind: string, problem: string | undefined): boolean =>
  problem !== undefined &&
  /\b(?:what|which) (?:fraction|part|portion|share|proportion)\b/i.test(problem) &&
  LEFT.test(before.slice(-20) + behind.slice(0, 50)) === LEFT.test(askedOf(problem).sentence) &&
  /\b(?:means|so|thus|hence|therefore|leaves|leaving)(?: that)? (?:only |still |just |exactly )?$/i.test(before) &&
  /^ of (?:it|them|(?:the|his|her|their|this) [a-z]+)(?: (?:is|are|was|were|remains?|has|have)\b|[.!]|\s*$)/i.test(behind)

/** Whether no figures stand behind a number in words: a writer of figures states the value in them. */
function isLast(tail: string, at: number): boolean {
  const end = sentenceBehind(tail, at).length
  if (FIGURE.test(tail.slice(at, at + end))) return false
  const sentence = sentenceBefore(tail, at)
  if (FIGURE.test(tail.slice(at + end)) && !CONCLUDES.test(sentence)) return false
  const figures = /^.*\d[\d.,/%]*/s.exec(sentence)
  if (!figures) return true
  const between = sentence.slice(figures[0].length)
  return !SUBORDINATE.test(between)
}

/** Whether a small number is what its clause states. */
function isSaid(before: string, behind: string, asked: boolean): boolean {
  if (COMES_TO.test(before)) return CLOSED.test(behind)
  if (asked && ((FIRST.test(before) && OF_THE.test(behind)) || COORDINATED.test(before))) return true
  if (NAMED.test(before)) return CLOSED.test(behind) || ENDS.test(behind)
  if (IN.test(before)) return PLACES.test(behind)
  if ((FIRST.test(before) && REMAIN.test(behind)) || THE_OTHERS.test(before)) return true
  if (GOVERNED.test(before)) return false
  return SAID.test(before) || IS.test(before) || LAST_NOUN.test(behind) || (CLOSED.test(behind) && /[a-z,:]\s$/i.test(before))
}

/** Whether the clause of a small number may speak of what the problem asks for: not of another person, a share or a comparison. */
function isAskedFor(tail: string, at: number, end: number, problem: string | undefined): boolean {
  const behind = tail.slice(end, end + 80)
  const asked = problem === undefined ? undefined : questionOf(problem)
  if (COMPARED.test(behind) && !asked?.compares) return false
  if (!asked) return true
  const before = sentenceBefore(tail, at)
  const joint = Math.max(...[',', ';', ':', ' and '].map((one) => before.lastIndexOf(one)))
  // "At $15 every week that will take her a dozen weeks.": the rate is that of another number.
  const own = before.slice(Math.max(0, joint)).replace(/\d[\d.,]{0,12} (?:each|every|per|an?) [a-z]+/gi, ' ')
  const clause = own + tail.slice(at, end) + upTo(behind, /[,;:.]/)
  if (namesOthers(clause, asked)) return false
  if (
    /\bhow (?:many|much) (?:more|additional|extra)\b/i.test(asked.sentence) &&
    !/\b(?:more|additional|extra|another|further|still|missing|short)\b/i.test(clause)
  )
    return false
  return !degreesOf(clause).includes(EACH_ONE) || asked.degrees.includes(EACH_ONE) || /\b(?:in|per|each|every|an?)\b/i.test(asked.sentence)
}
