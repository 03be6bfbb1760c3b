import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { cutShards, partialSumBytes, shardsFor } from '../../src/trainer/shards.ts'

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

it('takes four shards where little trains and much is learnt from, one where partial sums would be large, and as many as asked for', () => {
  expect(shardsFor({ parameterCount: 1_000_000 }, undefined)).toEqual({ most: 4, leastTokens: 2048 })
  expect(shardsFor({ parameterCount: 32_000_001 }, undefined).most).toBe(1)
  expect(shardsFor({ parameterCount: 32_000_001 }, 8)).toEqual({ most: 8, leastTokens: 1 })
  expect([1, 2, 4, 8].map((most) => partialSumBytes({ parameterCount: 10 }, { most, leastTokens: 1 }) / 40)).toEqual([0, 2, 3, 4])
})
