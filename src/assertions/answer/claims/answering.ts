/** The part of a response that speaks of what the problem asks for, where parts about other things stand behind it. */

import { matchesOf } from '../reading/matches.ts'
import { isMeasure } from '../units/units.ts'
import { askedIn, asksDifference, asksHowMany, focusIn, focusWithin } from './asked.ts'
import { effectOf } from './corrections.ts'
import type { Found } from './numbers.ts'
import { conclusionWeight, isStep } from './roles.ts'
import { blotted, isMark, isStop, isWorded } from './sentences.ts'

/** Characters at the end that are searched, and how many parts of them. */
const SEARCHED = 1200
const PARTS = 8

/** Where a sentence goes on with another thing. */
const JOINTS =
  /;\s|,\s(?:and |while |whereas |but )?(?=(?:the|its|his|her|their|this|that|it|which has|leaving|with|[A-Z][a-z]+)\b)|\s(?=(?:and (?:has|is|had)|with(?!\s\u2022))\s)|\s(?=and (?:the|its|his|her|their|[A-Z][a-z]+|[a-z]{3,12} [-−$€£]?\d)\b)|\s\((?=[^()]{3,200}\)[.\s*]{0,4}$)/g

interface Part {
  text: string
  end: number
}

/** What speaks of a thing of its own: "The perimeter is", "Its tank holds", "and Carol is", "leaving 1 bead". */
const OTHER =
  /^[\W_]{0,4}(?:(?:and|but|while|whereas) )?(?:an?|the|its|his|her|their|which has|leaving|with|each|only|another|(?!(?:This|That|These|Those|There|It|We|He|She|They|So|Then|In|For|At|By|Since|As|If|When|Now|Thus|Hence|Therefore|[A-Z][a-z]+ing)\b)[A-Z][a-z]+)\b|^[\W_]{0,4}and (?:has|is|had)\b|^[\W_]{0,4}and [a-z]{3,12} [-−$€£]?\d/
/** What concludes behind all, or says more of the same. */
const CONCLUDES =
  /\b(?:these|those|such|remaining|them)\b|^[\W_]{0,4}(?:so|thus|hence|therefore|then|now|finally|in total|altogether|adding|subtracting|multiplying|dividing|combining|after|since|because|as|given|if|when|for|in)\b|\b(?:because|since|plus|minus|times|divided by|equals)\b|\banswer\b|=\s?[$€£]?\d/i

const VALUE = /\d|\$|\\[([]|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|\w+teen|\w+ty|hundred|half|dozen)\b/i
const SAYS =
  /=|:|\b(?:is|are|was|were|be|has|have|had|can|will|needs?|gets?|got|makes?|made|takes?|took|costs?|uses?|used|equals?|pays?|paid|collected|earns?|earned|sold|sells?|scored|won|weighs?|holds?|contains?|there)\b|\b(?:the|its|with|and) [a-z]{3,12}(?: [a-z]{3,12})? [-−$€£]?\d/i

/** "the median 5", "with sum 7" */
const NAMED_VALUE = /^(?:and |with )?(?:the |its )?[a-z]{3,12}(?: [a-z]{3,12})? [-−$€£]?\d[\d.,/]*[.\s]*$/i

const COUNTED =
  /(?<![\w.,/])(\d[\d,]*(?:\.\d+)?)\s((?:(?:are|were|is|was)\s)?(?:[a-z'’-]+\s){0,2}?[a-z'’-]+)(?=,|\s(?:and|in|on|at|for|with|of)\b|[.\s]*$)/gi
/** "Of the 8 balls" */
const OF_ALL = /^\W{0,4}(?:of|out of|among) (?:the |these |those |all )?\d[\d,]* [a-z]+,? /i
/** "8 cm wide" */
const MEASURED = /^([a-z]+) (wide|long|tall|high|deep|thick|old|heavy)$/i

const COUNT = /(?<![\w.,/])\d[\d,]*(?:\.\d+)?\s((?:[a-z'’-]+\s)?[a-z'’-]{3,})/gi

/** Whether a part counts other things than the problem asks for: "the last box holds 3 eggs" where boxes are asked for. */
function countsOthers(part: string, problem: string): boolean {
  const nouns = matchesOf(part, COUNT).map(([, noun]) => noun)
  return nouns.length > 0 && asksHowMany(problem) && nouns.every((noun) => focusIn(noun, problem) === 0 && focusWithin(noun, problem) < 0)
}

/** Of "8 red and 12 blue marbles" the number of what the problem asks for. */
export function countedIn(sentence: string, problem: string): Found | undefined {
  const part = sentence
    .slice(-300)
    .split(/, (?:that is|i\.e\.|namely),? |: /)
    .at(-1)!
    .replace(OF_ALL, (found) => ' '.repeat(found.length))
  const counted = matchesOf(part, COUNTED)
  if (counted.length < 2 || counted.length !== (part.match(/\d[\d.,]*/g) ?? []).length || !/\sand\s/.test(part)) return undefined
  // "2 hours and 15 minutes" is one quantity.
  const adjectives = counted.map(([, , noun]) => MEASURED.exec(noun.trim())?.[2])
  const sides = adjectives.every((adjective) => adjective !== undefined)
  if (!sides && counted.every(([, , noun]) => isMeasure(noun.trim().split(' ')[0]))) return undefined
  const scores = counted.map(([, , noun], i) => focusWithin(sides ? adjectives[i]! : noun, problem))
  const most = Math.max(...scores)
  if (most < 1 || scores.filter((score) => score === most).length > 1) return undefined
  const { index, 1: number } = counted[scores.indexOf(most)]
  return { text: number, at: sentence.length - part.length + index }
}

/** "17 more than Leo's 28", "4 years older than she is" */
const DIFFERENCE =
  /(?<![\w.,/])[$€£]?(\d[\d,]*(?:\.\d+)?(?:\/\d+)?)\s(?:[a-z]{1,12}\s){0,2}?(?:more|less|fewer|older|younger|taller|shorter|longer|heavier|lighter|faster|slower|higher|lower|bigger|larger|smaller)(?:\s[a-z]{1,15}){0,2}\sthan\b/gi

/** The difference that a sentence names, where the problem asks how much more one is than the other. */
export function differenceIn(sentence: string, problem: string): Found | undefined {
  if (!asksDifference(problem)) return undefined
  const found = matchesOf(sentence.slice(-300), DIFFERENCE)
  if (found.length !== 1) return undefined
  const shift = Math.max(0, sentence.length - 300)
  return { text: found[0][1], at: shift + found[0].index + found[0][0].indexOf(found[0][1]) }
}

/** The text up to the part that answers the problem. Undefined: the end answers it, or nothing tells. */
export function upToAnswering(text: string, problem: string): string | undefined {
  const parts = partsOf(text)
  let weight = 0
  let best: { part: Part; words: number } | undefined
  for (const part of parts.toReversed()) {
    const words = countsOthers(part.text, problem) ? 0 : focusIn(part.text, problem)
    if (words > (best?.words ?? 0) && VALUE.test(part.text)) {
      best = { part, words }
      break
    }
    if (words > 0 || isStep(part.text) || CONCLUDES.test(part.text) || effectOf(part.text) !== 'nothing') return undefined
    if (!OTHER.test(part.text)) return undefined
    weight = Math.max(weight, conclusionWeight(part.text))
  }
  if (!best || best.part === parts.at(-1) || !SAYS.test(best.part.text)) return undefined
  // "The other 72 were returned.": it says what is asked, though not of what.
  const said = (part: string): number => askedIn(part, problem) - focusIn(part, problem)
  const end = parts.at(-1)!.text
  if (/^\W{0,4}(?:and )?the (?:other|remaining|rest)\b/i.test(end) && said(end) > said(best.part.text)) return undefined
  const sameSentence = !/[.!?]\s/.test(text.slice(best.part.end).slice(0, -1))
  const own = Math.max(conclusionWeight(best.part.text), NAMED_VALUE.test(best.part.text) || sameSentence ? 1 : 0)
  if (own < weight || own === 0) return undefined
  return `${text.slice(0, best.part.end).replace(/[\s,;]+$/, '')}.`
}

/** The sentences at the end of a text, and the parts of each that may speak of different things. */
function partsOf(text: string): Part[] {
  const from = Math.max(0, text.length - SEARCHED)
  const plain = blotted(text.slice(from))
  const ends: number[] = []
  for (let i = 0; i < plain.length; i++) if (plain[i] === '\n' || (isMark(plain, i) && isStop(plain, i))) ends.push(i + 1)
  for (const { index } of matchesOf(plain, JOINTS)) ends.push(index)
  ends.push(plain.length)
  const out: Part[] = []
  let start = 0
  for (const end of ends.sort((a, b) => a - b)) {
    const said = text.slice(from + start, from + end)
    if (isWorded(said)) out.push({ text: said.replace(/^[\s,;]+/, ''), end: from + end })
    start = end
  }
  return out.slice(-PARTS)
}
