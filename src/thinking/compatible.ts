/**
 * What the structure checker of the Parallel-R1 code accepts and rejects, for parity with its rewards, restated as
 * four rules over the sequence of tags. Text never matters to it, and neither does `</Summary>`.
 *
 * 1. `<Parallel>` and `<Path>` close in reverse order of opening. Any of the two may stand inside the other or itself.
 * 2. A closing path counts for the innermost open block, if any; a block must have two when it closes.
 * 3. A closing block waits for a summary, which must come before the next block opens or closes and before the end.
 * 4. A summary must have a closed block waiting for it.
 */

import type { Violation } from './rules.ts'

interface TagEvent {
  tag: string
  start: number
  end: number
}

/** Empty where the reference checker accepts. Offsets follow the strict rules; tags go by their names in TAGS. */
export function referenceViolations(events: readonly TagEvent[]): Violation[] {
  const found: Violation[] = []
  const open: TagEvent[] = []
  const pathsOfOpenBlocks: number[] = []
  let waiting: TagEvent | undefined
  for (const event of events) {
    switch (event.tag) {
      case 'parallel':
        if (waiting) found.push({ rule: 'block-before-summary', offset: event.start })
        waiting = undefined
        open.push(event)
        pathsOfOpenBlocks.push(0)
        break
      case 'path':
        open.push(event)
        break
      case 'pathEnd':
        if (open.at(-1)?.tag !== 'path') found.push({ rule: 'stray-close', offset: event.start })
        else {
          open.pop()
          if (pathsOfOpenBlocks.length > 0) pathsOfOpenBlocks[pathsOfOpenBlocks.length - 1]++
        }
        break
      case 'parallelEnd': {
        const block = open.at(-1)
        if (block?.tag !== 'parallel') {
          found.push({ rule: 'stray-close', offset: event.start })
          break
        }
        open.pop()
        const paths = pathsOfOpenBlocks.pop()!
        if (paths < 2) found.push({ rule: paths === 0 ? 'no-path' : 'too-few-paths', offset: block.start })
        if (waiting) found.push({ rule: 'missing-summary', offset: waiting.end })
        waiting = event
        break
      }
      case 'summary':
        if (!waiting) found.push({ rule: open.length > 0 ? 'summary-in-block' : 'summary-without-block', offset: event.start })
        waiting = undefined
        break
      case 'summaryEnd':
        break
    }
  }
  for (const event of open) found.push({ rule: event.tag === 'path' ? 'unclosed-path' : 'unclosed-block', offset: event.start })
  if (waiting) found.push({ rule: 'missing-summary', offset: waiting.end })
  return found
}
