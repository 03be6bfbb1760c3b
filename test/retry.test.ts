import { afterEach, expect, it, vi } from 'vitest'
import { backoffMs } from '../src/retry.ts'

afterEach(() => {
  vi.restoreAllMocks()
})

it.each([
  [0, 0.75],
  [0.5, 1],
  [1 - 2 ** -53, 1.25],
])('a wait doubles up to the longest, a quarter more or less (drawn: %f)', (drawn, share) => {
  vi.spyOn(Math, 'random').mockReturnValue(drawn)
  const waits = (options?: object) => [1, 2, 3, 4].map((attempt) => Math.round(backoffMs(attempt, options)))
  expect(waits()).toEqual([1, 2, 4, 8].map((seconds) => 1000 * seconds * share))
  expect(waits({ firstMs: 100, longestMs: 300 })).toEqual([100, 200, 300, 300].map((ms) => ms * share))
  expect(waits({ firstMs: 0 })).toEqual([0, 0, 0, 0])
})
