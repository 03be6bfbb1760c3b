/** What a stage works with: the model in training, or what can be said without its weights. */

import type { Model } from '../../engine/types.ts'
import type { Thinker } from '../../thinking/thinker.ts'
import type { ReferencePolicy } from '../update/reference.ts'
import type { ShardLimits, ShardRunner } from '../update/shards.ts'
import type { TrainedAdapters } from './lora.ts'
import type { SessionCheckpoint } from './model.ts'
import type { Workers } from './workers.ts'

/** What reads prompts and answers: the checkpoint of a session without its weights. */
export interface Reader extends Pick<Session, 'checkpoint' | 'seed'> {
  model: Pick<Model, 'config'>
}

/** Whether the weights are there, too. */
export const hasWeights = (session: Reader | Session): session is Session => 'openThinker' in session

/** The model in training with all that reading prompts and writing responses needs. */
export interface Session {
  model: Model
  checkpoint: SessionCheckpoint
  /** What trains in the place of the weights, where that is adapters beside them. */
  trained?: TrainedAdapters
  /** Thinks with the weights as they are now, until it is closed: before the next update. */
  openThinker(): Promise<Thinker>
  seed: number
  /** Whether a prompt is packed once for all its responses. Not on tfjs, where attention costs the square of a packed sequence, hidden or not. */
  sharesPrompts: boolean
  /** Parts of an update, and who computes them. */
  shards: ShardLimits
  runner: ShardRunner
  /** Workers on other machines that decode and compute shards. */
  workers?: Workers
  /** Of the stage under way, where its KL has one. Saved with every state. */
  reference?: ReferencePolicy
}
