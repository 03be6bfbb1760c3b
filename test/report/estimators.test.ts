import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  bestAtK,
  MAX_VOTERS,
  majorityAtEachK,
  majorityOfAll,
  passAtK,
  passHatK,
  sampleCounts,
  type Votes,
} from '../../src/report/estimators.ts'

/** Every choice of k of the indices below n. */
function* choices(n: number, k: number, from = 0): Generator<number[]> {
  if (k === 0) yield []
  else for (let i = from; i <= n - k; i++) for (const rest of choices(n, k - 1, i + 1)) yield [i, ...rest]
}

const average = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length

describe('pass@k', () => {
  it('is the share of choices of k samples with a right one', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 9 }), fc.nat(), fc.nat(), (n, x, y) => {
        const c = x % (n + 1)
        const k = 1 + (y % n)
        const counted = average([...choices(n, k)].map((chosen) => (chosen.some((i) => i < c) ? 1 : 0)))
        expect(passAtK(n, c, k)).toBeCloseTo(counted, 12)
      }),
    )
  })

  it('keeps its digits where binomials overflow', () => {
    expect(passAtK(10_000, 1, 5000)).toBeCloseTo(0.5, 9)
    expect(passAtK(10_000, 9_999, 1)).toBeCloseTo(0.9999, 12)
  })
})

describe('pass^k', () => {
  it('is the share of choices of k samples that are all right', () => {
    for (let n = 1; n <= 9; n++) {
      for (let c = 0; c <= n; c++) {
        for (let k = 1; k <= n; k++) {
          const counted = average([...choices(n, k)].map((chosen) => (chosen.every((i) => i < c) ? 1 : 0)))
          expect(passHatK(n, c, k), `${c} of ${n}, k = ${k}`).toBeCloseTo(counted, 12)
        }
      }
    }
  })

  it('is unbiased: over all ways to draw n samples of a known problem it is the chance to pass k times', () => {
    const [n, chance] = [7, 0.3]
    const ways = (c: number): number => [...choices(n, c)].length * chance ** c * (1 - chance) ** (n - c)
    for (let k = 1; k <= n; k++) {
      const expected = Array.from({ length: n + 1 }, (_, c) => ways(c) * passHatK(n, c, k)).reduce((sum, part) => sum + part, 0)
      expect(expected).toBeCloseTo(chance ** k, 12)
    }
  })

  it('of one sample is mean@1, never rises with k, and is never above pass@k', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 64 }), fc.nat(), (n, x) => {
        const c = x % (n + 1)
        expect(passHatK(n, c, 1)).toBeCloseTo(c / n, 12)
        for (let k = 1; k < n; k++) {
          expect(passHatK(n, c, k + 1)).toBeLessThanOrEqual(passHatK(n, c, k))
          expect(passHatK(n, c, k)).toBeLessThanOrEqual(passAtK(n, c, k) + 1e-12)
        }
      }),
    )
  })

  it('keeps its digits where binomials overflow', () => {
    expect(passHatK(10_000, 9_999, 5000)).toBeCloseTo(0.5, 9)
    expect(passHatK(10_000, 5_000, 2)).toBeCloseTo((0.5 * 4999) / 9999, 12)
  })
})

describe('bootstrap best@k', () => {
  it('counts 1 right of 16 as 0.64, as the published numbers do, where pass@16 is 1', () => {
    expect(bestAtK(16, 1, 16)).toBeCloseTo(0.644, 3)
    expect(passAtK(16, 1, 16)).toBe(1)
  })

  it('is never above pass@k', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 64 }), fc.nat(), fc.nat(), (n, x, y) => {
        const c = x % (n + 1)
        const k = 1 + (y % n)
        expect(bestAtK(n, c, k)).toBeLessThanOrEqual(passAtK(n, c, k) + 1e-12)
      }),
    )
  })
})

describe('maj@k', () => {
  const ballots = fc.record({
    groups: fc.array(fc.record({ size: fc.integer({ min: 1, max: 4 }), right: fc.boolean() }), { maxLength: 4 }),
    abstaining: fc.nat({ max: 2 }),
  })
  const votes = (groups: readonly { size: number; right: boolean }[]): Votes[] =>
    groups.map(({ size, right }) => ({ size, right: right ? size : 0 }))

  it('is what counting every choice of k samples gives', () => {
    fc.assert(
      fc.property(ballots, ({ groups, abstaining }) => {
        const samples = [...groups.flatMap(({ size }, group) => Array<number>(size).fill(group)), ...Array<number>(abstaining).fill(-1)]
        fc.pre(samples.length > 0 && samples.length <= 9)
        const each = majorityAtEachK(votes(groups), abstaining)
        for (let k = 1; k <= samples.length; k++) {
          const shares = [...choices(samples.length, k)].map((chosen) => {
            const counts = groups.map((_, group) => chosen.filter((i) => samples[i] === group).length)
            const most = Math.max(0, ...counts)
            const winners = groups.filter((_, group) => counts[group] === most)
            return most === 0 ? 0 : winners.filter(({ right }) => right).length / winners.length
          })
          expect(each[k]).toBeCloseTo(average(shares), 12)
        }
        expect(each[samples.length]).toBeCloseTo(majorityOfAll(votes(groups)), 12)
      }),
      { numRuns: 60 },
    )
  })

  it('of one sample is the share of right ones, whatever the votes', () => {
    fc.assert(
      fc.property(ballots, ({ groups, abstaining }) => {
        const n = groups.reduce((sum, { size }) => sum + size, abstaining)
        fc.pre(n > 0)
        const right = groups.reduce((sum, { size, right: yes }) => sum + (yes ? size : 0), 0)
        expect(majorityAtEachK(votes(groups), abstaining)[1]).toBeCloseTo(right / n, 12)
      }),
    )
  })

  it('rises where the right answer is the most frequent one, and falls where another is', () => {
    const leading = majorityAtEachK([
      { size: 9, right: 9 },
      { size: 4, right: 0 },
      { size: 3, right: 0 },
    ])
    const behind = majorityAtEachK([
      { size: 4, right: 4 },
      { size: 12, right: 0 },
    ])
    expect([leading[1], leading[16]]).toEqual([9 / 16, 1])
    expect([behind[1], behind[16]]).toEqual([1 / 4, 0])
    for (let k = 3; k <= 16; k += 2) {
      expect(leading[k]).toBeGreaterThanOrEqual(leading[k - 2])
      expect(behind[k]).toBeLessThanOrEqual(behind[k - 2])
    }
  })

  it('says that it does not count subsets of too many samples', () => {
    expect(() => majorityAtEachK([{ size: MAX_VOTERS + 1, right: 0 }])).toThrow(/at most 128.*Got 129/)
    expect(majorityAtEachK([{ size: MAX_VOTERS, right: MAX_VOTERS }])[64]).toBeCloseTo(1, 9)
  })
})

it('counts samples in powers of two up to all of them', () => {
  expect(sampleCounts(16)).toEqual([1, 2, 4, 8, 16])
  expect(sampleCounts(20)).toEqual([1, 2, 4, 8, 16, 20])
  expect(sampleCounts(1)).toEqual([1])
  expect(sampleCounts(0)).toEqual([])
})
