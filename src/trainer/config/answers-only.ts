/**
 * Runs that train nothing: every stage asks a teacher. Their weights stay those of the configuration, so no state holds them, and no optimizer is
 * made. Where all teachers are providers, the weights are not even read: tokenizer and sizes say what could be learnt of an answer.
 */

import type { Stage, TrainConfig } from './config.ts'

/** Whether no stage of the run trains. */
export const trainsNothing = ({ stages }: Pick<TrainConfig, 'stages'>): boolean => stages.every(({ kind }) => kind === 'generate')

/** Whether the model answers in a stage. */
export const asksItself = (stage: Stage): boolean => stage.kind === 'generate' && stage.teacher === 'self'

/** Whether these stages of the run, those to come, can do without the weights of a model. */
export const needsNoWeights = (config: Pick<TrainConfig, 'stages'>, stages: readonly Stage[]): boolean =>
  trainsNothing(config) && !stages.some(asksItself)
