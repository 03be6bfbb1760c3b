import { afterEach, expect, it, vi } from 'vitest'
import { askPatiently, type Teacher } from '../../../src/trainer/generate/teacher.ts'

afterEach(() => {
  vi.restoreAllMocks()
})

const question = { row: { prompt: 'p', promptConfig: {}, vars: {}, test: {} }, try: 0, seed: 1 }

/** Says these in turn, and notes when it was asked. */
function saying(...said: string[]): { teacher: Teacher; at: number[] } {
  const at: number[] = []
  const teacher: Teacher = {
    async ask() {
      at.push(performance.now())
      const next = said[at.length - 1]
      return next === 'right' ? { output: next } : { error: next }
    },
    close: async () => {},
  }
  return { teacher, at }
}

it('waits longer each time, and not as long as others', async () => {
  vi.spyOn(Math, 'random').mockReturnValue(0.99)
  const { teacher, at } = saying('busy', 'HTTP error 429', 'right')
  expect(await askPatiently(teacher, question, { retries: 5, backoff: 0.1 })).toEqual({ output: 'right' })
  // Timers may be a millisecond early.
  expect(at[1] - at[0]).toBeGreaterThan(122)
  expect(at[2] - at[1]).toBeGreaterThan(246)
})

it('does not ask again what will never do, nor more often than it may', async () => {
  for (const error of ['API error: 401 Unauthorized', 'Request failed with status code 404', 'API key is not set']) {
    const { teacher, at } = saying(error, 'right')
    expect(await askPatiently(teacher, question, { retries: 5, backoff: 0 })).toEqual({ error })
    expect(at).toHaveLength(1)
  }
  const { teacher, at } = saying('busy', 'busy', 'right')
  expect(await askPatiently(teacher, question, { retries: 1, backoff: 0 })).toEqual({ error: 'busy' })
  expect(at).toHaveLength(2)
})
