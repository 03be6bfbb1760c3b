import { describe, expect, it } from 'vitest'
import { dr_grpo } from '../../../src/trainer/losses/dr_grpo.ts'
import { checkAgainstTrl, checkSlopes, sample } from './trl.ts'

const clip = { clipLow: 0.2, clipHigh: 0.28, dualClip: 3 }

describe('dr_grpo', () => {
  checkAgainstTrl('dr_grpo')
  checkSlopes('dr_grpo')

  it('divides by what no response changes', () => {
    const loss = dr_grpo({ ...clip, responseTokens: 100 })
    for (const tokens of [1, 40]) {
      const logprobs = Array.from({ length: tokens }, () => -1)
      const { slopes } = loss.terms(sample(logprobs, logprobs, 2), { tokens: 3 * tokens, samples: 4, microBatch: { tokens, count: 3 } })
      expect(new Set(slopes)).toEqual(new Set([-2 / 400]))
    }
  })
})
