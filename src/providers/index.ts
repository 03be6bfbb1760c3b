export { ParallelThinkingProvider, type ProviderOptions } from './provider.ts'
export type { Stretch, ThinkingMetadata } from './response.ts'
export { parseThinkingConfig, promptIds, requestSeed, type ThinkingConfig, toRequest } from './thinker.ts'
