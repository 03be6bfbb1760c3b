import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { merged } from '../../../src/engine/adapters/merge.ts'
import { saveAdapters } from '../../../src/engine/adapters/write.ts'
import { openCheckpoint, saveCheckpoint } from '../../../src/engine/checkpoint/folder.ts'
import { randomWeights } from '../../../src/engine/checkpoint/init.ts'
import { Tokenizer } from '../../../src/engine/checkpoint/tokenizer.ts'
import type { ModelConfig } from '../../../src/engine/model-config.ts'
import { openEngine } from '../../../src/engine/open.ts'
import type { Engine } from '../../../src/engine/types.ts'
import { TAG_TOKENS } from '../../../src/thinking/tags.ts'
import { openModel } from '../../../src/trainer/model/model.ts'
import { fixture, newFolder } from '../runs.ts'

let engine: Engine
beforeAll(async () => {
  engine = await openEngine({ device: 'cpu', threads: 1 })
})
afterAll(() => engine.dispose())

const tokenizer = Tokenizer.load(fixture('tokenizer'))

async function checkpointWithoutTags(vocabSize: number, tiedEmbeddings: boolean): Promise<{ folder: string; config: ModelConfig }> {
  const folder = path.join(newFolder(), 'base')
  const config: ModelConfig = {
    ...{ family: 'qwen3', vocabSize, hiddenSize: 16, layers: 1, heads: 2, kvHeads: 1, headDim: 8, intermediateSize: 32 },
    ...{ rmsNormEps: 1e-6, rope: { theta: 10000 }, tiedEmbeddings, maxPositions: 64 },
  }
  const weights = randomWeights(3, config)
  await saveCheckpoint(folder, { config, weights, dtype: 'float32', tokenizer, generation: { eosTokenIds: [0] } })
  return { folder, config }
}

it('trained as a whole from an adapter begins with the two merged, beside the base that is named', async () => {
  const { folder: base, config } = await checkpointWithoutTags(tokenizer.vocabSize, true)
  const adapter = path.join(newFolder(), 'adapter')
  const weights = ({ shape }: { shape: number[] }) => Float32Array.from({ length: shape[0] * shape[1] }, (_, i) => Math.sin(i + 1))
  const part = { weight: 'model.layers.0.mlp.up_proj.weight', rank: 2, scale: 0.5 }
  const content = { config, weights, generation: { eosTokenIds: [0] }, base: './gone', adapters: { parts: [part] } }
  await saveAdapters(adapter, content)
  const { model } = await openModel(engine, { checkpoint: adapter, base, attention: undefined }, 1, {})
  expect(model.parameters.some(({ name }) => name.includes('lora'))).toBe(false)
  const reader = await merged(await openCheckpoint(adapter, { base })).weights.open()
  expect(model.read(part.weight)).toEqual(await reader.read(part.weight))
  await reader.close()
  await model.dispose()
  await expect(openModel(engine, { checkpoint: adapter, attention: undefined }, 1, {})).rejects.toThrow(
    /a model that is here, found "\.\/gone"/,
  )
})

describe('a model without tags', () => {
  it.each([
    ['grows where the ids are new', tokenizer.vocabSize, true],
    ['grows embedding and head', tokenizer.vocabSize, false],
    ['uses spare rows', tokenizer.vocabSize + 16, true],
  ])('%s; each new row is the mean of its pieces', async (_, vocabSize, tied) => {
    const { folder, config } = await checkpointWithoutTags(vocabSize, tied)
    const { model, checkpoint, base } = await openModel(engine, { checkpoint: folder, attention: 'causal' }, 1, {})
    expect(await base()).toBe(await (await openCheckpoint(folder)).identity.hash())
    expect(model.config.vocabSize).toBe(Math.max(vocabSize, tokenizer.vocabSize + 6))
    expect(checkpoint.config.vocabSize).toBe(model.config.vocabSize)
    expect(checkpoint.parallel).toMatchObject({ attention: 'causal', tags: { parallel: tokenizer.vocabSize, eos: [0] } })
    for (const name of tied ? ['model.embed_tokens.weight'] : ['model.embed_tokens.weight', 'lm_head.weight']) {
      const rows = model.read(name)
      const before = randomWeights(3, config)({ name, shape: [config.vocabSize, 16], initial: 'normal' })
      expect(rows.subarray(0, tokenizer.vocabSize * 16)).toEqual(before.subarray(0, tokenizer.vocabSize * 16))
      TAG_TOKENS.forEach((tag, k) => {
        const pieces = tokenizer.encode(tag)
        expect(pieces.length).toBeGreaterThan(1)
        for (let c = 0; c < 16; c++) {
          const mean = pieces.reduce((sum, piece) => sum + before[piece * 16 + c], 0) / pieces.length
          expect(rows[(tokenizer.vocabSize + k) * 16 + c]).toBeCloseTo(mean, 7)
        }
      })
    }
    await model.dispose()
  })

  it('keeps what a checkpoint with tags says', async () => {
    const { folder } = await checkpointWithoutTags(tokenizer.vocabSize, true)
    const first = await openModel(engine, { checkpoint: folder, attention: 'causal' }, 1, {})
    const again = path.join(newFolder(), 'tagged')
    const { config, generation, parallel, tokenizer: tagged } = first.checkpoint
    const weights = ({ name }: { name: string }) => first.model.read(name)
    await saveCheckpoint(again, { config, weights, dtype: 'float32', tokenizer: tagged, generation, parallel })
    const second = await openModel(engine, { checkpoint: again }, 1, {})
    expect(second.checkpoint.parallel).toEqual(parallel)
    expect(second.model.read('model.embed_tokens.weight')).toEqual(first.model.read('model.embed_tokens.weight'))
    await Promise.all([first.model.dispose(), second.model.dispose()])
  })
})

describe('a model from scratch', () => {
  it('has its tags, its sizes and seeded weights', async () => {
    const init = {
      tokenizer: fixture('tokenizer'),
      architecture: {
        ...{ family: 'qwen2' as const, hiddenSize: 16, layers: 2, heads: 2, kvHeads: 2, headDim: 8, intermediateSize: 24 },
        ...{ tiedEmbeddings: false, ropeTheta: 5000, maxPositions: 32, rmsNormEps: 1e-5, initializerRange: 0.1 },
      },
    }
    const { model, checkpoint, base } = await openModel(engine, { init }, 5, {})
    expect(await base()).toBe('scratch')
    expect(model.config).toMatchObject({ family: 'qwen2', vocabSize: tokenizer.vocabSize + 6, rope: { theta: 5000 } })
    expect(checkpoint.generation.eosTokenIds).toEqual([0])
    const same = await openModel(engine, { init }, 5, {})
    const other = await openModel(engine, { init }, 6, {})
    const name = 'model.layers.1.mlp.down_proj.weight'
    expect(same.model.read(name)).toEqual(model.read(name))
    expect(other.model.read(name)).not.toEqual(model.read(name))
    const embedding = model.read('model.embed_tokens.weight')
    expect(Math.sqrt(embedding.reduce((sum, x) => sum + x * x, 0) / embedding.length)).toBeCloseTo(0.1, 2)
    const small = { ...init, architecture: { ...init.architecture, vocabSize: 10 } }
    await expect(openModel(engine, { init: small }, 5, {})).rejects.toThrow(/vocabSize 10 is too small/)
    await Promise.all([model, same.model, other.model].map((m) => m.dispose()))
  })
})
