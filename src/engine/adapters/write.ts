import path from 'node:path'
import type { JsonObject } from '../../json.ts'
import { adapterConfigFile, adapterWeightsFile } from '../checkpoint/files.ts'
import { checkIds, infoTexts, type SavedInfo, toJson } from '../checkpoint/save.ts'
import { type SaveOptions, saveFolder } from '../checkpoint/save-folder.ts'
import { ConfigError } from '../errors.ts'
import { modelSpec } from '../families/index.ts'
import type { ModelSpec, TensorSpec } from '../spec.ts'
import type { AdapterPart, Adapters } from '../types.ts'
import { markMetadata } from './base-mark.ts'
import { parsePeftConfig } from './config.ts'
import { adapterParameters, layerOf, linearWeights, tokenRowsName } from './parameters.ts'
import { prefix, tokenRowsSuffix } from './read.ts'
import { targetsOf } from './targets.ts'

/** Saving adapters as a folder that PEFT loads. */

export interface PeftOptions {
  /** What PEFT loads as the base: an id of the hub, or a path. */
  base: string
  /** Of the base on the hub. */
  revision?: string
  /** Write alpha as scale · √rank and not scale · rank. Default false. */
  rankStabilized?: boolean
  /** That the adapter was trained with. Default 0. */
  dropout?: number
  /** What {@link baseMark} says of the base: then only that one is taken. */
  baseMark?: string
}

export interface AdapterContent extends SavedInfo, PeftOptions {
  adapters: Omit<Adapters, 'weights'>
  /** Called once for every tensor of `adapterParameters`, in order. */
  weights: (spec: TensorSpec) => Float32Array | Promise<Float32Array>
}

/**
 * Saves adapters in place of what `folder` held: `adapter_config.json`, `adapter_model.safetensors` in float32, and what the checkpoint says
 * besides its weights. Whole at any moment, see `saveFolder`.
 * @throws ConfigError where the adapters do not fit the model, CheckpointError as `saveFolder`
 */
export async function saveAdapters(folder: string, content: AdapterContent, options: SaveOptions = {}): Promise<void> {
  const { config, adapters, weights, baseMark, extraFiles } = content
  const spec = modelSpec(config)
  await saveFolder(
    folder,
    (target) => {
      checkIds(target, content)
      const rows = tokenRowsName(spec)
      const rowsInFile = `${layerOf(spec.embedding.weight.name)}${tokenRowsSuffix}`
      const tensors = adapterParameters(spec, adapters).map((tensor) => ({
        name: `${prefix}${tensor.name === rows ? rowsInFile : tensor.name}`,
        shape: tensor.shape,
        data: () => weights(tensor),
      }))
      const json = peftConfigOf(spec, adapters, content, path.join(target, adapterConfigFile))
      return {
        texts: { [adapterConfigFile]: toJson(json), ...infoTexts(content) },
        weights: { file: adapterWeightsFile, tensors, dtype: 'float32', metadata: baseMark === undefined ? {} : markMetadata(baseMark) },
        extraFiles,
      }
    },
    options,
  )
}

/**
 * `adapter_config.json` of adapters. No layer matches two patterns: PEFT sorts them when it saves again.
 * @param file for messages
 * @throws ConfigError where PEFT cannot say what the adapters are
 */
export function peftConfigOf(
  spec: ModelSpec,
  { parts, tokens }: Omit<Adapters, 'weights'>,
  options: PeftOptions,
  file: string,
): JsonObject {
  if (parts.length === 0) throw new ConfigError('Adapters in the format of PEFT have at least one layer. Got none.')
  const { base, revision, rankStabilized = false, dropout = 0 } = options
  const ranks = byLayer(parts, ({ rank }) => rank)
  const alphas = byLayer(parts, (part) => alphaOf(part, rankStabilized))
  const json = {
    alpha_pattern: alphas.pattern,
    base_model_name_or_path: base,
    bias: 'none',
    fan_in_fan_out: false,
    inference_mode: true,
    init_lora_weights: true,
    lora_alpha: alphas.usual,
    lora_dropout: dropout,
    modules_to_save: null,
    peft_type: 'LORA',
    r: ranks.usual,
    rank_pattern: ranks.pattern,
    revision: revision ?? null,
    target_modules: targetNames(spec, parts),
    task_type: 'CAUSAL_LM',
    trainable_token_indices: tokens && tokens.length > 0 ? tokens : null,
    use_rslora: rankStabilized,
  }
  checkMeaning(json, file, spec, parts)
  return json
}

/** The alpha that gives the scale: a whole number where there is one. */
function alphaOf({ rank, scale }: AdapterPart, rankStabilized: boolean): number {
  const divisor = rankStabilized ? Math.sqrt(rank) : rank
  const alpha = scale * divisor
  const whole = Math.round(alpha)
  return whole / divisor === scale ? whole : alpha
}

/** `q_proj` of `model.layers.0.self_attn.q_proj` */
function kindOf(layer: string): string {
  return layer.slice(layer.lastIndexOf('.') + 1)
}

/** The value of most layers, and patterns for the others: by kind where all of a kind have it, else by layer. */
function byLayer(parts: readonly AdapterPart[], of: (part: AdapterPart) => number): { usual: number; pattern: Record<string, number> } {
  const values = parts.map((part) => ({ layer: layerOf(part.weight), value: of(part) }))
  const counts = new Map<number, number>()
  for (const { value } of values) counts.set(value, (counts.get(value) ?? 0) + 1)
  const [usual] = [...counts].reduce((most, entry) => (entry[1] > most[1] ? entry : most))
  const kinds = new Map<string, Set<number>>()
  for (const { layer, value } of values) kinds.set(kindOf(layer), (kinds.get(kindOf(layer)) ?? new Set()).add(value))
  const unusual = values.filter(({ value }) => value !== usual)
  const pattern = unusual.map(({ layer, value }) => [kinds.get(kindOf(layer))!.size === 1 ? kindOf(layer) : layer, value])
  return { usual, pattern: Object.fromEntries(pattern) }
}

/** Kinds of which every layer has an adapter, and single layers. */
function targetNames(spec: ModelSpec, parts: readonly AdapterPart[]): string[] {
  const adapted = new Set(parts.map(({ weight }) => layerOf(weight)))
  const missing = new Set(
    linearWeights(spec)
      .map(({ name }) => layerOf(name))
      .filter((layer) => !adapted.has(layer))
      .map(kindOf),
  )
  return [...new Set([...adapted].map((layer) => (missing.has(kindOf(layer)) ? layer : kindOf(layer))))]
}

/** Reads the configuration as PEFT will: it must mean these parts, in whatever order its patterns stand. */
function checkMeaning(json: JsonObject, file: string, spec: ModelSpec, parts: readonly AdapterPart[]): void {
  const config = parsePeftConfig(json, file)
  const { targets, warnings } = targetsOf(
    config,
    linearWeights(spec).map(({ name }) => layerOf(name)),
  )
  const meant = new Map(targets.map((target) => [target.layer, target]))
  const wrong = parts.find(({ weight, rank, scale }) => {
    const target = meant.get(layerOf(weight))
    const divisor = config.rankStabilized ? Math.sqrt(rank) : rank
    return target?.rank !== rank || Math.abs(target.alpha / divisor - scale) > 1e-12 * Math.abs(scale)
  })
  if (wrong === undefined && warnings.length === 0 && meant.size === parts.length) return
  throw new ConfigError(
    `${file} cannot say which layers these adapters have. ${warnings[0] ?? `Look at ${wrong?.weight ?? 'the targets'}.`}`,
  )
}
