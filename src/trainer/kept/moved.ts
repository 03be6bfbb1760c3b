/** What a regrading moved: rewards, metrics, and above all advantages, whose sign says what becomes likelier. */

import type { Regraded, Regrading } from './regrade.ts'

/** A mean before and now over the rollouts that have the value, and how many of them have another now. */
export interface Moved {
  was?: number
  is?: number
  changed: number
  of: number
}

export interface Movement {
  reward: Moved
  metrics: Record<string, Moved>
  /** From above 0 to below, or back: what was made likelier would be made less likely, and the other way round. */
  flipped: { toNegative: number; toPositive: number }
  /** Taught something and would teach nothing, and the other way round. */
  silenced: number
  awakened: number
  /** Rollouts whose advantage has another sign, the largest changes first. */
  changes: Regraded[]
}

export function movementOf({ rollouts }: Regrading): Movement {
  const names = [...new Set(rollouts.flatMap(({ metrics }) => Object.keys(metrics)))]
  const counted = { toNegative: 0, toPositive: 0, silenced: 0, awakened: 0 }
  const changes: Regraded[] = []
  for (const rollout of rollouts) {
    const [was, is] = rollout.advantage.map(Math.sign)
    if (was === is) continue
    changes.push(rollout)
    if (is === 0) counted.silenced += 1
    else if (was === 0) counted.awakened += 1
    else counted[is > 0 ? 'toPositive' : 'toNegative'] += 1
  }
  const { toNegative, toPositive, silenced, awakened } = counted
  const size = ({ advantage: [was, is] }: Regraded): number => Math.abs(is - was)
  return {
    reward: moved(rollouts.map(({ reward }) => reward)),
    metrics: Object.fromEntries(
      names.map((name) => [name, moved(rollouts.flatMap(({ metrics }) => (metrics[name] ? [metrics[name]] : [])))]),
    ),
    flipped: { toNegative, toPositive },
    silenced,
    awakened,
    changes: changes.sort((a, b) => size(b) - size(a)),
  }
}

function moved(pairs: readonly (readonly [number | undefined, number | undefined])[]): Moved {
  const mean = (values: readonly (number | undefined)[]): number | undefined => {
    const present = values.filter((value) => value !== undefined)
    return present.length > 0 ? present.reduce((sum, value) => sum + value, 0) / present.length : undefined
  }
  return {
    was: mean(pairs.map(([was]) => was)),
    is: mean(pairs.map(([, is]) => is)),
    changed: pairs.filter(([was, is]) => was !== is).length,
    of: pairs.length,
  }
}
