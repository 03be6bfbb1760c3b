/**
 * VESPO (arXiv 2602.10693): a gamma weight of the ratio of the whole sample, held constant, in place of the clip. The mean over all
 * tokens of the update.
 */

import type { Loss } from './loss.ts'
import { type AroundOptions, emptyTerms, type Policy, policyLoss } from './parts/policy.ts'

interface VespoOptions {
  /** k and λ of the weight for A ≥ 0, and for A < 0. */
  vespoPositive: readonly [number, number]
  vespoNegative: readonly [number, number]
}

/** The logarithm of the ratio of a sample stays between these, that of a token within ± the second: exp must not overflow. */
const LOG_RATIO = [Math.log(1e-8), 20] as const

/** φ(w) = exp(λ)·w^k·exp(−λw), 1 at w = 1, with w the product of the tokens' ratios. */
function gammaWeight(logRatio: number, [k, lambda]: readonly [number, number]): number {
  const logWeight = Math.min(Math.max(logRatio, LOG_RATIO[0]), LOG_RATIO[1])
  return Math.exp(lambda + k * logWeight - lambda * Math.exp(logWeight))
}

export function vespo(options: VespoOptions & AroundOptions): Loss {
  const terms: Policy['terms'] = ({ logprobs, sampled, advantage }, counted) => {
    let logRatio = 0
    for (let j = 0; j < logprobs.length; j++) logRatio += Math.min(Math.max(logprobs[j] - sampled[j], -LOG_RATIO[1]), LOG_RATIO[1])
    const weight = gammaWeight(logRatio, advantage >= 0 ? options.vespoPositive : options.vespoNegative)
    const terms = emptyTerms(logprobs.length)
    for (let j = 0; j < logprobs.length; j++) {
      if (!counted[j]) continue
      terms.slopes[j] = -weight * advantage
      terms.losses[j] = terms.slopes[j] * logprobs[j]
    }
    return terms
  }
  return policyLoss(options, { terms, divisor: (_, { tokens }) => tokens, ratio: 'token' })
}
