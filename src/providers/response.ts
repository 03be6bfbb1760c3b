import type { ProviderResponse } from 'promptfoo'
import type { ConfigObject } from '../config-keys.ts'
import type { TemplateInputs } from '../engine/checkpoint/chat-template.ts'
import type { DraftCounts } from '../thinking/drafter.ts'
import { parseThinkingIds, TAG_PATTERN, TAGS, type TaggedSpan } from '../thinking/grammar.ts'
import { blocksInText } from '../thinking/text-tags.ts'
import { opensThinking, thinksAtEnd } from '../thinking/think.ts'
import { runsOf, segmentRuns } from '../thinking/trajectory.ts'
import type { Block, Segment, ServerRun, StoppedPaths, TagText, ThinkRequest, Thought, TokenRun } from '../thinking/types.ts'
import { PROMPT_TAIL } from './request.ts'

/** Text and its tokens, tags counted in the tokens and left out of the text. */
export interface TextSpan {
  text: string
  tokens: number
}

/** A path, and the outline that named it where it has one. `ended`: a sibling had settled the block, so it does not say all that it would have said. */
export interface PathSpan extends TextSpan {
  outline?: TextSpan
  ended?: 'sibling'
}

/** `metadata` of a response; JSON-safe. Assertions read it as `context.providerResponse.metadata`. */
export interface ThinkingMetadata {
  mode: ThinkRequest['mode']
  attention: ThinkRequest['attention']
  /** Tags were found in ordinary text; absent where they are tokens. */
  tags?: 'text'
  /** False where the model was not trained to think in parallel, because it has no tags; otherwise absent. */
  trained?: false
  repeatIndex: number
  /** Which copy of its problem the test is, 1 for the second; absent in the first. */
  copyIndex?: number
  /** Seed of this request (not the configured one): the same seed and prompt decode the same. */
  seed: number
  /** The day that the chat template was told, where it asks for one. */
  date?: string
  /** The variables that the chat template was told; absent where there are none. */
  template?: TemplateInputs['variables']
  /** What PR1_DECODING set in place of the config. */
  decoding?: ConfigObject
  /** What the provider wrote at the beginning of each path of a block; absent where it wrote nothing. */
  pathStarts?: string[]
  promptTokens: number
  /** Response tokens, all paths and tags counted. */
  totalTokens: number
  /** Response tokens along the longest chain. */
  criticalPathTokens: number
  /** `start`: response tokens before `<Parallel>`, in reading order. */
  tree: { blocks: { start: number; paths: PathSpan[]; summary: TextSpan }[] }
  /** Tokens that the paths which siblings ended could still have taken. Absent where nothing settles a block (settledBy). */
  savedTokensAtMost?: number
  finishReason: Thought['finishReason']
  /** `cut`: thinkTokens ended the thinking. `unclosed`: the response ended inside it, so it has no answer. Otherwise absent. */
  thinking?: 'cut' | 'unclosed'
  /** Tokens that were guessed ahead, and how many of them were drawn, which saved a step each. Absent where none was, or nothing was generated. */
  speculation?: DraftCounts
  /** How a server was spoken to that decoded it, and what is not known of it; absent where it was decoded here. */
  server?: ServerRun
  /** The sample's page, which `pr1-report --serve` serves. */
  report?: string
}

interface ResponseOptions {
  request: ThinkRequest
  repeatIndex: number
  /** Default 0. */
  copyIndex?: number
  showTags: boolean
  /** What the chat template of the prompt was told. */
  told?: TemplateInputs
  /** Decoding settings that are not the config's. Default none. */
  overrides?: ConfigObject
  /** The thought was stored: nothing was generated for this response. */
  cached?: boolean
  report?: string
  decode(ids: number[]): string
}

/** What promptfoo gets for one thought: the same whether it was just generated or stored, but for `cached` and `tokenUsage`. */
export function toProviderResponse(thought: Thought, options: ResponseOptions): ProviderResponse {
  const { request, repeatIndex, copyIndex = 0, showTags, told, overrides = {}, cached = false, report, decode } = options
  const text = decode(thought.ids)
  const prompt = request.promptIds.length
  const total = prompt + thought.totalTokens
  const metadata: ThinkingMetadata = {
    mode: request.mode,
    attention: request.attention,
    ...(request.tagText && { tags: 'text', trained: false }),
    repeatIndex,
    ...(copyIndex > 0 && { copyIndex }),
    seed: request.seed,
    ...(told?.date !== undefined && { date: told.date }),
    ...(told?.variables && { template: told.variables }),
    ...(Object.keys(overrides).length > 0 && { decoding: overrides }),
    ...(request.pathStarts && { pathStarts: request.pathStarts.map(({ text }) => text) }),
    promptTokens: prompt,
    totalTokens: thought.totalTokens,
    criticalPathTokens: thought.criticalPathTokens,
    tree: { blocks: treeBlocks(thought, request, decode).map((block, b) => withEnded(block, thought.blocks[b]?.stopped)) },
    ...(request.settledBy && { savedTokensAtMost: thought.blocks.reduce((sum, { stopped }) => sum + (stopped?.savedAtMost ?? 0), 0) }),
    finishReason: thought.finishReason,
    ...(thought.drafts?.drafted && !cached && { speculation: thought.drafts }),
    ...thinkingOf(thought, text, decode(request.promptIds.slice(-PROMPT_TAIL))),
    ...(thought.server && { server: thought.server }),
    ...(report !== undefined && { report }),
  }
  return {
    output: showTags ? text : hideTags(text),
    // As promptfoo's own providers count: what a run costs is told from what it reuses.
    ...(cached && { cached }),
    tokenUsage: cached ? { cached: total, total, numRequests: 0 } : { prompt, completion: thought.totalTokens, total, numRequests: 1 },
    ...(thought.server?.logprobs !== 'none' && { logProbs: responseLogprobs(thought) }),
    finishReason: thought.finishReason,
    metadata: { ...metadata },
  }
}

function thinkingOf({ trajectory }: Thought, text: string, promptTail: string): Pick<ThinkingMetadata, 'thinking'> {
  if (thinksAtEnd(text, opensThinking(promptTail))) return { thinking: 'unclosed' }
  // In free text the decoder itself writes nothing else.
  const cut = trajectory.segments.some((segment) => segment.kind === 'text' && segment.tokens.sampled.includes(false))
  return cut ? { thinking: 'cut' } : {}
}

/** Tags with nothing but white space around and between them. */
export const TAG_RUN = new RegExp(`\\s*(?:(?:${TAG_PATTERN.source})\\s*)+`, 'g')

/** The text without tags: what stood between them on lines of its own. */
export function hideTags(text: string): string {
  return text.replace(TAG_RUN, '\n').trim()
}

/** The blocks as they were forked; of a sequential response, as it reads. */
function treeBlocks(thought: Thought, request: ThinkRequest, decode: ResponseOptions['decode']): ThinkingMetadata['tree']['blocks'] {
  const { mode, tags, tagText } = request
  const spanOf = (ids: number[], tokens: number): TextSpan => ({ text: ids.length > 0 ? decode(ids) : '', tokens })
  if (mode === 'parallel') {
    const { segments } = thought.trajectory
    const starts = segments.map((_, i) => segments.slice(0, i).reduce((sum, segment) => sum + segmentLength(segment), 0))
    const blocks = segments.flatMap((segment, i) => (segment.kind === 'block' ? [{ ...segment, start: starts[i] }] : []))
    if (tagText) return blocks.map((block, i) => ({ start: block.start, ...saidIn(block, thought.blocks[i], tagText) }))
    const inside = ({ ids }: TokenRun): TextSpan => spanOf(ids.slice(1, -1), ids.length)
    return blocks.map(({ start, outlines, paths, close }, i) => ({
      start,
      paths: planned(paths.map(inside), outlines?.map(inside)),
      summary: spanOf(close.ids.slice(close.ids.indexOf(tags.summary) + 1, -1), thought.blocks[i].summary),
    }))
  }
  if (tagText) return blocksInText(thought.ids, tagText)
  const content = (span?: TaggedSpan): TextSpan =>
    span ? spanOf(thought.ids.slice(span.contentStart, span.contentEnd), span.end - span.start) : spanOf([], 0)
  const { tree } = parseThinkingIds(thought.ids, tags)
  return tree.parts.flatMap((part) =>
    part.kind === 'block'
      ? [{ start: part.start, paths: planned(part.paths.map(content), part.outlines?.map(content)), summary: content(part.summary) }]
      : [],
  )
}

/** Paths with the outlines that stand for them. */
function planned(paths: TextSpan[], outlines: readonly TextSpan[] = []): PathSpan[] {
  return paths.map((path, k) => (outlines[k] ? { ...path, outline: outlines[k] } : path))
}

type ShownBlock = ThinkingMetadata['tree']['blocks'][number]

function withEnded(block: ShownBlock, stopped: StoppedPaths | undefined): ShownBlock {
  if (!stopped) return block
  return { ...block, paths: block.paths.map((path, k) => (stopped.paths.includes(k) ? { ...path, ended: 'sibling' } : path)) }
}

/** What stands between tags that are text, in the tokens of the block's runs. */
function saidIn({ paths, close }: Block, lengths: Thought['blocks'][number], { piece }: TagText) {
  const between = ({ ids }: TokenRun, open: string, end: string): string => {
    const text = ids.map(piece).join('')
    return text.slice(text.indexOf(open) + open.length, text.lastIndexOf(end))
  }
  return {
    paths: paths.map((path, k) => ({ text: between(path, TAGS.path, TAGS.pathEnd), tokens: lengths.paths[k] })),
    summary: { text: between(close, TAGS.summary, TAGS.summaryEnd), tokens: lengths.summary },
  }
}

function segmentLength(segment: Segment): number {
  return segmentRuns(segment).reduce((sum, { ids }) => sum + ids.length, 0)
}

/** One log-probability per response token in reading order; 0 where the decoder wrote the token itself, NaN where a server said none. */
function responseLogprobs(thought: Thought): number[] {
  const all = runsOf(thought.trajectory).flatMap((run) => run.logprobs)
  return all.slice(0, thought.ids.length)
}
