/** Group-relative advantages (GRPO, arXiv 2402.03300; without the division: Dr. GRPO, arXiv 2503.20783). */

import { RewardError } from './rewards.ts'

export type AdvantageKind = 'std' | 'mean'

/** Keeps (r − mean) / std finite where all rewards of a group are nearly equal. */
const STD_EPSILON = 1e-6

/** Spread below which a group has no signal: rounding, not a difference in reward. */
const NO_SIGNAL = 1e-9

/** True when the rewards of a group differ, so that its advantages say anything. */
export function isInformative(rewards: readonly number[]): boolean {
  const scale = Math.max(1, ...rewards.map(Math.abs))
  return Math.max(...rewards) - Math.min(...rewards) > NO_SIGNAL * scale
}

/**
 * `std`: (r − mean) / (std + 1e-6) with the sample standard deviation (n − 1), as the reference; `mean`: r − mean.
 * Throws RewardError where rewards are so large that their squares or sums are no numbers.
 */
export function groupAdvantages(rewards: readonly number[], kind: AdvantageKind): number[] {
  const mean = rewards.reduce((sum, r) => sum + r, 0) / rewards.length
  const centred = rewards.map((r) => r - mean)
  if (!Number.isFinite(centred.reduce((sum, d) => sum + d * d, 0))) {
    throw new RewardError(`The rewards of a group are too large to be compared. Got ${rewards.join(', ')}. Scale the expression down.`)
  }
  if (kind === 'mean' || rewards.length < 2) return centred
  const std = Math.sqrt(centred.reduce((sum, d) => sum + d * d, 0) / (rewards.length - 1))
  return centred.map((d) => d / (std + STD_EPSILON))
}
