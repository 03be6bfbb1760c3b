import { mkdtempSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openCheckpoint, saveCheckpoint } from '../../../src/engine/checkpoint/folder.ts'
import { openEngine } from '../../../src/engine/open.ts'
import type { Engine } from '../../../src/engine/types.ts'
import { ModelPool } from '../../../src/providers/pool.ts'
import { ParallelThinkingProvider } from '../../../src/providers/provider.ts'
import { openModel } from '../../../src/trainer/model/model.ts'
import { encode, tinyBlocks, tinyLlama } from './tiny.ts'

const root = mkdtempSync(path.join(os.tmpdir(), 'pr1-gguf-'))
const file = path.join(root, 'tiny-Q8_0.gguf')
let engine: Engine

beforeAll(async () => {
  writeFileSync(file, encode(tinyBlocks('Q8_0', { ...tinyLlama, maxPositions: 256 })))
  engine = await openEngine({ device: 'cpu', precision: 'f32' })
})
afterAll(() => engine.dispose())

describe('a GGUF file', () => {
  it('answers as the provider’s checkpoint, relative to its base', async () => {
    const pool = new ModelPool()
    const config = { checkpoint: './tiny-Q8_0.gguf', basePath: root, mode: 'sequential', maxTokens: 4, device: 'cpu', samples: 'off' }
    const provider = new ParallelThinkingProvider({ config }, pool)
    const { error, output, tokenUsage } = await provider.callApi('the 12', { vars: {}, prompt: { raw: 'the 12', label: '' } })
    expect(error).toBeUndefined()
    expect(typeof output).toBe('string')
    expect(tokenUsage?.completion).toBeGreaterThan(0)
    await pool.releaseAll()
  })

  it('is trained from, and is a folder then', async () => {
    const { model, checkpoint, base } = await openModel(engine, { checkpoint: file, attention: undefined }, 1, {})
    expect(await base()).toBe(await (await openCheckpoint(file)).identity.hash())
    const ids = Int32Array.from(checkpoint.tokenizer.encode('<Parallel>the 12</Parallel>'))
    expect(ids[0]).toBe(checkpoint.parallel.tags.parallel)
    const batch = { ids, positions: Int32Array.from(ids.keys()), bounds: Int32Array.of(0, ids.length) }
    const before = await model.forward(batch)
    await model.backward(before.logprobs.map(() => -1))
    await model.update({ lr: 1e-3 })
    const after = await model.forward(batch, { keep: false })
    const sum = (values: Float32Array) => values.reduce((a, b) => a + b)
    expect(sum(after.logprobs)).toBeGreaterThan(sum(before.logprobs))
    const folder = path.join(root, 'trained')
    await saveCheckpoint(folder, { ...checkpoint, weights: ({ name }) => model.read(name), dtype: 'float32' })
    const saved = await openCheckpoint(folder)
    expect(saved.config).toEqual(checkpoint.config)
    expect(saved.generation).toEqual(checkpoint.generation)
    expect(saved.tokenizer!.encode('<Parallel>the 12</Parallel>')).toEqual([...ids])
    await model.dispose()
  })
})
