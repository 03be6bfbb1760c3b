/**
 * A check behind a conclusion, told by what it computes and not by its heading: "so x is 13. Plugging it in, 5 · 10 = 50 and
 * 2 · 13 + 24 = 50." Its equations are true, they are made of the value that was concluded, and they lead back to what was given.
 */

import { compareAnswers } from '../equality/equal.ts'
import { isNumeric } from '../equality/values.ts'
import { matchesOf } from '../reading/matches.ts'
import { readAnswer } from '../reading/read.ts'
import { sentencesOf } from './sentences.ts'

/** Characters at the end that are looked at, and how many sentences a check has. */
const SEARCHED = 900
const SENTENCES = 3

/** What opens a check, or ends it. */
const CHECKS =
  /^[\W_]{0,6}(?:(?:and |we |as a |quick )?(?:check|test|verif|plug|substitut|insert|try)\w*|(?:and )?(?:indeed|in fact|sure enough)|to (?:check|verify|confirm|test|see)|(?:putting|placing|setting) (?:it|this|that|them|\S{1,12}) (?:back |in)|(?:this|that|it|which) (?:fits|works|agrees|matches|checks|is right|is correct)|both sides)\b|\b(?:which|this|that|it|they|both|all|everything|so it) (?:also |indeed |really |both |all )?(?:agrees?|fits?|works|match(?:es)?|holds?|checks out|is (?:correct|right|true)|(?:is|are) (?:what|as|the)\b[^.;]{0,30}\b(?:want\w*|need\w*|given|said|says|asked|required|should|expected|had|have))[.!\s]*$|\b(?:just )?as (?:required|given|stated|wanted|needed|expected|desired|it should|they should|the (?:problem|question|text|exercise) \w+)[.!\s]*$|\b(?:both|the two|all) (?:equations?|conditions?|sides) (?:hold|agree|match|are (?:met|fulfilled|satisfied|true))[.!\s]*$|\b(?:just|exactly) (?:like|as|the|what)\b[^.;]{0,40}\b(?:says|said|given|wanted|needed|asked|required|described|states)[.!\s]*$|\bconfirms (?:this|it|that|our|the)\b|[✓✔]\W*$/i
/** Agreement that calculates nothing. */
const AGREES = /^[^\d]{0,80}$/
const FAILS =
  /\b(?:not|no|wrong|fails?|failed|error|mistake|incorrect|contradict\w*|instead|but|however|unless|only|reject|extraneous|discard|more|still|left|remain\w*|need to|answer|total|sum)\b|n['’]t\b|[≠✗✘❌]|\\neq?\b/i
/** A check may say what it concludes: "so it works". */
const STEPS =
  /^[\W_]{0,6}(?:so|thus|hence|therefore|next|now|finally|then|after|adding|multiplying|subtracting|dividing|together|in total|altogether)\b(?![^.]*\b(?:works|fits|holds|agrees|correct|right)\b)/i
/** "So it is 19, and in fact 19 · 19 = 361." */
const WITHIN = /,? and (?:in fact|indeed),? /i

// Each blank has one place: with two, a row of signs between blanks took 150 ms.
const RUN = String.raw`[-−(√]{0,3}\d(?:[\d.,() √^%]|[^\S ]?[-−+*/×·÷](?:[^\S ](?![-−+*/×·÷]))?){0,200}`
const EQUATION = new RegExp(String.raw`${RUN}(?:\s?=\s?${RUN}){1,4}`, 'g')
const OPERATION = /[\d)]\s?[-−+*/×·÷^]\s?[-−(√]{0,2}\d|√/

/** The text before a check at its end, and the numbers that the check is made of. */
export interface Proof {
  before: string
  parts: readonly string[]
}

const plain = (text: string): string =>
  text
    .replace(/\\(?:cdot|times)(?![a-z])/g, '·')
    .replace(/\\[()[\]]|\$/g, ' ')
    .replace(/(?<=\d) x (?=\d)/g, ' · ')
    .replace(/(?<=[-−+*/×·÷] ?\d{1,9}\)?) (?:is|equals|gives|makes|are) (?=-?\d)/g, ' = ')

interface Equations {
  /** The values that they come to, one an equation. */
  results: readonly string[]
  /** No result of one is calculated with in another. */
  apart: boolean
}

/** The true equations of a text that calculate. Undefined: there is none, or one is not true. */
function equationsIn(text: string): Equations | undefined {
  const operands: string[] = []
  const results: string[] = []
  for (const [equation] of matchesOf(plain(text), EQUATION)) {
    const sides = equation.split('=').map((side) => side.replace(/[\s.,(]+$/, '').trim())
    const answers = sides.map((side) => readAnswer(side))
    if (!answers.every((one) => one.kind === 'expression' && isNumeric(one.node))) return undefined
    if (!answers.slice(1).every((one) => compareAnswers(one, answers[0]).equal)) return undefined
    const result = sides.find((side) => !OPERATION.test(side))
    if (result === undefined || !sides.some((side) => OPERATION.test(side))) continue
    operands.push(...sides.filter((side) => OPERATION.test(side)).flatMap(numbersIn))
    results.push(result.replaceAll(',', ''))
  }
  return results.length === 0 ? undefined : { results, apart: !results.some((one) => operands.includes(one)) }
}

export const numbersIn = (text: string): string[] => (text.match(/\d[\d,]*(?:\.\d+)?/g) ?? []).map((one) => one.replace(/,/g, ''))

/** Numbers of a check other than what its equations come to. */
function partsOf(closing: string, { results }: Equations): string[] {
  const left = [...results]
  return numbersIn(closing).filter((one) => {
    const at = left.indexOf(one)
    if (at >= 0) left.splice(at, 1)
    return at < 0
  })
}

/** The checks that a text may end in, the shortest first. `given`: the problem, where it is known. */
export function* proofsAtEnd(text: string, given: string | undefined): Generator<Proof> {
  const tail = text.slice(-SEARCHED)
  if (!/\d[)$\\\s]{0,4}=|\d (?:is|equals|gives|makes|are) \d/.test(tail.slice(-300))) return
  const sentences = sentencesOf(tail)
  const within = WITHIN.exec(sentences.at(-1) ?? '')
  if (within) {
    const closing = sentences.at(-1)!.slice(within.index + within[0].length)
    const found = FAILS.test(closing) ? undefined : equationsIn(closing)
    const before = text.slice(0, text.lastIndexOf(closing) - within[0].length)
    if (found && isKnown(found, before, given)) yield { before, parts: partsOf(closing, found) }
  }
  let at = text.length
  let closing = ''
  for (const sentence of sentences
    .slice(-SENTENCES - 1)
    .reverse()
    .slice(0, SENTENCES)) {
    at = text.lastIndexOf(sentence, at - 1)
    if (at <= 0 || FAILS.test(sentence) || (STEPS.test(sentence) && !CHECKS.test(sentence))) return
    closing = `${sentence} ${closing}`
    if (!AGREES.test(sentence) && !equationsIn(sentence)) return
    const found = equationsIn(closing)
    const before = text.slice(0, at).trimEnd()
    if (!found || !/[.!:)$\]]$/.test(before)) continue
    const checks = CHECKS.test(sentence) || CHECKS.test(closing.trimEnd())
    if (checks ? isKnown(found, before, given) || isSame(found) : isSame(found)) yield { before, parts: partsOf(closing, found) }
  }
}

/** Whether equations lead back to numbers of the problem or of what stands before. */
function isKnown({ results }: Equations, before: string, given = ''): boolean {
  const known = numbersIn(`${given} ${before.slice(-SEARCHED)}`)
  return results.every((one) => known.includes(one))
}

/** Whether several equations, neither a step to another, come to the same. */
const isSame = ({ results, apart }: Equations): boolean => apart && results.length > 1 && new Set(results).size === 1
