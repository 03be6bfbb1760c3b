/** DAPO (arXiv 2503.14476, equation 8): clipped ratios of tokens, the mean over all tokens of the update. */

import type { Loss } from './loss.ts'
import { type ClipOptions, clippedTerm } from './parts/clip.ts'
import { type AroundOptions, byToken, policyLoss } from './parts/policy.ts'

export function dapo(options: ClipOptions & AroundOptions): Loss {
  return policyLoss(options, { terms: byToken(clippedTerm, options), divisor: (_, { tokens }) => tokens, ratio: 'token' })
}
