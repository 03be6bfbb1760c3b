import fc from 'fast-check'
import { expect, it } from 'vitest'
import { ScoredMerges } from '../../../src/engine/gguf/scored-merges.ts'

/** The rule as it is said: look at all neighbours, take the best, begin again. */
function byTheRule(scores: ReadonlyMap<string, number>, text: string): string[] {
  const pieces = [...text]
  for (;;) {
    let best = -1
    for (let i = 0; i + 1 < pieces.length; i++) {
      const score = scores.get(pieces[i] + pieces[i + 1])
      if (score !== undefined && (best < 0 || score > (scores.get(pieces[best] + pieces[best + 1]) as number))) best = i
    }
    if (best < 0) return pieces
    pieces.splice(best, 2, pieces[best] + pieces[best + 1])
  }
}

const word = (maxLength: number) => fc.string({ unit: fc.constantFrom('a', 'b', '😀', '▁'), maxLength })

it('merges as the rule says, equal scores and periodic texts among them', () => {
  const vocabulary = fc.array(fc.tuple(word(4), fc.integer({ min: -4, max: 0 })), { maxLength: 20 })
  fc.assert(
    fc.property(vocabulary, word(40), (entries, text) => {
      const scores = new Map(entries)
      expect(new ScoredMerges(scores).merge(text)).toEqual(byTheRule(scores, text))
    }),
    { numRuns: 1000 },
  )
})

it('lists the merges of every token, the best first', () => {
  const merges = new ScoredMerges(new Map(Object.entries({ a: -9, b: -9, ab: -2, ba: -1, aba: -3 })))
  expect(merges.list()).toEqual([
    ['b', 'a'],
    ['a', 'b'],
    ['ab', 'a'],
    ['a', 'ba'],
  ])
})

it('takes a text of a million characters', () => {
  const merges = new ScoredMerges(
    new Map([
      ['aa', -1],
      ['aaaa', -2],
      ['ab', -3],
    ]),
  ) // prettier-ignore
  expect(merges.merge('aab'.repeat(333_333)).length).toBe(666_666)
})
