/** Which evaluation was the best so far, and whether a stage still waits for a better one. */

import { ConfigError } from '../../engine/errors.ts'
import type { Stage, TrainConfig } from '../config/config.ts'
import type { TrainerState } from '../states/state.ts'
import { splitBest } from './keys.ts'
import type { EvaluationPlace } from './rows.ts'

/** Part of the saved state. */
export interface EvaluationState {
  /** By name: steps done in the stage under way when it was last evaluated. */
  at: Record<string, number>
  best?: Best
  /** Evaluations of the stage under way since the best, those before its first step left out. */
  waited: number
  /** The stage (from 0) that `patience` ended last, and its steps. */
  ended?: { stage: number; step: number }
}

/** The evaluation that the folder `best` comes from. */
export interface Best extends EvaluationPlace {
  /** As in `save.best` and `save.bestMode`. */
  of: string
  mode: 'max' | 'min'
  value: number
  /** Steps done in all stages. */
  total: number
}

export const NOTHING_EVALUATED: EvaluationState = { at: {}, waited: 0 }

/** What `save` asks for; undefined where it asks for none. */
export function wantedBest({ save: { best, bestMode } }: Pick<TrainConfig, 'save'>) {
  const parts = best === undefined ? undefined : splitBest(best)
  return parts && { of: best!, mode: bestMode, ...parts }
}

/** A value that is no number is never the best; of equal ones the first is. */
export function isBetter(value: number, mode: Best['mode'], best?: Best): boolean {
  if (!Number.isFinite(value)) return false
  return !best || (mode === 'max' ? value > best.value : value < best.value)
}

/** After an evaluation of the name that decides. `value`: of its figure. */
export function afterEvaluation(state: EvaluationState, found: Best): EvaluationState {
  if (isBetter(found.value, found.mode, state.best)) return { ...state, best: found, waited: 0 }
  return found.step === 0 ? state : { ...state, waited: state.waited + 1 }
}

/** Evaluations of a stage: before its first step, every so many, and after its last. */
export function isDue(every: number | undefined, step: number, steps: number): boolean {
  return step === 0 || step === steps || (every !== undefined && step % every === 0)
}

/** How often that is in a whole stage. */
export function timesDue(every: number | undefined, steps: number): number {
  return every === undefined ? 2 : 1 + Math.ceil(steps / every)
}

/** Whether a stage has waited long enough for a better one. */
export function endsEarly(state: EvaluationState | undefined, { patience }: Pick<Stage, 'patience'>): boolean {
  return patience !== undefined && state !== undefined && state.waited >= patience
}

/** At the end of a stage; `early`: where `patience` ended it. */
export function endStage(state: EvaluationState | undefined, early?: { stage: number; step: number }): EvaluationState | undefined {
  if (!state) return undefined
  const { ended: _, ...rest } = state
  return { ...rest, at: {}, waited: 0, ...(early && { ended: { stage: early.stage, step: early.step } }) }
}

/** One sentence. */
export function describeBest({ best, waited }: EvaluationState): string {
  if (!best) return 'No evaluation gave a number to choose the best by.'
  const since = waited > 0 ? `, ${waited} ${waited === 1 ? 'evaluation' : 'evaluations'} ago` : ''
  return `The best ${best.of} is ${best.value.toFixed(4)}, after step ${best.step} of stage "${best.stage}"${since}.`
}

/** A stage that ended early has no further steps. Throws ConfigError. */
export function refuseEnded({ evaluation }: Pick<TrainerState, 'evaluation'>, stage: number, name: string): void {
  if (evaluation?.ended?.stage !== stage) return
  throw new ConfigError(
    `Stage "${name}" was ended by its patience after step ${evaluation.ended.step}, so a resumed run cannot lengthen it. Start a new run from "${name}" as model.checkpoint.`,
  )
}
