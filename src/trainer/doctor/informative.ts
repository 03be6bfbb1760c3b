/** How many groups of a step will teach, from more responses of a prompt than a group has. */

/**
 * The expected share of groups of `size` whose rewards differ, for one prompt. `classes`: one entry a response, equal where the rewards
 * are. Exact over all groups that the responses hold, so unbiased for `size` at most their number: 1 − Σ C(count, size) / C(n, size).
 */
export function informativeShare(classes: readonly string[], size: number): number {
  const counts = new Map<string, number>()
  for (const entry of classes) counts.set(entry, (counts.get(entry) ?? 0) + 1)
  let alike = 0
  for (const count of counts.values()) alike += allOf(count, classes.length, size)
  return 1 - alike
}

/** The probability that `size` draws without return from `n` all come from `count` of them. */
function allOf(count: number, n: number, size: number): number {
  let probability = 1
  for (let i = 0; i < size; i++) probability *= Math.max(0, count - i) / (n - i)
  return probability
}
