/**
 * The coefficient of the entropy bonus. With a target it moves by a step after every update, up where the entropy is at or below the
 * target and down where it is above, and it acts only after an update at or below it (Skywork-OR1, arXiv 2505.22312).
 */

import type { Tally } from '../losses/loss.ts'

interface EntropyBonusOptions {
  entropyBonus: number
  /** Nats; absent: the coefficient stays. */
  entropyTarget?: number
  entropyBonusStep: number
  entropyBonusMax: number
}

/** Part of the saved state: a run that goes on has the coefficient where it was. */
export interface EntropyControl {
  coefficient: number
  /** Mean entropy of the last update, nats; absent before the first. */
  entropy?: number
}

export function firstControl({ entropyBonus }: EntropyBonusOptions): EntropyControl {
  return { coefficient: entropyBonus }
}

/** Whether the loss has a bonus in it at some update or other. */
export function hasBonus({ entropyBonus, entropyTarget }: EntropyBonusOptions): boolean {
  return entropyBonus > 0 || entropyTarget !== undefined
}

/** What acts on the next update. */
export function coefficientNow({ coefficient, entropy }: EntropyControl, { entropyTarget }: EntropyBonusOptions): number {
  if (entropyTarget === undefined) return coefficient
  return entropy !== undefined && entropy <= entropyTarget ? coefficient : 0
}

/** After an update. */
export function afterUpdate(control: EntropyControl, tally: Tally, options: EntropyBonusOptions): EntropyControl {
  const { entropyTarget, entropyBonusStep, entropyBonusMax } = options
  if (entropyTarget === undefined || tally.sum('counted') === 0) return control
  const entropy = tally.sum('countedEntropy') / tally.sum('counted')
  const moved = control.coefficient + (entropy <= entropyTarget ? entropyBonusStep : -entropyBonusStep)
  return { coefficient: Math.min(Math.max(moved, 0), entropyBonusMax), entropy }
}
