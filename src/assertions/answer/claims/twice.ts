/** A quantity that a sentence says twice, in two units: "after 60 minutes, that is one hour", "75 cents, or $0.75". */

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

/** The form in the unit that the problem asks for. Undefined: the sentence has no two forms, or the problem asks for neither. */
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
    if (isSame(first, asked)) return isSame(second, asked) ? undefined : { text, at: index }
    return isSame(second, asked) ? { text: again[1], at: at + again[0].indexOf(again[1]) } : undefined
  }
  return undefined
}
