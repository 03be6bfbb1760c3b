/** Vectors of which any multiple will do: where the problem says so, (-2, -4, 4) is (1, 2, -2). */

import { rational } from '../../rational.ts'
import { askedOf } from '../claims/asked.ts'
import { sentencesOf } from '../claims/sentences.ts'
import { TooComplex, Work } from '../limits.ts'
import type { Answer, Node } from '../node.ts'
import { sameValue } from './values.ts'

const MULTIPLE = String.raw`(?:non-?zero|scalar|constant|real|non-?trivial)(?:,?\s(?:non-?zero|scalar|constant|real))*`
/** "any non-zero multiple is accepted", "up to a scalar multiple" */
const ALLOWED = new RegExp(
  String.raw`\bany\s(?:other\s)?${MULTIPLE}\smultiple|\bany\s(?:other\s)?multiple\s(?:of\s\w+\s)?(?:is|are|will be|would be)\s(?:accept|allow|fine|correct|ok)|\bup to\s(?:an?\s|multiplication by an?\s)?(?:${MULTIPLE}|multiplicative|arbitrary|overall)(?:\s(?:scalar|constant|non-?zero))*(?:\s(?:multiples?|factors?|multiplication))?|\bup to\s(?:scaling|scale|scalars)\b`,
  'i',
)
const VECTOR = /\b(?:eigen)?vectors?\b|\bnormal\b|\bdirection|\bnull ?space\b|\bkernel\b/i
/** What tells one multiple from the others: "the unit vector", "with first entry 1", "of length 5". */
const ONE_OF_THEM =
  /\bunit\b|\bnormali[sz]ed?\b|\b(?:norm|length|magnitude)\b|\\(?:lVert|Vert|\|)|\|\W{0,12}[a-z]\W{0,3}\|\s?=|\b(?:first|second|third|last|top|bottom|leading|positive|smallest|every|each)\s(?:\w+\s)?(?:entr(?:y|ies)|components?|coordinates?|elements?|integers?)\b|\b(?:relatively prime|coprime)\b|\bsums? to\b/i

/** Whether a problem that asks for a vector takes any multiple of it. */
export function allowsMultiples(problem: string): boolean {
  if (!ALLOWED.test(problem)) return false
  const allowing = sentencesOf(problem).filter((sentence) => ALLOWED.test(sentence))
  const { sentence: asking } = askedOf(problem)
  const asked = allowing.reduce((text, one) => text.replace(one, ''), asking) || asking
  return VECTOR.test(asked) && !ONE_OF_THEM.test(problem)
}

/** The entries of a vector, of v = (1, 2) too. */
function entriesOf(answer: Answer): Node[] | undefined {
  if (answer.kind === 'relation' && answer.ops.every((op) => op === '=')) return entriesOf(answer.sides.at(-1)!)
  const items =
    answer.kind === 'tuple' && answer.open === '(' && answer.close === ')'
      ? answer.items
      : answer.kind === 'matrix' && (answer.rows.length === 1 || answer.rows.every((row) => row.length === 1))
        ? answer.rows.flat()
        : []
  const nodes = items.map((item) => (item.kind === 'expression' && item.unit === undefined ? item.node : undefined))
  return nodes.length > 1 && nodes.length <= MOST && nodes.every((node) => node !== undefined) ? nodes : undefined
}

const MOST = 8
const times = (left: Node, right: Node): Node => ({ kind: 'binary', op: '*', left, right })

/** Whether two vectors are multiples of one another and neither is zero. Undefined: one of the answers is no vector. */
export function areMultiples(a: Answer, b: Answer): boolean | undefined {
  const [left, right] = [entriesOf(a), entriesOf(b)]
  if (!left || !right) return undefined
  if (left.length !== right.length) return false
  const work = new Work()
  try {
    const zero: Node = { kind: 'number', value: rational(0n) }
    const at = right.findIndex((node) => !sameValue(node, zero, work))
    if (at < 0 || left.every((node) => sameValue(node, zero, work))) return false
    return left.every((node, i) => i === at || sameValue(times(node, right[at]), times(left[at], right[i]), work))
  } catch (error) {
    if (error instanceof TooComplex) return false
    throw error
  }
}
