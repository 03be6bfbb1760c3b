import { describe, expect, it } from 'vitest'
import { CacheFullError, ConfigError } from '../../src/engine/errors.ts'
import { resolveLimits, worstCasePages } from '../../src/thinking/budget.ts'
import { Scheduler } from '../../src/thinking/scheduler.ts'
import type { ThinkRequest, Thought } from '../../src/thinking/types.ts'
import { randomScript, TOY_TAGS, ToyModel } from './toy-model.ts'

const script = randomScript({ parallel: 0.15, eos: 0.02, pathEnd: 0.1, summaryEnd: 0.15, stray: 0 })

function request(seed: number, overrides: Partial<ThinkRequest> = {}): ThinkRequest {
  return {
    promptIds: Array.from({ length: 1 + ((seed * 7) % 50) }, (_, k) => 9 + ((seed + k) % 50)),
    mode: 'parallel',
    attention: seed % 2 === 0 ? 'structured' : 'causal',
    tags: TOY_TAGS,
    paths: 1 + (seed % 5),
    maxBlocks: 3,
    budgets: { response: 80, answerReserve: 8 },
    temperature: 1,
    seed,
    ...overrides,
  }
}

const alone = async (asked: ThinkRequest): Promise<Thought> => new Scheduler(new ToyModel(script).model).think(asked)
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

describe('batching', () => {
  it('returns for each request what it returns alone, whatever runs beside it and however prompts are cut', async () => {
    const seeds = Array.from({ length: 40 }, (_, k) => k)
    const expected = await Promise.all(seeds.map((seed) => alone(request(seed))))
    for (const maxStepTokens of [16, 33, 512]) {
      const toy = new ToyModel(script, {
        onStep: (inputs) => {
          const tokens = inputs.reduce((sum, { ids }) => sum + ids.length, 0)
          expect(tokens).toBeLessThanOrEqual(maxStepTokens)
        },
      })
      const scheduler = new Scheduler(toy.model, { maxStepTokens })
      const thoughts = await Promise.all(seeds.map((seed) => scheduler.think(request(seed))))
      expect(thoughts).toEqual(expected)
      expect(toy.liveSequences).toBe(0)
      expect(scheduler.stats).toMatchObject({ running: 0, queued: 0, finished: 40, failed: 0, reservedPages: 0, tokens: toy.fedTokens })
    }
  })

  it('steps everything that waits together', async () => {
    const toy = new ToyModel(script)
    const scheduler = new Scheduler(toy.model, { maxStepTokens: 4096 })
    const each = await Promise.all(Array.from({ length: 30 }, (_, k) => alone(request(k))))
    await Promise.all(Array.from({ length: 30 }, (_, k) => scheduler.think(request(k))))
    // Side by side the requests take about as many steps as the longest of them alone.
    const longest = Math.max(...each.map((thought) => thought.criticalPathTokens))
    expect(toy.steps).toBeLessThan(longest * 1.5 + 10)
    expect(scheduler.stats.widestStep).toBeGreaterThan(30)
  })

  it('keeps decoding while a long prompt comes in, and lets prompts share', async () => {
    const shapes: number[][] = []
    const toy = new ToyModel(() => 10, { onStep: (inputs) => void shapes.push(inputs.map(({ ids }) => ids.length)) })
    const scheduler = new Scheduler(toy.model, { maxStepTokens: 80 })
    const plain = { mode: 'sequential' as const, budgets: { response: 30 } }
    const decoding = scheduler.think(request(1, { ...plain, promptIds: [10] }))
    while (shapes.length < 5) await turn()
    const long = Array.from({ length: 200 }, () => 10)
    await Promise.all([
      decoding,
      scheduler.think(request(2, { ...plain, promptIds: long })),
      scheduler.think(request(3, { ...plain, promptIds: long })),
    ])
    const mixed = shapes.filter((lengths) => lengths.some((length) => length > 8))
    expect(mixed[0]).toEqual([1, 39, 40])
    expect(mixed.every((lengths) => lengths[0] === 1)).toBe(true)
    // 400 tokens of prompt at 79 a step; what then remains is short.
    expect(mixed).toHaveLength(5)
  })

  it('no number of decoding sequences holds a prompt back', async () => {
    const toy = new ToyModel(() => 10)
    const scheduler = new Scheduler(toy.model, { maxStepTokens: 16 })
    const plain = { mode: 'sequential' as const, budgets: { response: 60 } }
    const order: string[] = []
    const decoding = Array.from({ length: 40 }, (_, k) =>
      scheduler.think(request(k, { ...plain, promptIds: [10] })).then(() => order.push('decoding')),
    )
    await turn()
    const late = scheduler
      .think(request(50, { ...plain, budgets: { response: 1 }, promptIds: Array.from({ length: 30 }, () => 10) }))
      .then(() => order.push('late'))
    await Promise.all([...decoding, late])
    expect(order[0]).toBe('late')
  })
})

describe('room in the cache', () => {
  it('queues instead of filling the cache, first come first served, for any page size', async () => {
    for (const page of [1, 4, 16]) {
      const asked = Array.from({ length: 24 }, (_, k) => request(k))
      const model = new ToyModel(script, { page })
      const largest = Math.max(...asked.map((each) => worstCasePages(each, resolveLimits(each, model.config), page)))
      const toy = new ToyModel(script, { page, cacheTokens: largest * page * 2 })
      const scheduler = new Scheduler(toy.model)
      const finished: number[] = []
      let most = 0
      const all = asked.map((each, k) =>
        scheduler.think(each).then((thought) => {
          finished.push(k)
          most = Math.max(most, scheduler.stats.reservedPages)
          return thought
        }),
      )
      await turn()
      expect(scheduler.stats.queued).toBeGreaterThan(10)
      expect(await Promise.all(all)).toEqual(await Promise.all(asked.map(alone)))
      expect(most).toBeLessThanOrEqual(scheduler.stats.capacityPages)
      expect(toy.cacheFree).toBe(toy.cacheCapacity)
      expect(finished.indexOf(0)).toBeLessThan(finished.indexOf(23))
    }
  })

  it('refuses with numbers what can never fit', async () => {
    const scheduler = new Scheduler(new ToyModel(script, { cacheTokens: 64 }).model)
    const refused = scheduler.think(request(4, { promptIds: [10, 11] }))
    await expect(refused).rejects.toThrow(CacheFullError)
    await expect(refused).rejects.toThrow(/Got 2 prompt tokens and a budget of 80, with 5 paths.*the cache holds 64/)
    expect(
      (await scheduler.think(request(1, { mode: 'sequential', promptIds: [10], budgets: { response: 20 } }))).totalTokens,
    ).toBeGreaterThan(0)
  })

  it('wants a step of a sensible size', () => {
    expect(() => new Scheduler(new ToyModel(script).model, { maxStepTokens: 4 })).toThrow(ConfigError)
  })
})

describe('abort, errors, close', () => {
  it('an aborted request in the queue is refused at once, and the ones behind it move up', async () => {
    const toy = new ToyModel(script, { cacheTokens: 512 })
    const scheduler = new Scheduler(toy.model)
    const asked = request(4)
    const pages = worstCasePages(asked, resolveLimits(asked, toy.config), toy.cachePage)
    expect(pages * 2).toBeGreaterThan(scheduler.stats.capacityPages / 2)
    const running = Array.from({ length: 6 }, (_, k) => scheduler.think(request(4 + 10 * k)))
    const control = new AbortController()
    const waiting = scheduler.think(request(74), control.signal)
    const behind = scheduler.think(request(1))
    const refused = expect(waiting).rejects.toThrow('not needed')
    expect(scheduler.stats.queued).toBeGreaterThan(0)
    const { steps } = toy
    control.abort(new Error('not needed'))
    await refused
    expect(toy.steps - steps).toBeLessThanOrEqual(1)
    expect(await behind).toEqual(await alone(request(1)))
    expect(await Promise.all(running)).toEqual(await Promise.all([4, 14, 24, 34, 44, 54].map((seed) => alone(request(seed)))))
    expect(toy.liveSequences).toBe(0)
  })

  it('a running request stops at the next step, frees its sequences, and disturbs nobody', async () => {
    for (const after of [1, 3, 8, 15, 30]) {
      const control = new AbortController()
      const toy = new ToyModel(script)
      const scheduler = new Scheduler(toy.model)
      const others = [0, 1, 2].map((seed) => scheduler.think(request(seed)))
      const stopped = scheduler.think(request(9, { budgets: { response: 2000 }, maxBlocks: 50, paths: 8 }), control.signal)
      const refused = expect(stopped).rejects.toMatchObject({ name: 'AbortError' })
      while (toy.steps < after) await turn()
      control.abort()
      const { steps } = toy
      await refused
      expect(toy.steps - steps).toBeLessThanOrEqual(1)
      expect(await Promise.all(others)).toEqual(await Promise.all([0, 1, 2].map((seed) => alone(request(seed)))))
      expect(toy.liveSequences).toBe(0)
      expect(scheduler.stats).toMatchObject({ running: 0, failed: 1, finished: 3, reservedPages: 0 })
    }
  })

  it('an aborted signal is refused before anything happens', async () => {
    const toy = new ToyModel(script)
    await expect(new Scheduler(toy.model).think(request(0), AbortSignal.abort())).rejects.toMatchObject({ name: 'AbortError' })
    expect(toy.steps).toBe(0)
  })

  it('an error of the model reaches every request of that step, frees everything, and later requests work', async () => {
    let failing = 12
    const toy = new ToyModel(script, {
      onStep: () => {
        if (--failing === 0) throw new Error('device lost')
      },
    })
    const scheduler = new Scheduler(toy.model)
    const results = await Promise.allSettled([10, 11, 12, 13].map((seed) => scheduler.think(request(seed))))
    expect(results.some((result) => result.status === 'rejected' && /device lost/.test(String(result.reason)))).toBe(true)
    expect(toy.liveSequences).toBe(0)
    expect(await scheduler.think(request(1))).toEqual(await alone(request(1)))
  })

  it('close refuses what waits and what comes, waits for the running step, and frees everything', async () => {
    let finishStep: () => void = () => {}
    let inStep = false
    const toy = new ToyModel(script, {
      cacheTokens: 1024,
      onStep: async () => {
        if (toy.steps < 5) return
        inStep = true
        await new Promise<void>((resolve) => {
          finishStep = resolve
        })
        inStep = false
      },
    })
    const scheduler = new Scheduler(toy.model)
    const all = Promise.allSettled(Array.from({ length: 20 }, (_, k) => scheduler.think(request(k))))
    while (!inStep) await turn()
    let closed = false
    const closing = scheduler.close().then(() => {
      closed = true
    })
    for (let k = 0; k < 5; k++) await turn()
    expect(closed).toBe(false)
    finishStep()
    await closing
    expect([inStep, toy.liveSequences, scheduler.stats.queued, scheduler.stats.running]).toEqual([false, 0, 0, 0])
    for (const result of await all) expect(result.status === 'rejected' && String(result.reason)).toMatch(/scheduler is closed/)
    await expect(scheduler.think(request(0))).rejects.toThrow(/scheduler is closed/)
    await scheduler.close()
  })
})
