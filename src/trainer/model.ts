/**
 * The model a run starts with: from scratch by its sizes and a tokenizer, or from a Hugging Face folder. The six tags
 * are added where the tokenizer lacks them. A new tag's row in the embedding (and in an untied head) becomes the mean
 * of the rows of its text's pieces: distinct from the start, where unused rows are untrained and often all equal.
 */

import { ChatTemplate } from '../engine/checkpoint/chat-template.ts'
import { openCheckpoint } from '../engine/checkpoint/folder.ts'
import { randomWeights } from '../engine/checkpoint/init.ts'
import { Tokenizer } from '../engine/checkpoint/tokenizer.ts'
import { grownWeights } from '../engine/checkpoint/weights.ts'
import { ConfigError } from '../engine/errors.ts'
import { modelSpec } from '../engine/families/index.ts'
import { parametersOf } from '../engine/spec.ts'
import type { Engine, LoadOptions, Model, ModelConfig } from '../engine/types.ts'
import { checkpointFolder } from '../hub/place.ts'
import { withLoadingBar } from '../providers/loading.ts'
import { agreedTags, TAG_TOKENS, tagIdsFrom } from '../thinking/tags.ts'
import type { Architecture, ModelSource } from './config.ts'
import type { Session } from './recipe.ts'

export interface OpenedModel {
  model: Model
  checkpoint: Session['checkpoint']
  /** What it was made from, for provenance: `scratch`, or the hash of a checkpoint's identity, which is read when asked for. */
  base(): Promise<string>
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
  return { model, checkpoint, base: async () => 'scratch' }
}

async function fromCheckpoint(engine: Engine, source: ModelSource, options: LoadOptions): Promise<OpenedModel> {
  const { weights, identity, ...read } = await openCheckpoint(await checkpointFolder(source.checkpoint!))
  const { folder, generation } = read
  if (!read.tokenizer) throw new ConfigError(`${folder} has no tokenizer.json. Training needs one: put it beside config.json.`)
  if (generation.eosTokenIds.length === 0) {
    throw new ConfigError(`${folder} names no end of a response. Set eos_token_id in its generation_config.json.`)
  }
  const { tokenizer: plain } = read
  if (read.parallel) agreedTags(read.parallel.tags, plain, `${folder}/parallel_r1.json`)
  const tokenizer = plain.withAddedTokens(TAG_TOKENS)
  const config = { ...read.config, vocabSize: Math.max(read.config.vocabSize, tokenizer.vocabSize) }
  const grown = { folder, config, weights: grownWeights(weights, parametersOf(modelSpec(config))) }
  const model = await engine.load(withLoadingBar(grown), options)
  const added = TAG_TOKENS.filter((tag) => plain.idOf(tag) === undefined)
  initialiseTags(model, new Map(added.map((tag) => [tokenizer.idOf(tag)!, plain.encode(tag)])))
  const attention = source.attention ?? read.parallel?.attention ?? 'structured'
  const parallel = { ...read.parallel, attention, tags: tagIdsFrom(tokenizer, generation.eosTokenIds) }
  return { model, checkpoint: { ...read, config, tokenizer, parallel }, base: identity.hash }
}

/** Sets the row of each id to the mean of the rows of its pieces. */
function initialiseTags(model: Model, tags: ReadonlyMap<number, readonly number[]>): void {
  if (tags.size === 0) return
  const { hiddenSize, embedding, head } = modelSpec(model.config)
  for (const { name } of new Set([embedding.weight, head])) {
    const rows = model.read(name)
    for (const [id, pieces] of tags) {
      const row = new Float64Array(hiddenSize)
      for (const piece of pieces) for (let c = 0; c < hiddenSize; c++) row[c] += rows[piece * hiddenSize + c] / pieces.length
      rows.set(row, id * hiddenSize)
    }
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
