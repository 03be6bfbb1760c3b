/**
 * What a loss is: a function of one sample. It gets the log-probabilities of the tokens with loss and says what each adds
 * to the figures of the update, and dLoss/dLogprob, one number a token. The engine knows no objective; the loop over
 * micro-batches (micro-batches.ts) knows no loss.
 */

/** The tokens with loss of one sample, in the order of `Layout.sampledIndex`; one entry each in every array. */
export interface LossSample {
  /** Under the weights in training. */
  logprobs: Float32Array
  /** When the sample was drawn; empty where it was written by others (sft). */
  sampled: readonly number[]
  /** Under the reference policy, where the stage has one. */
  reference?: ArrayLike<number>
  /** Of the whole sample; 1 where nothing was compared (sft). */
  advantage: number
  /** Of each token, where they differ (path-credit.ts): for the losses that judge tokens by themselves. */
  advantages?: ArrayLike<number>
  /** Nats; empty unless the loss asks for them. */
  entropies: Float32Array
}

/** The update that a sample is part of. */
export interface Update {
  /** Tokens with loss, in whatever micro-batch they are. */
  tokens: number
  /** Samples, those that are masked too. */
  samples: number
  /** Tokens with loss in the forward of the sample, and how many forwards there are: what bnpo divides by. */
  microBatch: { tokens: number; count: number }
  /** Where only tokens of high entropy count: from which entropy on (nats), and how many they are. */
  highEntropy?: { least: number; tokens: number }
}

export interface LossTerms {
  /** dLoss/dLogprob, already divided: but for bnpo a gradient does not depend on how the update is cut. */
  slopes: Float64Array
  /** dLoss/dEntropy, divided; absent where the loss has no entropy in it. */
  entropySlopes?: Float64Array
  /** What each token adds to the sums of the update, by name: `loss`, and whatever else is worth a report. */
  metrics: Readonly<Record<string, Float64Array>>
}

export interface Loss {
  /** Whether the engine has to compute entropies. */
  readonly entropy: boolean
  /** Share of the tokens of an update that learn from the advantage, those of highest entropy; absent: all. */
  readonly topEntropy?: number
  terms(sample: LossSample, update: Update): LossTerms
}

/** Sums and maxima over the tokens of one update, added one by one in their order, so they do not depend on how it is cut. */
export class Tally {
  lossTokens = 0
  /** Tokens that went through the model. */
  packedTokens = 0
  private readonly sums = new Map<string, number>()
  private readonly maxima = new Map<string, number>()

  add({ slopes, metrics }: LossTerms): void {
    this.lossTokens += slopes.length
    for (const [name, values] of Object.entries(metrics)) {
      let sum = this.sum(name)
      let max = this.maxima.get(name) ?? Number.NEGATIVE_INFINITY
      for (const value of values) {
        sum += value
        // A NaN stays: it must not be hidden by what comes after it.
        if (value > max || Number.isNaN(value)) max = value
      }
      this.sums.set(name, sum)
      this.maxima.set(name, max)
    }
  }

  /** 0 for what no token named. */
  sum(name: string): number {
    return this.sums.get(name) ?? 0
  }

  mean(name: string): number {
    return meanOver([this], name)
  }

  /** 0 where there was no token. */
  max(name: string): number {
    return this.lossTokens > 0 ? (this.maxima.get(name) ?? 0) : 0
  }
}

/** Mean of a metric over all tokens of several updates; 0 where there were none. */
export function meanOver(tallies: readonly Tally[], name: string): number {
  const total = (of: (tally: Tally) => number): number => tallies.reduce((sum, tally) => sum + of(tally), 0)
  return (
    total((tally) => tally.sum(name)) /
    Math.max(
      1,
      total((tally) => tally.lossTokens),
    )
  )
}
