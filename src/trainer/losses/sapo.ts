/** SAPO (arXiv 2511.20347): a smooth gate in place of the clip. The mean in each sample, then over samples. */

import type { Loss } from './loss.ts'
import type { Term } from './parts/clip.ts'
import { type AroundOptions, byToken, policyLoss } from './parts/policy.ts'

interface SapoOptions {
  /** τ of the gate: for A > 0, and for A ≤ 0. */
  sapoTemperatures: readonly [number, number]
}

/** −A·σ(τ(ρ − 1))·4/τ. Its slope at ρ = 1 is −A, as without a gate. */
function sapoTerm(
  logprob: number,
  sampledLogprob: number,
  advantage: number,
  { sapoTemperatures: [positive, negative] }: SapoOptions,
): Term {
  const ratio = Math.exp(logprob - sampledLogprob)
  const temperature = advantage > 0 ? positive : negative
  const gate = 1 / (1 + Math.exp(-temperature * (ratio - 1)))
  return { loss: (-advantage * gate * 4) / temperature, slope: -advantage * 4 * gate * (1 - gate) * ratio, clipped: false }
}

export function sapo(options: SapoOptions & AroundOptions): Loss {
  return policyLoss(options, { terms: byToken(sapoTerm, options), divisor: (n, { samples }) => samples * n, ratio: 'token' })
}
