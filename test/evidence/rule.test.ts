import { describe, expect, it } from 'vitest'
import { decide } from '../../scripts/evidence/rule.ts'

const between = (low: number, high: number) => ({ low, high })

describe('a claim that something is greater', () => {
  it.each([
    [0.001, 0.3, 'seen'],
    [0.001, 0.01, 'seen'],
    [0, 0.3, 'undecided at this size'],
    [-0.01, 0.3, 'undecided at this size'],
    [-0.01, 0.019, 'not seen'],
    [-0.3, -0.1, 'not seen'],
    [-0.3, 0.02, 'undecided at this size'],
  ] as const)('with the interval %d to %d and a margin of 0.02 is %s', (low, high, verdict) => {
    expect(decide('greater', between(low, high), 0.02)).toBe(verdict)
  })
})

describe('a claim that two are alike', () => {
  it.each([
    [-0.01, 0.02, 'seen'],
    [0.005, 0.015, 'seen'],
    [-0.01, 0.03, 'undecided at this size'],
    [0.01, 0.05, 'undecided at this size'],
    [0.021, 0.05, 'not seen'],
    [-0.4, -0.03, 'not seen'],
  ] as const)('with the interval %d to %d and a margin of 0.02 is %s', (low, high, verdict) => {
    expect(decide('alike', between(low, high), 0.02)).toBe(verdict)
  })
})

it('is undecided without bounds, and not run without a difference', () => {
  for (const kind of ['greater', 'alike'] as const) {
    expect(decide(kind, between(Number.NaN, Number.NaN), 0.02)).toBe('undecided at this size')
    expect(decide(kind, undefined, 0.02)).toBe('not run')
  }
})
