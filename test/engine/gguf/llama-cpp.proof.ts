import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openCheckpoint, saveCheckpoint } from '../../../src/engine/checkpoint/folder.ts'
import { randomWeights } from '../../../src/engine/checkpoint/init.ts'
import { exportGguf, type GgufFileType, ggufFileTypes } from '../../../src/engine/gguf/export.ts'
import type { ModelConfig, RopeConfig } from '../../../src/engine/model-config.ts'
import { openEngine } from '../../../src/engine/open.ts'
import type { Engine, Model } from '../../../src/engine/types.ts'
import { tags, tinyContent } from '../checkpoint/tiny.ts'
import { askLlamaCpp, llamaCppHome } from './llama-cpp.ts'

/**
 * llama.cpp loads what `pr1-export` writes and gives the same: log-probabilities, greedy tokens, ids of texts, the tags as one token
 * each. PR1_LLAMA_CPP names a folder where node-llama-cpp is installed (npm install node-llama-cpp@3.22.1).
 */

const countdown = fileURLToPath(new URL('../../../suites/countdown/checkpoints/parallel-10', import.meta.url))

const base: Omit<ModelConfig, 'family'> = {
  ...{ vocabSize: 300, hiddenSize: 64, layers: 4, heads: 4, kvHeads: 2, headDim: 16, intermediateSize: 96 },
  ...{ rmsNormEps: 1e-5, rope: { theta: 10000 }, tiedEmbeddings: false, maxPositions: 256 },
}
const llama3 = {
  theta: 10000,
  scaling: { type: 'llama3', factor: 8, lowFreqFactor: 1, highFreqFactor: 4, originalMaxPositions: 64 },
} as const
const linear = { theta: 10000, scaling: { type: 'linear', factor: 4 } } as const
const yarn: RopeConfig = {
  theta: 10000,
  scaling: {
    type: 'yarn',
    factor: 4,
    originalMaxPositions: 64,
    betaFast: 32,
    betaSlow: 1,
    truncate: true,
    attentionFactor: 0.1 * Math.log(4) + 1,
  },
}
const turns = (layer: number) => ((layer + 1) % 4 === 0 ? null : base.rope)
const window = (layer: number) => (layer % 2 === 0 ? { rope: { theta: 1000 }, window: 8 } : { rope: linear, window: 0 })

/** Models of random weights, every family and what is its own. */
const random: Record<string, ModelConfig> = {
  llama: { ...base, family: 'llama' },
  'llama with scaled rotation': { ...base, family: 'llama', rope: llama3, tiedEmbeddings: true },
  mistral: { ...base, family: 'mistral' },
  qwen2: { ...base, family: 'qwen2', rope: linear },
  qwen3: { ...base, family: 'qwen3', headDim: 32, rope: yarn },
  smollm3: { ...base, family: 'smollm3', attention: Array.from({ length: 4 }, (_, layer) => ({ rope: turns(layer), window: 0 })) },
  gemma3: {
    ...base,
    family: 'gemma3_text',
    rope: linear,
    tiedEmbeddings: true,
    attention: Array.from({ length: 4 }, (_, layer) => window(layer)),
  },
}

/** Weights larger than those of a start: rotations, norms and biases must show, and ties be rare. */
function weightsOf(config: ModelConfig) {
  const normal = randomWeights(7, config)
  return (spec: Parameters<typeof normal>[0]) => {
    const data = normal({ ...spec, initial: 'normal' })
    const isNorm = spec.initial === 'ones'
    return data.map((value) => (isNorm ? 1 + 5 * value : 8 * value))
  }
}

describe.skipIf(!llamaCppHome)('llama.cpp', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'pr1-llama-cpp-'))
  let engine: Engine
  let stored: Engine

  beforeAll(async () => {
    engine = await openEngine({ device: 'cpu', precision: 'f32' })
    stored = await openEngine({ device: 'cpu', precision: 'stored' })
  })

  afterAll(async () => {
    await engine?.dispose()
    await stored?.dispose()
    rmSync(folder, { recursive: true, force: true })
  })

  async function greedy(model: Model, prompt: readonly number[], count: number, end: number): Promise<number[]> {
    const sequence = model.create()
    const found: number[] = []
    for (let next = [...prompt], at = 0; found.length < count && found.at(-1) !== end; ) {
      const positions = next.map((_, i) => at + i)
      at += next.length
      const [{ id }] = await model.step([{ sequence, ids: next, positions, sampling: { temperature: 0, seed: 1, stream: 0 } }])
      found.push(id)
      next = [id]
    }
    model.free(sequence)
    return found
  }

  /** Each id of a text after those before it. */
  async function score(model: Model, ids: readonly number[]): Promise<Float32Array> {
    const positions = Int32Array.from(ids, (_, i) => i)
    const batch = { ids: Int32Array.from(ids), positions, bounds: Int32Array.of(0, ids.length) }
    return (await model.forward(batch, { keep: false })).logprobs
  }

  /** The largest difference of log-probabilities, after all that must be equal. */
  async function compare(saved: string, type: GgufFileType, text: string, pre?: string): Promise<number> {
    const checkpoint = await openCheckpoint(saved)
    const file = path.join(folder, `${path.basename(saved)}-${type}.gguf`)
    await exportGguf(checkpoint, file, { type, name: 'test', pre })
    const tokenizer = checkpoint.tokenizer!
    const model = await engine.load(checkpoint)
    const prompt = tokenizer.encode(text)
    const answer = await greedy(model, prompt, 30, checkpoint.generation.eosTokenIds[0])
    const scored = [...prompt, ...answer]
    const logprobs = await score(model, scored)
    await model.dispose()
    const tagIds = tags.map((tag) => tokenizer.idOf(tag)!)
    const theirs = askLlamaCpp(file, { texts: [tags.join(''), text], tags: tagIds, scored: [scored], prompt, count: answer.length })
    expect(theirs.ids[0]).toEqual(tagIds)
    expect([theirs.tagIds, theirs.tagText]).toEqual([tagIds, tags.join('')])
    if (pre === undefined) expect(theirs.ids[1]).toEqual(prompt)
    expect(theirs.greedy).toEqual(answer.filter((id) => !checkpoint.generation.eosTokenIds.includes(id)))
    return Math.max(...theirs.logprobs[0].map((logprob, i) => Math.abs(logprob - logprobs[i])))
  }

  it.each([
    ['f32', 1e-4],
    ['f16', 0.01],
  ] as const)('gives the tokens of the Countdown model in %s', async (type, most) => {
    const apart = await compare(countdown, type, 'Use 11, 9, 10 once each with + - * / to make 30.', 'gpt-2')
    console.log(`Countdown, ${type}: log-probabilities at most ${apart} apart`)
    expect(apart).toBeLessThan(most)
  })

  it.each(Object.keys(random))('gives the log-probabilities and tokens of %s', async (name) => {
    const config = random[name]
    const saved = path.join(folder, name.replaceAll(' ', '-'))
    await saveCheckpoint(saved, tinyContent(1, { config, weights: weightsOf(config) }))
    const apart = await compare(saved, 'f32', 'The theme of 12 in 1212 isn’t new:\n  there, then “thé” 日本 ')
    console.log(`${name}: log-probabilities at most ${apart} apart`)
    // Its GELU is a table of float16 numbers there.
    expect(apart).toBeLessThan(config.family === 'gemma3_text' ? 5e-3 : 1e-4)
  })

  // Ours keeps the file's blocks and rows in float32. llama.cpp rounds the rows, to 16 bits in f16 and bf16, to 8 bits in the others.
  const most = { f32: 1e-5, f16: 0.005, bf16: 0.03, q8_0: 0.1, q4_0: 0.1 } satisfies Record<GgufFileType, number>

  it.each(Object.keys(random))('gives the log-probabilities of files of every type of %s', async (name) => {
    const config = random[name]
    const saved = path.join(folder, `${name.replaceAll(' ', '-')}-types`)
    await saveCheckpoint(saved, tinyContent(1, { config, weights: weightsOf(config) }))
    for (const type of ggufFileTypes) {
      const file = `${saved}-${type}.gguf`
      await exportGguf(await openCheckpoint(saved), file, { type, name: 'test' })
      const checkpoint = await openCheckpoint(file)
      const model = await stored.load(checkpoint)
      const scored = checkpoint.tokenizer!.encode('The theme of 12 in 1212 isn’t new:\n  there, then “thé” 日本 '.repeat(2))
      const ours = await score(model, scored)
      await model.dispose()
      const [theirs] = askLlamaCpp(file, { scored: [scored] }).logprobs
      const apart = rms(theirs.map((logprob, i) => logprob - ours[i]))
      console.log(`${name}, ${type}: ${theirs.length} log-probabilities ${apart} nats apart, rms`)
      expect(apart).toBeLessThan(type === 'f32' && config.family === 'gemma3_text' ? 2e-3 : most[type])
    }
  })
})

const rms = (values: readonly number[]) => Math.sqrt(values.reduce((sum, one) => sum + one * one, 0) / values.length)
