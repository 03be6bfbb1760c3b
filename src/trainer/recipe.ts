/** What the loop of a stage (training-stage.ts) and what it trains by (sft.ts, grpo.ts) say to each other. */

import type { ParallelInfo } from '../engine/checkpoint/folder.ts'
import type { UpdateOptions, UpdateResult } from '../engine/types.ts'
import type { ReadPrompt } from '../providers/prompt.ts'
import type { OptimizerConfig } from './config/config.ts'
import type { Probe, ProbeOptions } from './doctor/probe.ts'
import type { JudgedStep } from './kept/step.ts'
import type { ClusterReport } from './model/workers.ts'
import type { EntropyControl } from './update/entropy-bonus.ts'

/** What one step reports: numbers for the step line and metrics.jsonl. */
export interface StepReport {
  /** Mean loss per token; for grpo the un-centred surrogate, absent where no group taught. */
  loss?: number
  lr: number
  /** In their order; none where every group was dropped. */
  updates: readonly UpdateResult[]
  /** Tokens that tokens/s counts: packed (sft), generated (grpo). */
  tokens: number
  rollouts?: RolloutReport
  /** Where other machines took part. */
  cluster?: ClusterReport
  /** Where the coefficient of an entropy bonus stands now. */
  entropyControl?: EntropyControl
  /** The rollouts themselves, as they are kept. */
  kept?: () => JudgedStep
}

/** |training − sampling| log-probability over the tokens with loss, nats. */
export interface Gap {
  mean: number
  max: number
}

export interface RolloutReport {
  /** Means over all samples of the step. */
  reward: number
  rewardStd: number
  metrics: Record<string, number>
  groups: number
  /** Groups whose rewards differ; the others are dropped. */
  informative: number
  /** Groups whose rewards do not differ: above 0, so too easy, or not, so too hard. */
  allRight: number
  allWrong: number
  /** Rounds of further prompts; absent where the stage has no `refill`. */
  refills?: number
  /** Share of responses with a block. */
  parallelRatio: number
  /** Means per response. */
  responseTokens: number
  criticalPathTokens: number
  /** Share of responses ended by a budget. */
  truncated: number
  /** Tokens with loss, all updates. 0: no group taught, so there is no mean over them. */
  lossTokens: number
  /** Mean over the tokens with loss, nats. */
  entropy?: number
  /** Share of tokens at a clip bound, over all updates of the step. */
  clipFraction?: number
  /** |training − sampling| log-probability of the response tokens in the first update of the step; zeros where that one has none. */
  gap?: Gap
  /** k3 to the reference policy, mean over the tokens with loss, nats; absent where the stage has no reference, too. */
  kl?: number
  /** Coefficient of the entropy bonus after the step; absent where the stage has none. */
  entropyBonus?: number
}

/** A stage made ready: everything is checked and read, nothing is trained yet. */
export interface Recipe {
  /** NaN where only the stages before it will tell. */
  readonly steps: number
  /** Packed tokens of the largest forward, for the memory plan. */
  readonly forwardTokens: number
  /** One line on the data, for the plan. */
  data: string
  /** Reads what the stages before it have made, and says what that is. */
  begin?(): Promise<string>
  /** Lines for the plan. */
  warnings?: readonly string[]
  /** Every prompt of the stage. */
  prompts: readonly ReadPrompt[]
  /** Budgets that the exported checkpoint tells its users. */
  decoding?: Pick<ParallelInfo, 'budgets' | 'paths' | 'maxBlocks' | 'outlines' | 'pathStarts'>
  /** Bytes that the stage holds beside the model: a reference policy. */
  referenceBytes?: number
  /**
   * Step `step` (from 0) of the stage, update included. A pure function of the weights, the moments, `step`, the session's reference and
   * what the step before reported as `entropyControl`.
   */
  step(step: number, control?: EntropyControl): Promise<StepReport>
  /** What `pr1-train doctor` looks at. It changes no weight. */
  probe(options: ProbeOptions): Promise<Probe>
  close?(): Promise<void>
}

export function updateOptions(stage: OptimizerConfig, lr: number): UpdateOptions {
  return { lr, betas: stage.betas, eps: stage.eps, weightDecay: stage.weightDecay, clip: stage.clip }
}
