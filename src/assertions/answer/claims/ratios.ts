/** Ratios by the names of what they compare: "for every 3 boys there are 5 girls", "the ratio of girls to boys is 5:3". */

import { numberInWords } from '../reading/words.ts'
import { askedOf, stems } from './asked.ts'
import type { Found } from './numbers.ts'
import { sameNoun } from './weighing/marks.ts'

const NUMBER = String.raw`(\d{1,9}(?:\.\d{1,9})?|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|one)`
const THING = `((?:[a-z]+ ){0,3}?[a-z]{3,20})`
/** "the ratio of boys to girls", "the number of red marbles to the number of blue marbles" */
const ASKED = new RegExp(
  String.raw`\bratio of (?:the )?(?:number of )?${THING} to (?:the )?(?:number of )?${THING}(?=[?.,;:]|\s(?:in|at|is|on|of|now|if|as|after|before|for)\b|\s*$)`,
  'i',
)
/** "for every 3 boys(,) there are 5 girls", "3 boys for every 5 girls", "3 boys to 5 girls" */
const FOR_EVERY = new RegExp(
  String.raw`\bfor every ${NUMBER} ${THING}(?:,| there (?:are|is)|,? (?:he|she|they|it|we) (?:has|have|needs?|gets?|uses?)){1,2} ${NUMBER} ${THING}[.!\s]*$`,
  'i',
)
const BESIDE = new RegExp(String.raw`(?<![\w.])${NUMBER} ${THING} (?:for every|to every|for each|to) ${NUMBER} ${THING}[.!\s]*$`, 'i')
const STATED = new RegExp(
  String.raw`\bratio of (?:the )?(?:number of )?${THING} to (?:the )?(?:number of )?${THING} (?:is|was|equals|must be|will be|becomes|simplifies to)[^\d]{0,12}${NUMBER}(?:\s?:\s?| to |\/)${NUMBER}[.!$*\s]*$`,
  'i',
)

/** "width : length = 2 : 3" */
const BY_SIGN = new RegExp(String.raw`(?<![\w:])([a-z]{3,15}) ?: ?([a-z]{3,15}) ?(?:=|is) ?${NUMBER} ?(?::|to) ?${NUMBER}[.!\s]*$`, 'i')
/** "4 times as many red marbles as blue ones" */
const TIMES_AS_MANY = new RegExp(String.raw`\b${NUMBER} times as (?:many|much) ${THING} as ${THING}[.!\s]*$`, 'i')

/**
 * The ratio of a sentence in the order that the problem asks for. Empty: it is a ratio to another thing. Undefined: one of the two names none, or
 * they name things in other words.
 */
export function ratioIn(sentence: string, problem: string): Found | undefined {
  if (!/\bratio\b/i.test(problem)) return undefined
  const asked = ASKED.exec(askedOf(problem).sentence)
  if (!asked) return undefined
  const end = sentence.slice(-240)
  const stated = STATED.exec(end) ?? BY_SIGN.exec(end)
  const many = stated ? null : TIMES_AS_MANY.exec(end)
  const told = stated ? undefined : (many ?? FOR_EVERY.exec(end) ?? BESIDE.exec(end))
  const [one, first, other, second] = stated
    ? [stated[3], stated[1], stated[4], stated[2]]
    : many
      ? [many[1], many[2], '1', many[3]]
      : (told?.slice(1) ?? [])
  if (one === undefined) return undefined
  const [a, b] = [figure(one), figure(other)]
  const at = sentence.length - end.length + (stated ?? told!).index
  const [said, beside] = [first, second].map((thing) => whichOf(thing, asked[1], asked[2]))
  if (said === 1 && beside === 2) return { text: `${a}:${b}`, at }
  if (said === 2 && beside === 1) return { text: `${b}:${a}`, at }
  return stated && (said === undefined) !== (beside === undefined) ? { text: '', at } : undefined
}

const figure = (number: string): string => (/\d/.test(number) ? number : String(numberInWords(number)))

/** Which of two things is meant, the first or the second. Undefined: neither, or it may be both. */
function whichOf(said: string, one: string, other: string): 1 | 2 | undefined {
  const words = stems(said)
  const [first, second] = [one, other].map(stems)
  const exact = [first, second].map((asked) => asked.length === words.length && isWithin(words, asked))
  const [isFirst, isSecond] = exact[0] !== exact[1] ? exact : [isSame(words, first), isSame(words, second)]
  return isFirst === isSecond ? undefined : isFirst ? 1 : 2
}

const isWithin = (words: readonly string[], among: readonly string[]): boolean =>
  words.length > 0 && words.every((word) => among.some((one) => sameNoun(word, one)))

/** "red" and "boy" for "red marbles" and "boys", "red marbles" for "red". Of marbles the red ones are only some. */
function isSame(words: readonly string[], asked: readonly string[]): boolean {
  if (isWithin(words, asked)) return true
  return isWithin(asked, words) && !sameNoun(words.at(-1)!, asked.at(-1)!)
}
