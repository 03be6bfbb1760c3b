/** LUSPO (arXiv 2602.05261): GSPO's term of a sample times its tokens, so that a long sample does not weigh less. The mean over samples. */

import type { Loss } from './loss.ts'
import { type ClipOptions, clippedTerm } from './parts/clip.ts'
import { type AroundOptions, bySample, policyLoss } from './parts/policy.ts'

export function luspo(options: ClipOptions & AroundOptions): Loss {
  return policyLoss(options, { terms: bySample(clippedTerm, options), divisor: (_, { samples }) => samples, ratio: 'sample' })
}
