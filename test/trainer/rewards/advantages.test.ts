import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Combination, groupAdvantages, isInformative, stepAdvantages } from '../../../src/trainer/rewards/advantages.ts'

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

  it('refuse rewards whose spread is no number', () => {
    for (const kind of ['std', 'mean'] as const)
      expect(() => groupAdvantages([1e200, 0], kind)).toThrow(/too large to be compared. Got 1e\+200, 0/)
    expect(groupAdvantages([1e150, 0], 'mean')).toEqual([5e149, -5e149])
  })

  it('know a group without signal, rounding included', () => {
    expect(isInformative([1, 1, 1])).toBe(false)
    expect(isInformative([0.1 + 0.2, 0.3])).toBe(false)
    expect(isInformative([0, 0, 1])).toBe(true)
  })
})

/** test/fixtures/make_advantages.py wrote it. */
const trl: {
  weights: number[]
  cases: {
    name: string
    scale: keyof typeof KINDS
    combine: Combination
    rewards: (number | null)[][][]
    advantages: number[][]
  }[]
} = JSON.parse(readFileSync(new URL('../../fixtures/advantages.json', import.meta.url), 'utf8'))

const KINDS = { group: 'std', batch: 'batch', none: 'mean' } as const

describe('advantages of a step', () => {
  const close = (found: readonly (readonly number[])[], expected: readonly (readonly number[])[]) =>
    expected.forEach((group, g) => {
      group.forEach((value, m) => {
        expect(found[g][m]).toBeCloseTo(value, 4)
      })
    })
  const one = (rewards: (number | undefined)[][], weight = 1) => ({ weight, rewards })

  it('are those of each group for one reward, to the bit', () => {
    const rewards = [
      [1, 0.1 + 0.2, -0.5],
      [3, 3, 3],
    ]
    for (const kind of ['std', 'mean'] as const) {
      const step = stepAdvantages([one(rewards)], { kind, combine: 'sum_then_normalize' })
      expect(step).toEqual({ rewards, advantages: rewards.map((group) => groupAdvantages(group, kind)), informative: [true, false] })
    }
  })

  it('are divided by the deviation of the step with batch', () => {
    const { advantages } = stepAdvantages(
      [
        one([
          [1, 0],
          [4, 4],
        ]),
      ],
      { kind: 'batch', combine: 'sum_then_normalize' },
    )
    const deviation = Math.sqrt(((1 - 2.25) ** 2 + 2.25 ** 2 + 2 * (4 - 2.25) ** 2) / 3)
    close(advantages, [
      [0.5 / deviation, -0.5 / deviation],
      [0, 0],
    ])
  })

  it('of several rewards added first are those of the sum', () => {
    const terms = [one([[1, 0]], 2), one([[0, 5]], 0.5)]
    const { rewards, advantages } = stepAdvantages(terms, { kind: 'mean', combine: 'sum_then_normalize' })
    expect(rewards).toEqual([[2, 2.5]])
    expect(advantages).toEqual([[-0.25, 0.25]])
  })

  it('of rewards compared apart keep a rare reward from drowning in a loud one (GDPO)', () => {
    // By sum the first two samples are one, (1, 0) and (0, 1). Compared apart they differ as the rewards' deviations do.
    const terms = [one([[1, 0, 0, 0]]), one([[0, 1, 1, 0]])]
    const summed = stepAdvantages(terms, { kind: 'std', combine: 'sum_then_normalize' })
    expect(summed.advantages[0][0]).toBe(summed.advantages[0][1])
    const apart = stepAdvantages(terms, { kind: 'std', combine: 'normalize_then_sum' })
    const [a, b] = [0.75 / 0.5, -0.25 / 0.5]
    const [c, d] = [0.5 / Math.sqrt(1 / 3), -0.5 / Math.sqrt(1 / 3)]
    const sums = [a + d, b + c, b + c, b + d]
    const deviation = Math.sqrt(sums.reduce((sum, x) => sum + x * x, 0) / 3)
    close(apart.advantages, [sums.map((x) => x / deviation)])
    const centred = stepAdvantages(terms, { kind: 'mean', combine: 'normalize_then_sum' })
    close(centred.advantages, [[0.25, 0.25, 0.25, -0.75]])
  })

  it('compare a reward only among the samples that it says something of', () => {
    const terms = [one([[1, 1, 0, 0]]), one([[0.2, 0.6, undefined, undefined]], 0.5)]
    const { advantages, rewards } = stepAdvantages(terms, { kind: 'mean', combine: 'normalize_then_sum' })
    close(advantages, [[0.4, 0.6, -0.5, -0.5]])
    close(rewards, [[1.1, 1.3, 0, 0]])
    // A sample of which no reward says anything has no part in its group.
    const nothing = stepAdvantages([one([[1, undefined, 0]])], { kind: 'mean', combine: 'sum_then_normalize' })
    expect(nothing).toEqual({ rewards: [[1, 0, 0]], advantages: [[0.5, 0, -0.5]], informative: [true] })
    expect(stepAdvantages([one([[undefined, 1]])], { kind: 'std', combine: 'normalize_then_sum' }).informative).toEqual([false])
  })

  it('are lowered by penalties, which make no group informative', () => {
    const options = {
      kind: 'mean',
      combine: 'sum_then_normalize',
      penalties: [
        [0.5, 0.1],
        [0, 1],
      ],
    } as const
    const step = stepAdvantages(
      [
        one([
          [1, 1],
          [1, 0],
        ]),
      ],
      options,
    )
    expect(step.rewards).toEqual([
      [1, 1],
      [1, 0],
    ])
    close(step.advantages, [
      [-0.2, 0.2],
      [1, -1],
    ])
    expect(step.informative).toEqual([false, true])
  })

  it.each(trl.cases.map((one) => [`${one.name}, ${one.scale}, ${one.combine}`, one] as const))(
    "are TRL's, but for what keeps a division finite: %s",
    (_, { scale, combine, rewards, advantages }) => {
      const terms = trl.weights.map((weight, k) =>
        one(
          rewards.map((group) => group.map((sample) => sample[k] ?? undefined)),
          weight,
        ),
      )
      const found = stepAdvantages(terms, { kind: KINDS[scale], combine })
      // TRL adds 1e-4 to a deviation, here it is 1e-6. No deviation that counts lies below 0.01.
      found.advantages.forEach((group, g) => {
        group.forEach((a, m) => {
          expect(Math.abs(a - advantages[g][m])).toBeLessThan(0.01 * Math.abs(a) + 1e-6)
        })
      })
      expect(Math.max(...advantages.flat())).toBeGreaterThan(0.1)
    },
  )
})
