/** The model a run starts with: from scratch by its sizes and a tokenizer, or from a checkpoint. The six tags are added where they are missing. */

import { merged } from '../engine/adapters/merge.ts'
import { ChatTemplate } from '../engine/checkpoint/chat-template.ts'
import { openCheckpoint } from '../engine/checkpoint/folder.ts'
import { randomWeights } from '../engine/checkpoint/init.ts'
import { Tokenizer } from '../engine/checkpoint/tokenizer.ts'
import { ConfigError } from '../engine/errors.ts'
import type { Engine, LoadOptions, Model, ModelConfig } from '../engine/types.ts'
import { checkpointPlaces } from '../hub/place.ts'
import { withLoadingBar } from '../providers/loading.ts'
import { withTags } from '../tags/tagged.ts'
import { TAG_TOKENS, tagIdsFrom } from '../thinking/tags.ts'
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
  const { folder, base } = await checkpointPlaces(source.checkpoint!, source.base)
  const opened = merged(await openCheckpoint(folder, { base }))
  const { weights, identity, ...checkpoint } = withTags(opened, { attention: source.attention }).checkpoint
  const model = await engine.load(withLoadingBar({ ...checkpoint, weights }), options)
  return { model, checkpoint, base: identity.hash }
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
