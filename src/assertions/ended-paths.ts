/** Paths that the provider ended before they were done, because a sibling had settled their block. */

import type { Parsed, Violation } from '../thinking/grammar.ts'
import { pathStarts, withoutStart } from './path-starts.ts'

/** Paths that the provider ended because a sibling had settled the block, by block. They do not say all that the model would have said. */
export function endedPaths(metadata: Readonly<Record<string, unknown>>): boolean[][] {
  const blocks = (metadata.tree as { blocks?: unknown } | undefined)?.blocks
  if (!Array.isArray(blocks)) return []
  return blocks.map((block: { paths?: unknown } | null) =>
    Array.isArray(block?.paths) ? block.paths.map((path: { ended?: unknown } | null) => path?.ended === 'sibling') : [],
  )
}

/** A parse without what ended paths cannot be blamed for: that they say nothing, or what another path says. */
export function withoutEndedPaths(parsed: Parsed, text: string, metadata: Readonly<Record<string, unknown>>): Parsed {
  const ended = endedPaths(metadata)
  const starts = pathStarts(metadata)
  const blocks = parsed.tree.parts.filter((part) => part.kind === 'block')
  if (parsed.violations.length === 0 || blocks.length !== ended.length || !ended.some((paths) => paths.includes(true))) return parsed
  const unfinished = new Set<number>()
  const unlike = new Set<number>()
  for (const [b, { paths }] of blocks.entries()) {
    const said = new Set<string>()
    for (const [k, { start, contentStart, contentEnd }] of paths.entries()) {
      const content = withoutStart(text.slice(contentStart, contentEnd), k, starts).trim()
      if (ended[b][k]) unfinished.add(start)
      else if (!said.has(content)) unlike.add(start)
      if (!ended[b][k]) said.add(content)
    }
  }
  const excused = ({ rule, offset }: Violation): boolean =>
    (rule === 'empty-path' && unfinished.has(offset)) || (rule === 'identical-paths' && (unfinished.has(offset) || unlike.has(offset)))
  return { tree: parsed.tree, violations: parsed.violations.filter((violation) => !excused(violation)) }
}
