import path from 'node:path'
import { ChatTemplate } from '../checkpoint/chat-template.ts'
import type { Checkpoint, CheckpointInfo } from '../checkpoint/checkpoint.ts'
import { adapterConfigFile, parallelInfoFile, readJsonIfPresent, statFile, tokenizerFile } from '../checkpoint/files.ts'
import { readGeneration } from '../checkpoint/generation.ts'
import { parseParallelInfo } from '../checkpoint/parallel-info.ts'
import { problem } from '../checkpoint/problem.ts'
import { Tokenizer } from '../checkpoint/tokenizer.ts'
import { grownWeights } from '../checkpoint/weights.ts'
import type { CheckpointError } from '../errors.ts'
import { modelSpec } from '../families/index.ts'
import type { ModelConfig } from '../model-config.ts'
import { parametersOf } from '../spec.ts'
import type { Loadable } from '../types.ts'
import { checkBaseMark } from './base-mark.ts'
import { readAdapters, readPeftConfig } from './read.ts'

/** An adapter with its base, as one checkpoint. */

/**
 * The base with the adapter of a folder. Tokenizer, chat template, end tokens and `parallel_r1.json` are the adapter's where it has them. Tokens
 * beyond the rows of the base take rows of their own from it.
 * @throws CheckpointError naming file, key or tensor, expected and found
 */
export async function withAdapter(base: Checkpoint, folder: string): Promise<CheckpointInfo & Loadable> {
  const hasTokenizer = statFile(path.join(folder, tokenizerFile)) !== undefined
  const tokenizer = hasTokenizer ? Tokenizer.load(folder) : base.tokenizer
  const config: ModelConfig = { ...base.config, vocabSize: vocabularyOf(base.config, folder, tokenizer) }
  const spec = modelSpec(config)
  const { adapters, warnings } = await readAdapters(folder, spec)
  await checkBaseMark(folder, base)
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

/** Rows of the embedding with the tokens of the adapter. Those that the base has no rows for must all have rows of their own. */
function vocabularyOf({ vocabSize, tiedEmbeddings }: ModelConfig, folder: string, tokenizer?: Tokenizer): number {
  const own = new Set([...readPeftConfig(folder).tokens.values()].flat())
  const named = tokenizer?.vocabSize ?? 0
  let size = vocabSize
  while (own.has(size)) size++
  const beyond = [...own].find((id) => id > size)
  if (named <= size && beyond === undefined && (size === vocabSize || tiedEmbeddings)) return size
  const place =
    named > size
      ? { file: path.join(folder, tokenizerFile) }
      : { file: path.join(folder, adapterConfigFile), key: 'trainable_token_indices' }
  const expected = `at most ${vocabSize} tokens (rows of the base), or rows of their own in an adapter of a model with tied embeddings`
  if (named <= size && beyond === undefined) throw problem(place, expected, `${size}, and a head without rows for them`)
  throw problem(place, expected, `${Math.max(named, (beyond ?? 0) + 1)}, and token ${size} without a row`)
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
