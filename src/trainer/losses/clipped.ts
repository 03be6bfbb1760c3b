/**
 * The clipped policy loss of GRPO (arXiv 2402.03300) with DAPO's two bounds and token-level normalisation (arXiv 2503.14476)
 * and the dual clip of PPO (arXiv 1912.09729).
 */

import type { Loss } from './loss.ts'

export interface ClipOptions {
  /** εl: the ratio is clipped below at 1 − clipLow. */
  clipLow: number
  /** εh: and above at 1 + clipHigh. */
  clipHigh: number
  /** c: for A < 0 the loss is at most −A·c. */
  dualClip: number
}

export interface ClippedTerm {
  loss: number
  /** dLoss/dLogprob. */
  slope: number
  clipped: boolean
}

/**
 * One token: max(−A·ρ, −A·clip(ρ, 1 − εl, 1 + εh)), for A < 0 at most −A·c, with ρ = exp(logprob − sampledLogprob).
 * The slope is −A·ρ where the first term stands and 0 where a bound does.
 */
export function clippedTerm(logprob: number, sampledLogprob: number, advantage: number, options: ClipOptions): ClippedTerm {
  const ratio = Math.exp(logprob - sampledLogprob)
  const plain = -advantage * ratio
  const bounded = -advantage * Math.min(Math.max(ratio, 1 - options.clipLow), 1 + options.clipHigh)
  if (bounded > plain) return { loss: bounded, slope: 0, clipped: true }
  const ceiling = -advantage * options.dualClip
  if (advantage < 0 && plain > ceiling) return { loss: ceiling, slope: 0, clipped: true }
  return { loss: plain, slope: plain, clipped: false }
}

/**
 * Slopes are divided by the tokens of the update, metrics are not: their means are taken over all updates of a step.
 * `clipped`: 1 at a bound. `gap`: |training − sampling| log-probability, nats; 0 on the first update of a step where both
 * agree bit for bit.
 */
export function clipped(options: ClipOptions): Loss {
  return {
    entropy: true,
    terms({ logprobs, sampled, advantage, entropies }, tokens) {
      const zeros = (): Float64Array => new Float64Array(logprobs.length)
      const slopes = zeros()
      const metrics = { loss: zeros(), clipped: zeros(), entropy: Float64Array.from(entropies), gap: zeros() }
      for (let j = 0; j < logprobs.length; j++) {
        const term = clippedTerm(logprobs[j], sampled[j], advantage, options)
        slopes[j] = term.slope / tokens
        metrics.loss[j] = term.loss
        metrics.clipped[j] = term.clipped ? 1 : 0
        metrics.gap[j] = Math.abs(logprobs[j] - sampled[j])
      }
      return { slopes, metrics }
    },
  }
}
