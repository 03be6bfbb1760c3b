/**
 * What `package:parallel-r1:Name` resolves and what users import; docs/library.md shows each. Named exports only: promptfoo looks
 * names up on a default export where there is one. Importing this loads not the native addon, and of packages only zod, which
 * checks the config of a provider as it is made: what needs another one loads it when it is called.
 */

import type { Checkpoint } from './engine/checkpoint/folder.ts'
import type { WrittenSettings } from './remote/settings.ts'
import type { ServedCheckpoint } from './remote/tokens.ts'
import type { RetryOptions } from './retry.ts'
import type { Thinker } from './thinking/thinker.ts'
import type { TrainConfig } from './trainer/config/config.ts'
import type { TrainOverrides } from './trainer/config/config-file.ts'
import type { Outcome, TrainOptions } from './trainer/run/options.ts'

export { DEFAULT_MANNER, type Judgement, judgeAnswer, type Manner } from './assertions/answer/judge.ts'
export type { AssertionContext, AssertionResult } from './assertions/index.ts'
export {
  countdownAnswer,
  lengthBudget,
  mathAnswer,
  parallelEfficiency,
  parallelStructure,
  parallelUsed,
  pathAgreement,
  pathDiversity,
  repetition,
} from './assertions/index.ts'
export * from './engine/errors.ts'
export type * from './engine/model-config.ts'
export { openEngine } from './engine/open.ts'
export type { TensorSpec } from './engine/spec.ts'
export type * from './engine/types.ts'
export type { PathSpan, ProviderOptions, TextSpan, ThinkingConfig, ThinkingMetadata } from './providers/index.ts'
export { ParallelThinkingProvider, parseThinkingConfig, promptIds, toRequest } from './providers/index.ts'
export { requestSeed } from './random.ts'
export {
  type BlockPart,
  type GrammarOptions,
  OUTLINE_TAGS,
  type Parsed,
  parseThinking,
  TAGS,
  type TextPart,
  type ThinkingTree,
} from './thinking/grammar.ts'
export { type LocalThinkerOptions, localThinker } from './thinking/thinker.ts'
export type { AttentionMode, Budgets, TagIds, ThinkRequest, Thought, Trajectory } from './thinking/types.ts'
export type { Checkpoint, Outcome, ServedCheckpoint, Thinker, TrainConfig, TrainOptions, TrainOverrides, WrittenSettings as ServerSettings }

/**
 * Opens a Hugging Face folder, a GGUF file, or the folder of an adapter with its base: everything but the weights. `base` is a folder, a GGUF file
 * or an id of the hub, and comes before what the adapter names. Throws `CheckpointError` naming file, key, expected and found.
 */
export async function openCheckpoint(folder: string, { base }: { base?: string } = {}): Promise<Checkpoint> {
  const [folders, { adapterBase, checkpointPlace }] = await Promise.all([import('./engine/checkpoint/folder.ts'), import('./hub/place.ts')])
  return folders.openCheckpoint(folder, { base: await adapterBase(folder, base && checkpointPlace(base, process.cwd())) })
}

/**
 * Thinks with the model of a server that speaks OpenAI's completions. `checkpoint` has its tokenizer and its tags, and needs no weights; `server`
 * is what `server` says in the provider's config; `notify` hears of long waits. Throws `ConfigError`.
 */
export async function remoteThinker(
  checkpoint: ServedCheckpoint,
  server: WrittenSettings,
  options?: Pick<RetryOptions, 'notify'>,
): Promise<Thinker> {
  const [settings, thinker] = await Promise.all([import('./remote/settings.ts'), import('./remote/thinker.ts')])
  return thinker.remoteThinker(checkpoint, settings.serverSettings(server), options)
}

/** Reads and checks a training file as `pr1-train -c` does. Throws `ConfigError`. */
export async function readTrainConfig(file: string, overrides?: TrainOverrides): Promise<TrainConfig> {
  const config = await import('./trainer/config/config-file.ts')
  return config.readTrainConfig(file, overrides)
}

/** Trains as `pr1-train` does; needs promptfoo. Throws `ConfigError`, and `ParallelR1Error` where an assertion crashes. */
export async function train(config: TrainConfig, options?: TrainOptions): Promise<Outcome> {
  const trainer = await import('./trainer/train.ts')
  return trainer.train(config, options)
}
