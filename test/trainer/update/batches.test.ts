import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { drawIndices, EpochPlan, groupNeighbours, packByBudget, splitEvenly } from '../../../src/trainer/update/batches.ts'

const lengths = fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 80 })

describe('epochs', () => {
  it('hold every sample once and no empty update, for any lengths', () => {
    fc.assert(
      fc.property(lengths, fc.integer({ min: 1, max: 400 }), fc.integer({ min: 0, max: 3 }), (sizes, batchTokens, epoch) => {
        const plan = new EpochPlan(sizes, batchTokens, 3, 'stage')
        const updates = Array.from({ length: plan.updates }, (_, u) => [...plan.samples(epoch * plan.updates + u)])
        expect(updates.every((update) => update.length > 0)).toBe(true)
        expect(updates.flat().sort((a, b) => a - b)).toEqual(sizes.map((_, i) => i))
      }),
    )
  })

  it('give each update about its share of tokens', () => {
    const sizes = Array.from({ length: 300 }, (_, i) => 10 + (i % 13))
    const plan = new EpochPlan(sizes, 200, 3)
    const total = sizes.reduce((a, b) => a + b, 0)
    expect(plan.updates).toBe(Math.ceil(total / 200))
    for (let u = 0; u < plan.updates; u++) {
      const tokens = [...plan.samples(u)].reduce((sum, i) => sum + sizes[i], 0)
      expect(Math.abs(tokens - total / plan.updates)).toBeLessThanOrEqual(23)
    }
  })

  it('can be entered at any step', () => {
    const sizes = Array.from({ length: 40 }, (_, i) => 3 + (i % 5))
    const through = new EpochPlan(sizes, 30, 9, 'a')
    const all = Array.from({ length: 17 }, (_, step) => [...through.samples(step)])
    for (const step of [16, 5, 0, 11]) expect([...new EpochPlan(sizes, 30, 9, 'a').samples(step)]).toEqual(all[step])
    expect(all[0]).not.toEqual(all[through.updates])
  })
})

describe('prompts', () => {
  it('are each drawn once before any is drawn again', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 30 }), fc.integer({ min: 1, max: 40 }), (size, count) => {
        const drawn = Array.from({ length: 7 }, (_, step) => drawIndices(size, count, step, 1, 'rl')).flat()
        for (let start = 0; start + size <= drawn.length; start += size) {
          expect(new Set(drawn.slice(start, start + size)).size).toBe(size)
        }
      }),
    )
  })
})

describe('packing', () => {
  it('keeps the order and the budget', () => {
    fc.assert(
      fc.property(lengths, fc.integer({ min: 1, max: 100 }), (sizes, budget) => {
        const packs = packByBudget(sizes, (size) => size, budget)
        expect(packs.flat()).toEqual(sizes)
        for (const pack of packs) {
          expect(pack.length).toBeGreaterThan(0)
          if (pack.length > 1) expect(pack.reduce((a, b) => a + b, 0)).toBeLessThanOrEqual(budget)
        }
      }),
    )
  })

  it('counts what an item adds behind the one before it, and all of the first of a pack', () => {
    // A shared token: the first item of a pack costs 5, the others of its kind 2.
    const cost = (item: string, before?: string): number => (before === item ? 2 : 5)
    expect(packByBudget([...'aaaabbb'], cost, 9).map((pack) => pack.join(''))).toEqual(['aaa', 'a', 'bbb'])
    fc.assert(
      fc.property(fc.array(fc.constantFrom('a', 'b')), fc.integer({ min: 1, max: 40 }), (items, budget) => {
        const packs = packByBudget(items, cost, budget)
        expect(packs.flat()).toEqual(items)
        for (const pack of packs) {
          const size = pack.reduce((sum, item, i) => sum + cost(item, pack[i - 1]), 0)
          if (pack.length > 1) expect(size).toBeLessThanOrEqual(budget)
        }
      }),
    )
  })

  it('parts neighbours that differ', () => {
    expect(groupNeighbours([1, 1, 2, 1], (a, b) => a === b)).toEqual([[1, 1], [2], [1]])
    expect(groupNeighbours([], () => true)).toEqual([])
  })

  it('divides groups among updates without losing one', () => {
    fc.assert(
      fc.property(fc.array(fc.integer()), fc.integer({ min: 1, max: 6 }), (items, parts) => {
        const cut = splitEvenly(items, parts)
        expect(cut.flat()).toEqual(items)
        expect(cut.length).toBe(Math.min(parts, items.length))
      }),
    )
  })
})
