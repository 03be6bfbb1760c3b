import { describe, expect, it } from 'vitest'
import { sapo } from '../../../src/trainer/losses/sapo.ts'
import { checkAgainstTrl, checkSlopes, sample, updateOf } from './trl.ts'

describe('sapo', () => {
  checkAgainstTrl('sapo')
  checkSlopes('sapo')

  it('has the slope of no gate at ratio 1, and fades on both sides', () => {
    const loss = sapo({ sapoTemperatures: [1, 1.05] })
    for (const advantage of [1, -1]) {
      const slope = (logRatio: number) => Math.abs(loss.terms(sample([logRatio - 4], [-4], advantage), updateOf(1)).slopes[0])
      expect(slope(0)).toBeCloseTo(1, 12)
      expect(slope(3)).toBeLessThan(0.01)
      expect(slope(-3)).toBeLessThan(0.05)
    }
  })
})
