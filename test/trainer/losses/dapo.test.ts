import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { dapo } from '../../../src/trainer/losses/dapo.ts'
import { type LossSample, Tally } from '../../../src/trainer/losses/loss.ts'
import { clippedTerm } from '../../../src/trainer/losses/parts/clip.ts'
import { checkAgainstTrl, checkSlopes, updateOf } from './trl.ts'

const clip = { clipLow: 0.2, clipHigh: 0.28, dualClip: 3 }

function sample(logprobs: number[], sampled: number[], advantage: number, entropy = 0): LossSample {
  return { logprobs: Float32Array.from(logprobs), sampled, advantage, entropies: new Float32Array(logprobs.length).fill(entropy) }
}

describe('dapo', () => {
  checkAgainstTrl('dapo')
  checkSlopes('dapo')

  it('has the slope of its term, by finite differences', () => {
    fc.assert(
      fc.property(fc.double({ min: -2, max: 2, noNaN: true }), fc.double({ min: -3, max: 3, noNaN: true }), (gap, advantage) => {
        const h = 1e-6
        const at = (d: number) => clippedTerm(-1 + gap + d, -1, advantage, clip)
        // Not at a corner, where there are two slopes.
        fc.pre(at(h).clipped === at(-h).clipped)
        expect(at(0).slope).toBeCloseTo((at(h).loss - at(-h).loss) / (2 * h), 4)
      }),
      { numRuns: 500 },
    )
  })

  it('is the formula of parallel-thinking.md §4', () => {
    fc.assert(
      fc.property(fc.double({ min: -2, max: 2, noNaN: true }), fc.double({ min: -3, max: 3, noNaN: true }), (gap, a) => {
        const ratio = Math.exp(gap)
        const bounded = Math.max(-a * ratio, -a * Math.min(Math.max(ratio, 0.8), 1.28))
        const expected = a < 0 ? Math.min(bounded, -a * 3) : bounded
        expect(clippedTerm(gap, 0, a, clip).loss).toBeCloseTo(expected, 12)
      }),
      { numRuns: 500 },
    )
  })

  it('pushes nothing where a bound holds', () => {
    expect(clippedTerm(Math.log(1.3), 0, 1, clip)).toMatchObject({ slope: 0, clipped: true })
    expect(clippedTerm(Math.log(1.27), 0, 1, clip)).toMatchObject({ clipped: false })
    expect(clippedTerm(Math.log(0.7), 0, 1, clip)).toMatchObject({ clipped: false })
    expect(clippedTerm(Math.log(0.7), 0, -1, clip)).toMatchObject({ slope: 0, clipped: true })
    expect(clippedTerm(Math.log(2.9), 0, -1, clip)).toMatchObject({ clipped: false })
    expect(clippedTerm(Math.log(3.1), 0, -1, clip)).toEqual({ loss: 3, slope: 0, clipped: true })
  })

  it('has ratio 1 exactly for equal logprobs, so the slope is −A', () => {
    expect(clippedTerm(-3.25, -3.25, 0.7, clip).slope).toBe(-0.7)
  })

  it('has the slopes of its sum over a sample divided by the tokens of the update, by finite differences', () => {
    const tokens = 7
    const h = 2 ** -8 // exact in float32
    const sampled = [-1, -2, -0.5, -3, -1]
    const moved = [-1.5, -1.875, 0.5, -2.875, -1]
    for (const advantage of [0.7, -1.3]) {
      const loss = (logprobs: number[]): number => {
        const tally = new Tally()
        tally.add(dapo(clip).terms(sample(logprobs, sampled, advantage), updateOf(tokens)))
        return tally.sum('loss') / tokens
      }
      const { slopes } = dapo(clip).terms(sample(moved, sampled, advantage), updateOf(tokens))
      moved.forEach((_, j) => {
        const at = (d: number) => loss(moved.map((logprob, k) => (k === j ? logprob + d : logprob)))
        expect(slopes[j]).toBeCloseTo((at(h) - at(-h)) / (2 * h), 4)
      })
      expect(slopes.some((slope) => slope !== 0)).toBe(true)
    }
  })

  it('divides slopes by the tokens of the update, and reports whole terms', () => {
    const tally = new Tally()
    for (const advantage of [0.1, 0.2, 0.3, 0.4]) {
      const terms = dapo(clip).terms(sample([-1], [-1], advantage, 2), updateOf(4))
      expect(terms.slopes[0] * 4).toBe(-advantage)
      tally.add(terms)
    }
    expect([tally.mean('loss'), tally.mean('clipped'), tally.mean('entropy'), tally.lossTokens]).toEqual([-0.25, 0, 2, 4])
  })

  it('reports mean and largest gap to sampling, and does not lose a NaN', () => {
    const tally = new Tally()
    const gap = () => ({ mean: tally.mean('gap'), max: tally.max('gap') })
    expect(gap()).toEqual({ mean: 0, max: 0 })
    tally.add(dapo(clip).terms(sample([-1, -1, -1], [-1.5, -0.75, -1], 1), updateOf(5)))
    expect(gap()).toEqual({ mean: 0.25, max: 0.5 })
    tally.add(dapo(clip).terms(sample([Number.NaN, -1], [-1, -1], 1), updateOf(5)))
    expect(gap()).toEqual({ mean: Number.NaN, max: Number.NaN })
  })
})
