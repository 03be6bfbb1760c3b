import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { cutShards, largestShard, partialSumBytes, shardsFor } from '../../../src/trainer/update/shards.ts'

/** Items of a group and a number of tokens. */
const items = fc.array(fc.record({ group: fc.integer({ min: 0, max: 4 }), tokens: fc.integer({ min: 1, max: 50 }) }), { maxLength: 40 })
type Item = { group: number; tokens: number }
const how = { together: (a: Item, b: Item) => a.group === b.group, tokens: ({ tokens }: Item) => tokens }

describe('cutShards', () => {
  it('keeps every item in its order and what is together together, in at most so many shards of which none is empty', () => {
    fc.assert(
      fc.property(items, fc.integer({ min: 1, max: 9 }), (some, count) => {
        const shards = cutShards(some, { most: count, leastTokens: 1 }, how)
        expect(shards.flat()).toEqual(some)
        expect(shards.length).toBeLessThanOrEqual(count)
        expect(shards.every(({ length }) => length > 0)).toBe(true)
        for (const [i, shard] of shards.entries()) if (i > 0) expect(shard[0].group).not.toBe(shards[i - 1].at(-1)!.group)
      }),
    )
  })

  it('cuts at equal shares of the tokens', () => {
    const some = Array.from({ length: 12 }, (_, group) => ({ group, tokens: group < 4 ? 6 : 3 }))
    const shares = (count: number) =>
      cutShards(some, { most: count, leastTokens: 1 }, how).map((shard) => shard.reduce((sum, { tokens }) => sum + tokens, 0))
    expect(shares(1)).toEqual([48])
    expect(shares(2)).toEqual([24, 24])
    expect(shares(4)).toEqual([12, 12, 12, 12])
    expect(shares(100)).toHaveLength(12)
    const least = (leastTokens: number) => cutShards(some, { most: 4, leastTokens }, how).length
    expect([12, 13, 16, 17, 24, 25, 100].map(least)).toEqual([4, 3, 3, 2, 2, 1, 1])
  })
})

describe('largestShard', () => {
  it('is at least what any cut makes, and less than a share and a group more where much is cut', () => {
    const limits = fc.record({ most: fc.integer({ min: 1, max: 5 }), leastTokens: fc.integer({ min: 1, max: 300 }) })
    fc.assert(
      fc.property(items, limits, fc.integer({ min: 0, max: 200 }), (some, shards, more) => {
        const size = (of: readonly Item[]): number => of.reduce((sum, { tokens }) => sum + tokens, 0)
        const whole = { most: 1_000_000, leastTokens: 1e-9 }
        const group = Math.max(0, ...cutShards(some, whole, how).map(size))
        const found = Math.max(0, ...cutShards(some, shards, how).map(size))
        // A plan knows how long an update may get, not how long it is.
        expect(found).toBeLessThanOrEqual(largestShard(size(some) + more, shards, group))
      }),
    )
    expect(largestShard(20_000, { most: 4, leastTokens: 2048 }, 1000)).toBe(6000)
    expect(largestShard(10_000, { most: 4, leastTokens: 2048 }, 1000)).toBe(5096)
    expect(largestShard(3000, { most: 4, leastTokens: 2048 }, 1000)).toBe(3000)
    expect(largestShard(20_000, { most: 1, leastTokens: 2048 }, 1000)).toBe(20_000)
  })
})

it('takes four shards where little trains and much is learnt from, one where partial sums would be large, and as many as asked for', () => {
  expect(shardsFor({ parameterCount: 1_000_000 }, undefined)).toEqual({ most: 4, leastTokens: 2048 })
  expect(shardsFor({ parameterCount: 32_000_001 }, undefined).most).toBe(1)
  expect(shardsFor({ parameterCount: 32_000_001 }, 8)).toEqual({ most: 8, leastTokens: 1 })
  expect([1, 2, 4, 8].map((most) => partialSumBytes({ parameterCount: 10 }, { most, leastTokens: 1 }) / 40)).toEqual([0, 2, 3, 4])
})
