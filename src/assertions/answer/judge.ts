/** One output against its references: extraction, reading, equality. */

import { type Choices, choiceReference, chosenLetter } from './choice.ts'
import { compareAnswers } from './equal.ts'
import { type Expected, type Extraction, extractAnswer } from './extract.ts'
import { DEFAULT_POLICY, LIMITS, type Policy } from './limits.ts'
import type { Answer } from './node.ts'
import { readAnswer, readDecimalComma } from './read.ts'
import { plainWords } from './words.ts'

export interface Judgement {
  pass: boolean
  /** Undefined: no answer was found, and `rule` says why. */
  extracted?: string
  source?: string
  /** Kind of value the answer was read as. */
  type?: string
  /** The rule that decided. */
  rule: string
}

/** How to judge: where the answer stands, what counts as equal, and what the choices are. */
export interface Manner {
  extract: Extraction
  policy: Policy
  choices: Choices
}

export const DEFAULT_MANNER: Manner = { extract: 'auto', policy: DEFAULT_POLICY, choices: 'auto' }

/** Whether the answer that an output states equals any of the references. */
export function judgeAnswer(output: string, references: readonly string[], manner: Manner = DEFAULT_MANNER): Judgement {
  let last: Judgement = { pass: false, rule: 'there is no reference' }
  for (const reference of references) {
    last = judgeOne(output, reference, manner)
    if (last.pass) break
  }
  return last
}

function judgeOne(output: string, reference: string, { extract, policy, choices }: Manner): Judgement {
  const wanted = readAnswer(reference)
  const choice = choiceReference(reference, choices)
  const expected: Expected = { kind: choice === undefined ? expectedKind(wanted) : 'choice', factorial: reference.includes('!') }
  const spoken = wanted.kind === 'text' && extract === 'auto' && output.length < 2 * LIMITS.candidate
  if (spoken && plainWords(output) === plainWords(reference)) {
    return { pass: true, extracted: output.trim(), source: 'whole output', type: 'text', rule: 'same words' }
  }
  const extracted = extractAnswer(output, extract, expected)
  if ('missing' in extracted) return { pass: false, rule: extracted.missing }
  const { text, source } = extracted
  const found = { extracted: text, source }
  if (text.length > LIMITS.candidate) return { ...found, pass: false, rule: `it is longer than ${LIMITS.candidate} characters` }
  if (choice !== undefined) {
    const letter = chosenLetter(text, choices)
    if (letter !== undefined) return { ...found, pass: letter === choice, type: 'choice', rule: `choice ${letter}` }
    const option = typeof choices === 'object' && choices.get(choice)
    if (option) return { ...found, ...agree(text, option, policy), type: 'choice' }
  }
  return { ...found, ...agree(text, reference, policy) }
}

/** The plain readings first, then commas the other way: as separators of a list, or as decimal commas. */
function agree(text: string, reference: string, policy: Policy): { pass: boolean; type: string; rule: string } {
  const answer = readAnswer(text)
  const wanted = readAnswer(reference)
  const type = describe(answer)
  const { equal, rule } = compareAnswers(answer, wanted, policy)
  if (equal) return { pass: true, type, rule }
  if (/\d,\d{3}/.test(text) || /\d,\d{3}/.test(reference)) {
    const lists = [readAnswer(text, false), readAnswer(reference, false)]
    const other = compareAnswers(lists[0], lists[1], policy)
    if (lists.some(({ kind }) => kind === 'list') && other.equal) return { pass: true, type: describe(lists[0]), rule: other.rule }
  }
  const decimals = [readDecimalComma(text), readDecimalComma(reference)]
  const comma =
    (decimals[0] && /\d\.\d/.test(reference) && compareAnswers(decimals[0], wanted, policy).equal) ||
    (decimals[1] && /\d\.\d/.test(text) && compareAnswers(answer, decimals[1], policy).equal)
  return comma ? { pass: true, type: 'number', rule: 'decimal comma' } : { pass: false, type, rule }
}

function expectedKind(answer: Answer): Expected['kind'] {
  return answer.kind === 'list' || answer.kind === 'set' ? 'list' : answer.kind === 'text' ? 'text' : 'other'
}

function describe(answer: Answer): string {
  if (answer.kind !== 'expression') return answer.kind === 'operation' || answer.kind === 'reals' ? 'set of reals' : answer.kind
  if (answer.node.kind === 'percent') return 'percent'
  const number = answer.node.kind === 'number' || (answer.node.kind === 'negate' && answer.node.of.kind === 'number')
  return `${number ? 'number' : 'expression'}${answer.unit === undefined ? '' : ' with unit'}`
}
