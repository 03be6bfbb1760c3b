/** GSPO (arXiv 2507.18071, equation 5): one clipped ratio a sample, the geometric mean of its tokens' ratios. The mean over samples. */

import type { Loss } from './loss.ts'
import { type ClipOptions, clippedTerm } from './parts/clip.ts'
import { type AroundOptions, bySample, policyLoss } from './parts/policy.ts'

export function gspo(options: ClipOptions & AroundOptions): Loss {
  return policyLoss(options, { terms: bySample(clippedTerm, options), divisor: (n, { samples }) => samples * n, ratio: 'sample' })
}
