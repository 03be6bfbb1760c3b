/** GRPO (arXiv 2402.03300, equation 3): clipped ratios of tokens, their mean in each sample, then the mean over samples. */

import type { Loss } from './loss.ts'
import { type ClipOptions, clippedTerm } from './parts/clip.ts'
import { type AroundOptions, byToken, policyLoss } from './parts/policy.ts'

export function grpo(options: ClipOptions & AroundOptions): Loss {
  return policyLoss(options, { terms: byToken(clippedTerm, options), divisor: (n, { samples }) => samples * n, ratio: 'token' })
}
