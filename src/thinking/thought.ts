import { parseThinkingIds, type TaggedSpan } from './grammar.ts'
import { blocksInText } from './text-tags.ts'
import { responseIds, runsOf, trajectoryCounts } from './trajectory.ts'
import type { StoppedPaths, ThinkRequest, Thought, Trajectory } from './types.ts'

interface Ending {
  finishReason: 'stop' | 'length'
  /** By block; undefined where no path was ended by a sibling. */
  stopped: readonly (StoppedPaths | undefined)[]
  /** Tokens that the decoder writes before `<Summary>`, from `</Parallel>` on. */
  beforeSummary: number
  /** Where guesses were wanted. */
  drafts: Thought['drafts']
}

/** What a decoded request answers: its ids, counts and blocks. Takes the trajectory over. */
export function thoughtOf(
  request: ThinkRequest,
  trajectory: Trajectory,
  { finishReason, stopped, beforeSummary, drafts }: Ending,
): Thought {
  const ids = responseIds(trajectory)
  const counts = trajectoryCounts(trajectory, beforeSummary)
  // Plainly decoded blocks are text to the trajectory; they are counted as they read.
  const blocks =
    request.mode === 'parallel'
      ? counts.blocks.map((block, b) => (stopped[b] ? { ...block, stopped: stopped[b] } : block))
      : blocksAsRead(ids, request)
  if (request.tagText) keepUsedSets(trajectory)
  if (finishReason === 'stop') ids.pop()
  return {
    ...{ trajectory, ids, finishReason, totalTokens: counts.total, criticalPathTokens: counts.criticalPath, blocks },
    ...(drafts && { drafts }),
  }
}

/** Tags as text have a set for every beginning of a tag, most of which no token was drawn with. */
function keepUsedSets(trajectory: Trajectory): void {
  const runs = runsOf(trajectory)
  const used = [...new Set(runs.flatMap(({ exclusions }) => exclusions))].filter((set) => set >= 0).sort((a, b) => a - b)
  for (const run of runs) run.exclusions = run.exclusions.map((set) => used.indexOf(set))
  trajectory.exclusionSets = used.map((set) => trajectory.exclusionSets[set])
}

/** The blocks of a response that was decoded plainly, or that ended anywhere. */
export function blocksAsRead(ids: number[], { tags, tagText }: ThinkRequest): Thought['blocks'] {
  if (tagText) {
    return blocksInText(ids, tagText).map(({ paths, summary }) => ({ paths: paths.map(({ tokens }) => tokens), summary: summary.tokens }))
  }
  const { tree } = parseThinkingIds(ids, tags)
  const tokens = ({ start, end }: TaggedSpan): number => end - start
  return tree.parts.flatMap((part) => {
    if (part.kind === 'text') return []
    const outlines = part.outlines && { outlines: part.outlines.map(tokens) }
    return [{ ...outlines, paths: part.paths.map(tokens), summary: part.summary ? tokens(part.summary) : 0 }]
  })
}
