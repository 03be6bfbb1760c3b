import path from 'node:path'
import { afterAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { openCheckpoint } from '../../../src/engine/checkpoint/folder.ts'
import { checkMemory } from '../../../src/engine/checkpoint/memory.ts'
import { openEngine } from '../../../src/engine/open.ts'
import { ModelPool } from '../../../src/providers/pool.ts'
import { ParallelThinkingProvider } from '../../../src/providers/provider.ts'
import { openModel } from '../../../src/trainer/model/model.ts'
import { writeTinyCheckpoint } from '../../providers/tiny-checkpoint.ts'
import { temporaryFolder } from './build.ts'

/** What a load costs once, counted where it is done. */
const count = vi.hoisted(() => ({ tokenizers: 0 }))

vi.mock('@huggingface/tokenizers', async (original) => {
  const real = await original<typeof import('@huggingface/tokenizers')>()
  class Tokenizer extends real.Tokenizer {
    constructor(json: object, config: object) {
      super(json, config)
      count.tokenizers++
    }
  }
  return { ...real, Tokenizer }
})
vi.mock('../../../src/engine/checkpoint/memory.ts', async (original) => {
  const memory = await original<typeof import('../../../src/engine/checkpoint/memory.ts')>()
  return { ...memory, checkMemory: vi.fn(memory.checkMemory) }
})

const folder = path.join(temporaryFolder(), 'model')
await writeTinyCheckpoint(folder)
const engine = await openEngine({ device: 'cpu', precision: 'f32', threads: 1 })
afterAll(() => engine.dispose())

beforeEach(() => {
  count.tokenizers = 0
  vi.mocked(checkMemory).mockClear()
})

describe('one tokenizer and one look at the memory', () => {
  it('for a folder that an engine loads', async () => {
    await (await engine.load(folder, { cacheTokens: 64 })).dispose()
    expect(count.tokenizers).toBe(1)
    expect(checkMemory).toHaveBeenCalledTimes(1)
  })

  it.each(['cpu', 'tfjs'] as const)('for a checkpoint that was opened before, on %s', async (device) => {
    const checkpoint = await openCheckpoint(folder)
    const other = await openEngine({ device, precision: 'f32', threads: 1 })
    try {
      await other.load(checkpoint, { cacheTokens: 64 })
    } finally {
      await other.dispose()
    }
    expect(count.tokenizers).toBe(1)
    expect(checkMemory).toHaveBeenCalledTimes(1)
  })

  it('for a provider that answers', async () => {
    const pool = new ModelPool()
    const config = { checkpoint: folder, device: 'cpu', precision: 'f32', threads: 1, cacheTokens: 1024, maxTokens: 64, samples: 'off' }
    const provider = new ParallelThinkingProvider({ config }, pool)
    const answers = await Promise.all([provider.callApi('Use 1 and 2 to make 3.'), provider.callApi('Use 2 and 2 to make 4.')])
    for (const { error } of answers) expect(error).toBeUndefined()
    await pool.releaseAll()
    expect(count.tokenizers).toBe(1)
    expect(checkMemory).toHaveBeenCalledTimes(1)
  })

  it('for a training that starts from a checkpoint with tags; tags that are new make a second tokenizer', async () => {
    const { model } = await openModel(engine, { checkpoint: folder }, 1, { cacheTokens: 64 })
    await model.dispose()
    expect(count.tokenizers).toBe(1)
    expect(checkMemory).toHaveBeenCalledTimes(1)
    const untagged = path.join(temporaryFolder(), 'untagged')
    await writeTinyCheckpoint(untagged, { tagged: false })
    count.tokenizers = 0
    const other = await openModel(engine, { checkpoint: untagged }, 1, { cacheTokens: 64 })
    await other.model.dispose()
    expect(count.tokenizers).toBe(2)
    expect(checkMemory).toHaveBeenCalledTimes(2)
  })
})
