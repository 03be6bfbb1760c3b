/** The clipped ratio of PPO (arXiv 1707.06347) with DAPO's two bounds (arXiv 2503.14476) and the dual clip (arXiv 1912.09729). */

export interface ClipOptions {
  /** εl: the ratio is clipped below at 1 − clipLow. */
  clipLow: number
  /** εh: and above at 1 + clipHigh. */
  clipHigh: number
  /** c: for A < 0 the loss is at most −A·c. */
  dualClip: number
}

/** What one ratio adds. */
export interface Term {
  loss: number
  /** Derivative of `loss` by the logarithm of the ratio. */
  slope: number
  /** Whether a bound holds. */
  clipped: boolean
}

/** The ratio of a token, or of a whole sample, between the weights in training (`logprob`) and those that sampled it. */
export type RatioTerm<Options> = (logprob: number, sampledLogprob: number, advantage: number, options: Options) => Term

/**
 * max(−A·ρ, −A·clip(ρ, 1 − εl, 1 + εh)), for A < 0 at most −A·c, with ρ = exp(logprob − sampledLogprob).
 * The slope is −A·ρ where the first term stands and 0 where a bound does.
 */
export function clippedTerm(logprob: number, sampledLogprob: number, advantage: number, options: ClipOptions): Term {
  const ratio = Math.exp(logprob - sampledLogprob)
  const plain = -advantage * ratio
  const bounded = -advantage * Math.min(Math.max(ratio, 1 - options.clipLow), 1 + options.clipHigh)
  if (bounded > plain) return { loss: bounded, slope: 0, clipped: true }
  const ceiling = -advantage * options.dualClip
  if (advantage < 0 && plain > ceiling) return { loss: ceiling, slope: 0, clipped: true }
  return { loss: plain, slope: plain, clipped: false }
}
