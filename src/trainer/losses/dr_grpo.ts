/** Dr. GRPO (arXiv 2503.20783): clipped ratios of tokens, their sum divided by what no response changes: samples × longest response. */

import type { Loss } from './loss.ts'
import { type ClipOptions, clippedTerm } from './parts/clip.ts'
import { type AroundOptions, byToken, policyLoss } from './parts/policy.ts'

interface DrGrpoOptions {
  /** Tokens of the longest response that the budgets allow. */
  responseTokens: number
}

export function dr_grpo(options: ClipOptions & AroundOptions & DrGrpoOptions): Loss {
  const divisor = (_: number, { samples }: { samples: number }) => samples * options.responseTokens
  return policyLoss(options, { terms: byToken(clippedTerm, options), divisor, ratio: 'token' })
}
