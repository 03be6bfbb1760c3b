/** A quantity that a sentence says twice, in two units: "after 60 minutes, that is one hour", "75 cents, or $0.75". */

import { compareAnswers } from '../equality/equal.ts'
import { DEFAULT_POLICY } from '../limits.ts'
import type { Answer } from '../node.ts'
import { matchesOf } from '../reading/matches.ts'
import { readAnswer } from '../reading/read.ts'
import { isMeasure, relateUnits } from '../units/units.ts'
import { quantityEnd } from './extent.ts'
import type { Found } from './numbers.ts'
import { questionOf } from './weighing/question.ts'

/** What joins the second form to the first. */
const AGAIN =
  /(?:,? \(?(?:that is|that['’]s|i\.e\.|which is|which (?:equals|makes)|namely|in other words|equivalently|or equivalently|equal to),?|, or| \() (?:exactly |just |simply |about )?([^,;:()=]{2,40}?)\)?[.\s*]{0,4}$/
const NUMBER = /(?<![\w.,/])[$€£\ue000]?\d[\d,]*(?:\.\d+)?/g
/** How many numbers of the first form are looked at, from its end. */
const NUMBERS = 4

/** The unit of a quantity; a price has a sign for it. */
function unitOf(text: string): string | undefined {
  if (/^[$€£\ue000]/.test(text)) return 'dollars'
  const read = readAnswer(text)
  return read.kind === 'expression' && read.unit !== undefined && isMeasure(read.unit) ? read.unit : undefined
}

const isSame = (a: string, b: string): boolean => {
  const relation = relateUnits(a, b)
  return typeof relation === 'object' && relation.factor.n === relation.factor.d && relation.pi === 0
}

const AMOUNT = String.raw`[$€£]?[-−]?\d[\d,]*(?:\.\d+)?(?:[eE][-+]?\d{1,3}|\s?(?:\\times|\\cdot|×|x|\*)\s?10\^\{?[-+]?\d{1,3}\}?)?\s?[a-zA-Zµ°\\][^\d=,;:()]{0,24}?(?:\^\{?-?\d\}?|²|³)?`
const FIRST = new RegExp(
  String.raw`(?<![\w.,/^])(${AMOUNT})(?: (?:long|wide|high|tall|deep|thick|away|apart|old|in (?:all|total|length)))?[.,;\s]{0,3}$`,
)
/** "8.49e-4 M. In other words, 0.849 mM": also from one sentence to the next, and with the name of it. */
const SECOND = new RegExp(
  String.raw`[.,;]?\s(?:\(?(?:in other words|put differently|that is|that['’]s|this is|i\.e\.|which is(?: the same as)?|which (?:equals|makes)|namely|equivalently|or equivalently|equal to|or),?\s|\()(?:exactly |just |simply |about |approximately |roughly )?(?:[a-zA-Z]\w{0,3} ?= ?)?(${AMOUNT})\)?[.\s*]{0,4}$`,
  'i',
)

export interface Twice {
  forms: readonly [Quantity, Quantity]
  same: 'exactly' | 'rounded' | 'no'
}

type Quantity = Answer & { kind: 'expression'; unit: string }

const compact = (text: string): string => text.replace(/[$\s.]/g, '')

/** A claim that a text ends in, said in two units of one kind. */
export function saidTwice(text: string, claim: string): Twice | undefined {
  const end = text.slice(-240).replaceAll('$', '')
  const second = SECOND.exec(end)
  const first = second && FIRST.exec(end.slice(0, second.index))
  const texts = first ? [first[1], second[1]] : []
  const said = compact(claim)
  if (!texts.map(compact).some((form) => said.includes(form) || form.includes(said))) return undefined
  const forms = texts.map(quantity)
  const [one, other] = forms
  if (one === undefined || other === undefined || isSame(one.unit, other.unit)) return undefined
  if (typeof relateUnits(one.unit, other.unit) !== 'object') return undefined
  if (compareAnswers(one, other).equal) return { forms: [one, other], same: 'exactly' }
  const near = compareAnswers(one, other, { ...DEFAULT_POLICY, tolerance: { absolute: 0, relative: ROUNDED } }).equal
  return { forms: [one, other], same: near ? 'rounded' : 'no' }
}

/** Two forms may differ by so much, where one of them is rounded. */
const ROUNDED = 0.02

function quantity(text: string): Quantity | undefined {
  const answer = readAnswer(text.replace(/[.*\s]{1,6}$/, '').trim())
  if (answer.kind !== 'expression') return undefined
  const read = answer.unit === undefined && answer.either ? { ...answer, ...answer.either, either: undefined } : answer
  return read.unit !== undefined && isMeasure(read.unit) ? { ...read, unit: read.unit } : undefined
}

const PART_OF_ONE = /\d\s?[a-zA-Z]+,?\s(?:and\s)?$/

/** Whether two quantities are read and lie further apart than rounding puts them. */
function disagree(text: string, again: string): boolean {
  const [one, other] = [quantity(text), quantity(again)]
  return (
    one !== undefined &&
    other !== undefined &&
    !compareAnswers(one, other, { ...DEFAULT_POLICY, tolerance: { absolute: 0, relative: ROUNDED } }).equal
  )
}

/** The form in the unit that the problem asks for. Empty: the two forms disagree. Undefined: the sentence has no two forms, or the problem asks for neither. */
export function inUnitAsked(sentence: string, problem: string): Found | undefined {
  const again = AGAIN.exec(sentence.slice(-120))
  if (!again || sentence.includes('\\')) return undefined
  const { unit: asked } = questionOf(problem)
  const second = asked === undefined ? undefined : unitOf(again[1])
  if (second === undefined || asked === undefined) return undefined
  const at = sentence.length - Math.min(120, sentence.length) + again.index
  const head = sentence.slice(0, at)
  for (const { index, 0: number } of matchesOf(head, NUMBER).slice(-NUMBERS).reverse()) {
    const text = head.slice(index, quantityEnd(head, index, index + number.length))
    const first = unitOf(text)
    if (first === undefined || typeof relateUnits(first, second) !== 'object') continue
    // Of "3 hours and 30 minutes, which makes 210 minutes" the first form is both.
    if (!PART_OF_ONE.test(head.slice(0, index)) && disagree(text, again[1])) return { text: '', at: index }
    if (isSame(first, asked)) return isSame(second, asked) ? undefined : { text, at: index }
    return isSame(second, asked) ? { text: again[1], at: at + again[0].indexOf(again[1]) } : undefined
  }
  return undefined
}
