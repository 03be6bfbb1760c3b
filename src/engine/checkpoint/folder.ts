import path from 'node:path'
import { basePlace } from '../adapters/base.ts'
import { adapterAsBase, withAdapter } from '../adapters/open.ts'
import { isAdapterFolder } from '../adapters/read.ts'
import { ConfigError } from '../errors.ts'
import { ggufFiles } from '../gguf/files.ts'
import { openGguf } from '../gguf/open.ts'
import { refuseUrl } from '../url.ts'
import { ChatTemplate } from './chat-template.ts'
import type { Checkpoint, CheckpointInfo } from './checkpoint.ts'
import { parseModelConfig } from './config.ts'
import { noCheckpoint } from './elsewhere.ts'
import { configFile, parallelInfoFile, readJsonIfPresent, statFile, tokenizerFile } from './files.ts'
import { readGeneration } from './generation.ts'
import { type Identity, identityOf, type Placed } from './identity.ts'
import { type ParallelInfo, parseParallelInfo } from './parallel-info.ts'
import { problem } from './problem.ts'
import { withStoredHead } from './stored-head.ts'
import { Tokenizer } from './tokenizer.ts'
import { folderWeights } from './weights.ts'

/** A checkpoint as a whole: the one way into its folder, into a GGUF file (gguf/), or into an adapter with its base (adapters/). Saving is in save.ts. */

export { type SaveContent, saveCheckpoint } from './save.ts'
export type { Checkpoint, CheckpointInfo, ParallelInfo }

/**
 * Reads everything but the weights, which are read by the engine that loads it. A save that was interrupted is finished or undone
 * first. The folder of an adapter is opened with its base: `base`, or the one that it names where that lies here.
 * @throws CheckpointError naming file, key, expected and found; ConfigError on a base for what is no adapter
 */
export async function openCheckpoint(folder: string, { base }: Placed = {}): Promise<Checkpoint> {
  refuseUrl(folder)
  const identity = await identityOf(folder, { base })
  if (isAdapterFolder(folder) && identity) {
    const place = base ?? basePlace(folder)
    if (path.resolve(place) !== path.resolve(folder) && isAdapterFolder(place)) throw adapterAsBase(folder, place)
    const adapted = await withAdapter(await openWhole(place, await identityOf(place)), folder)
    await identity.confirm()
    return { ...adapted, identity }
  }
  if (base !== undefined)
    throw new ConfigError(`"base" names the model below an adapter, and ${folder} is no adapter. Got base: ${base}. Leave it out.`)
  return openWhole(folder, identity)
}

async function openWhole(folder: string, identity: Identity | undefined): Promise<Checkpoint> {
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
