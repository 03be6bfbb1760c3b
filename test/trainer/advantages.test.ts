import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { groupAdvantages, isInformative } from '../../src/trainer/advantages.ts'

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
