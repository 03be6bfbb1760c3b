/** The model a run starts with: from scratch by its sizes and a tokenizer, or from a checkpoint. The tags are added where they are missing. */

import path from 'node:path'
import { merged } from '../../engine/adapters/merge.ts'
import { isAdapterFolder } from '../../engine/adapters/read.ts'
import { ChatTemplate } from '../../engine/checkpoint/chat-template.ts'
import { noCheckpoint } from '../../engine/checkpoint/elsewhere.ts'
import { type CheckpointInfo, openCheckpoint, type ParallelInfo } from '../../engine/checkpoint/folder.ts'
import { identityOf } from '../../engine/checkpoint/identity.ts'
import { randomWeights } from '../../engine/checkpoint/init.ts'
import { Tokenizer } from '../../engine/checkpoint/tokenizer.ts'
import { ConfigError } from '../../engine/errors.ts'
import type { ModelConfig } from '../../engine/model-config.ts'
import type { Engine, EngineInfo, LoadOptions, Model } from '../../engine/types.ts'
import { checkpointPlaces } from '../../hub/place.ts'
import { withLoadingBar } from '../../providers/loading.ts'
import { withTags } from '../../tags/tagged.ts'
import { tagIdsFrom, wantedTags } from '../../thinking/tags.ts'
import type { Architecture, LoraConfig, ModelSource } from '../config/config.ts'
import { openAdapters, type TrainedAdapters } from './lora.ts'

/** As the provider would have read it from a folder. */
export interface SessionCheckpoint extends CheckpointInfo {
  tokenizer: Tokenizer
  parallel: ParallelInfo
}

export interface OpenedModel {
  model: Model
  checkpoint: SessionCheckpoint
  /** Where adapters train: they, how the engine holds the weights below them, and the hash of those. */
  trained?: TrainedAdapters
  info?: EngineInfo
  below?(): Promise<string>
  /** What it was made from, for provenance: `scratch`, or the hash of a checkpoint's identity, which is read when asked for. */
  base(): Promise<string>
}

/** `load.train`: whether it is trained, as a model is unless it says otherwise. */
export function openModel(engine: Engine, source: ModelSource, seed: number, options: LoadOptions): Promise<OpenedModel> {
  const load = { train: true, ...options }
  if (source.init) return fromScratch(engine, source, seed, load)
  return source.lora ? withAdapters(engine, source, source.lora, seed, load) : fromCheckpoint(engine, source, load)
}

/** Looks whether a checkpoint on this disk is there, before anything that takes long. Throws CheckpointError. */
export async function checkSource({ checkpoint, base }: ModelSource): Promise<void> {
  for (const place of [checkpoint, base]) {
    if (place === undefined || !path.isAbsolute(place) || isAdapterFolder(place)) continue
    if (!(await identityOf(place))) throw noCheckpoint(place)
  }
}

/** All of a model but its weights, which are not read. */
export async function readCheckpoint(source: ModelSource): Promise<SessionCheckpoint> {
  if (source.init) return fromSizes(source)
  const { folder, base } = await checkpointPlaces(source.checkpoint!, source.base)
  const opened = await openCheckpoint(folder, { base })
  const { checkpoint } = withTags(opened, { attention: source.attention, outlines: source.outlines })
  const { weights: _, adapters: __, identity: ___, ...read } = checkpoint
  return read
}

/** Where a run goes on that is saved in `folder`: adapters are beside the model of the configuration, which may have moved. */
export async function sourceOfState(model: ModelSource, { folder }: { folder: string }): Promise<ModelSource> {
  const { lora } = model
  if (isAdapterFolder(folder) !== (lora !== undefined)) {
    throw new ConfigError(
      `${folder} is the state of a run that trains ${lora ? 'all weights' : 'adapters'}, and "model" has ${lora ? '"lora"' : 'no "lora"'}. Change it back, or begin a new run.`,
    )
  }
  if (!lora) return { checkpoint: folder }
  const places = await checkpointPlaces(model.checkpoint!, model.base)
  return { checkpoint: folder, base: places.base ?? places.folder, lora: { rankStabilized: lora.rankStabilized } }
}

async function fromScratch(engine: Engine, source: ModelSource, seed: number, options: LoadOptions): Promise<OpenedModel> {
  const checkpoint = fromSizes(source)
  const { config } = checkpoint
  const model = await engine.create(config, randomWeights(seed, config, source.init!.architecture.initializerRange), options)
  return { model, checkpoint, base: async () => 'scratch' }
}

function fromSizes(source: ModelSource): SessionCheckpoint {
  const { tokenizer: folder, architecture } = source.init!
  const tokenizer = Tokenizer.load(folder).withAddedTokens(wantedTags(source.outlines ?? false))
  const eos = idOfSpecial(tokenizer, 'eos_token')
  if (eos === undefined) {
    throw new ConfigError(`The tokenizer of ${folder} names no eos_token, so no response could end. Add it to tokenizer_config.json.`)
  }
  const config = modelConfig(architecture, tokenizer)
  const bos = idOfSpecial(tokenizer, 'bos_token')
  return {
    folder,
    config,
    tokenizer,
    chatTemplate: ChatTemplate.load(folder),
    generation: { eosTokenIds: [eos], ...(bos !== undefined && { bosTokenId: bos }) },
    parallel: { attention: source.attention ?? 'structured', tags: tagIdsFrom(tokenizer, [eos]) },
  }
}

async function fromCheckpoint(engine: Engine, source: ModelSource, options: LoadOptions): Promise<OpenedModel> {
  const { folder, base } = await checkpointPlaces(source.checkpoint!, source.base)
  const opened = merged(await openCheckpoint(folder, { base }))
  const { weights, identity, ...checkpoint } = withTags(opened, { attention: source.attention, outlines: source.outlines }).checkpoint
  const model = await engine.load(withLoadingBar({ ...checkpoint, weights }), options)
  return { model, checkpoint, base: identity.hash }
}

async function withAdapters(
  engine: Engine,
  source: ModelSource,
  lora: LoraConfig,
  seed: number,
  options: LoadOptions,
): Promise<OpenedModel> {
  const { frozen, adapters, checkpoint, trained, below, base } = await openAdapters(source, lora, seed)
  const load = { ...options, adapters }
  const model = await engine.load(withLoadingBar(frozen), load)
  return { model, checkpoint, trained, info: engine.infoFor(frozen, load), below, base }
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
