import { describe, expect, it } from 'vitest'
import { luspo } from '../../../src/trainer/losses/luspo.ts'
import { checkAgainstTrl, checkSlopes, sample } from './trl.ts'

const clip = { clipLow: 0.2, clipHigh: 0.28, dualClip: 3 }

describe('luspo', () => {
  checkAgainstTrl('luspo')
  checkSlopes('luspo')

  it('weighs a sample by its tokens', () => {
    const update = { tokens: 5, samples: 2, microBatch: { tokens: 5, count: 1 } }
    const sums = [[-1], [-1, -1, -1, -1]].map((logprobs) =>
      luspo(clip)
        .terms(sample(logprobs, logprobs, 1), update)
        .slopes.reduce((sum, slope) => sum + slope, 0),
    )
    expect(sums).toEqual([-0.5, -2])
  })
})
