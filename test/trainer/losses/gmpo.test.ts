import { describe, expect, it } from 'vitest'
import { gmpo } from '../../../src/trainer/losses/gmpo.ts'
import { checkAgainstTrl, checkSlopes, sample, updateOf } from './trl.ts'

describe('gmpo', () => {
  checkAgainstTrl('gmpo')
  checkSlopes('gmpo')

  it('clips the logarithm of a ratio on the side where the advantage would push it further', () => {
    const loss = gmpo({ clipLow: 0.4, clipHigh: 0.4 })
    const clippedAt = (logRatio: number, advantage: number) =>
      loss.terms(sample([logRatio - 3, -1], [-3, -1], advantage), updateOf(2)).metrics.clipped[0]
    expect([0.5, 0.25, -0.5].map((logRatio) => clippedAt(logRatio, 1))).toEqual([1, 0, 0])
    expect([0.5, -0.25, -0.5].map((logRatio) => clippedAt(logRatio, -1))).toEqual([0, 0, 1])
  })

  it('bounds what one odd token does to its sample', () => {
    const { metrics } = gmpo({ clipLow: 0.4, clipHigh: 0.4 }).terms(sample([-1, -1], [-9, -1], 1), updateOf(2))
    expect(metrics.loss[0]).toBeCloseTo(-Math.exp(0.2), 12)
  })
})
