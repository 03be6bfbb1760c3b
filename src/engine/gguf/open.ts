import type { Checkpoint } from '../checkpoint/checkpoint.ts'
import { parseModelConfig } from '../checkpoint/config.ts'
import { parallelInfoFile, parseJsonObject } from '../checkpoint/files.ts'
import type { Identity } from '../checkpoint/identity.ts'
import { parseParallelInfo } from '../checkpoint/parallel-info.ts'
import { configJson, ropeFactorsName, storedKey } from './config.ts'
import { readModel } from './files.ts'
import { ggufTokenizer } from './tokenizer.ts'
import { ggufWeights, readTensor } from './weights.ts'

/**
 * A GGUF file as a checkpoint: everything but the weights is read.
 * @param place what the user named: the file, one of its shards, or the folder with it
 * @param files of it, in order
 * @throws CheckpointError naming file, key or tensor, expected and found
 */
export async function openGguf(place: string, files: readonly string[], identity: Identity): Promise<Checkpoint> {
  const header = readModel(files)
  const { metadata, tensors } = header
  const factors = tensors.get(ropeFactorsName)
  const json = configJson(header, factors && (await readTensor(factors)))
  const config = parseModelConfig(json, metadata.file, storedKey(header))
  const { tokenizer, chatTemplate, endIds, bosId } = ggufTokenizer(metadata, config.vocabSize)
  // Only files that pr1-export wrote have it.
  const info = metadata.string(parallelInfoFile)
  const where = `${metadata.file}: ${parallelInfoFile}`
  const checkpoint = {
    ...{ folder: place, config, tokenizer, chatTemplate, identity },
    generation: { eosTokenIds: endIds, ...(bosId !== undefined && { bosTokenId: bosId }) },
    parallel: info === undefined ? undefined : parseParallelInfo(parseJsonObject(info, where), where, config.vocabSize),
    weights: ggufWeights(header, config, identity.confirm),
  }
  await identity.confirm()
  return checkpoint
}
