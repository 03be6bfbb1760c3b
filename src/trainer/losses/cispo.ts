/**
 * CISPO (MiniMax-M1, arXiv 2506.13585, equation 4): the clipped ratio is a constant weight of A · log-probability, so no token loses
 * its gradient. The mean over all tokens of the update.
 */

import type { Loss } from './loss.ts'
import type { ClipOptions, Term } from './parts/clip.ts'
import { type AroundOptions, byToken, policyLoss } from './parts/policy.ts'

type Bounds = Pick<ClipOptions, 'clipLow' | 'clipHigh'>

/** −clip(ρ, 1 − εl, 1 + εh)·A·logprob, the first factor held constant. */
function cispoTerm(logprob: number, sampledLogprob: number, advantage: number, { clipLow, clipHigh }: Bounds): Term {
  const ratio = Math.exp(logprob - sampledLogprob)
  const weight = Math.min(Math.max(ratio, 1 - clipLow), 1 + clipHigh)
  return { loss: -weight * advantage * logprob, slope: -weight * advantage, clipped: weight !== ratio }
}

export function cispo(options: Bounds & AroundOptions): Loss {
  return policyLoss(options, { terms: byToken(cispoTerm, options), divisor: (_, { tokens }) => tokens, ratio: 'token' })
}
