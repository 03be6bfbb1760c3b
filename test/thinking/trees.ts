/** Random responses with blocks, and what a token of a layout sees. */

import fc from 'fast-check'
import type { Layout } from '../../src/thinking/types.ts'
import { FIRST_WORD, TOY_TAGS } from './toy-model.ts'

const T = TOY_TAGS
const words = (min: number, max: number): fc.Arbitrary<number[]> =>
  fc.array(fc.integer({ min: FIRST_WORD, max: 63 }), { minLength: min, maxLength: max })

export interface Tree {
  prompt: number[]
  text: number[]
  blocks: { paths: number[][]; summary: number[]; after: number[] }[]
}

export const tree: fc.Arbitrary<Tree> = fc.record({
  // Tags in the prompt are instruction: they must change nothing.
  prompt: fc.array(fc.integer({ min: 2, max: 63 }), { minLength: 1, maxLength: 8 }),
  text: words(0, 4),
  blocks: fc.array(
    fc.record({
      paths: fc.uniqueArray(words(1, 5), { minLength: 1, maxLength: 16, selector: (ids) => ids.join() }),
      summary: words(1, 4),
      after: words(0, 3),
    }),
    { maxLength: 3 },
  ),
})

/** The response of a tree, eos included. */
export function idsOf({ text, blocks }: Tree): number[] {
  const ids = [...text]
  for (const { paths, summary, after } of blocks) {
    ids.push(T.parallel)
    for (const each of paths) ids.push(T.path, ...each, T.pathEnd)
    ids.push(T.parallelEnd, 8, T.summary, ...summary, T.summaryEnd, ...after)
  }
  ids.push(1)
  return ids
}

/** Tokens as text, whatever their order. */
export const pairs = (entries: { id: number; position: number }[]): string =>
  entries
    .map(({ id, position }) => `${position}:${id}`)
    .sort()
    .join(' ')

/** What packed index i sees, itself included, in packed order. */
export function visible(layout: Layout, i: number): { id: number; position: number }[] {
  const seen = []
  for (let j = 0; j <= i; j++) {
    if (isHidden(layout, i, j)) continue
    seen.push({ id: layout.ids[j], position: layout.positions[j] })
  }
  return seen
}

function isHidden({ hidden, hiddenLevels }: Layout, i: number, j: number): boolean {
  for (let level = 0; level < hiddenLevels; level++) {
    const at = (i * hiddenLevels + level) * 2
    if (j >= hidden[at] && j < hidden[at + 1]) return true
  }
  return false
}
