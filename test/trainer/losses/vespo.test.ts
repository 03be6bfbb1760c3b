import { describe, expect, it } from 'vitest'
import { vespo } from '../../../src/trainer/losses/vespo.ts'
import { checkAgainstTrl, checkSlopes, sample, updateOf } from './trl.ts'

describe('vespo', () => {
  checkAgainstTrl('vespo')
  checkSlopes('vespo')

  const loss = vespo({ vespoPositive: [2, 3], vespoNegative: [3, 2] })

  it('weighs a sample by the ratio of all its tokens, most at and near 1', () => {
    const slope = (logRatio: number, advantage: number) =>
      Math.abs(loss.terms(sample([logRatio - 6, -1], [-6, -1], advantage), updateOf(2)).slopes[1])
    for (const advantage of [1, -1]) {
      expect(slope(0, advantage)).toBe(0.5)
      expect(slope(3, advantage)).toBeLessThan(1e-6)
      expect(slope(-3, advantage)).toBeLessThan(0.05)
    }
  })

  it('stays a number for ratios that no double holds', () => {
    const far = sample([-1, -1, -1], [-900, -900, -900], -1)
    expect([...loss.terms(far, updateOf(3)).slopes]).toEqual([0, 0, 0])
  })
})
