/** A provider's configuration: its keys, what each may be, and the settings that one test may lay over it. The trainer reads the same. */

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
import { ConfigError } from '../engine/errors.ts'
import type { Device, Numerics, Precision } from '../engine/types.ts'
import type { AttentionMode } from '../thinking/types.ts'

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

/** A provider's configuration, checked. What is left out comes from the checkpoint or a default: see request.ts. */
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
