/** The parallel blocks of a response, from its text or, where the tags are hidden, from the provider's metadata. */

import { type BlockPart, type GrammarOptions, type Parsed, parseThinking } from '../thinking/grammar.ts'
import { endedPaths, withoutEndedPaths } from './ended-paths.ts'
import type { AssertionContext } from './grading.ts'
import { pathStarts, withoutStart } from './path-starts.ts'

/** One block: what its paths and its summary say, without what the provider wrote at the beginning of a path. */
export interface Block {
  paths: string[]
  summary: string | undefined
  /** It breaks no rule of the grammar. */
  valid: boolean
}

/** These rules point at the next block but blame the one before. */
const RULES_OF_THE_BLOCK_BEFORE = new Set<string>(['block-before-summary', 'block-in-summary'])

/** The blocks of a parsed tree, and for each whether some violation belongs to it. */
function brokenBlocks({ tree, violations }: Parsed): { blocks: BlockPart[]; broken: Uint8Array } {
  const blocks = tree.parts.filter((part) => part.kind === 'block')
  const broken = new Uint8Array(blocks.length)
  let next = 0
  for (const { rule, offset } of violations) {
    while (next < blocks.length && blocks[next].start <= offset) next++
    if (next === 0) continue
    const block = blocks[next - 1]
    if (RULES_OF_THE_BLOCK_BEFORE.has(rule)) broken[block.start === offset && next > 1 ? next - 2 : next - 1] = 1
    else if (offset < block.end || (block.summary === undefined && offset === block.bodyEnd)) broken[next - 1] = 1
  }
  return { blocks, broken }
}

/** Number of blocks that break no rule. */
export function validBlocks(parsed: Parsed): number {
  const { broken } = brokenBlocks(parsed)
  return broken.reduce((valid, isBroken) => valid - isBroken, broken.length)
}

/** Blocks of a response with their texts. Metadata counts only where the text shows no tag at all. `parsed`: the text, if it was parsed before. */
export function readBlocks(
  text: string,
  context: AssertionContext,
  options: GrammarOptions = {},
  parsed: Parsed = parseThinking(text, { ...options, pathStarts: pathStarts(responseMetadata(context)) }),
): Block[] {
  const starts = pathStarts(responseMetadata(context))
  if (showsTags(parsed)) {
    const { blocks, broken } = brokenBlocks(withoutEndedPaths(parsed, text, responseMetadata(context)))
    return blocks.map(({ paths, summary }, k) => ({
      paths: paths.map(({ contentStart, contentEnd }, p) => withoutStart(text.slice(contentStart, contentEnd), p, starts)),
      summary: summary && text.slice(summary.contentStart, summary.contentEnd),
      valid: broken[k] === 0,
    }))
  }
  const min = options.minPaths ?? 2
  const max = options.maxPaths ?? 16
  const ended = endedPaths(responseMetadata(context))
  return hiddenBlocks(context).map(({ paths: written, summary }, b) => {
    const paths = written.map((path, k) => withoutStart(path, k, starts))
    const said = paths.map((path) => path.trim()).filter((_, k) => !ended[b]?.[k])
    const full = said.every((path) => path !== '') && (summary ?? '').trim() !== ''
    return { paths, summary, valid: full && paths.length >= min && paths.length <= max && new Set(said).size === said.length }
  })
}

export function showsTags({ tree, violations }: Parsed): boolean {
  return violations.length > 0 || tree.parts.some(({ kind }) => kind === 'block')
}

/** Blocks that the provider reports in `metadata.tree`. */
export function hiddenBlocks(context: AssertionContext): { paths: string[]; summary: string | undefined }[] {
  const blocks = (responseMetadata(context).tree as { blocks?: unknown } | undefined)?.blocks
  if (!Array.isArray(blocks)) return []
  return blocks.map((block: { paths?: unknown; summary?: unknown } | null) => ({
    paths: Array.isArray(block?.paths) ? block.paths.map((path: unknown) => spanText(path) ?? '') : [],
    summary: spanText(block?.summary),
  }))
}

/** What the provider reported about the response. */
export function responseMetadata(context: AssertionContext): Record<string, unknown> {
  return { ...context.metadata, ...context.providerResponse?.metadata }
}

function spanText(span: unknown): string | undefined {
  const text = typeof span === 'object' && span !== null ? (span as { text?: unknown }).text : span
  return typeof text === 'string' ? text : undefined
}
