import { mkdirSync, renameSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { openCheckpoint } from '../../../src/engine/checkpoint/folder.ts'
import { identityOf } from '../../../src/engine/checkpoint/identity.ts'
import { type Family, familyNames } from '../../../src/engine/families/names.ts'
import { configJson, storedKey } from '../../../src/engine/gguf/config.ts'
import { dequantize } from '../../../src/engine/gguf/dequantize.ts'
import { readModel } from '../../../src/engine/gguf/files.ts'
import type { BlockType, GgufValue } from '../../../src/engine/gguf/types.ts'
import type { ModelConfig } from '../../../src/engine/model-config.ts'
import { temporaryFolder } from '../checkpoint/build.ts'
import { encode, type Parts, shard, tinyBlocks, tinyKeys, tinyLlama, tinyParts, tinyWeights } from './tiny.ts'

function write(parts: Parts, name = 'tiny.gguf'): string {
  const file = path.join(temporaryFolder(), name)
  writeFileSync(file, encode(parts))
  return file
}

async function readAll(file: string): Promise<Map<string, Float32Array>> {
  const { weights } = await openCheckpoint(file)
  const reader = await weights.open()
  const all = new Map<string, Float32Array>()
  for (const { name } of weights.specs) all.set(name, await reader.read(name))
  await reader.close()
  return all
}

/** Attention of a family whose layers differ, over 6 layers so that both kinds are there. */
const attentionOf: Partial<Record<Family, Partial<ModelConfig>>> = {
  smollm3: { layers: 6, attention: [1, 1, 1, 0, 1, 1].map((one) => ({ rope: one ? { theta: 10000 } : null, window: 0 })) },
  gemma3_text: {
    layers: 6,
    rope: { theta: 1e6 },
    attention: [1, 1, 1, 1, 1, 0].map((one) => ({ rope: { theta: one ? 10000 : 1e6 }, window: one ? 16 : 0 })),
  },
}

describe('a GGUF file', () => {
  it.each(familyNames)('of %s has the configuration and weights of the folder it was made from', async (family) => {
    for (const tiedEmbeddings of family === 'llama' || family === 'gemma3_text' ? [true, false] : [true]) {
      const config: ModelConfig = { ...tinyLlama, family, tiedEmbeddings, ...attentionOf[family] }
      const change: Record<string, GgufValue> = family === 'gemma3_text' ? { 'gemma3.attention.sliding_window': 16 } : {}
      const file = write(tinyParts(config, change))
      // Mistral has no name of its own in GGUF, and the same arithmetic.
      const expected = { ...config, family: family === 'mistral' ? 'llama' : family }
      expect((await openCheckpoint(file)).config).toEqual(expected)
      const round = (name: string, value: number) =>
        family === 'gemma3_text' && name.endsWith('norm.weight') ? Math.fround(Math.fround(value + 1) - 1) : value
      for (const [name, values] of await readAll(file)) {
        const original = tinyWeights(config).get(name)!
        expect(values, name).toEqual(original.map((value) => round(name, value)))
      }
    }
  })

  it.each<BlockType>(['F16', 'BF16', 'Q8_0', 'Q4_0', 'Q4_1', 'Q5_0', 'Q5_1'])(
    'in %s gives its blocks, which are its numbers',
    async (type) => {
      const { weights } = await openCheckpoint(write(tinyBlocks(type)))
      const reader = await weights.open()
      for (const { name, shape } of weights.specs) {
        const blocks = (await reader.readBlocks!(name))!
        expect(blocks.type).toBe(shape.length === 1 ? 'F32' : type)
        const values = new Float32Array(shape.reduce((a, b) => a * b))
        dequantize(blocks.type, blocks.bytes, values)
        expect(values, name).toEqual(await reader.read(name))
      }
      await reader.close()
    },
  )

  it('of gemma3 has norms without blocks: their numbers are changed', async () => {
    const config: ModelConfig = { ...tinyLlama, family: 'gemma3_text', ...attentionOf.gemma3_text }
    const reader = await (await openCheckpoint(write(tinyParts(config, { 'gemma3.attention.sliding_window': 16 })))).weights.open()
    expect(await reader.readBlocks!('model.norm.weight')).toBeUndefined()
    expect((await reader.readBlocks!('model.embed_tokens.weight'))?.type).toBe('F32')
    await reader.close()
  })

  it('says what ends a response, and how a model of ours thinks', async () => {
    const parallel = {
      attention: 'causal',
      tags: { parallel: 1, parallelEnd: 2, path: 3, pathEnd: 4, summary: 5, summaryEnd: 6, newline: [10], eos: [256] },
    }
    const {
      generation,
      parallel: read,
      tokenizer,
    } = await openCheckpoint(write(tinyParts(tinyLlama, { 'parallel_r1.json': JSON.stringify(parallel) })))
    expect(generation).toEqual({ eosTokenIds: [256], bosTokenId: 257 })
    expect(read?.attention).toBe('causal')
    expect(tokenizer!.decode(tokenizer!.encode('the end'))).toBe('the end')
  })

  it('is found in a folder, whatever its name, and in shards', async () => {
    const parts = tinyParts()
    const file = write(parts, 'a.gguf')
    const folder = path.dirname(file)
    const whole = await readAll(file)
    expect(await readAll(folder)).toEqual(whole)
    const hash = await (await identityOf(file))!.hash()
    renameSync(file, path.join(folder, 'b.gguf'))
    expect(await (await identityOf(folder))!.hash()).toBe(hash)
    writeFileSync(path.join(folder, 'mmproj-b.gguf'), '')
    expect(await readAll(folder)).toEqual(whole)
    writeFileSync(path.join(folder, 'c.gguf'), encode(parts))
    await expect(openCheckpoint(folder)).rejects.toThrow(
      /expected one GGUF model, found 2 \(b\.gguf, c\.gguf\)\. Name one of them: checkpoint: .*b\.gguf/,
    )

    const shards = shardsOf(parts)
    expect(await readAll(shards[0])).toEqual(whole)
    expect(await readAll(shards[1])).toEqual(whole)
    expect(await readAll(path.dirname(shards[0]))).toEqual(whole)
    const before = await (await identityOf(shards[0]))!.hash()
    const bytes = encode(shard(parts, 1))
    bytes[bytes.length - 1] ^= 1
    writeFileSync(shards[1], bytes)
    expect(await (await identityOf(shards[0]))!.hash()).not.toBe(before)
  })

  it('that was written anew since it was opened is not read', async () => {
    const file = write(tinyParts())
    const { weights } = await openCheckpoint(file)
    writeFileSync(file, encode(tinyBlocks('Q8_0')))
    await expect(weights.open()).rejects.toThrow(/written since/)
  })

  it('takes the factors of Llama 3.1 as what they are, and no others', async () => {
    const base: ModelConfig = { ...tinyLlama, headDim: 64, rope: { theta: 500000 } }
    // transformers 5.24, _compute_llama3_parameters (factor 8, low 1, high 4, context 8192): plain frequencies over scaled ones
    const factors = Float32Array.from({ length: 32 }, (_, i) => {
      const wave = 2 * Math.PI * 500000 ** ((2 * i) / 64)
      if (wave < 8192 / 4) return 1
      if (wave > 8192) return 8
      const smooth = (8192 / wave - 1) / 3
      return 1 / ((1 - smooth) / 8 + smooth)
    })
    const withFactors = (values: Float32Array) => {
      const parts = tinyParts(base)
      const data = new Uint8Array(values.buffer)
      return write({ ...parts, tensors: [...parts.tensors, { name: 'rope_freqs.weight', sizes: [values.length], type: 0, data }] })
    }
    expect((await openCheckpoint(withFactors(factors))).config.rope).toEqual({
      theta: 500000,
      scaling: { type: 'llama3', factor: 8, lowFreqFactor: 1, highFreqFactor: 4, originalMaxPositions: 8192 },
    })
    await expect(openCheckpoint(withFactors(factors.map((value, i) => value + (i === 20 ? 0.1 : 0))))).rejects.toThrow(
      /rope_freqs\.weight.*expected the factors of llama3/,
    )
    await expect(openCheckpoint(withFactors(factors.subarray(0, 8).slice()))).rejects.toThrow(
      /expected 32 numbers, half of a head, found 8/,
    )
  })

  it('scales by its keys, linearly or by YaRN', async () => {
    const change = { 'llama.rope.scaling.type': 'linear', 'llama.rope.scaling.factor': 4 }
    const open = (more: Record<string, GgufValue>) => openCheckpoint(write(tinyParts({ ...tinyLlama, family: 'gemma3_text' }, more)))
    const linear = await openCheckpoint(write(tinyParts(tinyLlama, change)))
    expect(linear.config.rope.scaling).toEqual({ type: 'linear', factor: 4 })
    const ramp = { 'llama.rope.scaling.type': 'yarn', 'llama.rope.scaling.original_context_length': 16 }
    const yarn = await openCheckpoint(write(tinyParts(tinyLlama, { ...change, ...ramp })))
    const usual = { betaFast: 32, betaSlow: 1, truncate: true, attentionFactor: 0.1 * Math.log(4) + 1 }
    expect(yarn.config.rope.scaling).toEqual({ type: 'yarn', factor: 4, originalMaxPositions: 16, ...usual })
    const { config } = await open({ 'gemma3.rope.scaling.type': 'linear', 'gemma3.rope.scaling.factor': 4 })
    expect(config.rope).toEqual({ theta: 10000, scaling: { type: 'linear', factor: 4 } })
  })
})

function shardsOf(parts: Parts): string[] {
  const folder = path.join(temporaryFolder(), 'shards')
  mkdirSync(folder)
  return [0, 1].map((no) => {
    const file = path.join(folder, `tiny-0000${no + 1}-of-00002.gguf`)
    writeFileSync(file, encode(shard(parts, no)))
    return file
  })
}

const scaled = (type: string, numbers: Record<string, number>) =>
  Object.fromEntries(Object.entries({ type, ...numbers }).map(([key, value]) => [`llama.rope.scaling.${key}`, value]))

describe('a GGUF file that asks for what is not computed is refused by name', () => {
  it.each<[string, Record<string, GgufValue | undefined>]>([
    ['general.architecture: expected llama, qwen2, qwen3, smollm3, gemma3, found "mamba"', { 'general.architecture': 'mamba' }],
    ['llama.expert_count: expected 0, found 8', { 'llama.expert_count': 8 }],
    ['llama.attention.sliding_window: expected 64 or more', { 'llama.attention.sliding_window': 16 }],
    ['llama.attention.head_count: expected one number for all layers', { 'llama.attention.head_count': Int32Array.of(4, 4) }],
    ['llama.attention.value_length: expected 8', { 'llama.attention.value_length': 16 }],
    ['llama.rope.dimension_count: expected 8, the whole head', { 'llama.rope.dimension_count': 4 }],
    ['llama.rope.scaling.type: expected none, linear or yarn, found "longrope"', { 'llama.rope.scaling.type': 'longrope' }],
    ['llama.attention.scale', { 'llama.attention.scale': 0.5 }],
    ['llama.block_count: expected an integer from 1 to 1024, found 2000', { 'llama.block_count': 2000 }],
    ['llama.embedding_length: expected an integer from 1 to 131072', { 'llama.embedding_length': 2 ** 20 }],
    ['llama.context_length: expected an integer from 1 to', { 'llama.context_length': 2 ** 26 }],
    ['llama.attention.head_count_kv: expected a divisor of the 4 attention heads, found 3', { 'llama.attention.head_count_kv': 3 }],
    [
      'llama.attention.key_length: expected an even number',
      { 'llama.attention.key_length': 7, 'llama.attention.value_length': 7, 'llama.rope.dimension_count': 7 },
    ],
    ['llama.attention.layer_norm_rms_epsilon: expected a number between 0 and 1', { 'llama.attention.layer_norm_rms_epsilon': 2 }],
    ['llama.rope.freq_base: expected a number above 0', { 'llama.rope.freq_base': -0.5 }],
    ['llama.rope.scaling.factor: expected a number of at least 1, found 0.5', scaled('linear', { factor: 0.5 })],
    ['llama.rope.scaling.yarn_beta_slow: expected a number of at most', scaled('yarn', { factor: 2, yarn_beta_slow: 99 })],
    [
      'llama.rope.scaling.original_context_length: expected a whole number of at most 2^25',
      scaled('yarn', { factor: 2, original_context_length: 2 ** 26 }),
    ],
    ['llama.block_count: expected a whole number, 1 or more, found nothing', { 'llama.block_count': undefined }],
    ['tokenizer.ggml.model: expected gpt2', { 'tokenizer.ggml.model': 'rwkv' }],
  ])('%s', async (message, change) => {
    const file = write({ ...tinyParts(), keys: tinyKeys(tinyLlama, change) })
    await expect(openCheckpoint(file)).rejects.toThrow(`${file}: ${message}`)
  })

  it('a type of tensor', async () => {
    const parts = tinyParts()
    parts.tensors[3] = { ...parts.tensors[3], type: 23 }
    await expect(openCheckpoint(write(parts))).rejects.toThrow(
      /tensor "blk\.0.*expected one of the types F32, .*Q6_K, found IQ4_XS\. Use a file/,
    )
  })

  it('a tensor of another family', async () => {
    const parts = tinyParts()
    const extra = { name: 'blk.0.attn_q.bias', sizes: [32], type: 0, data: new Uint8Array(128) }
    await expect(openCheckpoint(write({ ...parts, tensors: [...parts.tensors, extra] }))).rejects.toThrow(
      /attn_q\.bias.*only the tensors of a llama model/,
    )
  })

  it('a vocabulary without weights', async () => {
    await expect(openCheckpoint(write({ ...tinyParts(), tensors: [] }))).rejects.toThrow(/It holds a vocabulary only/)
  })
})

describe('storedKey', () => {
  it.each<[Family, Record<string, GgufValue>]>([
    ['llama', scaled('yarn', { factor: 2, original_context_length: 32, yarn_beta_fast: 32, yarn_beta_slow: 1 })],
    ['gemma3_text', { 'gemma3.attention.sliding_window': 16, 'gemma3.rope.freq_base_swa': 10000 }],
  ])('names every key of the config.json of %s as the file does', (family, change) => {
    const header = readModel([write(tinyParts({ ...tinyLlama, family, maxPositions: 64 }, change))])
    const named = storedKey(header)
    const dotted = (json: object, prefix = ''): string[] =>
      Object.entries(json).flatMap(([key, value]) => (value?.constructor === Object ? dotted(value, `${prefix}${key}.`) : [prefix + key]))
    const keys = dotted(configJson(header)).filter((key) => key !== 'tie_word_embeddings')
    expect(keys.length).toBeGreaterThan(12)
    for (const key of keys) expect([...header.metadata.keys(), ...header.tensors.keys(), absent], key).toContain(named(key))
  })
})

/** The pattern of gemma3's layers is built into llama.cpp. */
const absent = 'gemma3.attention.sliding_window_pattern'
