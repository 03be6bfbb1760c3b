import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { decisiveFiles } from '../../src/engine/checkpoint/files.ts'
import type { Checkpoint } from '../../src/engine/checkpoint/folder.ts'
import type { Engine } from '../../src/engine/types.ts'
import { ModelPool, type ModelSettings, type Opener, sharedPool } from '../../src/providers/pool.ts'
import type { Thinker } from '../../src/thinking/thinker.ts'

const root = mkdtempSync(path.join(os.tmpdir(), 'pr1-pool-'))
const a = { checkpoint: path.join(root, 'a'), device: 'cpu', precision: 'f32' } as const satisfies ModelSettings
const b = { ...a, checkpoint: path.join(root, 'b') } as const

beforeAll(() => {
  for (const { checkpoint } of [a, b]) {
    mkdirSync(checkpoint)
    writeFileSync(path.join(checkpoint, 'config.json'), '{}')
  }
})
afterAll(() => rmSync(root, { recursive: true }))

/** Counts what is opened and closed; `failures` loads fail first. */
function counting(failures = 0) {
  const log = { engines: 0, engineDisposals: 0, reads: 0, loads: 0, closes: 0, numerics: [] as unknown[], given: [] as unknown[] }
  const opener: Opener = {
    async openEngine({ numerics }) {
      log.engines++
      log.numerics.push(numerics)
      return { infoFor: () => ({ isa: 'counted' }), dispose: async () => void log.engineDisposals++ } as unknown as Engine
    },
    async openCheckpoint(folder) {
      log.reads++
      return { folder } as Checkpoint
    },
    async openThinker(_, checkpoint) {
      log.given.push(checkpoint)
      await new Promise((resolve) => setTimeout(resolve, 5))
      if (log.loads++ < failures) throw new Error('disk on fire')
      return { close: async () => void log.closes++ } as unknown as Thinker
    },
  }
  return { log, opener }
}

/** A lease whose model is loaded. */
async function loaded(pool: ModelPool, settings: ModelSettings, user: object = {}) {
  const lease = await pool.acquire(settings, user)
  await lease.thinker()
  return lease
}

const later = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

describe('ModelPool', () => {
  it('reads a checkpoint and names its engine without loading the model', async () => {
    const { log, opener } = counting()
    const pool = new ModelPool(opener)
    const user = {}
    const [one, two] = await Promise.all([pool.acquire(a, user), pool.acquire(a, user)])
    expect(one.checkpoint.folder).toBe(a.checkpoint)
    expect(one.engine?.isa).toBe('counted')
    expect(log).toMatchObject({ engines: 1, reads: 1, loads: 0 })
    expect(pool.size).toBe(0)
    expect(await one.thinker()).toBe(await two.thinker())
    expect(log.loads).toBe(1)
    expect(pool.size).toBe(1)
    one.release()
    two.release()
    await pool.leave(user)
    const unloaded = await pool.acquire(a, user)
    unloaded.release()
    await pool.releaseAll()
    expect(log).toMatchObject({ reads: 2, loads: 1, closes: 1, engineDisposals: 2 })
  })

  it('refuses a model whose checkpoint was written anew while it was loaded', async () => {
    const { log, opener } = counting()
    const pool = new ModelPool(opener)
    const lease = await pool.acquire(b, {})
    utimesSync(path.join(b.checkpoint, 'config.json'), 2, 2)
    await expect(lease.thinker()).rejects.toThrow(/written anew while it was loaded/)
    lease.release()
    const next = await loaded(pool, b)
    next.release()
    await pool.releaseAll()
    expect(log).toMatchObject({ reads: 2, loads: 2, closes: 2, engineDisposals: 2 })
  })

  it('loads once for calls that come together, and one engine for two checkpoints', async () => {
    const { log, opener } = counting()
    const pool = new ModelPool(opener)
    const leases = await Promise.all([a, a, b, a].map((settings) => loaded(pool, settings)))
    expect(log).toMatchObject({ engines: 1, loads: 2 })
    expect(await leases[0].thinker()).toBe(await leases[3].thinker())
    expect(await leases[0].thinker()).not.toBe(await leases[2].thinker())
    for (const lease of leases) lease.release()
    await pool.releaseAll()
    expect(log).toMatchObject({ closes: 2, engineDisposals: 1 })
    expect(pool.size).toBe(0)
  })

  it('keeps exact and fast numerics apart: two engines, two models', async () => {
    const { log, opener } = counting()
    const pool = new ModelPool(opener)
    const leases = [await loaded(pool, { ...a, numerics: 'exact' }), await loaded(pool, { ...a, numerics: 'fast' })]
    expect(log).toMatchObject({ engines: 2, loads: 2, numerics: ['exact', 'fast'] })
    for (const lease of leases) lease.release()
    await pool.releaseAll()
  })

  it('reports a failed load to every caller and tries again on the next call', async () => {
    const { log, opener } = counting(1)
    const pool = new ModelPool(opener)
    const results = await Promise.allSettled([loaded(pool, a), loaded(pool, a)])
    expect(results.map((result) => result.status === 'rejected' && result.reason.message)).toEqual(['disk on fire', 'disk on fire'])
    expect(log).toMatchObject({ loads: 1, engineDisposals: 1 })
    const lease = await loaded(pool, a)
    expect(log).toMatchObject({ loads: 2, engines: 2 })
    lease.release()
    await pool.releaseAll()
  })

  it('keeps a model for its other users, and one in use until the call is over', async () => {
    const { log, opener } = counting()
    const pool = new ModelPool(opener)
    const [one, two] = [{}, {}]
    const first = await loaded(pool, a, one)
    const second = await loaded(pool, a, two)
    first.release()
    await pool.leave(one)
    expect(log.closes).toBe(0)
    await pool.leave(two)
    expect(log.closes).toBe(0)
    second.release()
    second.release()
    await pool.releaseAll()
    expect(log).toMatchObject({ closes: 1, engineDisposals: 1 })
  })

  it('releases a model that nobody called for a while', async () => {
    const { log, opener } = counting()
    const pool = new ModelPool(opener, { idleMs: 30 })
    const first = await loaded(pool, a)
    await later(60)
    expect(log.closes).toBe(0)
    first.release()
    await later(10)
    const second = await loaded(pool, a)
    await later(60)
    expect(log).toMatchObject({ loads: 1, closes: 0 })
    second.release()
    await later(80)
    expect(log).toMatchObject({ closes: 1, engineDisposals: 1 })
  })

  it('loads a checkpoint anew that was written anew', async () => {
    const { log, opener } = counting()
    const pool = new ModelPool(opener)
    const first = await loaded(pool, b)
    utimesSync(path.join(b.checkpoint, 'config.json'), 1, 1)
    const second = await loaded(pool, b)
    expect(log).toMatchObject({ loads: 2, closes: 0 })
    // The old weights go with their last call.
    first.release()
    await later(1)
    expect(log.closes).toBe(1)
    second.release()
    await pool.releaseAll()
    expect(log.closes).toBe(2)
  })

  it('opens a checkpoint anew whichever of its files changed, and gives its model what it opened', async () => {
    const folder = path.join(root, 'sharded')
    mkdirSync(folder)
    const shards = ['model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors']
    const index = JSON.stringify({ weight_map: { one: shards[0], two: shards[1] } })
    writeFileSync(path.join(folder, 'config.json'), '{}')
    for (const shard of shards) writeFileSync(path.join(folder, shard), 'weights')
    writeFileSync(path.join(folder, 'model.safetensors.index.json'), index)
    const { log, opener } = counting()
    const pool = new ModelPool(opener)
    const settings = { ...a, checkpoint: folder }
    const use = async () => {
      const lease = await loaded(pool, settings)
      expect(log.given.at(-1)).toBe(lease.checkpoint)
      lease.release()
      return log.reads
    }
    let reads = await use()
    expect(await use()).toBe(reads)
    // The last one makes the shards give way to a single file.
    for (const name of [...decisiveFiles, ...shards, 'model.safetensors.index.json', 'model.safetensors']) {
      const file = path.join(folder, name)
      writeFileSync(file, existsSync(file) ? `${readFileSync(file, 'utf8')} ` : '')
      expect(await use(), name).toBe(++reads)
    }
    writeFileSync(path.join(folder, 'README.md'), 'x')
    expect(await use()).toBe(reads)
    await pool.releaseAll()
  })

  it('refuses a model whose shard or template came while it was loaded', async () => {
    const pool = new ModelPool(counting().opener)
    for (const name of ['model.safetensors', 'chat_template.jinja']) {
      const lease = await pool.acquire(b, {})
      writeFileSync(path.join(b.checkpoint, name), 'x')
      await expect(lease.thinker()).rejects.toThrow(/written anew while it was loaded/)
      lease.release()
    }
    await pool.releaseAll()
  })

  it('says what to do where no checkpoint is', async () => {
    const pool = new ModelPool(counting().opener)
    await expect(pool.acquire({ ...a, checkpoint: path.join(root, 'none') }, {})).rejects.toThrow(/No checkpoint at .*none.*pr1-train/)
  })

  it('is one in a process', () => {
    expect(sharedPool()).toBe(sharedPool())
    expect((globalThis as { [key: symbol]: unknown })[Symbol.for('parallel-r1.models')]).toBe(sharedPool())
  })
})
