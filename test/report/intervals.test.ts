import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { seededRandom } from '../../src/random.ts'
import {
  holm,
  mcnemar,
  meanOfSamples,
  pairedBootstrap,
  quantile,
  ratioOfTotals,
  shareOfProblems,
  shareOfSamples,
  studentQuantile,
} from '../../src/report/intervals.ts'
import fixture from './fixtures/statistics.json' with { type: 'json' }

describe('against numpy and scipy (fixtures/statistics.py.txt)', () => {
  it('has the quantiles of t', () => {
    for (const [df, expected] of Object.entries(fixture.t)) expect(studentQuantile(Number(df))).toBeCloseTo(expected, 8)
  })

  it('has the ratio estimator', () => {
    const { nums, dens, estimate } = fixture.ratio
    const { value, low, high } = meanOfSamples(nums, dens)
    expect(value).toBeCloseTo(estimate[0], 10)
    expect(low).toBeCloseTo(estimate[1], 6)
    expect(high).toBeCloseTo(estimate[2], 6)
  })

  it("has McNemar's exact test", () => {
    for (const [a, b, p] of fixture.mcnemar) {
      expect(mcnemar(a, b)).toBeCloseTo(p, 10)
      expect(mcnemar(b, a)).toBeCloseTo(p, 10)
    }
  })

  it('has quantiles', () => {
    for (const [share, expected] of Object.entries(fixture.quantile.at)) {
      expect(quantile(fixture.quantile.values, Number(share))).toBeCloseTo(expected, 12)
    }
  })

  it('has the paired bootstrap, as near as 10,000 resamples come', async () => {
    const { differences, low, high, p } = fixture.paired
    const [found] = await pairedBootstrap([differences], { seed: 1 })
    // 4 standard errors of a percentile and of a share at this number of resamples.
    expect(Math.abs(found.low - low)).toBeLessThan(0.008)
    expect(Math.abs(found.high - high)).toBeLessThan(0.008)
    expect(Math.abs(found.p - p)).toBeLessThan(4 * Math.sqrt((p * (1 - p)) / 10_000))
  })

  it('has the p of all 5^5 resamples of five differences', async () => {
    const { differences, p } = fixture.enumerated
    const [found] = await pairedBootstrap([differences], { seed: 7, resamples: 40_000 })
    expect(Math.abs(found.p - p)).toBeLessThan(4 * Math.sqrt((p * (1 - p)) / 40_000))
  })
})

describe('shares', () => {
  const shares = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 2, maxLength: 40 })

  it('lie within their interval, and that within [0, 1]', () => {
    fc.assert(
      fc.property(shares, fc.integer({ min: 1, max: 16 }), (values, k) => {
        const { value, low, high } = shareOfProblems(values, values.length * k)
        expect(0 <= low && low <= value && value <= high && high <= 1).toBe(true)
      }),
    )
  })

  it('mirror: the interval of the wrong is that of the right, turned round', () => {
    fc.assert(
      fc.property(shares, (values) => {
        const right = shareOfProblems(values, values.length)
        const wrong = shareOfProblems(
          values.map((value) => 1 - value),
          values.length,
        )
        expect(wrong.low).toBeCloseTo(1 - right.high, 6)
        expect(wrong.high).toBeCloseTo(1 - right.low, 6)
      }),
    )
  })

  it('do not depend on the order of problems, and equal counting samples where every problem has as many', () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 4 }), { minLength: 2, maxLength: 30 }), (rights) => {
        const a = shareOfProblems(
          rights.map((right) => right / 4),
          4 * rights.length,
        )
        const b = shareOfSamples(
          [...rights].reverse(),
          rights.map(() => 4),
        )
        expect(b.value).toBeCloseTo(a.value, 12)
        expect(b.low).toBeCloseTo(a.low, 8)
        expect(b.high).toBeCloseTo(a.high, 8)
      }),
    )
  })

  it('are uncertain though no sample is right', () => {
    const { value, low, high } = shareOfProblems(Array(30).fill(0), 480)
    expect([value, low]).toEqual([0, 0])
    expect(high).toBeGreaterThan(0.05)
  })

  it('have no interval from one problem, and no value from none', () => {
    expect(shareOfProblems([0.5], 16)).toEqual({ value: 0.5, low: Number.NaN, high: Number.NaN, problems: 1 })
    expect(meanOfSamples([], [])).toMatchObject({ value: Number.NaN, problems: 0 })
  })

  it('of a ratio of tokens stay above 0, and are none with fewer than five problems', () => {
    const chains = [900, 40, 30, 20, 10, 300]
    const { value, low, high } = ratioOfTotals(chains, [10, 200, 900, 50, 20, 30])
    expect(value).toBeCloseTo(1300 / 1210, 12)
    expect(low).toBeGreaterThan(0)
    expect(value / low).toBeCloseTo(high / value, 12)
    expect(ratioOfTotals([240, 80], [100, 100])).toEqual({ value: 1.6, low: Number.NaN, high: Number.NaN, problems: 2 })
    expect(ratioOfTotals([50, 50, 50, 50, 50], [100, 100, 100, 100, 100])).toEqual({ value: 0.5, low: 0.5, high: 0.5, problems: 5 })
  })

  it('cover a ratio of tokens in about 95 of 100', () => {
    const random = seededRandom(6)
    let covered = 0
    const trials = 1000
    for (let trial = 0; trial < trials; trial++) {
      // Skewed lengths of both, alike within a problem: the truth is 0.4.
      const sizes = Array.from({ length: 20 }, () => 40 / (0.1 + random()))
      const noisy = (share: number) => sizes.map((size) => share * size * (0.5 + random()))
      const { low, high } = ratioOfTotals(noisy(0.4), noisy(1))
      if (low <= 0.4 && 0.4 <= high) covered++
    }
    expect(covered / trials).toBeGreaterThan(0.92)
    expect(covered / trials).toBeLessThan(0.98)
  })

  it('cover: about 95 of 100 intervals hold the truth where samples of a problem are alike', () => {
    const random = seededRandom(5)
    let covered = 0
    const trials = 600
    for (let trial = 0; trial < trials; trial++) {
      // Half of the problems are hard (10 %), half are easy (70 %): the truth is 40 %.
      const values = Array.from({ length: 40 }, () => {
        const ease = random() < 0.5 ? 0.1 : 0.7
        return Array.from({ length: 8 }, () => (random() < ease ? 1 : 0) as number).reduce((a, b) => a + b) / 8
      })
      const { low, high } = shareOfProblems(values, 320)
      if (low <= 0.4 && 0.4 <= high) covered++
    }
    expect(covered / trials).toBeGreaterThan(0.92)
    expect(covered / trials).toBeLessThan(0.98)
  })
})

describe('paired bootstrap', () => {
  it('says the same for the same seed, whatever other metrics there are', async () => {
    const a = [0.25, -0.5, 0, 1, 0.75, -0.25]
    const b = [0, 0, 1, 0, 0, 0]
    const [alone] = await pairedBootstrap([a], { seed: 3 })
    const [first, second] = await pairedBootstrap([a, b], { seed: 3 })
    expect(first).toEqual(alone)
    expect(second.value).toBeCloseTo(1 / 6, 12)
    expect(await pairedBootstrap([a], { seed: 4 })).not.toEqual([alone])
  })

  it('turns round with the sign', async () => {
    const values = [0.25, -0.5, 0, 1, 0.75, -0.25, 0.5]
    const [up] = await pairedBootstrap([values], { seed: 3 })
    const [down] = await pairedBootstrap([values.map((value) => -value)], { seed: 3 })
    expect(down.low).toBeCloseTo(-up.high, 12)
    expect(down.p).toBe(up.p)
  })

  it('proves little by few problems, however alike they are', async () => {
    const ps = await Promise.all([2, 3, 8, 20].map(async (n) => (await pairedBootstrap([Array<number>(n).fill(0.25)], { seed: 1 }))[0].p))
    expect(ps).toEqual([0.5, 0.25, 2 ** -7, expect.closeTo(1 / 10_001, 8)])
  })

  it('finds no difference between equals', async () => {
    expect(await pairedBootstrap([[0, 0, 0]], { seed: 1 })).toEqual([{ value: 0, low: 0, high: 0, p: 1, problems: 3 }])
    expect((await pairedBootstrap([[0.5]], { seed: 1 }))[0].p).toBeNaN()
  })
})

it('corrects p-values after Holm and leaves out what is none', () => {
  expect(holm([0.04, 0.01, 0.03])).toEqual([0.06, 0.03, 0.06])
  expect(holm([Number.NaN, 0.02])).toEqual([Number.NaN, 0.02])
  expect(holm([0.9, 0.8])).toEqual([1, 1])
})
