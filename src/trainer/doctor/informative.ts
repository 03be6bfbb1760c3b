/** How many groups of a step will teach, from more responses of a prompt than a group has. */

import { passHatK } from '../../report/estimators.ts'

/**
 * The expected share of groups of `size` whose rewards differ, for one prompt. `classes`: one entry a response, equal where the rewards
 * are. Exact over all groups that the responses hold, so unbiased: 1 − Σ C(count, size) / C(n, size). `size` is at most their number.
 */
export function informativeShare(classes: readonly string[], size: number): number {
  const counts = new Map<string, number>()
  for (const entry of classes) counts.set(entry, (counts.get(entry) ?? 0) + 1)
  let alike = 0
  for (const count of counts.values()) alike += passHatK(classes.length, count, size)
  return 1 - alike
}
