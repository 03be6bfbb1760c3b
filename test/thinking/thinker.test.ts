import { describe, expect, it } from 'vitest'
import type { Model } from '../../src/engine/types.ts'
import { Scheduler } from '../../src/thinking/scheduler.ts'
import { localThinker } from '../../src/thinking/thinker.ts'
import type { ThinkRequest } from '../../src/thinking/types.ts'
import { randomScript, TOY_TAGS, ToyModel } from './toy-model.ts'

const script = randomScript({ parallel: 0.15, eos: 0.02, pathEnd: 0.1, summaryEnd: 0.15, stray: 0 })

const request = (seed: number): ThinkRequest => ({
  promptIds: [9 + seed, 10, 11],
  mode: 'parallel',
  attention: 'structured',
  tags: TOY_TAGS,
  paths: 3,
  maxBlocks: 2,
  budgets: { response: 80, answerReserve: 8 },
  temperature: 1,
  seed,
})

/** A toy model that says how often it was disposed. */
function toy(): { toy: ToyModel; model: Model; disposals: () => number } {
  const made = new ToyModel(script)
  let count = 0
  made.model.dispose = async () => {
    // Sequences must be free before the model goes.
    expect(made.liveSequences).toBe(0)
    count++
  }
  return { toy: made, model: made.model, disposals: () => count }
}

describe('localThinker', () => {
  it('thinks what the scheduler decodes', async () => {
    const thinker = localThinker(toy().model, { maxStepTokens: 16 })
    const thoughts = await Promise.all([1, 2, 3].map((seed) => thinker.think(request(seed))))
    const expected = await Promise.all([1, 2, 3].map((seed) => new Scheduler(toy().model).think(request(seed))))
    expect(thoughts).toEqual(expected)
    await thinker.close()
  })

  it('leaves the model to whoever opened it, and disposes one that it owns once, when nothing runs any more', async () => {
    const lent = toy()
    await localThinker(lent.model).close()
    expect(lent.disposals()).toBe(0)

    const owned = toy()
    const thinker = localThinker(owned.model, { ownsModel: true })
    const running = Promise.allSettled([4, 5].map((seed) => thinker.think(request(seed))))
    await new Promise(setImmediate)
    expect(owned.toy.liveSequences).toBeGreaterThan(0)
    await Promise.all([thinker.close(), thinker.close()])
    expect(owned.disposals()).toBe(1)
    for (const { status } of await running) expect(status).toBe('rejected')
    await expect(thinker.think(request(6))).rejects.toThrow('closed')
  })

  it('passes cancellation on', async () => {
    const thinker = localThinker(toy().model)
    const stop = new AbortController()
    const thought = thinker.think(request(7), stop.signal)
    stop.abort()
    await expect(thought).rejects.toMatchObject({ name: 'AbortError' })
    await thinker.close()
  })
})
