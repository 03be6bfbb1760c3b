import { closeSync, cpSync, mkdtempSync, openSync, readFileSync, rmSync, statSync, utimesSync, writeSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import type { CallApiContextParams, ProviderResponse } from 'promptfoo'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { type Checkpoint, openCheckpoint } from '../../src/engine/checkpoint/folder.ts'
import { openEngine } from '../../src/engine/open.ts'
import type { Engine } from '../../src/engine/types.ts'
import { ModelPool } from '../../src/providers/pool.ts'
import { ParallelThinkingProvider } from '../../src/providers/provider.ts'
import { sharedSamples } from '../../src/store/samples.ts'
import { localThinker } from '../../src/thinking/thinker.ts'
import { writeTinyCheckpoint } from './tiny-checkpoint.ts'

const folder = mkdtempSync(path.join(os.tmpdir(), 'pr1-stored-'))
const file = path.join(folder, 'samples.db')
const model = path.join(folder, 'model')
const prompts = Array.from({ length: 8 }, (_, i) => `Use ${i + 1}, ${i + 2}, 5 once each to make ${i + 20}.`)
let pool: ModelPool

beforeAll(() => writeTinyCheckpoint(model))
beforeEach(() => {
  pool = new ModelPool()
  vi.stubEnv('PR1_SAMPLES', '')
})
afterEach(async () => {
  vi.unstubAllEnvs()
  await pool.releaseAll()
})
afterAll(async () => {
  await sharedSamples(file).close()
  rmSync(folder, { recursive: true })
})

const context = (repeatIndex = 0, more: Partial<CallApiContextParams> = {}): CallApiContextParams => ({
  vars: {},
  prompt: { raw: '', label: '' },
  repeatIndex,
  ...more,
})

/** All prompts, twice each. */
function answers(
  config: object = {},
  more: Partial<CallApiContextParams> = {},
  env: Record<string, string> = {},
): Promise<ProviderResponse[]> {
  const provider = new ParallelThinkingProvider(
    { config: { checkpoint: model, samples: file, device: 'cpu', seed: 2, ...config }, env },
    pool,
  )
  return Promise.all(prompts.flatMap((prompt) => [0, 1].map((repeat) => provider.callApi(prompt, context(repeat, more)))))
}

const content = ({ cached: _, tokenUsage: __, ...rest }: ProviderResponse) => rest
const cached = (responses: ProviderResponse[]) => responses.filter((response) => response.cached).length

describe('stored samples', () => {
  it('come back exactly, without loading the model, and are not counted as generated', async () => {
    const first = await answers()
    expect(first.map(({ error }) => error).filter(Boolean)).toEqual([])
    expect(cached(first)).toBe(0)
    expect(first.every((response) => !('cached' in response))).toBe(true)
    await pool.releaseAll()
    await sharedSamples(file).close()
    const second = await answers()
    expect(pool.size).toBe(0)
    expect(second.map(content)).toEqual(first.map(content))
    for (const [i, { cached, tokenUsage }] of second.entries()) {
      const { total } = first[i].tokenUsage!
      expect({ cached, tokenUsage }).toEqual({ cached: true, tokenUsage: { total, cached: total, numRequests: 0 } })
    }
  })

  it('serve whatever is shown of them, and the same checkpoint in another place', async () => {
    expect(cached(await answers({ showTags: false }))).toBe(16)
    cpSync(model, path.join(folder, 'copy'), { recursive: true })
    expect(cached(await answers({ checkpoint: path.join(folder, 'copy') }))).toBe(16)
    expect(pool.size).toBe(0)
  })

  it('do not serve another request', async () => {
    const fresh = async (config: object) => {
      const responses = await answers(config)
      expect(responses.filter(({ error }) => error)).toEqual([])
      return 16 - cached(responses)
    }
    expect(await fresh({ mode: 'sequential' })).toBe(16)
    expect(await fresh({ temperature: 0.9 })).toBe(16)
    expect(await fresh({ seed: 3 })).toBe(16)
    expect(await fresh({ paths: 2 })).toBe(16)
    expect(await fresh({ maxTokens: 60 })).toBe(16)
    await writeTinyCheckpoint(path.join(folder, 'copy'), { seed: 2 })
    expect(await fresh({ checkpoint: path.join(folder, 'copy') })).toBe(16)
  })

  it('are not served where the files of the checkpoint were changed in place, nor is the model that was loaded', async () => {
    const [place, other] = ['place', 'other'].map((name) => path.join(folder, name))
    await writeTinyCheckpoint(place)
    await writeTinyCheckpoint(other, { seed: 3 })
    const before = await answers({ checkpoint: place })
    const { size, atime, mtime } = statSync(path.join(place, 'model.safetensors'))
    const bytes = readFileSync(path.join(other, 'model.safetensors'))
    expect(bytes.length).toBe(size)
    const descriptor = openSync(path.join(place, 'model.safetensors'), 'r+')
    writeSync(descriptor, bytes)
    closeSync(descriptor)
    utimesSync(path.join(place, 'model.safetensors'), atime, mtime)
    const after = await answers({ checkpoint: place })
    expect(cached(after)).toBe(0)
    const fresh = await answers({ checkpoint: other }, { bustCache: true })
    expect(after.map(content)).toEqual(fresh.map(content))
    expect(after.map(content)).not.toEqual(before.map(content))
    expect(cached(await answers({ checkpoint: place }))).toBe(16)
  })

  it('of exact numerics are not served to fast ones, nor the other way round', async () => {
    const openThinker = async (engine: Engine, checkpoint: Checkpoint) => localThinker(await engine.load(checkpoint))
    // An engine that does not mind being fast.
    pool = new ModelPool({ openEngine: ({ numerics: _, ...options }) => openEngine(options), openCheckpoint, openThinker })
    expect(cached(await answers({ numerics: 'exact' }))).toBe(16)
    expect(cached(await answers({ numerics: 'fast' }))).toBe(0)
    expect(cached(await answers({ numerics: 'fast' }))).toBe(16)
  })

  it('are passed over and replaced where promptfoo wants new ones', async () => {
    const stored = await answers()
    expect(cached(stored)).toBe(16)
    const again = await answers({}, { bustCache: true })
    expect(cached(again)).toBe(0)
    expect(again.map(content)).toEqual(stored.map(content))

    const getCache = (store: unknown) => ({ getCache: () => ({ stores: [{ store }] }) }) as unknown as Partial<CallApiContextParams>
    vi.stubEnv('PROMPTFOO_CACHE_TYPE', 'disk')
    expect(cached(await answers({}, getCache(new Map())))).toBe(0)
    expect(cached(await answers({}, getCache({ filename: 'cache.json' })))).toBe(16)
    vi.stubEnv('PROMPTFOO_CACHE_TYPE', 'memory')
    expect(cached(await answers({}, getCache(new Map())))).toBe(16)
    vi.stubEnv('PROMPTFOO_CACHE_ENABLED', 'false')
    expect(cached(await answers())).toBe(0)
  })

  it('are not kept where they are off', async () => {
    expect(cached(await answers({ samples: 'off' }))).toBe(0)
    expect(cached(await answers({ samples: false }))).toBe(0)
    expect(cached(await answers({}, {}, { PR1_SAMPLES: 'off' }))).toBe(0)
    vi.stubEnv('PR1_SAMPLES', 'off')
    expect(cached(await answers())).toBe(0)
  })
})
