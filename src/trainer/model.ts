/**
 * The model a run starts with: from scratch by its sizes and a tokenizer, or from a Hugging Face folder. The six tags
 * are added where the tokenizer lacks them. A new tag's row in the embedding (and in an untied head) becomes the mean
 * of the rows of its text's pieces: distinct from the start, where unused rows are untrained and often all equal.
 */

import { ChatTemplate } from '../engine/checkpoint/chat-template.ts'
import { type Checkpoint, loadTensors, readCheckpoint } from '../engine/checkpoint/folder.ts'
import { randomWeights } from '../engine/checkpoint/init.ts'
import { Tokenizer } from '../engine/checkpoint/tokenizer.ts'
import { ConfigError } from '../engine/errors.ts'
import { modelSpec } from '../engine/families/index.ts'
import type { Engine, LoadOptions, Model, ModelConfig } from '../engine/types.ts'
import { TAG_TOKENS, tagIdsFrom } from '../thinking/tags.ts'
import type { Architecture, ModelSource } from './config.ts'
import type { Session } from './recipe.ts'

export interface OpenedModel {
  model: Model
  checkpoint: Session['checkpoint']
  /** What it was made from, for provenance. */
  base: string
}

export function openModel(engine: Engine, source: ModelSource, seed: number, options: LoadOptions): Promise<OpenedModel> {
  const load = { ...options, train: true }
  return source.init ? fromScratch(engine, source, seed, load) : fromCheckpoint(engine, source, load)
}

async function fromScratch(engine: Engine, source: ModelSource, seed: number, options: LoadOptions): Promise<OpenedModel> {
  const { tokenizer: folder, architecture } = source.init!
  const tokenizer = Tokenizer.load(folder).withAddedTokens(TAG_TOKENS)
  const eos = idOfSpecial(tokenizer, 'eos_token')
  if (eos === undefined) {
    throw new ConfigError(`The tokenizer of ${folder} names no eos_token, so no response could end. Add it to tokenizer_config.json.`)
  }
  const config = modelConfig(architecture, tokenizer)
  const bos = idOfSpecial(tokenizer, 'bos_token')
  const model = await engine.create(config, randomWeights(seed, config, architecture.initializerRange), options)
  const checkpoint = {
    folder,
    config,
    tokenizer,
    chatTemplate: ChatTemplate.load(folder),
    generation: { eosTokenIds: [eos], ...(bos !== undefined && { bosTokenId: bos }) },
    parallel: { attention: source.attention ?? 'structured', tags: tagIdsFrom(tokenizer, [eos]) },
  }
  return { model, checkpoint, base: 'scratch' }
}

async function fromCheckpoint(engine: Engine, source: ModelSource, options: LoadOptions): Promise<OpenedModel> {
  const folder = source.checkpoint!
  const read = await readCheckpoint(folder)
  if (!read.tokenizer) throw new ConfigError(`${folder} has no tokenizer.json. Training needs one: put it beside config.json.`)
  if (read.generation.eosTokenIds.length === 0) {
    throw new ConfigError(`${folder} names no end of a response. Set eos_token_id in its generation_config.json.`)
  }
  const tokenizer = read.tokenizer.withAddedTokens(TAG_TOKENS)
  const added = TAG_TOKENS.filter((tag) => read.tokenizer!.idOf(tag) === undefined)
  const config = { ...read.config, vocabSize: Math.max(read.config.vocabSize, tokenizer.vocabSize) }
  const grown = config.vocabSize > read.config.vocabSize
  const model = grown ? await loadGrown(engine, read, config, options) : await engine.load(folder, options)
  for (const tag of added) initialiseTag(model, tokenizer.idOf(tag)!, read.tokenizer.encode(tag))
  const attention = source.attention ?? read.parallel?.attention ?? 'structured'
  const parallel = { ...read.parallel, attention, tags: tagIdsFrom(tokenizer, read.generation.eosTokenIds) }
  return { model, checkpoint: { ...read, config, tokenizer, parallel }, base: folder }
}

/** The same weights with more rows of zeros in embedding and head; the whole model is in memory twice for a moment. */
async function loadGrown(engine: Engine, read: Checkpoint, config: ModelConfig, options: LoadOptions): Promise<Model> {
  const tensors = new Map<string, Float32Array>()
  for await (const { spec, data } of loadTensors(read.folder, read.config, { train: true })) tensors.set(spec.name, data)
  return engine.create(
    config,
    ({ name, shape }) => {
      const data = tensors.get(name)!
      const size = shape.reduce((a, b) => a * b, 1)
      if (data.length === size) return data
      const larger = new Float32Array(size)
      larger.set(data)
      return larger
    },
    options,
  )
}

/** Sets the rows of token `id` to the mean of the rows of `pieces`. */
function initialiseTag(model: Model, id: number, pieces: readonly number[]): void {
  const { hiddenSize, embedding, head } = modelSpec(model.config)
  for (const { name } of new Set([embedding.weight, head])) {
    const rows = model.read(name)
    const row = new Float64Array(hiddenSize)
    for (const piece of pieces) for (let c = 0; c < hiddenSize; c++) row[c] += rows[piece * hiddenSize + c] / pieces.length
    rows.set(row, id * hiddenSize)
    model.write(name, rows)
  }
}

function modelConfig(architecture: Architecture, tokenizer: Tokenizer): ModelConfig {
  const { ropeTheta, initializerRange: _, vocabSize = tokenizer.vocabSize, ...sizes } = architecture
  if (vocabSize < tokenizer.vocabSize) {
    throw new ConfigError(
      `vocabSize ${vocabSize} is too small for the tokenizer with its tags. Use ${tokenizer.vocabSize}, or leave it out.`,
    )
  }
  return { ...sizes, vocabSize, rope: { theta: ropeTheta } }
}

function idOfSpecial(tokenizer: Tokenizer, role: string): number | undefined {
  const token = tokenizer.specialTokens[role]
  return token === undefined ? undefined : tokenizer.idOf(token)
}
