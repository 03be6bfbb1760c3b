import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import path from 'node:path'
import { CheckpointError } from '../errors.ts'
import { isLeftover } from '../families/decoder.ts'
import { modelSpec } from '../families/index.ts'
import { type ParameterSpec, parametersOf } from '../spec.ts'
import type { ModelConfig } from '../types.ts'
import { recoverFolder } from './atomic.ts'
import { ChatTemplate } from './chat-template.ts'
import { parseModelConfig } from './config.ts'
import { configFile, fileProblem, generationFile, isTokenId, type JsonObject, own, readJsonIfPresent, statFile } from './files.ts'
import { checkMemory, type MemoryCheck } from './memory.ts'
import { type ParallelInfo, parallelInfoFile, parseParallelInfo } from './parallel-info.ts'
import { problem, show } from './problem.ts'
import { openSafetensors, type TensorSource } from './safetensors.ts'
import { Tokenizer, tokenizerFile } from './tokenizer.ts'

/** A checkpoint as a whole: reading the folder, streaming its weights, its hash. Saving is in save.ts. */

export { type SaveContent, type SaveOptions, saveCheckpoint } from './save.ts'
export type { ParallelInfo }

export interface Checkpoint {
  folder: string
  config: ModelConfig
  tokenizer?: Tokenizer
  chatTemplate?: ChatTemplate
  generation: {
    /** Ids that end a response: of generation_config.json, else config.json, else the tokenizer's eos_token; may be empty. */
    eosTokenIds: number[]
    bosTokenId?: number
  }
  parallel?: ParallelInfo
}

/**
 * Reads everything but the weights. A save that was interrupted is finished or undone first.
 * @throws CheckpointError naming file, key, expected and found
 */
export async function readCheckpoint(folder: string): Promise<Checkpoint> {
  await openable(folder)
  const file = path.join(folder, configFile)
  const json = readJsonIfPresent(file)
  if (json === undefined) throw problem({ file }, 'the configuration of a Hugging Face checkpoint', 'no such file')
  const config = parseModelConfig(json, file)
  const tokenizer = statFile(path.join(folder, tokenizerFile)) === undefined ? undefined : Tokenizer.load(folder)
  if (tokenizer !== undefined && tokenizer.vocabSize > config.vocabSize) {
    const found = `${tokenizer.vocabSize} (largest id ${tokenizer.vocabSize - 1})`
    throw problem({ file: path.join(folder, tokenizerFile) }, `at most ${config.vocabSize} tokens (vocab_size of ${configFile})`, found)
  }
  const parallelFile = path.join(folder, parallelInfoFile)
  const parallel = readJsonIfPresent(parallelFile)
  return {
    folder,
    config,
    tokenizer,
    chatTemplate: ChatTemplate.load(folder),
    generation: readGeneration(folder, json, config, tokenizer),
    parallel: parallel && parseParallelInfo(parallel, parallelFile, config.vocabSize),
  }
}

async function openable(folder: string): Promise<void> {
  await recoverFolder(folder)
  const next = 'Name the folder that holds config.json and model.safetensors.'
  let found: string
  try {
    const stats = await stat(folder)
    if (stats.isDirectory()) return
    found = 'a file'
  } catch (error) {
    const other = fileProblem(folder, error, 'a checkpoint folder')
    throw other instanceof CheckpointError ? new CheckpointError(`${other.message} ${next}`, { cause: error }) : other
  }
  throw problem({ file: folder }, 'a checkpoint folder', found, next)
}

function readGeneration(folder: string, config: JsonObject, model: ModelConfig, tokenizer?: Tokenizer): Checkpoint['generation'] {
  const generationPath = path.join(folder, generationFile)
  const generation = readJsonIfPresent(generationPath) ?? {}
  const places: [JsonObject, string][] = [
    [generation, generationPath],
    [config, path.join(folder, configFile)],
  ]
  const first = (key: string): number[] => {
    for (const [object, file] of places) {
      const value = own(object, key)
      if (value === undefined) continue
      const ids = Array.isArray(value) ? value : [value]
      if (!ids.every((id) => isTokenId(id, model.vocabSize)))
        throw problem({ file, key }, `token ids below ${model.vocabSize}`, show(value))
      if (ids.length > 0) return [...new Set(ids)]
    }
    const token = tokenizer?.specialTokens[key.replace(/_id$/, '')]
    const id = token === undefined ? undefined : tokenizer?.idOf(token)
    return id === undefined ? [] : [id]
  }
  const bos = first('bos_token_id')
  return { eosTokenIds: first('eos_token_id'), ...(bos.length > 0 && { bosTokenId: bos[0] }) }
}

/** Checks that the tensors are those of the configuration, with their shapes. */
export function checkTensors(source: TensorSource, config: ModelConfig): void {
  const spec = modelSpec(config)
  const parameters = parametersOf(spec)
  const first = source.files[0]
  for (const { name, shape } of parameters) {
    const info = source.tensors.get(name)
    if (info === undefined) throw problem({ file: first, tensor: name }, `shape ${show(shape)}, as ${configFile} says`, 'no such tensor')
    if (info.shape.length !== shape.length || info.shape.some((size, i) => size !== shape[i]))
      throw problem({ file: info.file, tensor: name }, `shape ${show(shape)}, as ${configFile} says`, show(info.shape))
    if (info.dtype !== 'F32' && info.dtype !== 'BF16' && info.dtype !== 'F16')
      throw problem({ file: info.file, tensor: name, key: 'dtype' }, 'F32, BF16 or F16', info.dtype)
  }
  const known = new Set(parameters.map(({ name }) => name))
  for (const { name, file, shape } of source.tensors.values()) {
    if (known.has(name) || isLeftover(name, spec)) continue
    throw problem(
      { file, tensor: name },
      `only the tensors of a ${config.family} model as ${configFile} describes it`,
      `this one, ${show(shape)}`,
    )
  }
}

/**
 * Streams the weights in the order of `parametersOf`, one tensor in memory at a time. Before the first one, all headers, names
 * and shapes are checked, and that the model fits into memory.
 * @throws CheckpointError naming file, tensor, expected and found
 */
export async function* loadTensors(
  folder: string,
  config: ModelConfig,
  memory: MemoryCheck = {},
): AsyncGenerator<{ spec: ParameterSpec; data: Float32Array }, void, void> {
  const source = await openSafetensors(folder)
  try {
    checkTensors(source, config)
    const model = modelSpec(config)
    checkMemory(model, folder, memory)
    for (const spec of parametersOf(model)) yield { spec, data: await source.read(spec.name) }
  } finally {
    await source.close()
  }
}

/** SHA-256 (hex) over config.json, the weights and tokenizer.json: names, sizes and contents. Two folders with equal hashes answer alike. */
export async function checkpointHash(folder: string): Promise<string> {
  await openable(folder)
  const source = await openSafetensors(folder)
  await source.close()
  const hash = createHash('sha256')
  for (const file of [path.join(folder, configFile), ...source.files, path.join(folder, tokenizerFile)]) {
    const size = statFile(file)?.size
    hash.update(`${path.basename(file)}\0${size ?? 'absent'}\0`)
    if (size === undefined) continue
    try {
      for await (const chunk of createReadStream(file, { highWaterMark: 2 ** 20 })) hash.update(chunk)
    } catch (error) {
      throw fileProblem(file, error)
    }
  }
  return hash.digest('hex')
}
