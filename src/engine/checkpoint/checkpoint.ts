/** An opened checkpoint, wherever it was read from. */

import type { ModelConfig } from '../model-config.ts'
import type { Loadable } from '../types.ts'
import type { ChatTemplate } from './chat-template.ts'
import type { Generation } from './generation.ts'
import type { Identity } from './identity.ts'
import type { ParallelInfo } from './parallel-info.ts'
import type { Tokenizer } from './tokenizer.ts'

/** What a checkpoint says besides its weights. */
export interface CheckpointInfo {
  folder: string
  config: ModelConfig
  tokenizer?: Tokenizer
  chatTemplate?: ChatTemplate
  generation: Generation
  parallel?: ParallelInfo
  /** What its files contradict each other in and how it was read, a sentence each. */
  warnings?: readonly string[]
}

export interface Checkpoint extends CheckpointInfo, Loadable {
  /** Which checkpoint this is: taken before anything was read. */
  identity: Identity
}
