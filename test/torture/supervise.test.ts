import { expect, it } from 'vitest'
import { supervise } from '../../scripts/torture/supervise.mjs'

it('a crash, a hang, an exception and a loss are each told with their seed, and all others are tried', async () => {
  const found: { seed: number; lost?: string }[] = []
  const range = { from: 1, count: 6, until: Number.MAX_SAFE_INTEGER }
  const notes = await supervise(new URL('./area.mjs', import.meta.url), range, (attempt) => found.push(attempt))
  expect(notes).toEqual(['for tests'])
  found.sort((a, b) => a.seed - b.seed)
  expect(found.map(({ seed }) => seed)).toEqual([1, 2, 3, 4, 5, 6])
  const lost = found.map(({ lost }) => lost)
  expect([lost[0], lost[5]]).toEqual([undefined, undefined])
  for (const [seed, why] of [
    [2, /ended with SIGKILL/],
    [3, /hung for 1 s/],
    [4, /it broke/],
    [5, /an hour of work/],
  ] as const)
    expect(lost[seed - 1]).toMatch(why)
})
