/** The last sentences of a response, cut into the parts that each say a value. */

import { matchesOf } from '../../reading/matches.ts'
import { isMeasure, relateUnits } from '../../units/units.ts'
import { blotted, isMark, isStop } from '../sentences.ts'

/** Characters at the end that are searched, and how many sentences of them. */
const SEARCHED = 1000
const SENTENCES = 7

export interface Part {
  text: string
  /** Its place in the whole text. */
  start: number
  end: number
  /** Where its sentence begins. */
  sentence: number
}

/** A number, a formula (blotted out), or a number in words. */
const VALUE =
  /\d|•|\b(?:two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|\w{3,6}teen|(?:twen|thir|for|fif|six|seven|eigh|nine)ty)\b/i
const JOINT =
  /;\s|,\s(?!(?:which (?:is|are|was|were|equals|comes)|because|since|as|where|who|whose|when|that is|i\.e\.|or|namely)\b)(?:and |but |while |whereas )?|:\s(?=[a-z])|\s[-–—]{1,2}\s(?=[a-z])|\s(?:and|with|against|versus|while|whereas|but)\s/g
/** What a part has to hold beside its value: a word, or the letter of "y is 4". */
const WORDED = /[a-z]{3,}|(?<![a-z])[a-z] (?:is|=|equals)/i

/** The last sentences that say a value, from the last to the first, each as its parts. */
export function* sentencesBack(text: string): Generator<Part[]> {
  const from = Math.max(0, text.length - SEARCHED)
  const tail = text.slice(from)
  const plain = valued(tail)
  let end = plain.length
  for (let left = SENTENCES; left > 0 && end > 0; left--) {
    const start = beginning(plain, end)
    const sentence = plain.slice(start, end)
    if (VALUE.test(sentence)) yield cut(sentence).map(([a, b]) => partAt(text, from + start, a, b))
    end = start
  }
}

const partAt = (text: string, sentence: number, a: number, b: number): Part => ({
  text: text.slice(sentence + a, sentence + b),
  start: sentence + a,
  end: sentence + b,
  sentence,
})

/** Formulas blotted out: as a value, or not where they hold no number. */
const valued = (text: string): string =>
  blotted(text).replace(/•+/g, (blot, at) =>
    /\d|\\pi|\\sqrt|\\infty/.test(text.slice(at, at + blot.length)) ? blot : '◦'.repeat(blot.length),
  )

/** Where the sentence that ends at `end` begins. */
function beginning(plain: string, end: number): number {
  for (let i = end - 2; i >= 0; i--) if (plain[i] === '\n' || (isMark(plain, i) && isStop(plain, i))) return i + 1
  return 0
}

/** Where the parts of a sentence begin and end. A joint parts two only where each side has a value and words of its own. */
function cut(sentence: string): [number, number][] {
  const out: [number, number][] = []
  const joints = matchesOf(sentence, JOINT)
  let start = 0
  for (const [i, { index, 0: joint }] of joints.entries()) {
    if (index < start) continue
    const left = sentence.slice(start, index)
    const behind = index + joint.length
    const right = sentence.slice(behind, joints[i + 1]?.index ?? sentence.length)
    if (!VALUE.test(left) || !VALUE.test(sentence.slice(behind)) || isCompound(left, right)) continue
    if (VALUE.test(right) && !WORDED.test(right)) continue
    out.push([start, index])
    start = index
  }
  out.push([start, sentence.length])
  return out
}

/** "1 hour and 20 minutes" is one quantity. */
function isCompound(left: string, right: string): boolean {
  const first = /\d ?([a-z]{1,10})$/i.exec(left)?.[1]
  const second = /^\d[\d.]{0,9} ?([a-z]{1,10})\b/i.exec(right)?.[1]
  return (
    first !== undefined &&
    second !== undefined &&
    first !== second &&
    isMeasure(first) &&
    isMeasure(second) &&
    relateUnits(first, second) !== 'contradict'
  )
}
