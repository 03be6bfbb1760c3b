/** The loss mask of a sample: which of its tokens the stage learns to say. */

import { styled } from '../../cli/styled.ts'
import { plain } from '../../plain.ts'
import type { Layout } from '../../thinking/types.ts'

export interface MaskOptions {
  /** Green for tokens with loss. Without colour they stand between ⟦ and ⟧. */
  color: boolean
  /** Tokens of the prompt that are shown, its last ones. Default 24. */
  promptTokens?: number
}

/**
 * A sample as it is packed, the tokens that carry loss marked. Every path but the first of a block begins a line, behind outlines all do. Copies that causal
 * attention appends stand at the end.
 */
export function lossMask(layout: Layout, decode: (ids: readonly number[]) => string, { color, promptTokens = 24 }: MaskOptions): string {
  const { ids, targets, hidden, hiddenLevels, promptLength } = layout
  // targets[i] says that token i + 1 has loss.
  const withLoss = (i: number): boolean => i > 0 && targets[i - 1] === 1
  // What a later path, or its copy, does not see ends where it begins.
  const beginsPath = (i: number): boolean => {
    const own = hidden.subarray(2 * i * hiddenLevels, 2 * (i + 1) * hiddenLevels)
    return own.some((bound, k) => k % 2 === 1 && bound === i && own[k - 1] < i)
  }
  const from = Math.max(0, promptLength - promptTokens)
  const parts: string[] = from > 0 ? ['… '] : []
  for (let start = from; start < ids.length; ) {
    const loss = withLoss(start)
    let end = start + 1
    while (end < ids.length && withLoss(end) === loss && !beginsPath(end)) end++
    const text = plain(decode(Array.from(ids.subarray(start, end))))
    if (beginsPath(start)) parts.push('\n')
    parts.push(loss ? (color ? lines(text, color) : `⟦${text}⟧`) : text)
    start = end
  }
  return parts.join('')
}

/** Green, line by line: what cuts lines keeps no style over their ends. */
function lines(text: string, color: boolean): string {
  return text
    .split('\n')
    .map((line) => (line === '' ? line : styled(line, 'green', { color })))
    .join('\n')
}
