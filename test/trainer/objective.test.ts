import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { groupAdvantages, isInformative } from '../../src/trainer/advantages.ts'
import { likelihoodWeights, PolicyLoss, policyTokenLoss } from '../../src/trainer/objective.ts'
import { learningRate } from '../../src/trainer/schedule.ts'

const clip = { clipLow: 0.2, clipHigh: 0.28, dualClip: 3 }

describe('policy loss', () => {
  it('has the slope of its loss, by finite differences', () => {
    fc.assert(
      fc.property(fc.double({ min: -2, max: 2, noNaN: true }), fc.double({ min: -3, max: 3, noNaN: true }), (gap, advantage) => {
        const h = 1e-6
        const at = (d: number) => policyTokenLoss(-1 + gap + d, -1, advantage, clip)
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
        expect(policyTokenLoss(gap, 0, a, clip).loss).toBeCloseTo(expected, 12)
      }),
      { numRuns: 500 },
    )
  })

  it('pushes nothing where a bound holds', () => {
    expect(policyTokenLoss(Math.log(1.3), 0, 1, clip)).toMatchObject({ slope: 0, clipped: true })
    expect(policyTokenLoss(Math.log(1.27), 0, 1, clip)).toMatchObject({ clipped: false })
    expect(policyTokenLoss(Math.log(0.7), 0, 1, clip)).toMatchObject({ clipped: false })
    expect(policyTokenLoss(Math.log(0.7), 0, -1, clip)).toMatchObject({ slope: 0, clipped: true })
    expect(policyTokenLoss(Math.log(2.9), 0, -1, clip)).toMatchObject({ clipped: false })
    expect(policyTokenLoss(Math.log(3.1), 0, -1, clip)).toEqual({ loss: 3, slope: 0, clipped: true })
  })

  it('has ratio 1 exactly for equal logprobs, so the slope is −A', () => {
    expect(policyTokenLoss(-3.25, -3.25, 0.7, clip).slope).toBe(-0.7)
  })

  it('divides by the tokens of the update, not of the micro-batch', () => {
    const whole = new PolicyLoss(clip, 4)
    const slopes = [0.1, 0.2, 0.3, 0.4].map((a) => whole.add(-1, -1, a, 2))
    expect(slopes.map((s) => s * 4)).toEqual([-0.1, -0.2, -0.3, -0.4])
    expect(PolicyLoss.merge([whole])).toMatchObject({ loss: -0.25, clipFraction: 0, entropy: 2, lossTokens: 4 })
  })

  it('reports mean and largest gap to sampling, and does not lose a NaN', () => {
    const loss = new PolicyLoss(clip, 4)
    expect(loss.gap).toEqual({ mean: 0, max: 0 })
    loss.add(-1, -1.5, 1, 0)
    loss.add(-1, -0.75, 1, 0)
    loss.add(-1, -1, 1, 0)
    expect(loss.gap).toEqual({ mean: 0.25, max: 0.5 })
    loss.add(Number.NaN, -1, 1, 0)
    loss.add(-1, -1, 1, 0)
    expect(loss.gap).toEqual({ mean: Number.NaN, max: Number.NaN })
  })

  it('weighs SFT targets alike', () => {
    expect([...likelihoodWeights(Uint8Array.of(0, 1, 1, 0), 4)]).toEqual([0, -0.25, -0.25, 0])
  })
})

describe('advantages', () => {
  it('are centred, and of sample deviation 1 with std', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: -5, max: 5, noNaN: true }), { minLength: 2, maxLength: 16 }), (rewards) => {
        fc.pre(Math.max(...rewards) - Math.min(...rewards) > 1e-2)
        for (const kind of ['std', 'mean'] as const) {
          const a = groupAdvantages(rewards, kind)
          expect(a.reduce((x, y) => x + y, 0)).toBeCloseTo(0, 6)
        }
        const squares = groupAdvantages(rewards, 'std').reduce((sum, a) => sum + a * a, 0)
        expect(Math.sqrt(squares / (rewards.length - 1))).toBeCloseTo(1, 3)
      }),
    )
  })

  it('are what the reference computes for one right of four', () => {
    expect(groupAdvantages([1, 0, 0, 0], 'mean')).toEqual([0.75, -0.25, -0.25, -0.25])
    expect(groupAdvantages([1, 0, 0, 0], 'std')[0]).toBeCloseTo(0.75 / (0.5 + 1e-6), 12)
  })

  it('know a group without signal, rounding included', () => {
    expect(isInformative([1, 1, 1])).toBe(false)
    expect(isInformative([0.1 + 0.2, 0.3])).toBe(false)
    expect(isInformative([0, 0, 1])).toBe(true)
  })
})

describe('schedule', () => {
  const base = { lr: 1, lrEnd: 0.1, warmup: 4 }

  it('warms up, then keeps, falls linearly or along a cosine', () => {
    const rates = (kind: 'constant' | 'linear' | 'cosine') =>
      Array.from({ length: 12 }, (_, step) => learningRate({ ...base, kind }, step, 12))
    expect(rates('constant').slice(0, 5)).toEqual([0.25, 0.5, 0.75, 1, 1])
    expect(rates('constant')[11]).toBe(1)
    expect(rates('linear')[8]).toBeCloseTo(0.1 + 0.9 * 0.5, 12)
    expect(rates('cosine')[4]).toBe(1)
    expect(rates('cosine')[8]).toBeCloseTo(0.55, 12)
    for (const kind of ['linear', 'cosine'] as const) {
      const tail = rates(kind).slice(3)
      expect([...tail].sort((a, b) => b - a)).toEqual(tail)
      expect(learningRate({ ...base, kind }, 12, 12)).toBeCloseTo(0.1, 12)
    }
  })
})
