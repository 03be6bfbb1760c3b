import { isObject, type JsonObject } from '../../json.ts'
import { own } from '../checkpoint/files.ts'
import { problem, show } from '../checkpoint/problem.ts'

/**
 * `adapter_config.json` of PEFT's LoRA: what is read of it, and what is refused by name. Read from PEFT 0.21.2,
 * tuners/lora/config.py: a key that changes what a layer computes and is not computed here must have its neutral value.
 */

export interface PeftConfig {
  file: string
  /** `base_model_name_or_path`: a path or an id of the hub. */
  base?: string
  /** Of the base on the hub. */
  revision?: string
  rank: number
  alpha: number
  /** Layer or regular expression → its rank or alpha, in the file's order. */
  rankPattern: readonly (readonly [pattern: string, rank: number])[]
  alphaPattern: readonly (readonly [pattern: string, alpha: number])[]
  /** `use_rslora`: the scale is alpha / √rank, arXiv 2312.03732. */
  rankStabilized: boolean
  /** Names of layers, or one regular expression. `all-linear` is one of its own. */
  targets: readonly string[] | string
  exclude?: readonly string[] | string
  /** Numbers of the layers, where only some are adapted. */
  layers?: readonly number[]
  /** Names of the list of layers, or regular expressions. */
  layersPattern?: readonly string[]
  /** Only training drops. */
  dropout: number
  /** Embedding → ids, in the file's order. '' stands for the input embedding where the file has a plain list. */
  tokens: ReadonlyMap<string, readonly number[]>
}

const MERGE = 'Merge it into its base with PEFT (merge_and_unload) and open the result.'

/** Keys that say nothing about what a loaded adapter computes. */
const free = new Set([
  ...['auto_mapping', 'inference_mode', 'peft_version', 'runtime_config', 'megatron_config', 'megatron_core'],
  // How training began or went. Beginnings that change the base are refused with init_lora_weights.
  ...['loftq_config', 'eva_config', 'corda_config', 'lora_ga_config', 'velora_config', 'qalora_group_size', 'ensure_weight_tying'],
])

const read = new Set([
  ...['peft_type', 'task_type', 'base_model_name_or_path', 'revision', 'r', 'lora_alpha', 'rank_pattern', 'alpha_pattern', 'use_rslora'],
  ...['target_modules', 'exclude_modules', 'layers_to_transform', 'layers_pattern', 'lora_dropout', 'trainable_token_indices'],
  ...['bias', 'init_lora_weights'],
])

/** Beginnings after which the base is as it was. */
const plainStarts: readonly unknown[] = [true, false, 'gaussian', 'eva', 'orthogonal']

/** @throws CheckpointError naming key, expected and found */
export function parsePeftConfig(json: JsonObject, file: string): PeftConfig {
  const fail = (key: string, expected: string, next = '') => problem({ file, key }, expected, show(own(json, key)), next)
  const check = (key: string, right: boolean, expected: string, next = '') => {
    if (!right) throw fail(key, expected, next)
  }
  check('peft_type', own(json, 'peft_type') === 'LORA', 'LORA', MERGE)
  check('task_type', [undefined, 'CAUSAL_LM'].includes(own(json, 'task_type') as string), 'CAUSAL_LM or nothing')
  check('bias', [undefined, 'none'].includes(own(json, 'bias') as string), 'none', MERGE)
  const start = own(json, 'init_lora_weights')
  check(
    'init_lora_weights',
    start === undefined || plainStarts.includes(start),
    `one of ${plainStarts.join(', ')}, which leave the base as it is`,
    'Save it with path_initial_model_for_weight_conversion, or merge it with PEFT.',
  )
  for (const key of Object.keys(json)) {
    if (read.has(key) || free.has(key)) continue
    check(key, isNeutral(own(json, key)), 'nothing, or false: it is not computed here', MERGE)
  }
  const targets = namesOrPattern(json, 'target_modules', file)
  if (targets === undefined) throw fail('target_modules', 'names of layers, a regular expression or all-linear')
  const layers = readLayers(json, file)
  const layersPattern = namesOrPattern(json, 'layers_pattern', file)
  const exclude = namesOrPattern(json, 'exclude_modules', file)
  return {
    file,
    ...textOf(json, 'base_model_name_or_path', 'base', file),
    ...textOf(json, 'revision', 'revision', file),
    rank: number(json, 'r', 8, isRank, 'a whole number of 1 or more', file),
    alpha: number(json, 'lora_alpha', 8, Number.isFinite, 'a number', file),
    rankPattern: pattern(json, 'rank_pattern', isRank, 'a whole number of 1 or more', file),
    alphaPattern: pattern(json, 'alpha_pattern', Number.isFinite, 'a number', file),
    rankStabilized: flag(json, 'use_rslora', file),
    targets,
    ...(exclude && exclude.length > 0 && { exclude }),
    ...(layers && { layers }),
    ...(layersPattern && layersPattern.length > 0 && { layersPattern: [layersPattern].flat() }),
    dropout: number(json, 'lora_dropout', 0, (value) => value >= 0 && value < 1, 'a number from 0, below 1', file),
    tokens: readTokens(json, file),
  }
}

/** What a switch or a sub-configuration is where it is not used. */
function isNeutral(value: unknown): boolean {
  if (value === undefined || value === false) return true
  return Array.isArray(value) ? value.length === 0 : isObject(value) && Object.keys(value).length === 0
}

function isRank(value: number): boolean {
  return Number.isInteger(value) && value >= 1
}

function number(json: JsonObject, key: string, absent: number, right: (value: number) => boolean, expected: string, file: string): number {
  const value = own(json, key) ?? absent
  if (typeof value !== 'number' || !right(value)) throw problem({ file, key }, expected, show(value))
  return value
}

function flag(json: JsonObject, key: string, file: string): boolean {
  const value = own(json, key) ?? false
  if (typeof value !== 'boolean') throw problem({ file, key }, 'true or false', show(value))
  return value
}

function textOf<K extends string>(json: JsonObject, key: string, as: K, file: string): { [key in K]?: string } {
  const value = own(json, key)
  if (value === undefined || value === '') return {}
  if (typeof value !== 'string') throw problem({ file, key }, 'a text', show(value))
  return { [as]: value } as { [key in K]: string }
}

function namesOrPattern(json: JsonObject, key: string, file: string): readonly string[] | string | undefined {
  const value = own(json, key)
  const isList = Array.isArray(value) && value.every((name) => typeof name === 'string')
  if (value === undefined || typeof value === 'string' || isList) return value as string[] | string | undefined
  throw problem({ file, key }, 'a list of names, or a regular expression', show(value))
}

function pattern(
  json: JsonObject,
  key: string,
  right: (value: number) => boolean,
  expected: string,
  file: string,
): readonly (readonly [string, number])[] {
  const value = own(json, key) ?? {}
  if (!isObject(value)) throw problem({ file, key }, 'an object', show(value))
  return Object.entries(value).map(([name, entry]) => {
    if (typeof entry !== 'number' || !right(entry)) throw problem({ file, key: `${key}[${show(name)}]` }, expected, show(entry))
    return [name, entry]
  })
}

function readLayers(json: JsonObject, file: string): readonly number[] | undefined {
  const key = 'layers_to_transform'
  const value = own(json, key)
  if (value === undefined) return undefined
  const list: unknown[] = Array.isArray(value) ? value : [value]
  if (!list.every((layer): layer is number => typeof layer === 'number' && Number.isInteger(layer) && layer >= 0))
    throw problem({ file, key }, 'numbers of layers', show(value))
  return list.length === 0 ? undefined : list
}

function readTokens(json: JsonObject, file: string): ReadonlyMap<string, readonly number[]> {
  const key = 'trainable_token_indices'
  const value = own(json, key)
  if (value === undefined) return new Map()
  const entries = Array.isArray(value) ? [['', value] as const] : isObject(value) ? Object.entries(value) : undefined
  if (entries === undefined) throw problem({ file, key }, 'a list of token ids, or lists by the name of an embedding', show(value))
  return new Map(
    entries.map(([name, ids]) => {
      const isList = Array.isArray(ids) && ids.every((id) => Number.isInteger(id) && id >= 0)
      if (!isList || new Set(ids).size < ids.length) throw problem({ file, key }, 'lists of different token ids', show(ids))
      return [name, ids]
    }),
  )
}
