/**
 * Whether a run still learns. Three things say that it does not: updates that are skipped one after the other, steps whose every
 * group is dropped, and a stage that ends without an update.
 */

import { ExitError } from '../../cli/arguments.ts'
import type { JsonObject } from '../../json.ts'
import { counted } from '../../show.ts'
import type { StepReport } from '../recipe.ts'

/** A run that learns nothing. What it learnt before is saved. */
export class StandstillError extends ExitError {
  override name = 'StandstillError'
  readonly exitCode = 3
}

/** Part of the saved state: a run that goes on counts on. */
export interface Learning {
  /** Updates skipped in a row. */
  skipped: number
  /** Steps in a row whose every group was dropped. */
  dropped: number
  /** Updates that changed the weights, for each stage so far. */
  updates: number[]
}

export const NOTHING_LEARNT: Learning = { skipped: 0, dropped: 0, updates: [] }

/** Steps in a row without a group that teaches, after which the log says so. */
export const DROPPED_NOTICE = 20

/** Stage number `stage` (from 0) begins. */
export function beginStage({ updates }: Learning, stage: number): Learning {
  return { skipped: 0, dropped: 0, updates: [...updates.slice(0, stage), 0] }
}

/** After one more step of the newest stage. */
export function afterStep(learning: Learning, { updates, rollouts }: StepReport): Learning {
  const applied = updates.filter(({ skipped }) => !skipped).length
  const last = updates.findLastIndex(({ skipped }) => !skipped)
  return {
    skipped: last < 0 ? learning.skipped + updates.length : updates.length - 1 - last,
    dropped: rollouts?.informative === 0 ? learning.dropped + 1 : 0,
    updates: learning.updates.map((count, stage) => (stage === learning.updates.length - 1 ? count + applied : count)),
  }
}

/** Why a stage had no update, of its lines in metrics.jsonl, and what to do: a sentence or two. */
export function whyIdle(steps: readonly JsonObject[]): string {
  const dropped = steps.filter(({ informative }) => informative === 0)
  const skipped = steps.reduce((sum, step) => sum + (typeof step.skipped === 'number' ? step.skipped : 0), 0)
  const notFinite =
    skipped > 0 ? `${counted(skipped, 'update')} had a gradient that is not finite, and ${skipped === 1 ? 'was' : 'were'} skipped. ` : ''
  if (dropped.length === 0) return `${notFinite}Use a lower lr, a longer warmup or precision: f32.`
  const mean = (key: string): number => dropped.reduce((sum, step) => sum + Number(step[key] ?? 0), 0) / dropped.length
  const cut = mean('truncated')
  // With maskTruncated a group may be dropped although its rewards differ.
  const masked = mean('allRight') + mean('allWrong') < mean('groups') ? ', or a budget ended them all' : ''
  const ended = cut > 0 ? ` A budget (maxTokens) ended ${(100 * cut).toFixed(0)} % of the responses.` : ''
  const longer = cut >= 0.5 ? 'a larger maxTokens, ' : ''
  const which =
    dropped.length < steps.length
      ? `${dropped.length} of ${counted(steps.length, 'step')}`
      : steps.length === 1
        ? 'its step'
        : `all ${steps.length} steps`
  return `${notFinite}In ${which} no group taught: the samples of each prompt had equal rewards (mean ${mean('reward').toFixed(3)})${masked}.${ended} Choose ${longer}easier prompts, a larger group or a finer reward.`
}

/** The numbers of the stages that ended without an update. */
export function idleStages({ updates }: Learning): number[] {
  return updates.flatMap((count, stage) => (count === 0 ? [stage] : []))
}
