/** The losses by name. A new one is a file beside these and a line here. */

import { ConfigError } from '../../engine/errors.ts'
import { nearestName } from '../../nearest-name.ts'
import { bnpo } from './bnpo.ts'
import { cispo } from './cispo.ts'
import { dapo } from './dapo.ts'
import { dr_grpo } from './dr_grpo.ts'
import { gmpo } from './gmpo.ts'
import { grpo } from './grpo.ts'
import { gspo } from './gspo.ts'
import { likelihood } from './likelihood.ts'
import { luspo } from './luspo.ts'
import { sapo } from './sapo.ts'
import { vespo } from './vespo.ts'

const LOSSES = { bnpo, cispo, dapo, dr_grpo, gmpo, grpo, gspo, likelihood, luspo, sapo, vespo }

export type LossName = keyof typeof LOSSES

/** The losses of reinforcement, the default first. */
export const policyLosses = [
  'dapo',
  'grpo',
  'dr_grpo',
  'bnpo',
  'cispo',
  'gspo',
  'sapo',
  'luspo',
  'vespo',
  'gmpo',
] as const satisfies readonly LossName[]

export type PolicyLossName = (typeof policyLosses)[number]

/** Bounds where the stage names none: [clipLow, clipHigh]. Those of GSPO and GMPO are their papers', that of CISPO is ScaleRL's (arXiv 2510.13786). */
export function usualBounds(loss: PolicyLossName): readonly [number, number] {
  if (loss === 'gspo' || loss === 'luspo') return [3e-4, 4e-4]
  if (loss === 'gmpo') return [0.4, 0.4]
  return loss === 'cispo' ? [1, 4] : [0.2, 0.28]
}

/** Whether a loss judges tokens by themselves, so that those of one response may have advantages of their own. */
export function judgesTokens(loss: PolicyLossName): boolean {
  return !(['gspo', 'luspo', 'gmpo', 'vespo'] as PolicyLossName[]).includes(loss)
}

/** Makes the loss `name` from the settings of its stage: `lossNamed('dapo')(stage)`. Throws ConfigError with the nearest name. */
export function lossNamed<N extends LossName>(name: N): (typeof LOSSES)[N] {
  if (Object.hasOwn(LOSSES, name)) return LOSSES[name]
  const known = Object.keys(LOSSES)
  const nearest = nearestName(name, known)
  throw new ConfigError(`There is no loss "${name}". ${nearest ? `Did you mean "${nearest}"?` : `There are: ${known.join(', ')}.`}`)
}
