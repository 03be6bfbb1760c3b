/**
 * GMPO (arXiv 2507.20673): the geometric mean of a sample's ratios, each clipped before. The bounds are those of the
 * logarithm, −clipLow and clipHigh. The mean over samples.
 */

import type { Loss } from './loss.ts'
import type { ClipOptions } from './parts/clip.ts'
import { type AroundOptions, countOf, emptyTerms, type Policy, policyLoss } from './parts/policy.ts'

type Bounds = Pick<ClipOptions, 'clipLow' | 'clipHigh'>

export function gmpo(options: Bounds & AroundOptions): Loss {
  const { clipLow, clipHigh } = options
  const terms: Policy['terms'] = ({ logprobs, sampled, advantage }, counted) => {
    const n = logprobs.length
    const terms = emptyTerms(n)
    const total = Math.max(1, countOf(counted))
    let sum = 0
    for (let j = 0; j < n; j++) {
      if (!counted[j]) continue
      const logRatio = logprobs[j] - sampled[j]
      const bound = advantage > 0 ? Math.min(logRatio, clipHigh) : Math.max(logRatio, -clipLow)
      terms.clipped[j] = bound === logRatio ? 0 : 1
      sum += bound
    }
    const loss = -advantage * Math.exp(sum / total)
    for (let j = 0; j < n; j++) {
      // One loss a sample, told in equal parts.
      terms.losses[j] = loss
      terms.slopes[j] = counted[j] && !terms.clipped[j] ? (loss * n) / total : 0
    }
    return terms
  }
  return policyLoss(options, { terms, divisor: (n, { samples }) => samples * n, ratio: 'none' })
}
