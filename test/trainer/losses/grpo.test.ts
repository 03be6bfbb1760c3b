import { describe, expect, it } from 'vitest'
import { grpo } from '../../../src/trainer/losses/grpo.ts'
import { checkAgainstTrl, checkSlopes, sample } from './trl.ts'

const clip = { clipLow: 0.2, clipHigh: 0.28, dualClip: 3 }

describe('grpo', () => {
  checkAgainstTrl('grpo')
  checkSlopes('grpo')

  it('gives each sample the same weight, however long it is', () => {
    const update = { tokens: 5, samples: 2, microBatch: { tokens: 5, count: 1 } }
    const slopes = [[-1], [-1, -1, -1, -1]].map((logprobs) => [...grpo(clip).terms(sample(logprobs, logprobs, 1), update).slopes])
    expect(slopes).toEqual([[-0.5], [-0.125, -0.125, -0.125, -0.125]])
  })
})
