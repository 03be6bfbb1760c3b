/** What a probe of a grpo stage warns of. Each line says what was seen and what to do. */

import type { GrpoStage } from '../config/config.ts'
import { informativeShare } from './informative.ts'
import { correlated, spreadOf, summarize } from './metrics.ts'
import type { RolloutProbe } from './probe.ts'

/** Two metrics that agree this far say one thing. */
const ALIKE = 0.98
/** Below this share of groups that teach, most of the sampling is wasted. */
const FEW = 0.25
/** Responses that a budget ends, from which on it decides what is learnt. */
const MANY_CUT = 0.2
/** Milliseconds a response, from which on grading costs more than sampling on most machines. */
const SLOW_GRADER = 500

export function findings(stage: GrpoStage, { groups, rewards, classes, used, graderMs }: RolloutProbe): string[] {
  const all = groups.flat()
  const found: string[] = []
  const of = `of ${all.length} responses`
  const share = meanOf(classes.map((group) => informativeShare(group, Math.min(stage.group, group.length))))
  if (spreadOf(rewards.flat()).std === 0) {
    found.push(
      `The reward is ${rewards[0][0]} in all ${all.length} responses, so nothing can be learnt. Choose easier or harder prompts, or a finer reward.`,
    )
  } else if (share < FEW) {
    const easy = rewards.filter((group) => group.every((reward) => reward === group[0] && reward > 0)).length
    const hard = rewards.filter((group) => group.every((reward) => reward === group[0] && reward <= 0)).length
    found.push(
      `About ${percent(share)} of the groups of ${stage.group} will teach: ${easy} of ${rewards.length} prompts are always right, ${hard} always wrong. Choose ${hard >= easy ? 'easier' : 'harder'} prompts, a larger group or a finer reward.`,
    )
  }
  for (const { name, std, mean } of summarize(all)) {
    if (std === 0 && used.has(name)) found.push(`"${name}" is ${short(mean)} in every response, so it says nothing in the reward yet.`)
  }
  for (const { a, b, correlation } of correlated(all, ALIKE)) {
    if (!used.has(a) || !used.has(b)) continue
    found.push(`"${a}" and "${b}" go together (correlation ${correlation.toFixed(2)} ${of}): the reward counts one thing twice.`)
  }
  const cut = all.filter(({ thought }) => thought.finishReason === 'length').length
  if (cut / all.length >= MANY_CUT) {
    found.push(`A budget ended ${cut} ${of}. Raise maxTokens of the provider, or set maskTruncated: true.`)
  }
  const parallel = all.some(({ thought }) => thought.blocks.length > 0)
  if (!parallel && [...used].some((name) => /structure|parallel|path/i.test(name))) {
    found.push('No response holds a block, and the reward asks for structure. Give the model a cold start (a stage of kind sft) first.')
  }
  for (const [grader, ms] of graderMs) {
    if (ms >= SLOW_GRADER)
      found.push(
        `${grader} takes ${ms.toFixed(0)} ms a response: ${((ms * stage.prompts * stage.group) / 1000).toFixed(0)} s of grading a step, if nothing runs beside it.`,
      )
  }
  return found
}

export const meanOf = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length
export const percent = (share: number): string => `${(100 * share).toFixed(0)}%`
export const short = (value: number): string => (Number.isInteger(value) ? String(value) : value.toFixed(3))
