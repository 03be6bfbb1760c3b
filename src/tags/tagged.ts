/**
 * A checkpoint that can think in parallel: the six tags, and where outlines are wanted their two, are added where the tokenizer lacks them. A new tag's row in the
 * embedding (and in an untied head) becomes the mean of the rows of its text's pieces: distinct from the start, where
 * unused rows are untrained and often all equal. `pr1-train` begins with it, `pr1-tags` writes it.
 */

import type { Checkpoint, ParallelInfo } from '../engine/checkpoint/folder.ts'
import type { Tokenizer } from '../engine/checkpoint/tokenizer.ts'
import { grownWeights, withMeanRows } from '../engine/checkpoint/weights.ts'
import { ConfigError } from '../engine/errors.ts'
import { modelSpec } from '../engine/families/index.ts'
import { parametersOf } from '../engine/spec.ts'
import { agreedTags, tagIdsFrom, wantedTags } from '../thinking/tags.ts'
import type { AttentionMode } from '../thinking/types.ts'

/** How the row of a new tag begins: the mean of its pieces, or halfway between that and the mean of all tokens. */
export const rowKinds = ['words', 'mixed'] as const

export interface TagOptions {
  /** Default: of the checkpoint, else structured. */
  attention?: AttentionMode
  /** Default `words`. */
  rows?: (typeof rowKinds)[number]
  /** Add the two tags of outlines, too. Default false. */
  outlines?: boolean
}

export interface AddedTag {
  tag: string
  id: number
  /** Ids that wrote it before. */
  pieces: readonly number[]
}

export interface Tagged {
  /** Larger where its embedding had too few rows. */
  checkpoint: Checkpoint & { tokenizer: Tokenizer; parallel: ParallelInfo }
  /** Those that the tokenizer lacked, in the order of their ids. */
  added: readonly AddedTag[]
}

/** Adds the tags; the weights are changed as they are read. Throws ConfigError and CheckpointError where a model cannot have them. */
export function withTags(checkpoint: Checkpoint, { attention, rows = 'words', outlines = false }: TagOptions = {}): Tagged {
  const { folder, generation, parallel: saved, tokenizer: plain } = checkpoint
  if (!plain) throw new ConfigError(`${folder} has no tokenizer.json, so it can have no tags. Put it beside config.json.`)
  if (generation.eosTokenIds.length === 0) {
    throw new ConfigError(`${folder} names no end of a response. Set eos_token_id in its generation_config.json.`)
  }
  if (saved) agreedTags(saved.tags, plain, `${folder}/parallel_r1.json`)
  const tags = wantedTags(outlines)
  const tokenizer = plain.withAddedTokens(tags)
  const added = tags
    .filter((tag) => plain.idOf(tag) === undefined)
    .map((tag) => ({
      tag,
      id: tokenizer.idOf(tag)!,
      pieces: plain.encode(tag),
    }))
  const config = { ...checkpoint.config, vocabSize: Math.max(checkpoint.config.vocabSize, tokenizer.vocabSize) }
  const spec = modelSpec(config)
  const grown = grownWeights(checkpoint.weights, parametersOf(spec))
  const weights = withMeanRows(grown, {
    tables: new Set([spec.embedding.weight.name, spec.head.name]),
    of: new Map(added.map(({ id, pieces }) => [id, pieces])),
    ...(rows === 'mixed' && { towards: plain.vocabSize }),
  })
  const parallel = {
    ...saved,
    attention: attention ?? saved?.attention ?? 'structured',
    tags: tagIdsFrom(tokenizer, generation.eosTokenIds),
  }
  return { checkpoint: { ...checkpoint, config, tokenizer, parallel, weights }, added }
}
