/** The rule that decides a claim from an interval. docs/evidence.md states it in words. */

import type { Estimate } from '../../src/report/intervals.ts'

export type Verdict = 'seen' | 'not seen' | 'undecided at this size' | 'not run'

/** `greater`: the difference is above 0. `alike`: it is within the margin of 0. */
export type Kind = 'greater' | 'alike'

/**
 * greater  seen: the whole 95 % interval is above 0. Not seen: all of it is below `margin`, so the effect is absent, reversed, or smaller than
 *          would matter.
 * alike    seen: the whole interval is within ± `margin`. Not seen: all of it is outside, on one side.
 *
 * Anything else is undecided at this size, as is an interval without bounds: one seed says nothing of others.
 */
export function decide(kind: Kind, estimate: Pick<Estimate, 'low' | 'high'> | undefined, margin: number): Verdict {
  if (estimate === undefined) return 'not run'
  const { low, high } = estimate
  if (!Number.isFinite(low) || !Number.isFinite(high)) return 'undecided at this size'
  if (kind === 'greater') return low > 0 ? 'seen' : high < margin ? 'not seen' : 'undecided at this size'
  if (low >= -margin && high <= margin) return 'seen'
  return low > margin || high < -margin ? 'not seen' : 'undecided at this size'
}
