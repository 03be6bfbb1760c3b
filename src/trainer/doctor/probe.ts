/** What a stage shows of itself before it trains: one of its samples, and for grpo a few groups with rewards, times and a backward. */

import type { Rollout } from '../samples/rollouts.ts'
import type { UpdateSample } from '../update/micro-batches.ts'

export interface ProbeOptions {
  /** Prompts that are sampled, at most as many as the suite has. */
  prompts: number
  /** Responses a prompt. */
  group: number
}

export interface Probe {
  /** As it trains, with the tokens that carry loss; one with a block where there is one. */
  sample: UpdateSample
  rollouts?: RolloutProbe
}

export interface RolloutProbe {
  /** [prompt][response] */
  groups: readonly (readonly Rollout[])[]
  /** [prompt][response]: what the advantages are made of. */
  rewards: readonly (readonly number[])[]
  /** [prompt][response]: equal where no term of the reward tells two responses apart. */
  classes: readonly (readonly string[])[]
  /** The metrics that the reward names. */
  used: ReadonlySet<string>
  /** Of sampling with the grading beside it. */
  seconds: number
  /** Milliseconds of every grader, for one response. */
  graderMs: ReadonlyMap<string, number>
  /** Forward and backward of the groups that teach, without an update; undefined where none does. */
  training?: { responses: number; seconds: number }
}
