import { type ConfigObject, readBoolean, readInt } from '../config-keys.ts'
import { ConfigError } from '../engine/errors.ts'
import { inWords, parseThinking, type Rule } from '../thinking/grammar.ts'
import { hiddenBlocks, responseMetadata, showsTags, validBlocks } from './blocks.ts'
import { withoutEndedPaths } from './ended-paths.ts'
import { type AssertionContext, type AssertionResult, runAssertion } from './grading.ts'
import { pathStarts } from './path-starts.ts'

const NAME = 'parallelStructure'
const WHERE = `the config of ${NAME}`
const KEYS = [
  'minPaths',
  'maxPaths',
  'minBlocks',
  'maxBlocks',
  'outlines',
  'distinctPaths',
  'nonEmpty',
  'requireSummary',
  'strictLayout',
  'graded',
  'compatible',
] as const

/** Violations listed in a reason; the rest is counted. */
const LISTED = 20

/**
 * Is every parallel block of the response well-formed? The reason lists each violation with its offset. A response
 * without any block breaks no rule unless `minBlocks` asks for one. A path that the provider ended because a sibling settled the block may
 * say nothing, or what another says. What the provider wrote at the beginning of a path is not counted as said. Metric: `structure`.
 *
 * Config:
 * - `minPaths` (2), `maxPaths` (16): paths of a block;
 * - `minBlocks` (0), `maxBlocks` (any): blocks of the response;
 * - `outlines` (false): every block must name its paths in outlines. Without it a block may; outlines must be as many as paths either way;
 * - `distinctPaths` (true): no two paths or outlines of a block may say the same;
 * - `nonEmpty` (true): outlines, paths and summaries must say something;
 * - `requireSummary` (true): a summary must follow each block;
 * - `strictLayout` (false): between the tags of a block stands nothing, and one line break before its summary. Without it
 *   white space there says nothing, so tags may stand on lines of their own;
 * - `graded` (false): score = valid blocks / (valid blocks + violations) instead of 0 or 1;
 * - `compatible` (false): accept and reject as the checker of the Parallel-R1 code does.
 */
export function parallelStructure(output: unknown, context?: AssertionContext): AssertionResult {
  return runAssertion(NAME, KEYS, output, context, grade)
}

function grade(text: string, config: ConfigObject, context: AssertionContext): AssertionResult {
  const minPaths = readInt(config, 'minPaths', 2, WHERE, { min: 1, max: 16 })
  const maxPaths = readInt(config, 'maxPaths', 16, WHERE, { min: 1 })
  const minBlocks = readInt(config, 'minBlocks', 0, WHERE, { min: 0 })
  const maxBlocks = readInt(config, 'maxBlocks', undefined, WHERE, { min: 0 })
  if (minPaths > maxPaths) throw crossed('minPaths', minPaths, 'maxPaths', maxPaths)
  if (maxBlocks !== undefined && minBlocks > maxBlocks) throw crossed('minBlocks', minBlocks, 'maxBlocks', maxBlocks)
  const allow: Rule[] = []
  if (!readBoolean(config, 'distinctPaths', true, WHERE)) allow.push('identical-paths', 'identical-outlines')
  if (!readBoolean(config, 'nonEmpty', true, WHERE)) allow.push('empty-path', 'empty-summary', 'empty-outline')
  if (!readBoolean(config, 'requireSummary', true, WHERE)) allow.push('missing-summary', 'block-before-summary')
  const graded = readBoolean(config, 'graded', false, WHERE)
  const compatible = readBoolean(config, 'compatible', false, WHERE)
  const strictLayout = readBoolean(config, 'strictLayout', false, WHERE)
  const outlines = readBoolean(config, 'outlines', false, WHERE)

  const metadata = responseMetadata(context)
  const parsed = withoutEndedPaths(
    parseThinking(text, { minPaths, maxPaths, outlines, allow, compatible, strictLayout, pathStarts: pathStarts(metadata) }),
    text,
    metadata,
  )
  const blocks = parsed.tree.parts.filter(({ kind }) => kind === 'block').length
  if (!showsTags(parsed) && hiddenBlocks(context).length > 0) {
    throw new ConfigError(
      `${NAME} reads the tags in the output. Got an output without tags although the provider reports ${hiddenBlocks(context).length} block(s). Set showTags: true for the provider.`,
    )
  }
  const problems = parsed.violations.slice(0, LISTED).map(inWords)
  const bounds: string[] = []
  if (blocks < minBlocks) bounds.push(`too-few-blocks at offset ${text.length}: ${blocks} block(s), at least ${minBlocks} wanted`)
  if (maxBlocks !== undefined && blocks > maxBlocks) {
    bounds.push(`too-many-blocks at offset ${blockStart(parsed.tree.parts, maxBlocks)}: ${blocks} blocks, at most ${maxBlocks} wanted`)
  }
  const valid = validBlocks(parsed)
  const count = parsed.violations.length + bounds.length
  const pass = count === 0
  return {
    pass,
    score: pass ? 1 : graded ? valid / (valid + count) : 0,
    reason: pass ? wellFormed(blocks) : describe([...problems, ...bounds].slice(0, LISTED), count),
    metadata: { blocks, validBlocks: valid, violations: parsed.violations.slice(0, 50).map(({ rule, offset }) => ({ rule, offset })) },
  }
}

function wellFormed(blocks: number): string {
  return blocks === 0 ? 'No parallel block, so nothing is malformed.' : `${blocks} well-formed block${blocks === 1 ? '' : 's'}.`
}

function describe(listed: readonly string[], count: number): string {
  const more = count > listed.length ? `\n… and ${count - listed.length} more` : ''
  return `${count} violation${count === 1 ? '' : 's'}:\n${listed.join('\n')}${more}`
}

function blockStart(parts: readonly { kind: string; start: number }[], index: number): number {
  return parts.filter(({ kind }) => kind === 'block')[index]?.start ?? 0
}

function crossed(low: string, min: number, high: string, max: number): ConfigError {
  return new ConfigError(`"${low}" must not exceed "${high}" in ${WHERE}. Got ${min} and ${max}. Swap them.`)
}
