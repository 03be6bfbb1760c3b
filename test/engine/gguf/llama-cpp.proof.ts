import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openCheckpoint, saveCheckpoint } from '../../../src/engine/checkpoint/folder.ts'
import { randomWeights } from '../../../src/engine/checkpoint/init.ts'
import type { Tokenizer } from '../../../src/engine/checkpoint/tokenizer.ts'
import { exportGguf, type GgufFileType } from '../../../src/engine/gguf/export.ts'
import { openEngine } from '../../../src/engine/open.ts'
import type { Engine, Model, ModelConfig } from '../../../src/engine/types.ts'
import { tags, tinyContent } from '../checkpoint/tiny.ts'

/**
 * llama.cpp loads what `pr1-export` writes and gives the same: log-probabilities, greedy tokens, ids of texts, the tags as one token
 * each. PR1_LLAMA_CPP names a folder where node-llama-cpp is installed (npm install node-llama-cpp@3.22.1).
 */

const home = process.env.PR1_LLAMA_CPP
if (!home) console.warn('skipped: PR1_LLAMA_CPP names no folder with node-llama-cpp')

interface LlamaSequence {
  controlledEvaluate(input: unknown[]): Promise<({ next: { probabilities: Map<number, number> } } | undefined)[]>
  evaluate(ids: readonly number[], options: { temperature: number }): AsyncIterable<number>
  clearHistory(): Promise<void>
}

interface LlamaModel {
  tokenize(text: string, special: boolean): number[]
  detokenize(ids: readonly number[], special: boolean): string
  createContext(options: object): Promise<{ getSequence(): LlamaSequence }>
  dispose(): Promise<void>
}

interface Llama {
  loadModel(options: { modelPath: string }): Promise<LlamaModel>
  dispose(): Promise<void>
}

const countdown = fileURLToPath(new URL('../../../suites/countdown/checkpoints/parallel', import.meta.url))

const base: Omit<ModelConfig, 'family'> = {
  ...{ vocabSize: 300, hiddenSize: 64, layers: 4, heads: 4, kvHeads: 2, headDim: 16, intermediateSize: 96 },
  ...{ rmsNormEps: 1e-5, rope: { theta: 10000 }, tiedEmbeddings: false, maxPositions: 256 },
}
const llama3 = { theta: 500000, scaling: { type: 'llama3', factor: 8, lowFreqFactor: 1, highFreqFactor: 4, originalMaxPositions: 64 } } as const
const linear = { theta: 10000, scaling: { type: 'linear', factor: 4 } } as const
const turns = (layer: number) => ((layer + 1) % 4 === 0 ? null : base.rope)
const window = (layer: number) => (layer % 2 === 0 ? { rope: { theta: 1000 }, window: 8 } : { rope: base.rope, window: 0 })

/** Models of random weights, every family and what is its own. */
const random: Record<string, ModelConfig> = {
  llama: { ...base, family: 'llama' },
  'llama with scaled rotation': { ...base, family: 'llama', rope: llama3, tiedEmbeddings: true },
  mistral: { ...base, family: 'mistral' },
  qwen2: { ...base, family: 'qwen2' },
  qwen3: { ...base, family: 'qwen3', headDim: 32, rope: linear },
  smollm3: { ...base, family: 'smollm3', attention: Array.from({ length: 4 }, (_, layer) => ({ rope: turns(layer), window: 0 })) },
  gemma3: { ...base, family: 'gemma3_text', tiedEmbeddings: true, attention: Array.from({ length: 4 }, (_, layer) => window(layer)) },
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

describe.skipIf(!home)('llama.cpp', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'pr1-llama-cpp-'))
  let llama: Llama
  let engine: Engine

  beforeAll(async () => {
    const entry = pathToFileURL(path.join(home!, 'node_modules/node-llama-cpp/dist/index.js')).href
    const { getLlama } = await import(entry)
    llama = await getLlama({ gpu: false, build: 'never', logLevel: 'error' })
    engine = await openEngine({ device: 'cpu', precision: 'f32' })
  })

  afterAll(async () => {
    await llama?.dispose()
    await engine?.dispose()
    rmSync(folder, { recursive: true, force: true })
  })

  /** The exported model in both engines; the cache of llama.cpp in float32, too. */
  async function both(checkpointFolder: string, type: GgufFileType, pre?: string) {
    const checkpoint = await openCheckpoint(checkpointFolder)
    const file = path.join(folder, `${path.basename(checkpointFolder)}-${type}.gguf`)
    await exportGguf(checkpoint, file, { type, name: 'test', pre })
    const theirs = await llama.loadModel({ modelPath: file })
    const cache = { experimentalKvCacheKeyType: 'F32', experimentalKvCacheValueType: 'F32' }
    const context = await theirs.createContext({ contextSize: 128, flashAttention: false, ...cache })
    return { theirs, sequence: context.getSequence(), ours: await engine.load(checkpoint), tokenizer: checkpoint.tokenizer! }
  }

  async function logprobsApart(ours: Model, sequence: LlamaSequence, ids: readonly number[]): Promise<number> {
    const positions = Int32Array.from(ids, (_, i) => i)
    const { logprobs } = await ours.forward({ ids: Int32Array.from(ids), positions, bounds: Int32Array.of(0, ids.length) }, { keep: false })
    await sequence.clearHistory()
    const wanted = { generateNext: { probabilities: true, options: { temperature: 1 } } }
    const outputs = await sequence.controlledEvaluate(ids.map((id) => [id, wanted]))
    const apart = ids.slice(1).map((id, i) => Math.abs(Math.log(outputs[i]!.next.probabilities.get(id)!) - logprobs[i]))
    return Math.max(...apart)
  }

  async function greedy(ours: Model, prompt: readonly number[], count: number): Promise<number[]> {
    const sequence = ours.create()
    const found: number[] = []
    for (let next = [...prompt], at = 0; found.length < count; ) {
      const positions = next.map((_, i) => at + i)
      at += next.length
      const [{ id }] = await ours.step([{ sequence, ids: next, positions, sampling: { temperature: 0, seed: 1, stream: 0 } }])
      found.push(id)
      next = [id]
    }
    ours.free(sequence)
    return found
  }

  async function greedyOfTheirs(sequence: LlamaSequence, prompt: readonly number[], count: number): Promise<number[]> {
    await sequence.clearHistory()
    const found: number[] = []
    for await (const id of sequence.evaluate(prompt, { temperature: 0 })) {
      found.push(id)
      if (found.length === count) break
    }
    return found
  }

  function expectTags(theirs: LlamaModel, tokenizer: Tokenizer): void {
    const ids = tags.map((tag) => tokenizer.idOf(tag)!)
    for (const special of [true, false]) expect(theirs.tokenize(tags.join(''), special)).toEqual(ids)
    expect(theirs.detokenize(ids, false)).toBe(tags.join(''))
  }

  it.each([
    ['f32', 2e-4],
    ['f16', 0.05],
  ] as const)('gives the tokens of the Countdown model in %s', async (type, most) => {
    expect(existsSync(countdown)).toBe(true)
    const { ours, theirs, sequence, tokenizer } = await both(countdown, type, 'gpt-2')
    expectTags(theirs, tokenizer)
    const prompt = tokenizer.encode('Use 3, 5, 7 and 11 to make 24.\n')
    const answer = await greedy(ours, prompt, 40)
    expect(await greedyOfTheirs(sequence, prompt, answer.indexOf(tokenizer.idOf('<|endoftext|>')!) + 1 || 40)).toEqual(
      answer.slice(0, answer.indexOf(tokenizer.idOf('<|endoftext|>')!) + 1 || 40),
    )
    expect(await logprobsApart(ours, sequence, [...prompt, ...answer])).toBeLessThan(most)
    await ours.dispose()
    await theirs.dispose()
  })

  it.each(Object.keys(random))('gives the log-probabilities and tokens of %s', async (name) => {
    const config = random[name]
    const saved = path.join(folder, name.replaceAll(' ', '-'))
    await saveCheckpoint(saved, tinyContent(1, { config, weights: weightsOf(config) }))
    const { ours, theirs, sequence, tokenizer } = await both(saved, 'f32')
    expectTags(theirs, tokenizer)
    const text = 'The theme of 12 in 1212 isn’t new:\n  there, then “thé” 日本 '
    const prompt = tokenizer.encode(text)
    expect(theirs.tokenize(text, true)).toEqual(prompt)
    expect(await logprobsApart(ours, sequence, prompt)).toBeLessThan(1e-3)
    expect(await greedyOfTheirs(sequence, prompt, 20)).toEqual(await greedy(ours, prompt, 20))
    await ours.dispose()
    await theirs.dispose()
  })
})
