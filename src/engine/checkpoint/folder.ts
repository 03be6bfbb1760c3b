import path from 'node:path'
import { ggufFiles } from '../gguf/files.ts'
import { openGguf } from '../gguf/open.ts'
import type { Loadable, ModelConfig } from '../types.ts'
import { refuseUrl } from '../url.ts'
import { ChatTemplate } from './chat-template.ts'
import { parseModelConfig } from './config.ts'
import { noCheckpoint } from './elsewhere.ts'
import {
  configFile,
  generationFile,
  isTokenId,
  type JsonObject,
  own,
  parallelInfoFile,
  readJsonIfPresent,
  statFile,
  tokenizerFile,
} from './files.ts'
import { type Identity, identityOf } from './identity.ts'
import { type ParallelInfo, parseParallelInfo } from './parallel-info.ts'
import { problem, show } from './problem.ts'
import { withStoredHead } from './stored-head.ts'
import { Tokenizer } from './tokenizer.ts'
import { folderWeights } from './weights.ts'

/** A checkpoint as a whole: the one way into its folder, or into a GGUF file (gguf/). Saving is in save.ts. */

export { type SaveContent, type SaveOptions, saveCheckpoint } from './save.ts'
export type { ParallelInfo }

/** What a checkpoint says besides its weights. */
export interface CheckpointInfo {
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
  /** What its files contradict each other in and how it was read, a sentence each. */
  warnings?: readonly string[]
}

export interface Checkpoint extends CheckpointInfo, Loadable {
  /** Which checkpoint this is: taken before anything was read. */
  identity: Identity
}

/**
 * Reads everything but the weights, which are read by the engine that loads it. A save that was interrupted is finished or undone
 * first.
 * @throws CheckpointError naming file, key, expected and found
 */
export async function openCheckpoint(folder: string): Promise<Checkpoint> {
  refuseUrl(folder)
  const identity = await identityOf(folder)
  const gguf = ggufFiles(folder)
  if (gguf && identity) return openGguf(folder, gguf, identity)
  const file = path.join(folder, configFile)
  const json = identity && readJsonIfPresent(file)
  if (json === undefined || identity === undefined) throw noCheckpoint(folder)
  const { config, warning } = await withStoredHead(folder, parseModelConfig(json, file))
  const tokenizer = statFile(path.join(folder, tokenizerFile)) === undefined ? undefined : Tokenizer.load(folder)
  if (tokenizer !== undefined && tokenizer.vocabSize > config.vocabSize) {
    const found = `${tokenizer.vocabSize} (largest id ${tokenizer.vocabSize - 1})`
    throw problem({ file: path.join(folder, tokenizerFile) }, `at most ${config.vocabSize} tokens (vocab_size of ${configFile})`, found)
  }
  const parallelFile = path.join(folder, parallelInfoFile)
  const parallel = readJsonIfPresent(parallelFile)
  const checkpoint = {
    folder,
    config,
    tokenizer,
    chatTemplate: ChatTemplate.load(folder),
    generation: readGeneration(folder, json, config, tokenizer),
    parallel: parallel && parseParallelInfo(parallel, parallelFile, config.vocabSize),
    weights: folderWeights(folder, config),
    identity,
    ...(warning !== undefined && { warnings: [warning] }),
  }
  await identity.confirm()
  return checkpoint
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
