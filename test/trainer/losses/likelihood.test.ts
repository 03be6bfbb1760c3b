import { describe, expect, it } from 'vitest'
import { likelihood } from '../../../src/trainer/losses/likelihood.ts'
import { type LossSample, Tally } from '../../../src/trainer/losses/loss.ts'
import { updateOf } from './trl.ts'

const sample = (logprobs: number[]): LossSample => ({
  logprobs: Float32Array.from(logprobs),
  sampled: [],
  advantage: 1,
  entropies: new Float32Array(0),
})

function loss(samples: number[][], tokens: number): number {
  const tally = new Tally()
  for (const logprobs of samples) tally.add(likelihood().terms(sample(logprobs), updateOf(tokens)))
  return tally.sum('loss')
}

describe('likelihood', () => {
  it('is the mean over the tokens of the update, however they are divided among samples', () => {
    expect(loss([[-1, -2], [-6]], 3)).toBe(3)
    expect(loss([[-1, -2, -6]], 3)).toBe(3)
  })

  it('has the slopes of its sum, by finite differences', () => {
    const logprobs = [-1, -0.25, -4]
    const h = 2 ** -6 // exact in float32
    const { slopes } = likelihood().terms(sample(logprobs), updateOf(5))
    expect(slopes).toHaveLength(3)
    logprobs.forEach((_, j) => {
      const at = (d: number) => loss([logprobs.map((logprob, k) => (k === j ? logprob + d : logprob))], 5)
      expect(slopes[j]).toBeCloseTo((at(h) - at(-h)) / (2 * h), 12)
    })
  })
})
