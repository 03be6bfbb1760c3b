/** Trajectories: runs of tokens, the way from given ids to a trajectory (SFT) and back, and their lengths. */

import { ParallelR1Error } from '../engine/errors.ts'
import { parseThinkingIds, RULES } from './grammar.ts'
import type { BlockCounts, Segment, TagIds, TokenRun, Trajectory } from './types.ts'

export function emptyRun(): TokenRun {
  return { ids: [], sampled: [], logprobs: [], exclusions: [] }
}

export function pushSampled(run: TokenRun, id: number, logprob: number, exclusion: number): void {
  run.ids.push(id)
  run.sampled.push(true)
  run.logprobs.push(logprob)
  run.exclusions.push(exclusion)
}

export function pushInjected(run: TokenRun, ids: readonly number[]): void {
  for (const id of ids) {
    run.ids.push(id)
    run.sampled.push(false)
    run.logprobs.push(0)
    run.exclusions.push(-1)
  }
}

/** Takes the last tokens off a run. */
export function takeLast(run: TokenRun, count: number): TokenRun {
  const start = run.ids.length - count
  return {
    ids: run.ids.splice(start),
    sampled: run.sampled.splice(start),
    logprobs: run.logprobs.splice(start),
    exclusions: run.exclusions.splice(start),
  }
}

interface TrajectoryOptions {
  /** Fewest paths of a block. Default 1. */
  minPaths?: number
  /** Most paths of a block. Default 16. */
  maxPaths?: number
  /** What a block may say although the grammar objects; its shape is never negotiable. Default: nothing. */
  allow?: readonly ('empty-path' | 'identical-paths' | 'empty-summary')[]
}

/**
 * The trajectory that a response would have been, for supervised training: all tokens count as sampled, log-probabilities
 * are NaN. Only the response is parsed for blocks; tags in the prompt are instruction. An end-of-response id may stand
 * at the end and is kept as text.
 *
 * The response must be well-formed; blocks of one path are. Throws ParallelR1Error naming the rule and the token offset.
 */
export function trajectoryFromIds(
  promptIds: readonly number[],
  responseIds: readonly number[],
  tags: TagIds,
  options: TrajectoryOptions = {},
): Trajectory {
  if (promptIds.length === 0) {
    throw new ParallelR1Error('A trajectory needs a prompt of at least one token. Got none. Nothing would predict the first token.')
  }
  const { tree, violations } = parseThinkingIds(responseIds, tags, { minPaths: 1, ...options })
  if (violations.length > 0) {
    const { rule, offset } = violations[0]
    const near = responseIds.slice(Math.max(0, offset - 3), offset + 4).join(' ')
    throw new ParallelR1Error(
      `The response breaks the rule ${rule} at token ${offset} of ${responseIds.length}: ${RULES[rule].split('; ')[0]}. ` +
        `Got … ${near} … (${violations.length} violations in all). Correct the text, or leave the row out.`,
    )
  }
  const run = (start: number, end: number): TokenRun => {
    const ids = responseIds.slice(start, end)
    return { ids, sampled: ids.map(() => true), logprobs: ids.map(() => Number.NaN), exclusions: ids.map(() => -1) }
  }
  const segments = tree.parts.map((part): Segment => {
    if (part.kind === 'text') return { kind: 'text', tokens: run(part.start, part.end) }
    const paths = part.paths.map((path) => run(path.start, path.end))
    const outlines = part.outlines && { outlines: part.outlines.map((outline) => run(outline.start, outline.end)) }
    return { kind: 'block', open: run(part.start, part.start + 1), ...outlines, paths, close: run(part.bodyEnd - 1, part.end) }
  })
  return { promptIds: [...promptIds], segments, exclusionSets: [], temperature: 1 }
}

/** Every run of a trajectory in reading order. */
export function runsOf(trajectory: Trajectory): TokenRun[] {
  return trajectory.segments.flatMap(segmentRuns)
}

/** The runs of one segment: in a block open, outlines, paths, close. */
export function segmentRuns(segment: Segment): TokenRun[] {
  return segment.kind === 'text' ? [segment.tokens] : [segment.open, ...(segment.outlines ?? []), ...segment.paths, segment.close]
}

/** Log-probabilities of the sampled tokens, in the order of `Layout.sampledIndex`. */
export function sampledLogprobs(trajectory: Trajectory): number[] {
  return runsOf(trajectory).flatMap((run) => run.logprobs.filter((_, i) => run.sampled[i]))
}

/** The response in reading order with everything in it, an end-of-response id too. */
export function responseIds(trajectory: Trajectory): number[] {
  const ids: number[] = []
  for (const run of runsOf(trajectory)) for (const id of run.ids) ids.push(id)
  return ids
}

interface TrajectoryCounts {
  /** Tokens of the response, all paths, tags and the end-of-response id counted. */
  total: number
  /** Tokens along the longest chain: all outside the paths, outlines too, and the longest path of each block. */
  criticalPath: number
  blocks: BlockCounts[]
}

/** Lengths of a trajectory in tokens. `beforeSummary`: ids of `</Parallel>` and "\n", 2 where tags are tokens unless the tokenizer is unusual. */
export function trajectoryCounts(trajectory: Trajectory, beforeSummary = 2): TrajectoryCounts {
  const counts: TrajectoryCounts = { total: 0, criticalPath: 0, blocks: [] }
  for (const segment of trajectory.segments) {
    if (segment.kind === 'text') {
      counts.total += segment.tokens.ids.length
      counts.criticalPath += segment.tokens.ids.length
      continue
    }
    const paths = segment.paths.map((path) => path.ids.length)
    const outlines = segment.outlines?.map((outline) => outline.ids.length)
    const outside = (outlines ?? []).reduce((sum, length) => sum + length, segment.open.ids.length + segment.close.ids.length)
    counts.total += outside + paths.reduce((sum, length) => sum + length, 0)
    counts.criticalPath += outside + Math.max(...paths)
    counts.blocks.push({ ...(outlines && { outlines }), paths, summary: segment.close.ids.length - beforeSummary })
  }
  return counts
}
