/** LoRA (arXiv 2106.09685): which adapters a run trains beside its checkpoint, what they begin with, and what PEFT shall load below them. */

import path from 'node:path'
import { localBase, namedBase } from '../../engine/adapters/base.ts'
import { baseMark } from '../../engine/adapters/base-mark.ts'
import { layerOf, linearWeights } from '../../engine/adapters/parameters.ts'
import type { PeftOptions } from '../../engine/adapters/write.ts'
import { type Checkpoint, openCheckpoint } from '../../engine/checkpoint/folder.ts'
import { identityOf } from '../../engine/checkpoint/identity.ts'
import { grownWeights } from '../../engine/checkpoint/weights.ts'
import { ConfigError } from '../../engine/errors.ts'
import { modelSpec } from '../../engine/families/index.ts'
import { type ModelSpec, parametersOf } from '../../engine/spec.ts'
import type { AdapterPart, Adapters, Loadable } from '../../engine/types.ts'
import { checkpointPlaces, modelId } from '../../hub/place.ts'
import { type AddedTag, type Tagged, withTags } from '../../tags/tagged.ts'
import { allTagIds } from '../../thinking/tags.ts'
import type { LoraConfig, ModelSource } from '../config/config.ts'

type TaggedInfo = Omit<Tagged['checkpoint'], 'weights' | 'adapters' | 'identity'>

/** Adapters that a run trains, as they are saved. */
export interface TrainedAdapters extends Pick<PeftOptions, 'base' | 'revision' | 'rankStabilized' | 'baseMark'> {
  adapters: Pick<Adapters, 'parts' | 'tokens'>
}

interface OpenedAdapters {
  frozen: Loadable
  adapters: Adapters
  checkpoint: TaggedInfo
  trained: TrainedAdapters
  /** Hash of the checkpoint, and of the frozen model: the same where the adapters are new. */
  base(): Promise<string>
  below(): Promise<string>
}

/** Rank where nobody says another, as in TRL. */
const RANK = 16

/**
 * A checkpoint with new adapters beside it, or an adapter that trains on.
 * @throws ConfigError where the adapters and the checkpoint do not go together
 */
export async function openAdapters(source: ModelSource, lora: LoraConfig, seed: number): Promise<OpenedAdapters> {
  const { folder, base } = await checkpointPlaces(source.checkpoint!, source.base)
  const opened = await openCheckpoint(folder, { base })
  const { checkpoint: tagged, added } = withTags(opened, { attention: source.attention, outlines: source.outlines })
  const { weights: _, adapters: __, identity, ...checkpoint } = tagged
  const spec = modelSpec(checkpoint.config)
  const below = async () => (await identityOf(base ?? folder))!.hash()
  const own = { rankStabilized: lora.rankStabilized ?? false, baseMark: await baseMark(opened) }
  if (opened.adapters) {
    checkGoesOn(folder, spec, lora, opened.adapters, added)
    const { parts, tokens } = opened.adapters
    const trained = { adapters: { parts, tokens }, ...own, ...nameOfBase(folder, source.base) }
    return { frozen: { ...opened, adapters: undefined }, adapters: opened.adapters, checkpoint, trained, below, base: identity.hash }
  }
  const parts = partsOf(spec, lora)
  const tokens = tokensOf(folder, checkpoint, lora, added)
  const rows = added.length > 0 && tokens ? await meanRows(opened, spec, added, tokens) : undefined
  const grown = checkpoint.config.vocabSize > opened.config.vocabSize
  const weights = grown ? grownWeights(opened.weights, parametersOf(spec)) : opened.weights
  const adapters = { parts, tokens, rows, seed }
  const trained = { adapters: { parts, tokens }, ...own, ...hubOrPath(source.checkpoint!) }
  return { frozen: { folder, config: checkpoint.config, weights }, adapters, checkpoint, trained, below, base: identity.hash }
}

function partsOf(spec: ModelSpec, { rank = RANK, alpha = 2 * rank, targets, rankStabilized }: LoraConfig): AdapterPart[] {
  const names = linearWeights(spec).map(({ name }) => name)
  const kinds = [...new Set(names.map(kindOf))]
  const unknown = targets?.find((target) => !kinds.includes(target))
  if (unknown !== undefined) {
    throw new ConfigError(
      `"targets" in "lora" names linear layers of the model: ${kinds.join(', ')}. Got "${unknown}". Leave it out for all of them.`,
    )
  }
  const scale = alpha / (rankStabilized ? Math.sqrt(rank) : rank)
  return names.filter((name) => targets === undefined || targets.includes(kindOf(name))).map((weight) => ({ weight, rank, scale }))
}

/** `q_proj` of `model.layers.0.self_attn.q_proj.weight` */
function kindOf(weight: string): string {
  const layer = layerOf(weight)
  return layer.slice(layer.lastIndexOf('.') + 1)
}

/** Ids whose rows train; undefined: none. */
function tokensOf(
  folder: string,
  { config, parallel }: TaggedInfo,
  { tokens }: LoraConfig,
  added: readonly AddedTag[],
): number[] | undefined {
  if (added.length === 0 && tokens !== 'tags') return undefined
  const next = `Add them first: npx pr1-tags ${folder} ${path.basename(folder)}-tags. Then train beside that checkpoint.`
  const lacks = `${folder} lacks the tags ${added.map(({ tag }) => tag).join(' ')}`
  if (added.length > 0 && tokens === 'none')
    throw new ConfigError(`"tokens" in "lora" is none, and ${lacks}: nothing would train their rows. ${next}`)
  if (added.length > 0 && !config.tiedEmbeddings) {
    throw new ConfigError(`${lacks}, and an adapter has no rows for them in a head of its own, which this model has. ${next}`)
  }
  return allTagIds(parallel.tags).sort((a, b) => a - b)
}

/** (tokens, hidden): of a tag that is new the mean of the rows of its pieces, as `pr1-tags` writes it, of the others their own. */
async function meanRows(
  { weights }: Checkpoint,
  { embedding, hiddenSize }: ModelSpec,
  added: readonly AddedTag[],
  tokens: readonly number[],
): Promise<Float32Array> {
  const reader = await weights.open()
  try {
    const table = await reader.read(embedding.weight.name)
    const pieces = new Map(added.map(({ id, pieces }) => [id, pieces]))
    const rows = new Float32Array(tokens.length * hiddenSize)
    for (const [i, id] of tokens.entries()) {
      const of = pieces.get(id) ?? [id]
      for (let c = 0; c < hiddenSize; c++)
        rows[i * hiddenSize + c] = of.reduce((sum, piece) => sum + table[piece * hiddenSize + c] / of.length, 0)
    }
    return rows
  } finally {
    await reader.close()
  }
}

/** An adapter trains on as it is: what `lora` says beside that must be true of it. */
function checkGoesOn(folder: string, spec: ModelSpec, lora: LoraConfig, adapters: Adapters, added: readonly AddedTag[]): void {
  const refuse = (key: string, asked: unknown, has: string): never => {
    throw new ConfigError(
      `The adapter ${folder} trains on as it is. Got ${key}: ${asked} in "lora", and it has ${has}. Leave ${key} out, or merge it and begin a new one: npx pr1-export ${folder} ${path.basename(folder)}-merged.`,
    )
  }
  if (added.length > 0) {
    throw new ConfigError(
      `The adapter ${folder} lacks the tags ${added.map(({ tag }) => tag).join(' ')}. Merge it and begin a new one: npx pr1-export ${folder} ${path.basename(folder)}-merged.`,
    )
  }
  const { parts, tokens } = adapters
  const { rank, alpha, targets } = lora
  const other = parts.find((part) => rank !== undefined && part.rank !== rank)
  if (other) refuse('rank', rank, `rank ${other.rank} beside ${other.weight}`)
  const scaleOf = (part: AdapterPart) => alpha! / (lora.rankStabilized ? Math.sqrt(part.rank) : part.rank)
  const scaled = parts.find((part) => alpha !== undefined && Math.abs(part.scale - scaleOf(part)) > 1e-9 * Math.abs(part.scale))
  if (scaled) refuse('alpha', alpha, `a scale of ${scaled.scale} beside ${scaled.weight}`)
  const layers = new Set(parts.map(({ weight }) => weight))
  const wanted = targets && partsOf(spec, { targets })
  if (wanted && (wanted.length !== layers.size || wanted.some(({ weight }) => !layers.has(weight)))) {
    refuse('targets', targets!.join(', '), `other layers: ${[...new Set(parts.map(({ weight }) => kindOf(weight)))].join(', ')}`)
  }
  if (lora.tokens === 'tags' && !tokens?.length) refuse('tokens', 'tags', 'no rows of tokens')
  if (lora.tokens === 'none' && tokens?.length) refuse('tokens', 'none', `rows of ${tokens.length} tokens`)
}

/** What PEFT loads below: an id of the hub as it was given, or an absolute path. */
function hubOrPath(place: string): Pick<TrainedAdapters, 'base' | 'revision'> {
  const id = path.isAbsolute(place) ? undefined : modelId(place)
  if (!id) return { base: place }
  return { base: id.gguf === undefined ? id.name : `${id.name}:${id.gguf}`, ...(id.revision !== 'main' && { revision: id.revision }) }
}

/** The same of an adapter that trains on. */
function nameOfBase(folder: string, base: string | undefined): Pick<TrainedAdapters, 'base' | 'revision'> {
  if (base !== undefined) return hubOrPath(base)
  const named = namedBase(folder)!
  const { name, revision } = named
  return { base: localBase(named) ?? name, ...(revision !== undefined && { revision }) }
}
