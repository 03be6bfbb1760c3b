/** One output against its references: extraction, reading, equality. */

import { choiceReference, chosenLetter } from './choice.ts'
import { sameAnswer } from './equal.ts'
import { type Expected, type Extraction, extractAnswer } from './extract.ts'
import { LIMITS } from './limits.ts'
import type { Answer } from './node.ts'
import { readAnswer, readDecimalComma } from './read.ts'

export interface Judgement {
  pass: boolean
  /** Undefined: no answer was found, and `reason` says why. */
  extracted?: string
  source?: string
  /** Kind of value the answer was read as. */
  type?: string
  reason: string
}

/** Whether the answer that an output states equals any of the references. */
export function judgeAnswer(output: string, references: readonly string[], how: Extraction): Judgement {
  let last: Judgement = { pass: false, reason: 'there is no reference' }
  for (const reference of references) {
    last = judgeOne(output, reference, how)
    if (last.pass) break
  }
  return last
}

function judgeOne(output: string, reference: string, how: Extraction): Judgement {
  const wanted = readAnswer(reference)
  const choice = choiceReference(reference)
  const extracted = extractAnswer(output, how, choice === undefined ? expectedKind(wanted) : 'choice')
  if ('missing' in extracted) return { pass: false, reason: extracted.missing }
  const { text, source } = extracted
  const found = { extracted: text, source }
  if (text.length > LIMITS.candidate) return { ...found, pass: false, reason: `the answer is longer than ${LIMITS.candidate} characters` }
  if (choice !== undefined) {
    const letter = chosenLetter(text)
    if (letter !== undefined) return { ...found, pass: letter === choice, type: 'choice', reason: `choice ${letter}` }
  }
  const answer = readAnswer(text)
  const type = describe(answer)
  return { ...found, type, pass: agree(answer, text, wanted, reference), reason: `read as ${type}` }
}

/** The plain readings first, then commas the other way: as separators of a list, or as decimal commas. */
function agree(answer: Answer, text: string, wanted: Answer, reference: string): boolean {
  if (sameAnswer(answer, wanted)) return true
  if (/\d,\d{3}/.test(text) || /\d,\d{3}/.test(reference)) {
    const lists = [readAnswer(text, false), readAnswer(reference, false)]
    if (lists.some(({ kind }) => kind === 'list') && sameAnswer(lists[0], lists[1])) return true
  }
  const decimal = readDecimalComma(reference)
  if (decimal && /^[+-]?0,/.test(reference.trim()) && sameAnswer(answer, decimal)) return true
  const candidate = readDecimalComma(text)
  return candidate !== undefined && /\d\.\d/.test(reference) && sameAnswer(candidate, wanted)
}

function expectedKind(answer: Answer): Expected {
  return answer.kind === 'list' || answer.kind === 'set' ? 'list' : answer.kind === 'text' ? 'text' : 'other'
}

function describe(answer: Answer): string {
  if (answer.kind !== 'expression') return answer.kind
  if (answer.node.kind === 'percent') return 'percent'
  const number = answer.node.kind === 'number' || (answer.node.kind === 'negate' && answer.node.of.kind === 'number')
  return `${number ? 'number' : 'expression'}${answer.unit === undefined ? '' : ' with unit'}`
}
