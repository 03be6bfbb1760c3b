import { describe, expect, it } from 'vitest'
import { bnpo } from '../../../src/trainer/losses/bnpo.ts'
import { checkAgainstTrl, checkSlopes, sample } from './trl.ts'

const clip = { clipLow: 0.2, clipHigh: 0.28, dualClip: 3 }

describe('bnpo', () => {
  checkAgainstTrl('bnpo')
  checkSlopes('bnpo')

  it('is the mean of the means of micro-batches, so the cut decides', () => {
    const terms = (tokens: number, count: number) =>
      bnpo(clip).terms(sample([-1], [-1], 1), { tokens: 8, samples: 3, microBatch: { tokens, count } }).slopes[0]
    expect(terms(8, 1)).toBe(-1 / 8)
    expect(terms(2, 2)).toBe(-1 / 4)
  })
})
