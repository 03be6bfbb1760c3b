import { describe, expect, it } from 'vitest'
import { seededRandom } from '../../src/random.ts'
import { type BySeed, crossedDifference, crossedMean, crossedShare } from '../../src/report/crossed.ts'
import { quantile, shareOfProblems, studentQuantile } from '../../src/report/intervals.ts'

describe('mean squares of seeds, problems and the rest', () => {
  it('give the interval of two seeds and two problems that is worked out by hand', () => {
    // MS_S = MS_P = MS_E = 1/4, so the variance of the mean is 1/16 and t has one degree of freedom.
    const { value, low, high, seeds, problems } = crossedMean([
      [1, 0],
      [0, 0],
    ])
    expect([value, seeds, problems]).toEqual([0.25, 2, 2])
    expect(high - value).toBeCloseTo(12.7062 * 0.25, 3)
    expect(value - low).toBeCloseTo(12.7062 * 0.25, 3)
  })

  it('give more degrees of freedom where problems differ more than seeds', () => {
    // MS_S 7/60, MS_P 79/240, MS_E 37/960: (MS_S + MS_P − MS_E) / 15 is the variance of the mean, and (…)² / MS_S² · 2 = 24.4 degrees, at most 4.
    const values = [
      [0.25, 0.5, 1, 0, 0.75],
      [0.5, 0.5, 0.75, 0.25, 1],
      [0, 0.25, 1, 0, 0.25],
    ]
    const { value, high } = crossedMean(values)
    expect(value).toBeCloseTo(7 / 15, 12)
    expect((high - value) / studentQuantile(4)).toBeCloseTo(0.164781, 6)
  })

  it('tell nothing of one seed or one problem', () => {
    expect(crossedMean([[0.2, 0.4, 0.9]])).toMatchObject({ value: 0.5, low: Number.NaN, high: Number.NaN, seeds: 1 })
    expect(crossedShare([[1], [0]], 2)).toMatchObject({ value: 0.5, low: Number.NaN, high: Number.NaN })
    expect(crossedDifference([[1, 0]], [[0, 0]])).toMatchObject({ value: 0.5, low: Number.NaN, high: Number.NaN })
  })

  it('are those of problems alone where all seeds are alike', () => {
    const row = [0, 0.25, 0.5, 0.75, 1, 1, 0.5, 0.25, 0, 0.5]
    const one = shareOfProblems(row, 40)
    const { value, low, high } = crossedShare([row, row, row], 120)
    expect(value).toBeCloseTo(one.value, 12)
    expect(low).toBeCloseTo(one.low, 12)
    expect(high).toBeCloseTo(one.high, 12)
  })
})

describe('shares and differences', () => {
  const all = (value: number): BySeed => Array.from({ length: 3 }, () => Array.from({ length: 50 }, () => value))

  it('stay in their bounds and enclose the value', () => {
    for (const share of [0, 1]) {
      const { value, low, high } = crossedShare(all(share), 600)
      expect(value).toBe(share)
      expect(low).toBeGreaterThanOrEqual(0)
      expect(high).toBeLessThanOrEqual(1)
      expect(high - low).toBeGreaterThan(0.05)
    }
  })

  it('a difference without any spread is no certainty: its interval narrows with the number of problems', () => {
    const { value, low, high } = crossedDifference(all(0), all(0))
    expect(value).toBe(0)
    expect(high).toBeCloseTo(0.0747, 3)
    expect(low).toBe(-high)
  })

  it('a difference is paired: what problems and seeds share cancels out', () => {
    const random = seededRandom(5)
    const b = Array.from({ length: 3 }, () => Array.from({ length: 60 }, () => 0.7 * random()))
    const a = b.map((row) => row.map((value) => value + 0.1 + 0.02 * random()))
    const { value, low, high } = crossedDifference(a, b)
    expect(value).toBeCloseTo(0.11, 2)
    expect(high - low).toBeLessThan(0.01)
    const apart = crossedShare(a, 720)
    expect(apart.high - apart.low).toBeGreaterThan(0.05)
  })
})

/** Sum of twelve uniform numbers less 6. */
const normal = (random: () => number): number => Array.from({ length: 12 }, random).reduce((sum, one) => sum + one, -6)

describe('in a simulation of 3 seeds and 40 problems', () => {
  const SEEDS = 3
  const PROBLEMS = 40

  /** How often the interval of a mean holds 0, the truth. */
  function coverage(spread: { seed: number; problem: number; rest: number }, interval: (values: BySeed) => [number, number]): number {
    const random = seededRandom(11)
    const tries = 500
    let held = 0
    for (let i = 0; i < tries; i++) {
      const seeds = Array.from({ length: SEEDS }, () => spread.seed * normal(random))
      const problems = Array.from({ length: PROBLEMS }, () => spread.problem * normal(random))
      const [low, high] = interval(seeds.map((s) => problems.map((p) => s + p + spread.rest * normal(random))))
      if (low <= 0 && high >= 0) held++
    }
    return held / tries
  }
  const crossed = (values: BySeed): [number, number] => {
    const { low, high } = crossedMean(values)
    return [low, high]
  }
  /** Percentiles of 200 resamples of seeds and of problems. */
  const bootstrap = (values: BySeed): [number, number] => {
    const random = seededRandom(3)
    const means: number[] = []
    for (let i = 0; i < 200; i++) {
      const sums = values.map(() => 0)
      for (let j = 0; j < PROBLEMS; j++) {
        const p = Math.floor(random() * PROBLEMS)
        for (let s = 0; s < SEEDS; s++) sums[s] += values[s][p]
      }
      let total = 0
      for (let j = 0; j < SEEDS; j++) total += sums[Math.floor(random() * SEEDS)]
      means.push(total / (SEEDS * PROBLEMS))
    }
    means.sort((x, y) => x - y)
    return [quantile(means, 0.025), quantile(means, 0.975)]
  }

  it('95 of 100 intervals hold the truth, whether seeds, problems or chance differ most', () => {
    for (const spread of [
      { seed: 1, problem: 1, rest: 1 },
      { seed: 1, problem: 0.2, rest: 0.2 },
      { seed: 0.1, problem: 1, rest: 1 },
      { seed: 0, problem: 0, rest: 1 },
    ]) {
      const found = coverage(spread, crossed)
      expect(found, JSON.stringify(spread)).toBeGreaterThan(0.92)
      expect(found, JSON.stringify(spread)).toBeLessThanOrEqual(1)
    }
  })

  it('a percentile bootstrap over three seeds holds it far less often where seeds differ', () => {
    const spread = { seed: 1, problem: 0.2, rest: 0.2 }
    expect(coverage(spread, bootstrap)).toBeLessThan(0.85)
  })
})
