/** Supervised fine-tuning: mean negative log-likelihood of the tokens. */

import type { Loss } from './loss.ts'

/** The slope is −1 / tokens everywhere. `loss`: −logprob / tokens, so the sum over the update is its mean. */
export function likelihood(): Loss {
  return {
    entropy: false,
    terms({ logprobs }, { tokens }) {
      const slopes = new Float64Array(logprobs.length).fill(-1 / tokens)
      return { slopes, metrics: { loss: Float64Array.from(logprobs, (logprob) => -logprob / tokens) } }
    },
  }
}
