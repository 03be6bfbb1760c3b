/** The losses by name. A new one is a file beside these and a line here. */

import { ConfigError } from '../../engine/errors.ts'
import { nearestName } from '../../nearest-name.ts'
import { clipped } from './clipped.ts'
import { likelihood } from './likelihood.ts'

const LOSSES = { clipped, likelihood }

export type LossName = keyof typeof LOSSES

/** Makes the loss `name` from the settings of its stage: `lossNamed('clipped')(stage)`. Throws ConfigError with the nearest name. */
export function lossNamed<N extends LossName>(name: N): (typeof LOSSES)[N] {
  if (Object.hasOwn(LOSSES, name)) return LOSSES[name]
  const known = Object.keys(LOSSES)
  const nearest = nearestName(name, known)
  throw new ConfigError(`There is no loss "${name}". ${nearest ? `Did you mean "${nearest}"?` : `There are: ${known.join(', ')}.`}`)
}
