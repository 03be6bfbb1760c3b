/**
 * What the structure checker of the Parallel-R1 code accepts and rejects, for parity with its rewards, restated as
 * four rules over the sequence of tags. Text never matters to it, and neither does `</Summary>`.
 *
 * 1. `<Parallel>` and `<Path>` close in reverse order of opening. Any of the two may stand inside the other or itself.
 * 2. A closing path counts for the innermost open block, if any; a block must have two when it closes.
 * 3. A closing block waits for a summary, which must come before the next block opens or closes and before the end.
 * 4. A summary must have a closed block waiting for it.
 */

import type { Rule, Violation } from './rules.ts'

/** Tags go by their names in TAGS, offsets follow the strict rules. */
export class ReferenceChecker {
  private readonly found: Violation[] = []
  private readonly open: { tag: 'parallel' | 'path'; start: number }[] = []
  private readonly pathsOfOpenBlocks: number[] = []
  /** Where the closed block ends that waits for a summary. */
  private waiting: number | undefined

  take(tag: string, start: number, end: number): void {
    const { open, pathsOfOpenBlocks } = this
    switch (tag) {
      case 'parallel':
        if (this.waiting !== undefined) this.report('block-before-summary', start)
        this.waiting = undefined
        open.push({ tag, start })
        pathsOfOpenBlocks.push(0)
        break
      case 'path':
        open.push({ tag, start })
        break
      case 'pathEnd':
        if (open.at(-1)?.tag !== 'path') this.report('stray-close', start)
        else {
          open.pop()
          if (pathsOfOpenBlocks.length > 0) pathsOfOpenBlocks[pathsOfOpenBlocks.length - 1]++
        }
        break
      case 'parallelEnd': {
        const block = open.at(-1)
        if (block?.tag !== 'parallel') {
          this.report('stray-close', start)
          break
        }
        open.pop()
        const paths = pathsOfOpenBlocks.pop()!
        if (paths < 2) this.report(paths === 0 ? 'no-path' : 'too-few-paths', block.start)
        if (this.waiting !== undefined) this.report('missing-summary', this.waiting)
        this.waiting = end
        break
      }
      case 'summary':
        if (this.waiting === undefined) this.report(open.length > 0 ? 'summary-in-block' : 'summary-without-block', start)
        this.waiting = undefined
        break
      case 'summaryEnd':
        break
    }
  }

  /** In order of offset; empty where the reference checker accepts. */
  end(): Violation[] {
    for (const { tag, start } of this.open) this.report(tag === 'path' ? 'unclosed-path' : 'unclosed-block', start)
    if (this.waiting !== undefined) this.report('missing-summary', this.waiting)
    return this.found.sort((a, b) => a.offset - b.offset)
  }

  private report(rule: Rule, offset: number): void {
    this.found.push({ rule, offset })
  }
}
