/** Subspaces told by vectors that span them: span{(1,0,-1), (0,1,-1)} is span{(1,-1,0), (2,-1,-1)}. Compared over the rationals. */

import { divide, multiply, type Rational, subtract } from '../../rational.ts'
import type { Answer } from '../node.ts'
import { smallValue } from '../numeric/exact.ts'
import { readAnswer } from '../reading/read.ts'

const SPAN =
  /^[\s$]{0,3}(?:[A-Z]\s?=\s?)?(?:\\(?:operatorname|text|textrm|mathrm)\s?\{\s?[Ss]pan\s?\}|\\?[Ss]pan)\s?(?:\\left|\\bigl?)?\s?(?:\\\{|\{|\(|\\lbrace)(.{1,400}?)(?:\\right|\\bigr?)?\s?(?:\\\}|\}|\)|\\rbrace)[\s$.]{0,3}$/s
const MOST = 8

function spanOf(text: string): Rational[][] | undefined {
  const inner = text.length < 500 ? SPAN.exec(text)?.[1] : undefined
  const set = inner === undefined ? undefined : readAnswer(`\\{${inner}\\}`)
  if (set?.kind !== 'set' || set.items.length > MOST) return undefined
  const vectors = set.items.map(vectorOf)
  const [first] = vectors
  if (!first || !vectors.every((vector) => vector?.length === first.length)) return undefined
  return vectors as Rational[][]
}

function vectorOf(answer: Answer): Rational[] | undefined {
  const entries =
    answer.kind === 'tuple' && answer.open === '('
      ? answer.items
      : answer.kind === 'matrix' && (answer.rows.length === 1 || answer.rows.every((row) => row.length === 1))
        ? answer.rows.flat()
        : []
  const values = entries.map((entry) => (entry.kind === 'expression' && entry.unit === undefined ? smallValue(entry.node) : undefined))
  return values.length > 0 && values.length <= MOST && values.every((value) => value !== undefined) ? values : undefined
}

/** The reduced row echelon form without its rows of zeros: the same for all sets of vectors with the same span. */
function reduced(vectors: readonly Rational[][]): Rational[][] {
  let rows = vectors.map((row) => [...row])
  const out: Rational[][] = []
  for (let column = 0; column < vectors[0].length; column++) {
    const pivot = rows.find((row) => row[column].n !== 0n)
    if (!pivot) continue
    const scaled = pivot.map((value) => divide(value, pivot[column]))
    const without = (row: Rational[]): Rational[] => row.map((value, i) => subtract(value, multiply(row[column], scaled[i])))
    rows = rows.filter((row) => row !== pivot).map(without)
    for (const [i, row] of out.entries()) out[i] = without(row)
    out.push(scaled)
  }
  return out
}

/** Whether two texts are spans of vectors, and of the same subspace. Undefined: one of them is none. */
export function sameSpan(a: string, b: string): boolean | undefined {
  if (!/span/i.test(b) || !/span/i.test(a)) return undefined
  const right = spanOf(b)
  const left = right && spanOf(a)
  if (!left || !right) return undefined
  const key = (vectors: Rational[][]): string =>
    `${vectors[0].length}:${reduced(vectors)
      .map((row) => row.map(({ n, d }) => `${n}/${d}`).join())
      .join(';')}`
  return key(left) === key(right)
}
