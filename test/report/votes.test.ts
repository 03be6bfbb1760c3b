import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { judgeAnswer } from '../../src/assertions/answer/judge.ts'
import { DEFAULT_POLICY } from '../../src/assertions/answer/limits.ts'
import { equalAnswers } from '../../src/report/votes.ts'

describe('equal answers', () => {
  it('are those of mathAnswer, for integers too', () => {
    const integer = fc.tuple(fc.constantFrom('', '-'), fc.constantFrom('', '0', '00'), fc.nat({ max: 12 })).map((parts) => parts.join(''))
    fc.assert(
      fc.property(integer, integer, (a, b) => {
        expect(equalAnswers(a, b)).toBe(judgeAnswer(a, [b], { extract: 'whole', policy: DEFAULT_POLICY, choices: 'auto' }).pass)
      }),
      { numRuns: 300 },
    )
  })

  it('need not be written alike', () => {
    expect(equalAnswers('\\frac{3}{4}', '0.75')).toBe(true)
    expect(equalAnswers('x+1', '1+x')).toBe(true)
    expect(equalAnswers('\\frac{3}{4}', '0.7')).toBe(false)
  })
})
