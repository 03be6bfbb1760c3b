/**
 * Responses to one prompt as one packed sequence that holds the prompt once: a stem, all of the prompt but its last
 * token, and for every response a branch, that last token again and the response.
 *
 *     prompt p q r, responses a b and c d e
 *     p q  r a b  r c d e
 *     0 1  2 3 4  2 3 4 5   positions
 *
 * The last token is each branch's own because it predicts the first token of the response, and what an index predicts is
 * the token behind it. A branch does not see [end of the stem, its own start), besides what it hid before. So a token
 * sees the same ids at the same positions in the same order as in the layout of its own: its log-probability is the same
 * to the bit where arithmetic follows what a token sees (docs/numerics.md). Gradients of the stem are sums over the branches.
 */

import { ParallelR1Error } from '../engine/errors.ts'
import type { Layout } from './types.ts'

/** Whether two layouts answer the same prompt. */
export function samePrompt(a: Layout, b: Layout): boolean {
  if (a.promptLength !== b.promptLength) return false
  for (let i = 0; i < a.promptLength; i++) if (a.ids[i] !== b.ids[i]) return false
  return true
}

/** Packed tokens that `layout` adds behind another one of the same prompt. */
export function branchLength(layout: Layout): number {
  return layout.ids.length - stemLength(layout)
}

/**
 * Merges layouts of one prompt, P tokens; T = P − 1 + the sum of their {@link branchLength}, one hidden level more than they
 * have. `sampledIndex` lists the first layout's sampled tokens, then the second's, and so on. Throws where the prompts differ.
 */
export function sharePrompt(layouts: readonly Layout[]): Layout {
  const [first, ...others] = layouts
  const stranger = others.findIndex((layout) => !samePrompt(first, layout))
  if (stranger >= 0) {
    throw new ParallelR1Error(
      `Layouts that share a prompt must begin with the same ids. Got another prompt in layout ${stranger + 1}. Merge it with those of its own.`,
    )
  }
  if (others.length === 0) return first
  const stem = stemLength(first)
  const total = layouts.reduce((sum, layout) => sum + branchLength(layout), stem)
  const hiddenLevels = 1 + layouts.reduce((most, layout) => Math.max(most, layout.hiddenLevels), 0)
  const merged = {
    promptLength: first.promptLength,
    ids: new Int32Array(total),
    positions: new Int32Array(total),
    hidden: new Int32Array(total * hiddenLevels * 2),
    hiddenLevels,
    targets: new Uint8Array(total),
    exclusion: new Int32Array(total).fill(-1),
    exclusionSets: [] as number[][],
  }
  const sampledIndex: number[] = []
  merged.ids.set(first.ids.subarray(0, stem))
  merged.positions.set(first.positions.subarray(0, stem))
  let start = stem
  for (const layout of layouts) {
    // Index i of the layout, from the end of the stem on, becomes i + shift.
    const shift = start - stem
    merged.ids.set(layout.ids.subarray(stem), start)
    merged.positions.set(layout.positions.subarray(stem), start)
    merged.targets.set(layout.targets.subarray(stem), start)
    const sets = merged.exclusionSets.length
    merged.exclusionSets.push(...layout.exclusionSets)
    for (let i = stem; i < layout.ids.length; i++) {
      if (layout.exclusion[i] >= 0) merged.exclusion[i + shift] = layout.exclusion[i] + sets
      let at = (i + shift) * hiddenLevels * 2
      const hide = (from: number, to: number): void => {
        if (to <= from) return
        merged.hidden[at++] = from
        merged.hidden[at++] = to
      }
      hide(stem, start)
      for (let level = 0; level < layout.hiddenLevels; level++) {
        const own = (i * layout.hiddenLevels + level) * 2
        // A response hides nothing of the prompt, so its ranges lie in its branch.
        hide(layout.hidden[own] + shift, layout.hidden[own + 1] + shift)
      }
    }
    for (const i of layout.sampledIndex) sampledIndex.push(i + shift)
    start += branchLength(layout)
  }
  return { ...merged, sampledIndex: Int32Array.from(sampledIndex) }
}

/** Tokens of a prompt that predict nothing: all but the last. */
function stemLength({ promptLength }: Layout): number {
  return promptLength - 1
}
