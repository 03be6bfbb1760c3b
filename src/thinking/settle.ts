/**
 * Early stop among siblings. A path that ends by itself with a certain text, such as a verdict, settles its block, and the siblings that
 * still run are ended.
 *
 * When they are ended must not depend on threads, batches or guesses. So the paths of such a block draw in lock step: none draws token
 * n + 1 before all that run have drawn token n. A block that is settled by a path's nth token ends its siblings after their own nth tokens,
 * which stay. So no token that was drawn is dropped by what another path drew: the end is a stopping time of the lock step, and the
 * log-probabilities of the tokens that are there are the whole log-probability of the block. The closing tags are the decoder's and carry
 * no loss.
 */

import { TAGS } from './source.ts'
import type { Settling } from './types.ts'

/** Whether a path that ended by itself settles its block. */
export function settles({ text, read }: Settling, ids: readonly number[]): boolean {
  const said = read(ids)
  const start = said.indexOf(TAGS.path)
  const end = said.lastIndexOf(TAGS.pathEnd)
  const content = said.slice(start < 0 ? 0 : start + TAGS.path.length, end < 0 ? undefined : end)
  return content.trimEnd().endsWith(text.trimEnd())
}

/** The lock step of the paths of one block. */
export class LockStep {
  /** A path has settled the block. To be read after {@link drawn}. */
  settled = false
  private running: number
  private waiting: (() => void)[] = []

  constructor(paths: number) {
    this.running = paths
  }

  /** A path has drawn a token after which it goes on. Resolves when all that run have drawn as many. */
  drawn(): Promise<void> {
    return new Promise((resolve) => {
      this.waiting.push(resolve)
      this.release()
    })
  }

  /** A path has ended or failed. */
  leave(): void {
    this.running--
    this.release()
  }

  private release(): void {
    if (this.waiting.length < this.running) return
    for (const go of this.waiting.splice(0)) go()
  }
}
