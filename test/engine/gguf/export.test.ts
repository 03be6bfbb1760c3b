import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { diskOps, type FileOps } from '../../../src/engine/checkpoint/atomic.ts'
import { openCheckpoint, saveCheckpoint } from '../../../src/engine/checkpoint/folder.ts'
import { exportGguf, type GgufFileType, ggufFileTypes } from '../../../src/engine/gguf/export.ts'
import { ropeFactors } from '../../../src/engine/gguf/export-config.ts'
import { quantize } from '../../../src/engine/gguf/quantize.ts'
import type { ModelConfig, RopeScaling } from '../../../src/engine/model-config.ts'
import { temporaryFolder, tensorsOf, tinyConfig, tinyContent } from '../checkpoint/build.ts'

const small: ModelConfig = { ...tinyConfig, hiddenSize: 32, headDim: 16, intermediateSize: 48, rmsNormEps: 1e-5 }
const llama3 = { type: 'llama3', factor: 8, lowFreqFactor: 1, highFreqFactor: 4, originalMaxPositions: 8192 } as const
const yarn: RopeScaling = {
  type: 'yarn',
  ...{ factor: 4, originalMaxPositions: 16, betaFast: 16, betaSlow: 2 },
  ...{ truncate: true, attentionFactor: 0.1 * Math.log(4) + 1 },
}
const families: ModelConfig[] = [
  small,
  { ...small, family: 'llama', tiedEmbeddings: false, headDim: 64, rope: { theta: 500000, scaling: llama3 } },
  { ...small, family: 'qwen2', rope: { theta: 10000, scaling: yarn } },
  { ...small, family: 'smollm3', layers: 3 },
  {
    ...small,
    family: 'gemma3_text',
    attention: [
      { rope: { theta: 1000 }, window: 8 },
      { rope: { theta: 10000 }, window: 0 },
    ],
  },
]

async function opened(config: ModelConfig = small) {
  const folder = path.join(temporaryFolder(), 'model')
  await saveCheckpoint(folder, tinyContent(1, { config, weights: ({ shape }) => ramp(shape) }))
  return openCheckpoint(folder)
}

/** Numbers that differ and that float16 and bfloat16 hold. */
const ramp = (shape: readonly number[]) =>
  Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => ((i * 37) % 127) / 64 - 1)

async function written(config: ModelConfig, type: GgufFileType) {
  const checkpoint = await opened(config)
  const file = path.join(temporaryFolder(), 'model.gguf')
  await exportGguf(checkpoint, file, { type, name: 'tiny' })
  return { checkpoint, file }
}

describe('exportGguf', () => {
  it.each(families)('what it writes reads as what was written: $family', async (config) => {
    const { checkpoint, file } = await written(config, 'f32')
    const back = await openCheckpoint(file)
    expect(back.config).toEqual(checkpoint.config)
    expect(back.parallel).toEqual(checkpoint.parallel)
    expect(back.generation.eosTokenIds).toEqual([0])
    expect(back.chatTemplate?.source).toBe(checkpoint.chatTemplate?.source)
    const text = 'the theme, then 1212 <Path>\n日本</Path>'
    expect(back.tokenizer?.encode(text)).toEqual(checkpoint.tokenizer?.encode(text))
    expect(await tensorsOf(back)).toEqual(await tensorsOf(checkpoint))
  })

  it.each([
    // One frequency is between the plain ones and those that are divided by 8; the last is between, so none is divided by 8; none is between.
    { headDim: 16, theta: 10000, originalMaxPositions: 8192 },
    { headDim: 8, theta: 10000, originalMaxPositions: 8192 },
    { headDim: 16, theta: 1e12, originalMaxPositions: 65536 },
  ])('short heads keep the factors of llama3: $headDim, $theta', async ({ headDim, theta, originalMaxPositions }) => {
    const rope = { theta, scaling: { ...llama3, originalMaxPositions } }
    const { checkpoint, file } = await written({ ...small, family: 'llama', headDim, rope }, 'f32')
    const [before, after] = [checkpoint, await openCheckpoint(file)].map(({ config }) => [...ropeFactors(config)!])
    expect(before.length).toBe(headDim / 2)
    for (const [i, value] of after.entries()) expect(value).toBeCloseTo(before[i], 4)
  })

  it.each(ggufFileTypes.filter((type) => type !== 'f32'))('%s rounds the matrices and leaves the norms', async (type) => {
    const { checkpoint, file } = await written(small, type)
    const [before, after] = [await tensorsOf(checkpoint), await tensorsOf(await openCheckpoint(file))]
    const norm = 'model.layers.0.input_layernorm.weight'
    expect(after.get(norm)).toEqual(before.get(norm))
    const step = { f32: 0, f16: 0, bf16: 0, q8_0: 0.005, q4_0: 0.125 }[type]
    const name = 'model.layers.1.mlp.gate_proj.weight'
    const apart = before.get(name)!.map((value, i) => Math.abs(value - after.get(name)![i]))
    expect(Math.max(...apart)).toBeLessThanOrEqual(step)
    if (step > 0) expect(Math.max(...apart)).toBeGreaterThan(0)
    // 48 columns are no whole blocks: float16, which holds these numbers.
    expect(after.get('model.layers.1.mlp.down_proj.weight')).toEqual(before.get('model.layers.1.mlp.down_proj.weight'))
  })

  it('leaves the earlier file where the disk is full, and nothing beside it', async () => {
    const { checkpoint, file } = await written(small, 'f16')
    const before = readFileSync(file)
    let bytes = 0
    const ops: FileOps = {
      ...diskOps,
      async create(name) {
        const writer = await diskOps.create(name)
        return {
          ...writer,
          async write(data) {
            bytes += data.length
            if (bytes > 20_000) throw Object.assign(new Error('no space'), { code: 'ENOSPC' })
            await writer.write(data)
          },
        }
      },
    }
    const failed = exportGguf(checkpoint, file, { type: 'f32', name: 'tiny', ops })
    await expect(failed).rejects.toThrow(/could not save the GGUF file: the disk is full \(ENOSPC\)\. The previous file is still there/)
    expect(readFileSync(file).equals(before)).toBe(true)
    expect(readdirSync(path.dirname(file))).toEqual([path.basename(file)])
  })

  it('removes what a killed export left, and replaces nothing but GGUF files', async () => {
    const { checkpoint, file } = await written(small, 'f16')
    const left = path.join(path.dirname(file), `.${path.basename(file)}.tmp-999999999-0a0a0a0a0a0a`)
    writeFileSync(left, 'half a file')
    await exportGguf(checkpoint, file, { type: 'bf16', name: 'tiny' })
    expect(existsSync(left)).toBe(false)
    const notes = path.join(temporaryFolder(), 'notes.txt')
    writeFileSync(notes, 'my notes')
    await expect(exportGguf(checkpoint, notes, { type: 'f16', name: 'tiny' })).rejects.toThrow(
      'expected a GGUF file to replace, or a new name',
    )
    expect(readFileSync(notes, 'utf8')).toBe('my notes')
  })

  it('refuses numbers that the type cannot hold, naming the tensor', async () => {
    const folder = path.join(temporaryFolder(), 'large')
    await saveCheckpoint(folder, tinyContent(1, { weights: ({ shape }) => ramp(shape).map((value) => value * 1e5) }))
    const file = path.join(temporaryFolder(), 'large.gguf')
    const failed = exportGguf(await openCheckpoint(folder), file, { type: 'f16', name: 'large' })
    await expect(failed).rejects.toThrow(/tensor "token_embd.weight": expected finite numbers in F16, found -100000 at index 0/)
    expect(readdirSync(path.dirname(file))).toEqual([])
  })

  it.each<[string, Partial<ModelConfig>, RegExp]>([
    [
      'a scaled rotation of qwen3',
      { rope: { theta: 1e4, scaling: llama3 } },
      /rope_scaling: expected linear, dynamic, yarn, as llama.cpp computes qwen3, found "llama3"/,
    ],
    [
      'other layers of smollm3 without rotation',
      { family: 'smollm3', attention: [null, small.rope].map((rope) => ({ rope, window: 0 })) },
      /no_rope_layers: expected no rotation in every fourth layer and only there, as llama.cpp computes smollm3, found "layer 0"/,
    ],
    [
      'another damping of YaRN',
      { rope: { theta: 1e4, scaling: { ...yarn, attentionFactor: 1 } } },
      /rope_scaling.attention_factor: expected 1.138.*found 1/,
    ],
    ['another divisor of gemma3', { family: 'gemma3_text', queryScalar: 7 }, /query_pre_attn_scalar: expected 16/],
  ])('refuses %s', async (_, change, message) => {
    const checkpoint = await opened()
    const file = path.join(temporaryFolder(), 'no.gguf')
    const other = { ...checkpoint, config: { ...checkpoint.config, ...change } }
    await expect(exportGguf(other, file, { type: 'f32', name: 'no' })).rejects.toThrow(message)
    expect(existsSync(file)).toBe(false)
  })

  it('numbers of a type are those of quantize', async () => {
    const { file } = await written(small, 'q8_0')
    const bytes = Buffer.from(quantize('Q8_0', ramp([300, 32])))
    expect(readFileSync(file).includes(bytes)).toBe(true)
  })
})
