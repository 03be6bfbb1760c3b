import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { lastBoxed } from '../../../../src/assertions/answer/claims/boxed.ts'

/** Where the last box begins, by a search for each of its names. */
function lastStart(text: string, before: number): number | undefined {
  const starts = [...text.matchAll(/(?=\\boxed|\\fbox|\\framebox\{|(?<!\\)boxed\{)/g)].map(({ index }) => index)
  return starts.findLast((start) => start < before)
}

const parts = ['\\boxed', '\\fbox', '\\framebox', 'boxed', 'box', '\\f', '\\frame', '\\', 'ed', '{', '{5}', '}', ' ', 'x']

describe('the last box', () => {
  it('is found by one search, whatever stands around it', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...parts), { maxLength: 12 }), fc.nat(60), (pieces, at) => {
        const text = pieces.join('')
        const before = Math.min(at, text.length)
        expect(lastBoxed(text, before)?.start).toBe(lastStart(text, before))
      }),
      { numRuns: 2000 },
    )
  })

  it.each([
    ['so \\boxed{5}.', '5'],
    ['\\boxed 5 it is', '5'],
    ['\\fbox{a{b}}', 'a{b}'],
    ['\\framebox{12}', '12'],
    ['boxed{7}', '7'],
    ['\\fboxed{7}', '7'],
  ])('of %s holds %s', (text, content) => {
    expect(lastBoxed(text)).toMatchObject({ kind: 'box', content })
  })
})
