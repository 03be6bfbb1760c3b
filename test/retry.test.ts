import { afterEach, describe, expect, it, vi } from 'vitest'
import { type Asking, backoffMs, type Fault, type Outcome, retried } from '../src/retry.ts'

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

describe('retried', () => {
  const fault = (more: Partial<Fault> = {}): { fault: Fault } => ({ fault: { what: 'is busy', again: true, next: 'Wait.', ...more } })
  const asking = (waits: number[], more: Partial<Asking<Fault>> = {}): Asking<Fault> => ({
    ...{ who: 'hub', url: 'http://hub' },
    sleep: async (ms) => void waits.push(ms),
    failed: (message, { status }) => Object.assign(new Error(message), { status }),
    ...more,
  })
  const tries = (outcomes: (Outcome<string> | undefined)[]) => async () => outcomes.shift() ?? { value: 'there' }

  it('tries again until something comes, waits as long as it is asked to, and tells of long waits', async () => {
    const [waits, told]: [number[], string[]] = [[], []]
    let again = 0
    const options = asking(waits, { notify: (line) => told.push(line), again: () => again++ })
    expect(await retried(tries([fault({ waitMs: 50 }), fault({ waitMs: 20_000 })]), options)).toBe('there')
    expect(waits).toEqual([50, 20_000])
    expect(told).toEqual(['the hub is busy; trying again in 20 s'])
    expect(again).toBe(2)
  })

  it('gives up with the last fault: after so many tries, where nothing helps, or where the wait is too long', async () => {
    const waits: number[] = []
    const give = (outcomes: { fault: Fault }[], more = {}) => retried(tries(outcomes), asking(waits, more))
    const busy = Array.from({ length: 9 }, () => fault({ status: 429 }))
    await expect(give([...busy])).rejects.toMatchObject({ message: 'The hub is busy (6 tries): http://hub. Wait.', status: 429 })
    expect(waits).toHaveLength(5)
    await expect(give([...busy], { attempts: 2 })).rejects.toThrow('(2 tries)')
    await expect(give([fault({ again: false })])).rejects.toThrow('The hub is busy: http://hub. Wait.')
    await expect(give([fault({ waitMs: 301_000 })])).rejects.toThrow('The hub is busy and asks to wait 301 s: http://hub.')
    // What arrives counts the tries anew.
    waits.length = 0
    const some = Array.from({ length: 20 }, () => fault({ progress: true }))
    expect(await give(some)).toBe('there')
    expect(waits).toHaveLength(20)
  })

  it('ends with its signal, in a wait as well', async () => {
    const controller = new AbortController()
    const ended = retried(tries([fault({ waitMs: 100_000 })]), {
      ...asking([], { signal: controller.signal, sleep: undefined }),
    })
    controller.abort(new Error('enough'))
    await expect(ended).rejects.toThrow('enough')
    await expect(retried(tries([]), asking([], { signal: controller.signal }))).rejects.toThrow('enough')
  })
})
