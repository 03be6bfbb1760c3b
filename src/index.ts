/**
 * What `package:parallel-r1:Name` resolves and what users import. Named exports only: promptfoo looks names up on a default
 * export where there is one. Importing this loads neither the native addon nor a model.
 */

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
export { openEngine } from './engine/open.ts'
export type * from './engine/types.ts'
export type { ProviderOptions, Stretch, ThinkingConfig, ThinkingMetadata } from './providers/index.ts'
export { ParallelThinkingProvider } from './providers/index.ts'
