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
        const found = lastBoxed(text, before)
        const start = lastStart(text, before)
        const around = found?.kind === 'box' && start !== undefined && found.start < start && found.end > start
        if (!around) expect(found?.start).toBe(start)
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
    ['\\boxed{\\boxed{3} + \\boxed{4}}', ' 3 +  4'],
    ['\\boxed{1}, \\fbox{2 \\boxed{x + 1}}', '2 {x + 1}'],
    ['\\boxed{1 and \\boxed{2}', '2'],
  ])('of %s holds %s', (text, content) => {
    expect(lastBoxed(text)).toMatchObject({ kind: 'box', content })
  })
})
