/**
 * From a configuration, a checkpoint and the ids of a prompt to a request of the decoder. The trainer makes its rollouts with
 * the same functions, so evaluation and training decode alike.
 */

import type { CheckpointInfo } from '../engine/checkpoint/folder.ts'
import { ConfigError } from '../engine/errors.ts'
import { parseThinking } from '../thinking/grammar.ts'
import { agreedTags, OUTLINE_TOKENS, TAG_TOKENS, tagIdsFrom } from '../thinking/tags.ts'
import { spellingOf, tagTextOf } from '../thinking/text-tags.ts'
import { opensThinking, THINK_EXIT } from '../thinking/think.ts'
import type { Budgets, PathStart, Settling, TagIds, ThinkBudget, ThinkRequest } from '../thinking/types.ts'
import type { ThinkingConfig } from './config.ts'
import { requireTokenizer } from './prompt.ts'

const DEFAULTS = { paths: 2, maxBlocks: 4, maxTokens: 1024 }

/** Budgets in their order of precedence: config, checkpoint (parallel_r1.json), default. A prompt may leave less room: see {@link toRequest}. */
export function budgetsOf(config: ThinkingConfig, checkpoint: CheckpointInfo): Budgets {
  const saved: Partial<Budgets> = checkpoint.parallel?.budgets ?? {}
  return {
    response: config.maxTokens ?? saved.response ?? DEFAULTS.maxTokens,
    path: config.pathTokens ?? saved.path,
    block: config.blockTokens ?? saved.block,
    criticalPath: config.criticalPathTokens ?? saved.criticalPath,
    answerReserve: config.answerReserve ?? saved.answerReserve,
  }
}

/** The decoder's request. What the config leaves out comes from the checkpoint or a default; budgets never reach beyond the model's positions. */
export function toRequest(config: ThinkingConfig, checkpoint: CheckpointInfo, promptIds: readonly number[], seed: number): ThinkRequest {
  const own = checkpoint.parallel
  const attention = own?.attention ?? config.attention ?? 'causal'
  if (config.attention && config.attention !== attention) {
    throw new ConfigError(
      `A checkpoint is decoded as it was trained. Got attention: ${config.attention} for ${checkpoint.folder}, which says ${attention}. Leave the key out.`,
    )
  }
  const budgets = budgetsOf(config, checkpoint)
  // Under structured attention a response spans as many positions as its critical path has tokens, else as it has tokens.
  const room = checkpoint.config.maxPositions - promptIds.length
  if (room < 1) {
    throw new ConfigError(
      `The prompt leaves no room for a response. Got ${promptIds.length} tokens of ${checkpoint.config.maxPositions} positions. Shorten it.`,
    )
  }
  if (config.mode === 'parallel' && attention === 'structured') budgets.criticalPath = Math.min(budgets.criticalPath ?? room, room)
  else budgets.response = Math.min(budgets.response, room)
  const tags: Pick<ThinkRequest, 'tags' | 'tagText'> =
    config.tags === 'text' ? textTags(checkpoint) : { tags: tagsOf(checkpoint, config.mode) }
  const paths = config.paths ?? own?.paths ?? DEFAULTS.paths
  const outlines = config.mode === 'parallel' && wantsOutlines(config, checkpoint, tags)
  const starts = config.mode === 'parallel' ? (config.pathStarts ?? own?.pathStarts) : undefined
  return {
    promptIds,
    mode: config.mode,
    attention,
    ...tags,
    ...(outlines && { outlines: true }),
    ...(starts?.length && { pathStarts: pathStarts(starts, { paths, outlines }, checkpoint) }),
    ...(config.thinkTokens !== undefined && { thinking: thinkBudget(config.thinkTokens, checkpoint, promptIds) }),
    ...(config.settledBy !== undefined && config.mode === 'parallel' && { settledBy: settling(config.settledBy, checkpoint) }),
    paths,
    maxBlocks: config.maxBlocks ?? own?.maxBlocks ?? DEFAULTS.maxBlocks,
    budgets,
    temperature: config.temperature,
    topK: config.topK,
    topP: config.topP,
    seed,
    ...(config.speculate && { speculate: config.speculate }),
  }
}

/** Whether paths are named before they are forked. Throws ConfigError where the checkpoint cannot. */
function wantsOutlines(
  config: ThinkingConfig,
  { folder, parallel }: CheckpointInfo,
  { tags, tagText }: Pick<ThinkRequest, 'tags' | 'tagText'>,
): boolean {
  if (!(config.outlines ?? parallel?.outlines ?? false)) return false
  if (tagText) throw new ConfigError(`outlines: true needs tags that are tokens. Got tags: text for ${folder}. Leave one of the two out.`)
  if (tags.outline !== undefined) return true
  throw new ConfigError(
    `outlines: true needs a checkpoint trained with ${OUTLINE_TOKENS.join(' and ')}. Got ${folder}, which has no such tags. Leave the key out, or train it with outlines: true in "model" of a train.yaml.`,
  )
}

/** The starts of so many paths. Throws ConfigError. */
function pathStarts(
  starts: readonly string[],
  { paths, outlines }: { paths: number; outlines: boolean },
  checkpoint: CheckpointInfo,
): PathStart[] {
  if (outlines) throw new ConfigError('Paths that the model names in outlines have no pathStarts. Got both. Leave one of the two out.')
  if (starts.length < paths) {
    throw new ConfigError(
      `pathStarts needs a text for each of the ${paths} paths of a block. Got ${starts.length}. Add some, or lower paths.`,
    )
  }
  const tokenizer = requireTokenizer(checkpoint)
  return starts.slice(0, paths).map((text) => {
    const tag = parseThinking(text, { minPaths: 1 }).violations.length > 0
    if (tag) throw new ConfigError(`A path cannot begin with a tag. Got ${JSON.stringify(text)} in pathStarts. Leave it out there.`)
    return { text, ids: tokenizer.encode(text) }
  })
}

/** Last tokens of a prompt in which an open `<think>` and what follows it would stand. */
export const PROMPT_TAIL = 16

function thinkBudget(tokens: number, checkpoint: CheckpointInfo, promptIds: readonly number[]): ThinkBudget {
  const tokenizer = requireTokenizer(checkpoint)
  const open = opensThinking(tokenizer.decode(promptIds.slice(-PROMPT_TAIL)))
  return { tokens, open, exit: tokenizer.encode(THINK_EXIT), piece: spellingOf(tokenizer).piece }
}

function settling(text: string, checkpoint: CheckpointInfo): Settling {
  const tokenizer = requireTokenizer(checkpoint)
  return { text, read: (ids) => tokenizer.decode(ids, { keepSpecial: true }) }
}

const agreed = new WeakSet<TagIds>()

/** The tags of parallel_r1.json, compared with the tokenizer once. */
function savedTags(checkpoint: CheckpointInfo, tags: TagIds): TagIds {
  if (!agreed.has(tags)) agreedTags(tags, requireTokenizer(checkpoint), `${checkpoint.folder}/parallel_r1.json`)
  agreed.add(tags)
  return tags
}

/** Stands for "no such token". */
const NO_TAG = -1

function noTags(checkpoint: CheckpointInfo): TagIds {
  const none = NO_TAG
  const eos = checkpoint.generation.eosTokenIds
  return { parallel: none, parallelEnd: none, path: none, pathEnd: none, summary: none, summaryEnd: none, newline: [], eos }
}

/** Tags as ordinary text, for a checkpoint without a token for them. */
function textTags(checkpoint: CheckpointInfo): Pick<ThinkRequest, 'tags' | 'tagText'> {
  const tokenizer = requireTokenizer(checkpoint)
  const known = TAG_TOKENS.find((tag) => tokenizer.idOf(tag) !== undefined)
  if (known !== undefined) {
    throw new ConfigError(
      `tags: text is for a model that has no token for a tag. Got ${checkpoint.folder}, whose tokenizer has ${known}. Leave the key out.`,
    )
  }
  return { tags: noTags(checkpoint), tagText: tagTextOf(tokenizer) }
}

function tagsOf(checkpoint: CheckpointInfo, mode: ThinkingConfig['mode']): TagIds {
  if (checkpoint.parallel) return savedTags(checkpoint, checkpoint.parallel.tags)
  try {
    return tagIdsFrom(requireTokenizer(checkpoint), checkpoint.generation.eosTokenIds)
  } catch (error) {
    if (mode === 'parallel') {
      throw new ConfigError(
        `mode: parallel needs a checkpoint trained with the six tags. Got ${checkpoint.folder}: ${(error as Error).message} Use mode: sequential or tags: text, or train it with pr1-train.`,
      )
    }
    return noTags(checkpoint)
  }
}
