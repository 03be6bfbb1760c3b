/**
 * What the policy losses have in common: each is a term of every token, and a divisor. Around it stand the KL to a reference, the
 * entropy bonus and the choice of tokens by entropy, the same for all of them.
 */

import type { Loss, LossSample, Update } from '../loss.ts'
import type { RatioTerm } from './clip.ts'
import { k3 } from './kl.ts'

/** Beside what the loss itself needs. */
export interface AroundOptions {
  /** β of the KL to the reference; 0: none in the loss. */
  kl?: number
  /** Whether its terms are weighted by the ratio, which makes their gradient that of the reverse KL (arXiv 2512.02556). */
  klCorrection?: boolean
  /** Share of the tokens, those of highest entropy, that learn from the advantage (arXiv 2506.01939); 1: all. */
  topEntropy?: number
  /** Coefficient of the mean entropy, which the loss is lowered by. Asked at every update: it may change between them. */
  entropyBonus?: () => number
}

/** Terms of the tokens of one sample, not divided yet. */
interface PolicyTerms {
  losses: Float64Array
  /** Derivatives of the sum of `losses` by each log-probability. */
  slopes: Float64Array
  /** 1 at a bound. */
  clipped: Float64Array
}

export interface Policy {
  /** `counted`: 1 for the tokens that learn from the advantage. The others add nothing, and ratios of whole samples count them all the same. */
  terms(sample: LossSample, counted: Uint8Array): PolicyTerms
  /** What the terms of a sample of so many tokens are divided by. */
  divisor(tokens: number, update: Update): number
  /** The ratio that corrects the KL. */
  ratio: 'token' | 'sample' | 'none'
}

/** Each token by its own ratio. */
export function byToken<Options>(term: RatioTerm<Options>, options: Options): Policy['terms'] {
  return ({ logprobs, sampled, advantage, advantages }, counted) => {
    const terms = emptyTerms(logprobs.length)
    for (let j = 0; j < logprobs.length; j++) {
      if (!counted[j]) continue
      const { loss, slope, clipped } = term(logprobs[j], sampled[j], advantages?.[j] ?? advantage, options)
      terms.losses[j] = loss
      terms.slopes[j] = slope
      terms.clipped[j] = clipped ? 1 : 0
    }
    return terms
  }
}

/** All tokens by one ratio, the geometric mean of theirs (GSPO, arXiv 2507.18071, equation 7). */
export function bySample<Options>(term: RatioTerm<Options>, options: Options): Policy['terms'] {
  return ({ logprobs, sampled, advantage }, counted) => {
    const n = logprobs.length
    const terms = emptyTerms(n)
    const { loss, slope, clipped } = term(meanLogRatio(logprobs, sampled), 0, advantage, options)
    const share = countOf(counted) / n
    for (let j = 0; j < n; j++) {
      terms.losses[j] = counted[j] ? loss : 0
      terms.slopes[j] = slope * share
      terms.clipped[j] = clipped ? 1 : 0
    }
    return terms
  }
}

export function emptyTerms(tokens: number): PolicyTerms {
  return { losses: new Float64Array(tokens), slopes: new Float64Array(tokens), clipped: new Float64Array(tokens) }
}

export function countOf(counted: Uint8Array): number {
  return counted.reduce((sum, one) => sum + one, 0)
}

function meanLogRatio(logprobs: ArrayLike<number>, sampled: ArrayLike<number>): number {
  let sum = 0
  for (let j = 0; j < logprobs.length; j++) sum += logprobs[j] - sampled[j]
  return sum / Math.max(1, logprobs.length)
}

/**
 * The loss of a policy term with what stands around it. Slopes are divided, metrics are not: their means are taken over all updates
 * of a step. `loss`: so scaled that its mean over tokens is the loss of the update. `gap`: |training − sampling| log-probability,
 * nats; 0 on the first update of a step where both agree bit for bit. `kl`: k3 to the reference, nats. With a bonus `counted`: 1 for
 * the tokens it acts on, and `countedEntropy`: theirs.
 */
export function policyLoss(options: AroundOptions, policy: Policy): Loss {
  const { kl = 0, klCorrection = true, topEntropy = 1, entropyBonus } = options
  return {
    entropy: true,
    ...(topEntropy < 1 && { topEntropy }),
    terms(sample, update) {
      const { logprobs, sampled, entropies, reference } = sample
      const n = logprobs.length
      const { highEntropy } = update
      const counted = Uint8Array.from(logprobs, (_, j) => (highEntropy && !(entropies[j] >= highEntropy.least) ? 0 : 1))
      const { losses, slopes, clipped } = policy.terms(sample, counted)
      const divisor = policy.divisor(n, update)
      const scale = update.tokens / divisor
      const gap = Float64Array.from(logprobs, (logprob, j) => Math.abs(logprob - sampled[j]))
      const metrics: Record<string, Float64Array> = { loss: losses, clipped, entropy: Float64Array.from(entropies), gap }
      if (reference) {
        const plain = k3(logprobs, reference)
        metrics.kl = plain.losses
        if (kl > 0) add(losses, slopes, kl, klCorrection ? corrected(policy.ratio, sample, plain) : plain)
      }
      for (let j = 0; j < n; j++) {
        slopes[j] /= divisor
        losses[j] *= scale
      }
      if (!entropyBonus) return { slopes, metrics }
      metrics.counted = Float64Array.from(counted)
      metrics.countedEntropy = Float64Array.from(entropies, (entropy, j) => entropy * counted[j])
      const coefficient = entropyBonus()
      if (coefficient === 0) return { slopes, metrics }
      // A mean over the tokens that count, whatever the policy terms are divided by.
      const tokens = highEntropy?.tokens ?? update.tokens
      const entropySlopes = Float64Array.from(counted, (one) => (-coefficient * one) / tokens)
      for (let j = 0; j < n; j++) losses[j] += entropySlopes[j] * entropies[j] * update.tokens
      return { slopes, entropySlopes, metrics }
    },
  }
}

type KlTerms = Pick<PolicyTerms, 'losses' | 'slopes'>

function add(losses: Float64Array, slopes: Float64Array, coefficient: number, kl: KlTerms): void {
  for (let j = 0; j < losses.length; j++) {
    losses[j] += coefficient * kl.losses[j]
    slopes[j] += coefficient * kl.slopes[j]
  }
}

/** KL terms times the ratio, with the derivative of both. */
function corrected(kind: Policy['ratio'], { logprobs, sampled }: LossSample, plain: KlTerms): KlTerms {
  if (kind === 'none') return plain
  const n = logprobs.length
  if (kind === 'token') {
    const ratios = Float64Array.from(logprobs, (logprob, j) => Math.exp(logprob - sampled[j]))
    return {
      losses: ratios.map((ratio, j) => ratio * plain.losses[j]),
      slopes: ratios.map((ratio, j) => ratio * (plain.losses[j] + plain.slopes[j])),
    }
  }
  const ratio = Math.exp(meanLogRatio(logprobs, sampled))
  const mean = plain.losses.reduce((sum, loss) => sum + loss, 0) / n
  return {
    losses: plain.losses.map((loss) => ratio * loss),
    slopes: plain.slopes.map((slope) => ratio * (slope + mean)),
  }
}
