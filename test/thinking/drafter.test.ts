import { describe, expect, it } from 'vitest'
import { Drafter, MOST_DRAFTS } from '../../src/thinking/drafter.ts'

function textOf(drafter: Drafter, ids: readonly number[]) {
  const text = drafter.begin()
  for (const id of ids) text.push(id)
  return text
}

describe('a draft', () => {
  it('is what stood behind the last occurrence of the last four tokens, else of the last two, else of the last', () => {
    const drafter = new Drafter(MOST_DRAFTS, true)
    expect(textOf(drafter, [1, 2, 3]).find(5)).toBeUndefined()
    expect(textOf(drafter, [1, 2, 3, 4, 5, 6, 3, 4, 7, 8, 1, 2, 3, 4]).find(3)).toEqual({ ids: [5, 6, 3], match: 4 })
    expect(textOf(drafter, [9, 3, 4]).find(3)).toEqual({ ids: [7, 8, 1], match: 2 })
    expect(textOf(drafter, [9, 4]).find(2)).toEqual({ ids: [7, 8], match: 1 })
    expect(textOf(drafter, [99]).find(2)).toBeUndefined()
    expect(textOf(drafter, [1]).find(0)).toBeUndefined()
  })

  it('comes from any text of the request, up to where that has got, and says how much agreed', () => {
    const drafter = new Drafter(MOST_DRAFTS, true)
    const sibling = textOf(drafter, [10, 11, 12, 13, 14])
    const text = textOf(drafter, [20, 11, 12, 13])
    expect(text.find(7)).toEqual({ ids: [14], match: 3 })
    sibling.push(15)
    expect(text.find(7)).toEqual({ ids: [14, 15], match: 3 })
    expect(textOf(drafter, [10, 11, 12, 13, 14]).find(7)).toEqual({ ids: [15], match: 5 })
  })

  it('goes on with a text that repeats itself', () => {
    const drafter = new Drafter(MOST_DRAFTS, true)
    expect(textOf(drafter, [5, 1, 2, 3, 1, 2, 3]).find(7)).toEqual({ ids: [1, 2, 3, 1, 2, 3, 1], match: 3 })
    expect(textOf(drafter, Array(9).fill(4)).find(4)).toEqual({ ids: [4, 4, 4, 4], match: 8 })
  })

  it('is as long as it is worth at what a row costs, and that follows what came true', () => {
    const drafter = new Drafter(MOST_DRAFTS, true)
    const lengths = () => [0.01, 0.1, 0.3, 0.6].map((cost) => drafter.worth(3, cost))
    for (let k = 0; k < 30; k++) drafter.learn(3, 7, false)
    expect(lengths()).toEqual([7, 7, 7, 7])
    for (let k = 0; k < 60; k++) drafter.learn(3, k % 2, k % 2 === 0)
    const half = lengths()
    // Of one guess that is right in half of the cases 1.5 tokens come.
    expect(half).toEqual([...half].sort((a, b) => b - a))
    expect(half[0]).toBeGreaterThan(3)
    expect(half[1]).toBeGreaterThan(0)
    expect(half[3]).toBe(0)
    for (let k = 0; k < 200; k++) drafter.learn(3, 0, true)
    expect(lengths()).toEqual([0, 0, 0, 0])
    // Longer matches are judged for themselves.
    expect(drafter.worth(6, 0.1)).toBeGreaterThan(0)
    for (let k = 0; k < 30; k++) drafter.learn(3, 3, false)
    expect(lengths().every((length) => length > 0)).toBe(true)
    expect(new Drafter(3, false).worth(1, 100)).toBe(3)
  })
})
