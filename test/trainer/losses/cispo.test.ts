import { describe, expect, it } from 'vitest'
import { cispo } from '../../../src/trainer/losses/cispo.ts'
import { checkAgainstTrl, checkSlopes, sample, updateOf } from './trl.ts'

describe('cispo', () => {
  checkAgainstTrl('cispo')
  checkSlopes('cispo')

  it('leaves every token its gradient, of a bounded weight', () => {
    const loss = cispo({ clipLow: 1, clipHigh: 4 })
    const slope = (ratio: number) => loss.terms(sample([Math.log(ratio) - 3], [-3], 1), updateOf(1)).slopes[0]
    expect(slope(1)).toBe(-1)
    expect(slope(2 ** -20)).toBeCloseTo(-(2 ** -20), 9)
    expect(slope(15)).toBe(-5)
  })
})
