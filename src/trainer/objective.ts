/**
 * What a loss is: log-probabilities of the tokens with loss → the loss and dLoss/dLogprob, one number a token. The
 * engine knows no objective. Every sum is divided by the tokens with loss of the whole update, so the gradient does
 * not depend on how the update is cut into micro-batches.
 */

export interface ClipOptions {
  /** εl: the ratio is clipped below at 1 − clipLow. */
  clipLow: number
  /** εh: and above at 1 + clipHigh. */
  clipHigh: number
  /** c: for A < 0 the loss is at most −A·c (dual-clip PPO, arXiv 1912.09729). */
  dualClip: number
}

export interface TokenLoss {
  loss: number
  /** dLoss/dLogprob of the new policy. */
  slope: number
  clipped: boolean
}

/**
 * max(−A·ρ, −A·clip(ρ, 1 − εl, 1 + εh)), for A < 0 at most −A·c, with ρ = exp(logprob − sampledLogprob).
 * The slope is −A·ρ where the first term stands and 0 where a bound does.
 */
export function policyTokenLoss(logprob: number, sampledLogprob: number, advantage: number, options: ClipOptions): TokenLoss {
  const ratio = Math.exp(logprob - sampledLogprob)
  const plain = -advantage * ratio
  const bounded = -advantage * Math.min(Math.max(ratio, 1 - options.clipLow), 1 + options.clipHigh)
  if (bounded > plain) return { loss: bounded, slope: 0, clipped: true }
  const ceiling = -advantage * options.dualClip
  if (advantage < 0 && plain > ceiling) return { loss: ceiling, slope: 0, clipped: true }
  return { loss: plain, slope: plain, clipped: false }
}

/** Mean negative log-likelihood: −1 / tokens at every target, 0 elsewhere. `targets` (T), weights (T). */
export function likelihoodWeights(targets: Uint8Array, tokens: number): Float32Array {
  const weights = new Float32Array(targets.length)
  for (let i = 0; i < targets.length; i++) if (targets[i]) weights[i] = -1 / tokens
  return weights
}

/** Means over tokens with loss. */
export interface LossSummary {
  loss: number
  clipFraction: number
  entropy: number
  lossTokens: number
}

/** |new − sampled| log-probability over the tokens with loss, nats. */
export interface Gap {
  mean: number
  max: number
}

/** Running sums over the tokens of an update, in the order in which they are added. */
export class PolicyLoss {
  private gapSum = 0
  private gapMax = 0
  private readonly options: ClipOptions
  private readonly total: number
  private tokens = 0
  private loss = 0
  private clipped = 0
  private entropy = 0

  /** `total`: tokens with loss of the whole update. */
  constructor(options: ClipOptions, total: number) {
    this.options = options
    this.total = total
  }

  /** Adds one sampled token; returns its dLoss/dLogprob, already divided by the tokens of the update. */
  add(logprob: number, sampledLogprob: number, advantage: number, entropy: number): number {
    const { loss, slope, clipped } = policyTokenLoss(logprob, sampledLogprob, advantage, this.options)
    this.tokens += 1
    this.loss += loss
    this.clipped += clipped ? 1 : 0
    this.entropy += entropy
    const gap = Math.abs(logprob - sampledLogprob)
    this.gapSum += gap
    if (gap > this.gapMax || Number.isNaN(gap)) this.gapMax = gap
    return slope / this.total
  }

  /** Over the tokens added so far: 0 and 0 on the first update of a step when sampling and training agree bit for bit. */
  get gap(): Gap {
    return { mean: this.gapSum / Math.max(1, this.tokens), max: this.gapMax }
  }

  /** Over all tokens of several updates; zeros where there were none. */
  static merge(parts: readonly PolicyLoss[]): LossSummary {
    const sum = (of: (part: PolicyLoss) => number): number => parts.reduce((total, part) => total + of(part), 0)
    const lossTokens = sum((part) => part.tokens)
    const per = Math.max(1, lossTokens)
    return {
      loss: sum((part) => part.loss) / per,
      clipFraction: sum((part) => part.clipped) / per,
      entropy: sum((part) => part.entropy) / per,
      lossTokens,
    }
  }
}
