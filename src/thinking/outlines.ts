/**
 * Outlines: behind `<Parallel>` the model names the paths of a block, a plan each, and a path is forked for every one of them. So the
 * model decides how many there are (Multiverse, arXiv 2506.09991, and ThreadWeaver, arXiv 2512.07843, plan before they fork, too).
 *
 *     <Parallel> <Outline> … </Outline> <Outline> … </Outline> ─┬─ <Path> … </Path> ─┬─ </Parallel> …
 *                                                               └─ <Path> … </Path> ─┘
 *
 * The first `<Outline>` is the decoder's. After each `</Outline>` the model says what follows: `<Outline>` for one more, or `<Path>`, the
 * first token of path 1, for enough. Whatever else it says there is dropped, and the decoder writes `<Path>`: such a draw has no token to
 * carry a loss. The most paths that are allowed end the plan without a draw. A tag inside an outline is text, as it is in a path.
 */

import type { TokenRange } from '../engine/types.ts'
import type { Ledger } from './budget.ts'
import type { Lane } from './lane.ts'
import type { ReadingOrder } from './reading-order.ts'
import { emptyRun, pushInjected, pushSampled } from './trajectory.ts'
import type { TagIds, TokenRun } from './types.ts'

/** A token that may be sampled inside a block, and what was excluded when it was. */
export interface Drawn {
  id: number
  logprob: number
  exclusion: number
}

/** What the decoder lends for a block. */
interface OutlineWriting {
  tags: TagIds
  /** Most outlines. */
  paths: number
  ledger: Ledger
  /** Feeds ids to the parent and draws what follows them; `left` as {@link Lane.next} has it, place and count for errors. */
  draw(ids: readonly number[], left: number, place: string, at: number): Promise<Drawn>
  /** Where somebody listens. */
  order?: ReadingOrder
}

export interface Outlines {
  runs: TokenRun[]
  /** Of each outline: the tokens of the parent that its path does not see. */
  unseen: TokenRange[][]
  /** What path 1 begins with: `<Path>`. */
  begin: TokenRun
}

/** Writes the outlines of a block whose last tokens `last` the parent has not read. They are in its cache when this returns. */
export async function writeOutlines(
  parent: Lane,
  last: readonly number[],
  { tags, paths, ledger, draw, order }: OutlineWriting,
): Promise<Outlines> {
  const [open, end] = [tags.outline!, tags.outlineEnd!]
  const share = ledger.outlineShare()
  const runs: TokenRun[] = []
  const places: TokenRange[] = []
  let run = injected(open)
  let fed = [...last, open]
  for (;;) {
    const start = parent.held + fed.length - 1
    order?.begin(run)
    const place = `outline ${runs.length} of block ${ledger.blocks - 1}`
    for (;;) {
      const { id, logprob, exclusion } = await draw(fed, share - 1 - run.ids.length, place, run.ids.length)
      pushSampled(run, id, logprob, exclusion)
      order?.tell()
      fed = [id]
      if (id === end) break
      if (run.ids.length < share - 1) continue
      pushInjected(run, [end])
      fed.push(end)
      break
    }
    order?.end(run)
    for (const _ of run.ids) ledger.spend()
    runs.push(run)
    places.push([start, start + run.ids.length])
    if (runs.length === paths) {
      await parent.feed(fed)
      return { runs, unseen: unseenOf(places), begin: injected(tags.path) }
    }
    const { id, logprob, exclusion } = await draw(fed, 1, place, run.ids.length)
    const said = id === open || id === tags.path
    run = said ? emptyRun() : injected(tags.path)
    if (said) pushSampled(run, id, logprob, exclusion)
    if (id !== open) return { runs, unseen: unseenOf(places), begin: run }
    fed = [id]
  }
}

function injected(id: number): TokenRun {
  const run = emptyRun()
  pushInjected(run, [id])
  return run
}

/** Outlines lie one behind the other. */
function unseenOf(places: readonly TokenRange[]): TokenRange[][] {
  const [first, last] = [places[0][0], places[places.length - 1][1]]
  return places.map(([from, to]) =>
    (
      [
        [first, from],
        [to, last],
      ] as TokenRange[]
    ).filter(([a, b]) => b > a),
  )
}
