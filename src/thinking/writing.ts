/** Responses as text: from a tree of strings, and from anybody's layout to the one that token ids have. */

import { ParallelR1Error } from '../engine/errors.ts'
import { OUTLINE_TAGS, parseThinking, RULES, TAG_PATTERN, TAGS, type TaggedSpan, type ThinkingTree } from './grammar.ts'

/** A tree of strings, as the writer takes it. */
export type WrittenPart = { kind: 'text'; text: string } | WrittenBlock

/** `outlines`: one for each path, where paths have some. */
interface WrittenBlock {
  kind: 'block'
  outlines?: readonly string[]
  paths: readonly string[]
  summary: string
}

/**
 * Writes a response. Well-formed by construction: texts are checked to hold no tag, blocks to have 1 … 16 paths.
 * Throws RangeError on such a part.
 */
export function writeThinking(parts: readonly WrittenPart[]): string {
  return parts.map((part) => (part.kind === 'text' ? plain(part.text) : writeBlock(part))).join('')
}

/** The strings behind a parsed tree: the inverse of {@link writeThinking} for well-formed text. */
export function readThinking(text: string, tree: ThinkingTree): WrittenPart[] {
  const content = (span: TaggedSpan): string => text.slice(span.contentStart, span.contentEnd)
  return tree.parts.map((part) =>
    part.kind === 'text'
      ? { kind: 'text', text: text.slice(part.start, part.end) }
      : {
          kind: 'block',
          ...(part.outlines && { outlines: part.outlines.map(content) }),
          paths: part.paths.map(content),
          summary: part.summary ? content(part.summary) : '',
        },
  )
}

/**
 * A response without its layout: inside a block the white space next to a tag is removed, and one line break stands
 * before the summary. Text outside the blocks stays. What is trained goes through here, so that a model learns the ids
 * that the decoder writes, whatever layout the text came in. Blocks of one path are well-formed.
 *
 * Throws ParallelR1Error naming the first broken rule and its offset in characters.
 */
export function withoutLayout(text: string): string {
  const { tree, violations } = parseThinking(text, { minPaths: 1 })
  if (violations.length > 0) {
    const { rule, offset } = violations[0]
    const near = JSON.stringify(text.slice(Math.max(0, offset - 30), offset + 30))
    throw new ParallelR1Error(
      `The response breaks the rule ${rule} at character ${offset} of ${text.length}: ${RULES[rule].split('; ')[0]}. ` +
        `Got … ${near} … (${violations.length} violations in all). Correct the text, or leave the row out.`,
    )
  }
  const parts = readThinking(text, tree)
  const trimmed = (said: string): string => said.trim()
  return writeThinking(
    parts.map((part) =>
      part.kind === 'text'
        ? part
        : {
            ...part,
            ...(part.outlines && { outlines: part.outlines.map(trimmed) }),
            paths: part.paths.map(trimmed),
            summary: part.summary.trim(),
          },
    ),
  )
}

function writeBlock(block: WrittenBlock): string {
  if (block.paths.length < 1 || block.paths.length > 16) {
    throw new RangeError(`A block has 1 to 16 paths. Got ${block.paths.length}. Leave the block out or split it.`)
  }
  const planned = block.outlines ?? []
  if (block.outlines && planned.length !== block.paths.length) {
    throw new RangeError(
      `A block has an outline for each path, or none. Got ${planned.length} for ${block.paths.length} paths. Write as many of both.`,
    )
  }
  const outlines = planned.map((outline) => OUTLINE_TAGS.outline + plain(outline) + OUTLINE_TAGS.outlineEnd).join('')
  const paths = block.paths.map((path) => TAGS.path + plain(path) + TAGS.pathEnd).join('')
  return `${TAGS.parallel}${outlines}${paths}${TAGS.parallelEnd}\n${TAGS.summary}${plain(block.summary)}${TAGS.summaryEnd}`
}

function plain(text: string): string {
  const at = text.search(TAG_PATTERN)
  if (at < 0) return text
  throw new RangeError(`Text must not hold a tag. Got ${JSON.stringify(text.slice(at, at + 40))} at offset ${at}. Write blocks as parts.`)
}
