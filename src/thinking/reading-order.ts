/**
 * A response in reading order while it is written. Paths are written side by side: the first is heard as it grows, each further one when
 * those before it have ended. So what is heard is, token by token, the beginning of `Thought.ids`.
 */

import type { TokenRun } from './types.ts'

/** One token of a response. */
export interface HeardToken {
  id: number
  /** As in the trajectory: 0 where the decoder wrote the token itself. */
  logprob: number
  sampled: boolean
}

export type Listener = (token: HeardToken) => void

export class ReadingOrder {
  private readonly listen: Listener
  /** Ids that end a response: they are no part of it. */
  private readonly silent: ReadonlySet<number>
  private readonly runs: { run: TokenRun; ended: boolean }[] = []
  /** The first run that is not told to its end, and what was told of it. */
  private at = 0
  private told = 0

  constructor(listen: Listener, silent: ReadonlySet<number>) {
    this.listen = listen
    this.silent = silent
  }

  /** From here on `run` may grow. It stands behind the runs that began before it. */
  begin(run: TokenRun): void {
    this.runs.push({ run, ended: false })
  }

  /** `run` is whole. Its last tokens may have become the first ones of the next run. */
  end(run: TokenRun): void {
    const found = this.runs.findLast((one) => one.run === run)
    if (found) found.ended = true
    this.tell()
  }

  /** Tells what has come since. */
  tell(): void {
    for (; this.at < this.runs.length; this.at++) {
      const { run, ended } = this.runs[this.at]
      for (; this.told < run.ids.length; this.told++) this.tellOne(run, this.told)
      if (!ended) return
      this.told -= run.ids.length
    }
  }

  private tellOne({ ids, logprobs, sampled }: TokenRun, at: number): void {
    if (!this.silent.has(ids[at])) this.listen({ id: ids[at], logprob: logprobs[at], sampled: sampled[at] })
  }
}
