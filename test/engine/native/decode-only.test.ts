import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { roundBfloat16 } from '../../../src/engine/checkpoint/floats.ts'
import { saveCheckpoint } from '../../../src/engine/checkpoint/folder.ts'
import { openSafetensors } from '../../../src/engine/checkpoint/safetensors.ts'
import { NoTrainingError } from '../../../src/engine/errors.ts'
import { modelSpec } from '../../../src/engine/families/index.ts'
import type { ModelConfig } from '../../../src/engine/model-config.ts'
import { loadAddon } from '../../../src/engine/native/binding.ts'
import { parameterCount } from '../../../src/engine/spec.ts'
import type { Engine, Model } from '../../../src/engine/types.ts'
import { temporaryFolder } from '../checkpoint/build.ts'
import { batchOf, lively, openNative, products, tiny } from '../conformance/engines.ts'

/** A model that nothing trains holds its weights only as products read them, and every number stays what it is with float32 weights beside. */

type Dtype = 'float32' | 'bfloat16'

async function saved(config: ModelConfig, dtype: Dtype): Promise<string> {
  const folder = path.join(temporaryFolder(), 'model')
  await saveCheckpoint(folder, { config, weights: lively(3), dtype, generation: { eosTokenIds: [] } })
  return folder
}

/** Ids and log-probabilities of a prompt and three tokens after it. */
async function drawn(model: Model): Promise<number[]> {
  const sequence = model.create()
  const sampling = { temperature: 1, seed: 5, stream: 0 }
  let [ids, at] = [[1, 2, 3, 40], 0]
  const all: number[] = []
  for (let i = 0; i < 4; i++) {
    const [{ id, logprob }] = await model.step([{ sequence, ids, positions: ids.map((_, k) => at + k), sampling }])
    all.push(id, logprob)
    at += ids.length
    ids = [id]
  }
  return all
}

const sets = loadAddon().instructionSets
const choices = products.flatMap(({ isa, precision }) => (precision === 'f32' || precision === 'bf16' ? [{ isa, precision }] : []))

describe.each(choices)('without float32 weights: $isa, $precision', ({ isa, precision }) => {
  let engine: Engine
  beforeAll(async () => {
    engine = await openNative(isa, precision)
  })
  afterAll(() => engine.dispose())

  it.each([
    ['bfloat16', true],
    ['bfloat16', false],
    ['float32', true],
    ['float32', false],
  ] as const)('a %s file with tied embeddings: %s', async (dtype, tiedEmbeddings) => {
    const folder = await saved({ ...tiny, tiedEmbeddings, hiddenSize: 25, intermediateSize: 150 }, dtype)
    const [lean, full] = [await engine.load(folder), await engine.load(folder, { train: true })]
    expect(await drawn(lean)).toEqual(await drawn(full))
    const batch = batchOf([9, 4])
    const [a, b] = [await lean.forward(batch), await full.forward(batch)]
    expect(a.logprobs).toEqual(b.logprobs)
    for (const { name, shape } of lean.parameters) {
      const [held, stored] = [lean.read(name), full.read(name)]
      const rounded = precision === 'bf16' && shape.length === 2 && !name.includes('embed')
      expect(held, name).toEqual(rounded ? roundBfloat16(stored) : stored)
    }
    await Promise.all([lean.dispose(), full.dispose()])
  })

  it('written by hand', async () => {
    const [lean, full] = [await engine.create(tiny, lively(1), { train: false }), await engine.create(tiny, lively(1))]
    const name = 'model.layers.1.self_attn.k_proj.weight'
    for (const model of [lean, full])
      model.write(
        name,
        model.read(name).map((_, i) => Math.sin(i)),
      )
    for (const model of [lean, full])
      model.write(
        'model.embed_tokens.weight',
        model.read('model.embed_tokens.weight').map((_, i) => Math.cos(i)),
      )
    expect(await drawn(lean)).toEqual(await drawn(full))
    await Promise.all([lean.dispose(), full.dispose()])
  })
})

describe('a model that was loaded to decode', () => {
  let engine: Engine
  beforeAll(async () => {
    engine = await openNative(sets.includes('avx512') ? 'avx512' : sets[sets.length - 1], 'bf16')
  })
  afterAll(() => engine.dispose())

  it('scores, and says how to load one that trains', async () => {
    const model = await engine.load(await saved(tiny, 'bfloat16'))
    const batch = batchOf([5])
    await model.forward(batch)
    await expect(model.backward(new Float32Array(5))).rejects.toThrow(NoTrainingError)
    await expect(model.update({ lr: 1 })).rejects.toThrow(/loaded to decode and score.*Load it with train: true/)
    const norm = 'model.norm.weight'
    expect(() => model.accumulate(norm, new Float32Array(24))).toThrow(NoTrainingError)
    expect(() => model.write(norm, new Float32Array(24), 'gradient')).toThrow(NoTrainingError)
    await model.dispose()
  })

  it('plans two bytes a number in bfloat16, and a float32 table where the file has more digits', async () => {
    const config = { ...tiny, vocabSize: 48, hiddenSize: 32, intermediateSize: 64, tiedEmbeddings: true }
    const numbers = parameterCount(modelSpec(config))
    const bytes = async (dtype: Dtype) => {
      const model = await engine.load(await saved(config, dtype), { cacheTokens: 0 })
      const { weights } = model.memoryPlan(0)
      await model.dispose()
      return weights
    }
    const plan = await bytes('bfloat16')
    expect(plan).toBeLessThan(numbers * 2 + 4096)
    expect((await bytes('float32')) - plan).toBe(4 * 48 * 32)
  })

  it('names the tensor of a file whose data are not those that were written', async () => {
    const folder = await saved(tiny, 'bfloat16')
    const file = path.join(folder, 'model.safetensors')
    const bytes = readFileSync(file)
    const source = await openSafetensors(folder)
    const { offset } = source.tensors.get('model.layers.1.mlp.up_proj.weight')!
    await source.close()
    bytes[offset + 7] ^= 1
    writeFileSync(file, bytes)
    await expect(engine.load(folder)).rejects.toThrow(/model\.layers\.1\.mlp\.up_proj\.weight.*checksum/s)
    bytes[offset + 7] ^= 1
    writeFileSync(file, bytes)
    await (await engine.load(folder)).dispose()
  })
})

const clearPeak = '/proc/self/clear_refs'

describe.skipIf(process.platform !== 'linux')('memory of a load', () => {
  it('is the weights in their precision, and little more', async () => {
    const config = { ...tiny, vocabSize: 4096, hiddenSize: 512, intermediateSize: 2048, layers: 6, headDim: 64, tiedEmbeddings: true }
    const folder = path.join(temporaryFolder(), 'model')
    const weights = ({ shape }: { shape: number[] }) => new Float32Array(shape.reduce((a, b) => a * b)).map((_, i) => (i % 101) / 1000)
    await saveCheckpoint(folder, { config, weights, dtype: 'bfloat16', generation: { eosTokenIds: [] } })
    const engine = await openNative(sets.includes('avx512') ? 'avx512' : sets[sets.length - 1], 'bf16')
    const status = (key: string) =>
      Number(new RegExp(`^${key}:\\s+(\\d+) kB`, 'm').exec(readFileSync('/proc/self/status', 'utf8'))![1]) * 1024
    globalThis.gc?.()
    writeFileSync(clearPeak, '5')
    const before = status('VmRSS')
    const model = await engine.load(folder, { cacheTokens: 1024 })
    await model.step([{ sequence: model.create(), ids: [1], positions: [0], sampling: { temperature: 0, seed: 0, stream: 0 } }])
    const held = status('VmHWM') - before
    const plan = model.memoryPlan(0)
    // Float32 weights beside them would be twice as much again.
    expect(parameterCount(modelSpec(config)) * 2).toBeGreaterThan(40e6)
    expect(plan.weights).toBeLessThan(parameterCount(modelSpec(config)) * 2.01)
    expect(held).toBeLessThan(plan.weights + plan.cache + 25e6)
    await engine.dispose()
  })
})
