/** Writes one answer: the thought behind it, its text while it comes, and where it ends. */

import { requireTokenizer } from '../providers/prompt.ts'
import { type ThinkingMetadata, toProviderResponse } from '../providers/response.ts'
import type { HeardToken } from '../thinking/reading-order.ts'
import { spellingOf } from '../thinking/text-tags.ts'
import { blocksAsRead } from '../thinking/thought.ts'
import { runsOf } from '../thinking/trajectory.ts'
import type { ThinkRequest, Thought, TokenRun } from '../thinking/types.ts'
import type { PlannedAnswer, ServedModel } from './model.ts'
import { HiddenTags } from './text/hidden-tags.ts'
import { StopWatch } from './text/stop.ts'
import { TokenText } from './text/token-text.ts'

/** A token as a client reads it. */
export interface SaidToken {
  /** What it says by itself; U+FFFD where that is a part of a character. */
  text: string
  /** 0 where the decoder wrote it. */
  logprob: number
  /** Characters of the response before it, tags counted. */
  offset: number
}

export interface Answer {
  text: string
  finishReason: Thought['finishReason']
  /** What the provider's response carries, and the seed of the whole request. */
  metadata: ThinkingMetadata & { requestSeed: number }
  /** Of the response, all paths counted; where a stop ended it, up to that. */
  completionTokens: number
  /** Empty where nobody asked for log-probabilities. */
  tokens: SaidToken[]
}

export interface AnswerOptions {
  stops: readonly string[]
  logprobs: boolean
  /** Seed of the whole request. */
  seed: number
  signal: AbortSignal
  /** Hears the text as it comes, in reading order. Joined it is the text of the answer. */
  onText?(text: string, tokens: readonly SaidToken[]): void
}

/** What the thought is ended with where a stop was written. */
const STOPPED = new Error('a stop was written')

/** Throws what `Thinker.think` throws. */
export async function writeAnswer(model: ServedModel, planned: PlannedAnswer, options: AnswerOptions): Promise<Answer> {
  const { request } = planned
  const { stops, logprobs, onText, signal } = options
  if (stops.length === 0 && !logprobs && !onText) {
    const thought = await model.thinker.think(request, signal)
    return answerOf(model, planned, options, thought, undefined, [])
  }
  const writing = new Writing(model, planned, options)
  const end = new AbortController()
  const onAbort = (): void => end.abort(signal.reason)
  signal.throwIfAborted()
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    const thought = await model.thinker.think(request, end.signal, (token) => {
      if (writing.take(token)) end.abort(STOPPED)
    })
    if (!writing.stopped) writing.takeRest(thought)
    if (!writing.stopped) writing.end()
    // What was kept back may have held a stop.
    if (!writing.stopped) {
      return answerOf(model, planned, options, thought, writing.text, writing.tokens)
    }
  } catch (error) {
    if (!writing.stopped || signal.aborted) throw error
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
  return answerOf(model, planned, options, cutThought(request, writing.heard), writing.text, writing.tokens)
}

/** The text of an answer while its tokens come. */
class Writing {
  readonly heard: HeardToken[] = []
  readonly tokens: SaidToken[] = []
  text = ''
  stopped = false
  readonly #tokenText: TokenText
  readonly #hidden: HiddenTags | undefined
  readonly #stop: StopWatch
  readonly #piece: (id: number) => string
  readonly #options: AnswerOptions
  #offset = 0

  constructor({ checkpoint }: ServedModel, { showTags }: PlannedAnswer, options: AnswerOptions) {
    const tokenizer = requireTokenizer(checkpoint)
    this.#tokenText = new TokenText(tokenizer)
    this.#hidden = showTags ? undefined : new HiddenTags()
    this.#stop = new StopWatch(options.stops)
    this.#piece = options.logprobs ? spellingOf(tokenizer).piece : () => ''
    this.#options = options
  }

  /** True where the answer has just come to a stop. */
  take(token: HeardToken): boolean {
    if (this.stopped) return false
    this.heard.push(token)
    const said: SaidToken[] = []
    if (this.#options.logprobs) said.push({ text: this.#piece(token.id), logprob: token.logprob, offset: this.#offset })
    const raw = this.#tokenText.push(token.id)
    this.#offset += raw.length
    this.tokens.push(...said)
    this.#tell(this.#hidden ? this.#hidden.push(raw) : raw, said)
    return this.stopped
  }

  /** What a thinker told of nothing while it was written. */
  takeRest(thought: Thought): void {
    for (const token of tokensOf(thought).slice(this.heard.length)) this.take(token)
  }

  /** What was kept back. */
  end(): void {
    const raw = this.#tokenText.end()
    const shown = this.#hidden ? this.#hidden.push(raw) + this.#hidden.end() : raw
    this.#tell(shown, [])
    if (!this.stopped) this.#say(this.#stop.end(), [])
  }

  #tell(shown: string, said: readonly SaidToken[]): void {
    const { text, stopped } = this.#stop.push(shown)
    this.stopped = stopped
    this.#say(text, said)
  }

  #say(text: string, said: readonly SaidToken[]): void {
    this.text += text
    if (text !== '' || said.length > 0) this.#options.onText?.(text, said)
  }
}

/** The tokens of a response without one that ends it. */
function tokensOf({ trajectory, ids }: Thought): HeardToken[] {
  const all = runsOf(trajectory).flatMap((run) =>
    run.ids.map((id, k): HeardToken => ({ id, logprob: run.logprobs[k], sampled: run.sampled[k] })),
  )
  return all.slice(0, ids.length)
}

/** A response that ends anywhere, read as it stands. */
function cutThought(request: ThinkRequest, heard: readonly HeardToken[]): Thought {
  const ids = heard.map(({ id }) => id)
  const tokens: TokenRun = {
    ids,
    sampled: ids.map(() => true),
    logprobs: heard.map(({ logprob }) => logprob),
    exclusions: ids.map(() => -1),
  }
  const blocks = blocksAsRead(ids, request)
  const beside = blocks.reduce((sum, { paths }) => sum + paths.reduce((all, path) => all + path, 0) - Math.max(0, ...paths), 0)
  return {
    trajectory: { promptIds: request.promptIds, segments: [{ kind: 'text', tokens }], exclusionSets: [], temperature: request.temperature },
    ids,
    finishReason: 'stop',
    totalTokens: ids.length,
    criticalPathTokens: ids.length - beside,
    blocks,
  }
}

/** `text` where it is not the whole response. */
function answerOf(
  { checkpoint }: ServedModel,
  { request, repeatIndex, copyIndex, showTags, told }: PlannedAnswer,
  { seed }: AnswerOptions,
  thought: Thought,
  text: string | undefined,
  tokens: SaidToken[],
): Answer {
  const tokenizer = requireTokenizer(checkpoint)
  const cut = request.mode === 'parallel' && thought.trajectory.segments.every(({ kind }) => kind === 'text')
  const response = toProviderResponse(thought, {
    // Blocks that the decoder did not finish are read from the text.
    request: cut ? { ...request, mode: 'sequential' } : request,
    repeatIndex,
    copyIndex,
    showTags,
    told,
    decode: (ids) => (ids.length > 0 ? tokenizer.decode(ids, { keepSpecial: true }) : ''),
  })
  const metadata = response.metadata as unknown as ThinkingMetadata
  return {
    text: text ?? (response.output as string),
    finishReason: thought.finishReason,
    metadata: { ...metadata, mode: request.mode, requestSeed: seed },
    completionTokens: thought.totalTokens,
    tokens,
  }
}
