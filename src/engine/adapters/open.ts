import path from 'node:path'
import { ChatTemplate } from '../checkpoint/chat-template.ts'
import { parallelInfoFile, readJsonIfPresent, statFile, tokenizerFile } from '../checkpoint/files.ts'
import type { Checkpoint, CheckpointInfo } from '../checkpoint/folder.ts'
import { readGeneration } from '../checkpoint/generation.ts'
import { parseParallelInfo } from '../checkpoint/parallel-info.ts'
import { problem } from '../checkpoint/problem.ts'
import { Tokenizer } from '../checkpoint/tokenizer.ts'
import { grownWeights } from '../checkpoint/weights.ts'
import type { CheckpointError } from '../errors.ts'
import { modelSpec } from '../families/index.ts'
import { parametersOf } from '../spec.ts'
import type { Loadable, ModelConfig } from '../types.ts'
import { checkBaseMark } from './base-mark.ts'
import { readAdapters } from './read.ts'

/** An adapter with its base, as one checkpoint. */

/**
 * The base with the adapter of a folder. Tokenizer, chat template, end tokens and `parallel_r1.json` are the adapter's where it has them. Tokens
 * that its tokenizer has beyond the rows of the base take rows of their own from it.
 * @throws CheckpointError naming file, key or tensor, expected and found
 */
export async function withAdapter(base: Checkpoint, folder: string): Promise<CheckpointInfo & Loadable> {
  const file = path.join(folder, tokenizerFile)
  const tokenizer = statFile(file) === undefined ? base.tokenizer : Tokenizer.load(folder)
  const config: ModelConfig = { ...base.config, vocabSize: Math.max(base.config.vocabSize, tokenizer?.vocabSize ?? 0) }
  const spec = modelSpec(config)
  const { adapters, warnings } = await readAdapters(folder, spec)
  await checkBaseMark(folder, base)
  if (config.vocabSize > base.config.vocabSize) {
    const { vocabSize } = base.config
    const expected = `at most ${vocabSize} tokens (rows of the base), or rows of their own in an adapter of a model with tied embeddings`
    const own = new Set(adapters.tokens)
    const bare = Array.from({ length: config.vocabSize - vocabSize }, (_, i) => vocabSize + i).find((id) => !own.has(id))
    if (bare !== undefined) throw problem({ file }, expected, `${config.vocabSize}, and token ${bare} without a row`)
    if (!config.tiedEmbeddings) throw problem({ file }, expected, `${config.vocabSize}, and a head without rows for them`)
  }
  const parallelFile = path.join(folder, parallelInfoFile)
  const parallel = readJsonIfPresent(parallelFile)
  const all = [...(base.warnings ?? []), ...warnings]
  return {
    folder,
    config,
    tokenizer,
    chatTemplate: ChatTemplate.load(folder) ?? base.chatTemplate,
    generation: generationOf(base, folder, config, tokenizer),
    parallel: parallel ? parseParallelInfo(parallel, parallelFile, config.vocabSize) : base.parallel,
    weights: config.vocabSize > base.config.vocabSize ? grownWeights(base.weights, parametersOf(spec)) : base.weights,
    adapters,
    ...(all.length > 0 && { warnings: all }),
  }
}

function generationOf({ generation }: Checkpoint, folder: string, config: ModelConfig, tokenizer?: Tokenizer): Checkpoint['generation'] {
  const own = readGeneration(folder, {}, config)
  const ends = [own, generation].find(({ eosTokenIds }) => eosTokenIds.length > 0) ?? readGeneration(folder, {}, config, tokenizer)
  const bos = own.bosTokenId ?? generation.bosTokenId
  return { eosTokenIds: ends.eosTokenIds, ...(bos !== undefined && { bosTokenId: bos }) }
}

/** An adapter may not stand on another one. */
export function adapterAsBase(folder: string, base: string): CheckpointError {
  return problem(
    { file: folder },
    'a base that is a whole model',
    `${base}, an adapter`,
    `Merge that one first: npx pr1-export ${base} ${base}-merged`,
  )
}
