/** The rewards of a stage: one expression, or several with a weight each and a condition under which they say something. */

import type { GrpoStage } from '../config/config.ts'
import type { Rollout } from '../samples/rollouts.ts'
import type { TermRewards } from './advantages.ts'
import { compileReward, type Reward } from './rewards.ts'

export interface RewardTerm {
  reward: Reward
  weight: number
  /** The reward says something of samples where this is not 0; absent: of all. */
  where?: Reward
}

/** Throws ConfigError where an expression does not parse. */
export async function compileTerms({ reward, rewards }: Pick<GrpoStage, 'reward' | 'rewards'>): Promise<RewardTerm[]> {
  if (reward !== undefined) return [{ reward: await compileReward(reward), weight: 1 }]
  return Promise.all(
    rewards!.map(async ({ reward, weight, where }) => ({
      reward: await compileReward(reward),
      weight,
      ...(where !== undefined && { where: await compileReward(where) }),
    })),
  )
}

/** Every expression of the terms. */
export function expressionsOf(terms: readonly RewardTerm[]): Reward[] {
  return terms.flatMap(({ reward, where }) => (where ? [reward, where] : [reward]))
}

/** The rewards of a step; expressions count steps from 1. */
export function evaluateTerms(
  terms: readonly RewardTerm[],
  groups: readonly (readonly Pick<Rollout, 'metrics'>[])[],
  step: number,
): TermRewards[] {
  return terms.map(({ reward, weight, where }) => ({
    weight,
    rewards: groups.map((group) =>
      group.map(({ metrics }) => (where && where.evaluate(metrics, step) === 0 ? undefined : reward.evaluate(metrics, step))),
    ),
  }))
}
