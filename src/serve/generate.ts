/** Answers a request with what its model writes: all of it at the end, or as it comes. */

import { randomUUID } from 'node:crypto'
import { setMaxListeners } from 'node:events'
import type { ServerResponse } from 'node:http'
import { type Answer, type AnswerOptions, type SaidToken, writeAnswer } from './answer.ts'
import { EventStream } from './http/event-stream.ts'
import { problemOf } from './http/problem.ts'
import type { Plan, ServedModel } from './model.ts'
import type { ChatFields, CompletionsFields } from './openai/fields.ts'
import type { Head, Shape, Usage } from './openai/shapes.ts'

interface Generation {
  model: ServedModel
  plan: Plan
  fields: CompletionsFields | ChatFields
  shape: Shape
  signal: AbortSignal
  /** Hears of the first text of a stream. */
  onFirst?(): void
}

/** What was written, for the counters. */
export interface Written {
  promptTokens: number
  completionTokens: number
}

/** Answers `response`. Throws Problem as long as nothing is sent; what goes wrong later ends the stream and is thrown, too. */
export async function generate(generation: Generation, response: ServerResponse): Promise<Written> {
  const { model, plan, fields, shape } = generation
  const head: Head = {
    id: `${shape.prefix}${randomUUID().replaceAll('-', '')}`,
    created: Math.floor(Date.now() / 1000),
    model: model.name,
    system_fingerprint: model.fingerprint,
  }
  if (fields.stream) return stream(generation, head, response)
  const answers = await writeAll(generation)
  const usage = usageOf(plan, answers)
  const body = JSON.stringify(shape.whole(head, answers, usage, wantsLogprobs(fields)))
  response.writeHead(200, { 'content-type': 'application/json; charset=utf-8', 'cache-control': 'no-store' }).end(body)
  return written(usage)
}

/** Texts of choices that wait for a client that reads slowly. */
class Waiting {
  #text = ''
  #tokens: SaidToken[] = []

  get empty(): boolean {
    return this.#text === '' && this.#tokens.length === 0
  }

  add(text: string, tokens: readonly SaidToken[]): void {
    this.#text += text
    this.#tokens.push(...tokens)
  }

  take(): { text: string; tokens: SaidToken[] } {
    const taken = { text: this.#text, tokens: this.#tokens }
    this.#text = ''
    this.#tokens = []
    return taken
  }
}

async function stream(generation: Generation, head: Head, response: ServerResponse): Promise<Written> {
  const { model, plan, fields, shape, onFirst } = generation
  const logprobs = wantsLogprobs(fields)
  const waiting = plan.answers.map(() => new Waiting())
  const begun = new Set<number>()
  const begin = (index: number): void => {
    if (begun.size === 0) onFirst?.()
    if (begun.has(index)) return
    begun.add(index)
    const first = shape.first(head, index)
    if (first) events.send(first)
  }
  const send = (index: number): void => {
    if (waiting[index].empty) return
    begin(index)
    const { text, tokens } = waiting[index].take()
    events.send(shape.piece(head, { index, text, tokens: logprobs ? tokens : undefined }))
  }
  const events = new EventStream(response, () => {
    for (const { index } of plan.answers) send(index)
  })
  try {
    const answers = await writeAll(
      generation,
      (index) => (text, tokens) => {
        waiting[index].add(text, tokens)
        if (!events.blocked) send(index)
      },
      (index, answer) => {
        send(index)
        begin(index)
        events.send(shape.last(head, index, answer))
      },
    )
    const usage = usageOf(plan, answers)
    if (fields.stream_options?.include_usage) events.send(shape.usage(head, usage))
    events.end()
    return written(usage)
  } catch (error) {
    if (!events.begun) events.cancel()
    else events.end(problemOf(error, { folder: model.checkpoint.folder, name: model.name }))
    throw error
  }
}

/** Writes all answers side by side. The first that fails ends the others, and is thrown when none runs any more. */
async function writeAll(
  { model, plan, fields, signal }: Generation,
  onText?: (index: number) => AnswerOptions['onText'],
  onAnswer?: (index: number, answer: Answer) => void,
): Promise<Answer[]> {
  const { stop = [] } = fields
  const options = { stops: typeof stop === 'string' ? [stop] : stop, logprobs: wantsLogprobs(fields), seed: plan.seed }
  const end = new AbortController()
  setMaxListeners(0, end.signal)
  const onAbort = (): void => end.abort(signal.reason)
  signal.throwIfAborted()
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    const settled = await Promise.allSettled(
      plan.answers.map(async (planned) => {
        try {
          const answer = await writeAnswer(model, planned, { ...options, signal: end.signal, onText: onText?.(planned.index) })
          onAnswer?.(planned.index, answer)
          return answer
        } catch (error) {
          end.abort(error)
          throw error
        }
      }),
    )
    return settled.map((result) => {
      if (result.status === 'rejected') throw end.signal.reason
      return result.value
    })
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

function wantsLogprobs({ logprobs }: CompletionsFields | ChatFields): boolean {
  return logprobs === 0 || logprobs === true
}

function usageOf({ promptTokens }: Plan, answers: readonly Answer[]): Usage {
  const completion = answers.reduce((sum, { completionTokens }) => sum + completionTokens, 0)
  return { prompt_tokens: promptTokens, completion_tokens: completion, total_tokens: promptTokens + completion }
}

function written({ prompt_tokens: promptTokens, completion_tokens: completionTokens }: Usage): Written {
  return { promptTokens, completionTokens }
}
