import { describe, expect, it } from 'vitest'
import { learningRate } from '../../../src/trainer/update/schedule.ts'

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
