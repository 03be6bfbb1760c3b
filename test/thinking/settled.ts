/** What the tests of early stop among siblings share. */

import { expect } from 'vitest'
import type { Block, Thought, TokenRun } from '../../src/thinking/types.ts'

export const blocksOf = ({ trajectory }: Thought): Block[] => trajectory.segments.filter((segment) => segment.kind === 'block')

/** What there may be of a path, which would be `whole` by itself, when its block is settled by the nth token that is drawn in it. */
export function expectPrefix(path: TokenRun, whole: TokenRun, n: number): void {
  if (whole.ids.length - 1 <= n) expect(path).toEqual(whole)
  else {
    expect(path.ids).toEqual([...whole.ids.slice(0, 1 + n), path.ids.at(-1)])
    expect(path.sampled).toEqual([...whole.sampled.slice(0, 1 + n), false])
    expect(path.logprobs).toEqual([...whole.logprobs.slice(0, 1 + n), 0])
  }
}
