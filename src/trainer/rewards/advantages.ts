/** Group-relative advantages (GRPO, arXiv 2402.03300; without the division: Dr. GRPO, arXiv 2503.20783). */

import { RewardError } from './rewards.ts'

/** What a reward less its group's mean is divided by: the deviation of the group, that of the step, or nothing. */
export type AdvantageKind = 'std' | 'batch' | 'mean'

/** Several rewards: added before they are compared within a group, or after (GDPO, arXiv 2601.05242). */
export type Combination = 'sum_then_normalize' | 'normalize_then_sum'

/** One reward of a step, [group][sample]; undefined where it says nothing of a sample. */
export interface TermRewards {
  weight: number
  rewards: readonly (readonly (number | undefined)[])[]
}

export interface StepAdvantages {
  /** [group][sample]: the weighted sum of a sample's rewards. */
  rewards: number[][]
  advantages: number[][]
  /** Groups whose samples differ. */
  informative: boolean[]
}

/** Keeps (r − mean) / std finite where all rewards of a group are nearly equal. */
export const STD_EPSILON = 1e-6

/** Spread below which a group has no signal: rounding, not a difference in reward. */
const NO_SIGNAL = 1e-9

/** True when the rewards of a group differ, so that its advantages say anything. */
export function isInformative(rewards: readonly number[]): boolean {
  const scale = Math.max(1, ...rewards.map(Math.abs))
  return Math.max(...rewards) - Math.min(...rewards) > NO_SIGNAL * scale
}

/**
 * `std`: (r − mean) / (std + 1e-6) with the sample standard deviation (n − 1), as the reference; `mean`: r − mean; `batch`: as `std`, with
 * the deviation `spread` of the step. Throws RewardError where rewards are so large that their squares or sums are no numbers.
 */
export function groupAdvantages(rewards: readonly number[], kind: AdvantageKind, spread = 0): number[] {
  const mean = rewards.reduce((sum, r) => sum + r, 0) / rewards.length
  const centred = rewards.map((r) => r - mean)
  if (!Number.isFinite(centred.reduce((sum, d) => sum + d * d, 0))) {
    throw new RewardError(`The rewards of a group are too large to be compared. Got ${rewards.join(', ')}. Scale the expression down.`)
  }
  if (kind === 'mean' || rewards.length < 2) return centred
  const std = kind === 'batch' ? spread : Math.sqrt(centred.reduce((sum, d) => sum + d * d, 0) / (rewards.length - 1))
  return centred.map((d) => d / (std + STD_EPSILON))
}

/**
 * Advantages of a step. `penalties` are taken off the sum of a sample's rewards, which `sum_then_normalize` compares; whether a group is
 * informative is judged without them. `normalize_then_sum` compares each reward among the samples that it says something of, and
 * divides the weighted sums by their deviation over the step, unless nothing is divided (`mean`).
 */
export function stepAdvantages(
  terms: readonly TermRewards[],
  { kind, combine, penalties }: { kind: AdvantageKind; combine: Combination; penalties?: readonly (readonly number[])[] },
): StepAdvantages {
  const sums = terms[0].rewards.map((group, g) => group.map((_, m) => weightedSum(terms, g, m)))
  const rewards = sums.map((group) => group.map((sum) => sum ?? 0))
  if (combine === 'sum_then_normalize') {
    const lowered = penalties ? sums.map((group, g) => group.map((sum, m) => (sum === undefined ? sum : sum - penalties[g][m]))) : sums
    return { rewards, advantages: compare(lowered, kind), informative: sums.map((group) => isInformative(present(group))) }
  }
  const parts = terms.map(({ weight, rewards }) => compare(rewards, kind).map((group) => group.map((advantage) => weight * advantage)))
  const added = rewards.map((group, g) => group.map((_, m) => parts.reduce((sum, part) => sum + part[g][m], 0)))
  const all = added.flat()
  const mean = all.reduce((sum, a) => sum + a, 0) / all.length
  const spread = deviation(all)
  return {
    rewards,
    advantages: kind === 'mean' ? added : added.map((group) => group.map((a) => (a - mean) / (spread + STD_EPSILON))),
    informative: rewards.map((_, g) => terms.some(({ rewards }) => isInformative(present(rewards[g])))),
  }
}

/** Undefined where no reward says anything of the sample. */
function weightedSum(terms: readonly TermRewards[], group: number, member: number): number | undefined {
  let sum: number | undefined
  for (const { weight, rewards } of terms) {
    const reward = rewards[group][member]
    if (reward !== undefined) sum = sum === undefined ? weight * reward : sum + weight * reward
  }
  return sum
}

/** Advantages within each group among the samples that have a value; 0 for the others. */
function compare(values: readonly (readonly (number | undefined)[])[], kind: AdvantageKind): number[][] {
  const spread = kind === 'batch' ? deviation(values.flatMap(present)) : 0
  return values.map((group) => {
    const compared = groupAdvantages(present(group), kind, spread)
    let next = 0
    return group.map((value) => (value === undefined ? 0 : compared[next++]))
  })
}

function present(values: readonly (number | undefined)[]): number[] {
  return values.filter((value) => value !== undefined)
}

/** The sample standard deviation (n − 1); 0 of fewer than two. */
export function deviation(values: readonly number[]): number {
  if (values.length < 2) return 0
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1))
}
