/**
 * TRL's `bnpo`: clipped ratios of tokens, the mean over the tokens of a micro-batch, then the mean over micro-batches. The one loss
 * whose gradient depends on `microBatchTokens`.
 */

import type { Loss } from './loss.ts'
import { type ClipOptions, clippedTerm } from './parts/clip.ts'
import { type AroundOptions, byToken, policyLoss } from './parts/policy.ts'

export function bnpo(options: ClipOptions & AroundOptions): Loss {
  const divisor = (_: number, { microBatch }: { microBatch: { tokens: number; count: number } }) => microBatch.tokens * microBatch.count
  return policyLoss(options, { terms: byToken(clippedTerm, options), divisor, ratio: 'token' })
}
