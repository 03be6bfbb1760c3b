/**
 * From a provider's configuration and a prompt to a request of the decoder. The trainer makes its rollouts with the same
 * functions, so evaluation and training decode alike.
 */

import {
  type ConfigObject,
  checkKeys,
  nearestName,
  readBoolean,
  readEnum,
  readInt,
  readNumber,
  readObject,
  readString,
} from '../config-keys.ts'
import type { Checkpoint } from '../engine/checkpoint/folder.ts'
import { ConfigError } from '../engine/errors.ts'
import type { Device, Numerics, Precision } from '../engine/types.ts'
import { tagIdsFrom } from '../thinking/tags.ts'
import type { AttentionMode, Budgets, TagIds, ThinkRequest } from '../thinking/types.ts'

/** Settings that may differ from test to test; all others belong to the loaded model. */
export const DECODING_KEYS = [
  'mode',
  'paths',
  'maxBlocks',
  'maxTokens',
  'pathTokens',
  'blockTokens',
  'criticalPathTokens',
  'answerReserve',
  'temperature',
  'topK',
  'topP',
  'seed',
  'system',
  'chatTemplate',
  'showTags',
] as const

/** Settings that choose the model, how it is loaded and where its samples are kept. */
export const MODEL_KEYS = ['checkpoint', 'attention', 'device', 'precision', 'numerics', 'threads', 'cacheTokens', 'samples'] as const

/** Keys of a test's `options` that promptfoo itself reads. */
const PROMPTFOO_OPTION_KEYS: readonly string[] = [
  'disableVarExpansion',
  'disableConversationVar',
  'disableDefaultAsserts',
  'runSerially',
  'repeat',
  'rubricPrompt',
  'provider',
  'factuality',
  'postprocess',
  'transform',
  'transformVars',
  'storeOutputAs',
  'prefix',
  'suffix',
]

/** A provider's configuration, checked. What is left out comes from the checkpoint or a default: see {@link toRequest}. */
export interface ThinkingConfig {
  /** Folder; relative to the config file. */
  checkpoint?: string
  mode: 'parallel' | 'sequential'
  /** Only for a checkpoint that does not say. */
  attention?: AttentionMode
  /** Paths of a block, 1 … 16. */
  paths?: number
  maxBlocks?: number
  /** Budget of the whole response in tokens, all paths counted. */
  maxTokens?: number
  pathTokens?: number
  blockTokens?: number
  criticalPathTokens?: number
  answerReserve?: number
  /** 0 is greedy. */
  temperature: number
  topK?: number
  topP?: number
  seed: number
  device: Device
  precision: Precision
  numerics: Numerics
  threads?: number
  cacheTokens?: number
  /** File that keeps samples, relative to the config file, or `off`. Default: beside promptfoo's data (store/location.ts). */
  samples?: string
  /** System message; without a chat template it stands before the prompt. */
  system?: string
  /** Render prompts with the checkpoint's chat template where it has one. */
  chatTemplate: boolean
  /** Keep the six tags in the output text. */
  showTags: boolean
}

const DEFAULTS = { paths: 2, maxBlocks: 4, maxTokens: 1024 }

/** Checks and reads a provider's `config`; promptfoo adds `basePath` to it. `where` names it in errors. Throws ConfigError. */
export function parseThinkingConfig(raw: unknown, where: string): ThinkingConfig {
  const object = readObject(raw ?? {}, where)
  checkKeys(object, [...MODEL_KEYS, ...DECODING_KEYS, 'basePath'], where)
  const tokens = (key: string, min = 1) => readInt(object, key, undefined, where, { min })
  return {
    checkpoint: readString(object, 'checkpoint', undefined, where),
    mode: readEnum(object, 'mode', 'parallel', where, ['parallel', 'sequential']),
    attention: readEnum(object, 'attention', undefined, where, ['structured', 'causal']),
    paths: readInt(object, 'paths', undefined, where, { min: 1, max: 16 }),
    maxBlocks: readInt(object, 'maxBlocks', undefined, where, { min: 0 }),
    maxTokens: tokens('maxTokens'),
    pathTokens: tokens('pathTokens'),
    blockTokens: tokens('blockTokens'),
    criticalPathTokens: tokens('criticalPathTokens'),
    answerReserve: tokens('answerReserve', 0),
    temperature: readNumber(object, 'temperature', 1, where, { min: 0 }),
    topK: readInt(object, 'topK', undefined, where, { min: 0 }),
    topP: readNumber(object, 'topP', undefined, where, { above: 0, max: 1 }),
    seed: readInt(object, 'seed', 0, where),
    device: readEnum(object, 'device', 'auto', where, ['auto', 'cpu', 'cuda', 'tfjs']),
    precision: readEnum(object, 'precision', 'auto', where, ['auto', 'f32', 'bf16', 'int8']),
    numerics: readEnum(object, 'numerics', 'exact', where, ['exact', 'fast']),
    threads: readInt(object, 'threads', undefined, where, { min: 1 }),
    cacheTokens: readInt(object, 'cacheTokens', undefined, where, { min: 1 }),
    // YAML 1.1 readers make `off` a boolean.
    samples: object.samples === false ? 'off' : readString(object, 'samples', undefined, where),
    system: readString(object, 'system', undefined, where, { allowEmpty: true }),
    chatTemplate: readBoolean(object, 'chatTemplate', true, where),
    showTags: readBoolean(object, 'showTags', true, where),
  }
}

/**
 * `raw` with the decoding settings of one test's `options` (promptfoo merges them into `context.prompt.config`) laid over it.
 * The options serve promptfoo and other providers too, so an unknown key is let pass unless it is a slip of one of ours.
 */
export function applyTestOptions(raw: ConfigObject, options: ConfigObject): ConfigObject {
  const merged: Record<string, unknown> = { ...raw }
  for (const [key, value] of Object.entries(options)) {
    if ((DECODING_KEYS as readonly string[]).includes(key)) merged[key] = value
    else if ((MODEL_KEYS as readonly string[]).includes(key)) {
      throw new ConfigError(`"${key}" cannot be set for one test. Got it in the test's options. Give it to a provider entry of its own.`)
    } else if (!PROMPTFOO_OPTION_KEYS.includes(key) && !/[_-]/.test(key)) {
      // Names with separators (max_tokens, top_p) are other providers' spellings.
      const nearest = nearestName(key, DECODING_KEYS)
      if (nearest) throw new ConfigError(`Unknown key "${key}" in the test's options. Did you mean "${nearest}"?`)
    }
  }
  return merged
}

interface ChatMessage {
  role: string
  content: string
}

/**
 * Ids of a prompt. An array of chat messages in JSON is understood; with `chatTemplate` on they (or the plain prompt as the
 * user's message) are rendered by the checkpoint's template, otherwise their contents are joined by blank lines.
 */
export function promptIds(checkpoint: Checkpoint, config: ThinkingConfig, prompt: string): number[] {
  const messages = chatMessages(prompt) ?? [{ role: 'user', content: prompt }]
  if (config.system) messages.unshift({ role: 'system', content: config.system })
  const tokenizer = requireTokenizer(checkpoint)
  // A template writes the start token itself where there is one.
  const ids =
    config.chatTemplate && checkpoint.chatTemplate
      ? tokenizer.encode(checkpoint.chatTemplate.render(messages, { addGenerationPrompt: true }))
      : tokenizer.encode(messages.map((message) => message.content).join('\n\n'), { addSpecial: true })
  if (ids.length === 0)
    throw new ConfigError(`A prompt needs at least one token. Got ${JSON.stringify(prompt)}. Check the prompt template and its vars.`)
  return ids
}

/** The checkpoint's tokenizer; throws ConfigError where it has none. */
export function requireTokenizer(checkpoint: Checkpoint): NonNullable<Checkpoint['tokenizer']> {
  if (checkpoint.tokenizer) return checkpoint.tokenizer
  throw new ConfigError(
    `A checkpoint needs a tokenizer to read prompts. Got ${checkpoint.folder} without one. Put tokenizer.json and tokenizer_config.json beside its config.json.`,
  )
}

/** The decoder's request. Order of precedence: config, checkpoint (parallel_r1.json), default; never beyond the model's positions. */
export function toRequest(config: ThinkingConfig, checkpoint: Checkpoint, promptIds: readonly number[], seed: number): ThinkRequest {
  const own = checkpoint.parallel
  const attention = own?.attention ?? config.attention ?? 'causal'
  if (config.attention && config.attention !== attention) {
    throw new ConfigError(
      `A checkpoint is decoded as it was trained. Got attention: ${config.attention} for ${checkpoint.folder}, which says ${attention}. Leave the key out.`,
    )
  }
  const saved: Partial<Budgets> = own?.budgets ?? {}
  const budgets: Budgets = {
    response: config.maxTokens ?? saved.response ?? DEFAULTS.maxTokens,
    path: config.pathTokens ?? saved.path,
    block: config.blockTokens ?? saved.block,
    criticalPath: config.criticalPathTokens ?? saved.criticalPath,
    answerReserve: config.answerReserve ?? saved.answerReserve,
  }
  // Under structured attention a response spans as many positions as its critical path has tokens, else as it has tokens.
  const room = checkpoint.config.maxPositions - promptIds.length
  if (room < 1) {
    throw new ConfigError(
      `The prompt leaves no room for a response. Got ${promptIds.length} tokens of ${checkpoint.config.maxPositions} positions. Shorten it.`,
    )
  }
  if (config.mode === 'parallel' && attention === 'structured') budgets.criticalPath = Math.min(budgets.criticalPath ?? room, room)
  else budgets.response = Math.min(budgets.response, room)
  return {
    promptIds,
    mode: config.mode,
    attention,
    tags: tagsOf(checkpoint, config.mode),
    paths: config.paths ?? own?.paths ?? DEFAULTS.paths,
    maxBlocks: config.maxBlocks ?? own?.maxBlocks ?? DEFAULTS.maxBlocks,
    budgets,
    temperature: config.temperature,
    topK: config.topK,
    topP: config.topP,
    seed,
  }
}

/**
 * Seed of one request: a hash of the configured seed, the repeat and the prompt, a safe integer of 53 bits. Repeats and
 * problems draw independently, and the same request draws the same whatever runs beside it.
 */
export function requestSeed(seed: number, repeatIndex: number, promptIds: readonly number[]): number {
  let low = 0x243f6a88
  let high = 0x85a308d3
  const absorb = (value: number) => {
    low = Math.imul(low ^ value, 0xcc9e2d51)
    low = Math.imul(low ^ (low >>> 15), 0x2c1b3c6d) + high
    high = Math.imul(high ^ value, 0x85ebca6b)
    high = Math.imul(high ^ (high >>> 13), 0xc2b2ae35) ^ (low >>> 16)
  }
  absorb(seed | 0)
  absorb(Math.floor(seed / 2 ** 32) | 0)
  absorb(repeatIndex)
  absorb(promptIds.length)
  for (const id of promptIds) absorb(id)
  absorb(0)
  return (high & 0x1fffff) * 2 ** 32 + (low >>> 0)
}

/** Stands for "no such token" where a checkpoint without tags is decoded sequentially. */
const NO_TAG = -1

function tagsOf(checkpoint: Checkpoint, mode: ThinkingConfig['mode']): TagIds {
  if (checkpoint.parallel) return checkpoint.parallel.tags
  const tokenizer = requireTokenizer(checkpoint)
  const eos = checkpoint.generation.eosTokenIds
  try {
    return tagIdsFrom(tokenizer, eos)
  } catch (error) {
    if (mode === 'parallel') {
      throw new ConfigError(
        `mode: parallel needs a checkpoint trained with the six tags. Got ${checkpoint.folder}: ${(error as Error).message} Use mode: sequential, or train it with pr1-train.`,
      )
    }
    const none = NO_TAG
    return { parallel: none, parallelEnd: none, path: none, pathEnd: none, summary: none, summaryEnd: none, newline: [], eos }
  }
}

/** Messages of a prompt that is a JSON array of them, else undefined. */
function chatMessages(prompt: string): ChatMessage[] | undefined {
  if (!prompt.trimStart().startsWith('[')) return undefined
  let parsed: unknown
  try {
    parsed = JSON.parse(prompt)
  } catch {
    return undefined
  }
  if (!Array.isArray(parsed) || parsed.length === 0) return undefined
  const messages = parsed.map(chatMessage)
  return messages.every((message) => message !== undefined) ? messages : undefined
}

function chatMessage(value: unknown): ChatMessage | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const { role, content } = value as { role?: unknown; content?: unknown }
  if (typeof role !== 'string') return undefined
  if (typeof content === 'string') return { role, content }
  if (!Array.isArray(content)) return undefined
  const texts = content.map((part: { type?: unknown; text?: unknown } | null) => (part?.type === 'text' ? part.text : undefined))
  return texts.every((text) => typeof text === 'string') ? { role, content: texts.join('') } : undefined
}
