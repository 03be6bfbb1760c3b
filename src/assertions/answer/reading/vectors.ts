/** Multiples and sums of vectors in angle brackets or parentheses: \\frac13⟨2,1,2⟩, (1,0) + 2(0,1). */

import { rational } from '../../rational.ts'
import type { Answer, Node } from '../node.ts'
import { isSign, matching, type Read, split } from './scan.ts'
import type { Token } from './tokens.ts'

type Tuple = Extract<Answer, { kind: 'tuple' }>

const ZERO: Node = { kind: 'number', value: rational(0n) }

const isPlain = (entry: Answer): boolean => entry.kind === 'expression' && entry.unit === undefined

const isVector = (answer: Answer): answer is Tuple =>
  answer.kind === 'tuple' && answer.open === '(' && answer.close === ')' && answer.items.every(isPlain)

const nodesOf = ({ items }: Tuple): Node[] => items.flatMap((item) => (item.kind === 'expression' ? [item.node] : []))

/** A sum of vectors with scalars before them. Undefined: it is none, or one vector alone. A letter right before a single one is its name. */
export function readVectorSum(tokens: readonly Token[], key: string, read: Read): Answer | undefined {
  if (!isSign(tokens.at(-1), ')')) return undefined
  const found = split(tokens, ({ text }) => text === '+' || text === '-')
  const parts = found?.parts ?? [[...tokens]]
  const signs = ['+', ...(found?.signs ?? [])]
  let sum: Node[] | undefined
  let scaled = 0
  for (const [i, part] of parts.entries()) {
    if (part.length === 0 && i === 0) continue
    const term = readTerm(part, read, parts.length > 1)
    if (!term || (sum && sum.length !== term.nodes.length)) return undefined
    scaled += Number(term.scaled)
    const op = signs[i] === '-' ? '-' : '+'
    const before: Node[] = sum ?? term.nodes.map(() => ZERO)
    sum = before.map((left, j): Node => ({ kind: 'binary', op, left, right: term.nodes[j] }))
  }
  if (!sum || (parts.length === 1 && scaled === 0)) return undefined
  return { kind: 'tuple', open: '(', close: ')', items: sum.map((node): Answer => ({ kind: 'expression', node, key: '' })), key }
}

/** ±(0, 1, 1): every coordinate has the same sign of the two. */
export function readSignedVector([sign, ...rest]: readonly Token[], key: string, read: Read): Answer | undefined {
  if (!isSign(sign, '\\pm') || rest.length < 3) return undefined
  const vector = read(rest)
  const signed = (entry: Answer): Answer =>
    entry.kind === 'expression' ? { ...entry, node: { kind: 'binary', op: 'pm', left: ZERO, right: entry.node }, key: '' } : entry
  if (vector.kind === 'matrix' && vector.rows.flat().every(isPlain))
    return { ...vector, rows: vector.rows.map((row) => row.map(signed)), key, together: true }
  return isVector(vector) && !vector.together ? { ...vector, items: vector.items.map(signed), key, together: true } : undefined
}

/** [scalar] (a, b, …) */
function readTerm(tokens: readonly Token[], read: Read, several: boolean): { nodes: Node[]; scaled: boolean } | undefined {
  const open = tokens.findIndex((token, i) => isSign(token, '(') && i + matching(tokens.slice(i)) === tokens.length - 1)
  const vector = open < 0 ? undefined : read(tokens.slice(open))
  if (!vector || !isVector(vector)) return undefined
  const before = isSign(tokens[open - 1], '*') ? tokens.slice(0, open - 1) : tokens.slice(0, open)
  if (before.length === 0) return { nodes: nodesOf(vector), scaled: false }
  // P(3, -4) is a point, and f(1, 2) a value.
  const [first] = before
  if (
    before.length === 1 &&
    first.kind === 'name' &&
    (!several || !/^[a-z]$|^\\(?:lambda|mu|alpha|beta)$/.test(first.text) || /^[fgh]$/.test(first.text))
  )
    return undefined
  const scalar = read(before)
  if (scalar.kind !== 'expression' || scalar.unit !== undefined) return undefined
  return { nodes: nodesOf(vector).map((right): Node => ({ kind: 'binary', op: '*', left: scalar.node, right })), scaled: true }
}
