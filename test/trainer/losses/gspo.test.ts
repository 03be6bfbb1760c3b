import { describe, expect, it } from 'vitest'
import { gspo } from '../../../src/trainer/losses/gspo.ts'
import { checkAgainstTrl, checkSlopes, sample, updateOf } from './trl.ts'

const clip = { clipLow: 0.2, clipHigh: 0.28, dualClip: 3 }

describe('gspo', () => {
  checkAgainstTrl('gspo')
  checkSlopes('gspo')

  it('has one ratio for all tokens of a sample, their geometric mean', () => {
    const sampled = [-1, -1, -2]
    const logprobs = [-0.5, -1.5, -1.875] // the logarithm of the ratio is 0.125 / 3
    const { slopes, metrics } = gspo(clip).terms(sample(logprobs, sampled, 1), updateOf(3))
    expect(new Set(metrics.loss).size).toBe(1)
    expect(metrics.loss[0]).toBeCloseTo(-Math.exp(0.125 / 3), 12)
    expect(new Set(slopes).size).toBe(1)
  })

  it('is clipped as a whole', () => {
    const { slopes, metrics } = gspo({ ...clip, clipHigh: 4e-4 }).terms(sample([-1, -1], [-1, -1.25], 1), updateOf(2))
    expect([...slopes].every((slope) => slope === 0)).toBe(true)
    expect([...metrics.clipped]).toEqual([1, 1])
  })
})
