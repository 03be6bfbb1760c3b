import { existsSync } from 'node:fs'
import path from 'node:path'
import {
  adapterConfigFile,
  adapterWeightsFile,
  parseJsonObject,
  readTextIfPresent,
  refuseDuplicateKeys,
  statFile,
} from '../checkpoint/files.ts'
import { problem, show } from '../checkpoint/problem.ts'
import { openSafetensorsFile, type TensorSource } from '../checkpoint/safetensors.ts'
import { headName } from '../families/decoder.ts'
import type { ModelSpec, TensorSpec } from '../spec.ts'
import type { Adapters, WeightSource } from '../types.ts'
import { type PeftConfig, parsePeftConfig } from './config.ts'
import { adapterParameters, layerOf, linearWeights, tokenRowsName } from './parameters.ts'
import { targetsOf } from './targets.ts'

/** An adapter folder of PEFT, beside the model that it was made for. */

/** What PEFT writes before the names of transformers. */
export const prefix = 'base_model.model.'

/** Where PEFT keeps the rows of tokens, after the name of the embedding. */
export const tokenRowsSuffix = '.token_adapter.trainable_tokens_delta'

/** Whether a folder holds an adapter. */
export function isAdapterFolder(folder: string): boolean {
  return existsSync(path.join(folder, adapterConfigFile))
}

/** @throws CheckpointError naming key, expected and found */
export function readPeftConfig(folder: string): PeftConfig {
  const file = path.join(folder, adapterConfigFile)
  const text = readTextIfPresent(file)
  if (text === undefined) throw problem({ file }, 'the configuration of an adapter', 'no such file')
  const json = parseJsonObject(text, file)
  refuseDuplicateKeys(text, file)
  return parsePeftConfig(json, file)
}

interface FoundAdapters {
  adapters: Adapters & { weights: WeightSource }
  config: PeftConfig
  /** What its files leave open and how it was read, a sentence each. */
  warnings: string[]
}

/**
 * Reads which layers and tokens a folder adapts, and checks its tensors; their numbers are read later.
 * @param spec of the base, with rows for all tokens of the adapter
 * @throws CheckpointError naming file, key or tensor, expected and found
 */
export async function readAdapters(folder: string, spec: ModelSpec): Promise<FoundAdapters> {
  const config = readPeftConfig(folder)
  const { file } = config
  const others = [spec.embedding.weight.name, headName]
  const linear = linearWeights(spec).map(({ name }) => layerOf(name))
  const { targets, warnings } = targetsOf(config, [...linear, ...others.map(layerOf)])
  const place = { file, key: 'target_modules' }
  const other = targets.find(({ layer }) => others.includes(`${layer}.weight`))
  if (other) {
    const next = 'Merge it into its base with PEFT, or train rows of the embedding as trainable_token_indices.'
    throw problem(place, 'linear layers of the model, the head left out', other.layer, next)
  }
  const stored = tokensOf(config, spec)
  if (targets.length === 0 && stored.length === 0) throw problem(place, `layers of the base, such as ${linear[0]}`, 'none of them')
  const tokens = [...stored].sort((a, b) => a - b)
  const parts = targets.map(({ layer, rank, alpha }) => ({
    weight: `${layer}.weight`,
    rank,
    scale: alpha / (config.rankStabilized ? Math.sqrt(rank) : rank),
  }))
  const adapters: Adapters = { parts, ...(tokens.length > 0 && { tokens }) }
  const weights = adapterWeights(folder, spec, adapters, stored)
  await (await weights.open()).close()
  return { adapters: { ...adapters, weights }, config, warnings }
}

/** Ids of the tokens that have rows of their own, in the order of their rows in the file. */
function tokensOf({ file, tokens }: PeftConfig, spec: ModelSpec): readonly number[] {
  const key = 'trainable_token_indices'
  const embedding = layerOf(spec.embedding.weight.name)
  const tied = spec.head === spec.embedding.weight
  let found: readonly number[] | undefined
  const tables = [...tokens].sort(([a], [b]) => Number(a === layerOf(headName)) - Number(b === layerOf(headName)))
  for (const [name, ids] of tables) {
    // The head of a tied table goes with it, where it names the same tokens.
    if (name === layerOf(headName) && tied && found?.join() === ids.join()) continue
    if (name !== '' && name !== embedding && !embedding.endsWith(`.${name}`))
      throw problem({ file, key }, `rows of ${embedding}${tied ? '' : ', and not of an untied head'}`, `rows of ${name}`)
    const outside = ids.find((id) => id >= spec.vocabSize)
    if (outside !== undefined) throw problem({ file, key }, `ids below ${spec.vocabSize}, the vocabulary of the base`, `${outside}`)
    found = ids
  }
  return found ?? []
}

/** @param stored tokens in the order of their rows in the file */
function adapterWeights(folder: string, spec: ModelSpec, adapters: Adapters, stored: readonly number[]): WeightSource {
  const specs = adapterParameters(spec, adapters)
  const rows = tokenRowsName(spec)
  const storedName = (name: string) =>
    name === rows ? `${prefix}${layerOf(spec.embedding.weight.name)}${tokenRowsSuffix}` : `${prefix}${name}`
  const order = adapters.tokens?.map((id) => stored.indexOf(id)) ?? []
  return {
    specs,
    async open() {
      const source = await openWeightsFile(folder)
      try {
        checkTensors(source, specs, storedName)
      } catch (error) {
        await source.close()
        throw error
      }
      return {
        async read(name) {
          const values = await source.read(storedName(name))
          if (name !== rows) return values
          const width = spec.hiddenSize
          const sorted = new Float32Array(values.length)
          for (const [row, from] of order.entries()) sorted.set(values.subarray(from * width, (from + 1) * width), row * width)
          return sorted
        },
        close: source.close,
      }
    },
  }
}

async function openWeightsFile(folder: string): Promise<TensorSource> {
  const file = path.join(folder, adapterWeightsFile)
  if (statFile(file) !== undefined) return openSafetensorsFile(file)
  const pickled = statFile(path.join(folder, 'adapter_model.bin')) !== undefined
  const next = 'Load the adapter with PEFT and save it again: it writes safetensors.'
  throw problem({ file }, 'the weights of the adapter', pickled ? 'adapter_model.bin alone, which is pickled' : 'no such file', next)
}

/** Every tensor is there in its shape, and no other. */
function checkTensors(source: TensorSource, specs: readonly TensorSpec[], storedName: (name: string) => string): void {
  const [file] = source.files
  const known = new Set<string>()
  for (const { name, shape } of specs) {
    const tensor = storedName(name)
    known.add(tensor)
    const info = source.tensors.get(tensor)
    const expected = `shape ${show(shape)}, as ${adapterConfigFile} and the base say`
    if (info === undefined) throw problem({ file, tensor }, expected, 'no such tensor')
    if (show(info.shape) !== show(shape)) throw problem({ file, tensor }, expected, show(info.shape))
    if (!['F32', 'F16', 'BF16'].includes(info.dtype)) throw problem({ file, tensor, key: 'dtype' }, 'F32, BF16 or F16', info.dtype)
  }
  for (const { name, shape } of source.tensors.values()) {
    if (known.has(name)) continue
    // PEFT saves both tables, below a wrapper too, where the model has more tokens than its base.
    const isTable = /\.(embed_tokens|lm_head)\.(token_adapter\.)?(base_layer\.)?(weight|trainable_tokens_delta)$/.test(name)
    const next = isTable
      ? 'PEFT saves whole tables where the vocabulary was resized. Save the adapter with save_embedding_layers=False, and the rows of new tokens as trainable_token_indices.'
      : 'Is it the adapter of another base?'
    throw problem({ file, tensor: name }, `only tensors of layers that ${adapterConfigFile} names`, `this one, ${show(shape)}`, next)
  }
}
