/**
 * A model on a server that speaks OpenAI's completions (vLLM, SGLang, llama.cpp) as a Thinker. The decoder is the one that runs over our own
 * engine: forks, joins, budgets and tags are its. A fork is one completion for each path, from the same tokens. A join is the tokens of all
 * paths in order, which is what a causal checkpoint reads; a structured one needs positions and a mask that no such server takes.
 */

import { setMaxListeners } from 'node:events'
import { ConfigError, ParallelR1Error } from '../engine/errors.ts'
import type { RetryOptions } from '../retry.ts'
import { resolveLimits } from '../thinking/budget.ts'
import { decode } from '../thinking/decoder.ts'
import type { Thinker } from '../thinking/thinker.ts'
import type { ServerRun, ThinkRequest, Thought } from '../thinking/types.ts'
import { completionBody, readCompletion, type Wanted, type Written } from './completion.ts'
import type { Dialect } from './dialect.ts'
import { probe, probeForking } from './probe.ts'
import { ServerSequences } from './sequences.ts'
import type { ServerSettings } from './settings.ts'
import { type ServedCheckpoint, ServerTokens } from './tokens.ts'
import { type Asked, Transport } from './transport.ts'

/** Tokens that are asked for at a time where the server does not end a completion at a tag: those behind the tag are for nothing. */
const PIECE = 32
/** A failed probe is remembered so long: all rows of a run would wait for the same. */
const FAILURE_MS = 60_000

/** Thinks with the model that a server has. `checkpoint` has its tokenizer and its tags. Throws ConfigError without a tokenizer. */
export function remoteThinker(checkpoint: ServedCheckpoint, server: ServerSettings, options: RetryOptions = {}): Thinker {
  return new RemoteThinker(checkpoint, server, options)
}

class RemoteThinker implements Thinker {
  readonly #checkpoint: ServedCheckpoint
  readonly #server: ServerSettings
  readonly #tokens: ServerTokens
  readonly #transport: Transport
  readonly #running = new Map<AbortController, Promise<unknown>>()
  readonly #closing = new AbortController()
  #dialects = new Map<string, Promise<Dialect>>()

  constructor(checkpoint: ServedCheckpoint, server: ServerSettings, options: RetryOptions) {
    this.#checkpoint = checkpoint
    this.#server = server
    this.#tokens = new ServerTokens(checkpoint)
    this.#transport = new Transport(server, options)
    setMaxListeners(0, this.#closing.signal)
  }

  think(request: ThinkRequest, signal?: AbortSignal): Promise<Thought> {
    const controller = new AbortController()
    // All lanes of a request listen to it, and hundreds of requests to the caller's.
    setMaxListeners(0, controller.signal)
    if (signal) setMaxListeners(0, signal)
    const stop = (): void => controller.abort(signal?.reason)
    const thought = this.#think(request, controller, signal, stop).finally(() => {
      signal?.removeEventListener('abort', stop)
      this.#running.delete(controller)
    })
    this.#running.set(controller, thought)
    return thought
  }

  async #think(request: ThinkRequest, controller: AbortController, signal: AbortSignal | undefined, stop: () => void): Promise<Thought> {
    if (this.#closing.signal.aborted) throw closed()
    signal?.throwIfAborted()
    signal?.addEventListener('abort', stop, { once: true })
    refuseUnservable(request, this.#checkpoint.folder)
    const limits = resolveLimits(request, this.#checkpoint.config)
    const dialect = await withSignal(this.#dialectFor(request), controller.signal)
    checkDialect(dialect, request, limits.response)
    let retries = 0
    const asked: Asked = { signal: controller.signal, again: () => retries++ }
    const sequences = new ServerSequences(this.#checkpoint.config, request, async (wanted) => {
      try {
        return await this.#complete(wanted, dialect, asked)
      } catch (error) {
        // Its other lanes end with it, for the same reason.
        controller.abort(error)
        throw error
      }
    })
    const thought = await decode(sequences, sequences, request, limits)
    if (dialect.logprobs === 'raw') thought.trajectory.temperature = 1
    const { url, model } = this.#server
    const { prompts, tokens, stops, logprobs, tokenizer } = dialect
    const { requests, respelled } = sequences
    const server: ServerRun = { url, model, prompts, tokens, stops, tokenizer, logprobs, requests, retries, respelled, unknown: UNKNOWN }
    return { ...thought, server }
  }

  async #complete(wanted: Wanted, dialect: Dialect, asked: Asked): Promise<Written> {
    const { model } = this.#server
    for (;;) {
      const { stops } = dialect
      const one = stops === 'ours' && wanted.stop ? { ...wanted, most: Math.min(wanted.most, PIECE) } : wanted
      const answer = await this.#transport.ask('completions', completionBody(one, model, dialect, this.#tokens), asked)
      const written = readCompletion(answer, one, { ...dialect, stops }, this.#tokens)
      if (written) return written
      // Whether a tag or an end token stopped it cannot be told: from now on nothing is asked to stop it.
      dialect.stops = 'ours'
    }
  }

  /** The dialect, found with the first request of a mode. */
  #dialectFor({ mode, tagText, tags }: ThinkRequest): Promise<Dialect> {
    const tagged = !tagText && tags.parallel >= 0
    const path = mode === 'parallel' && tagged ? tags.path : undefined
    return this.#once(`${mode} ${tagged}`, async () => {
      const dialect = await this.#once(`${tagged}`, () => probe(this.#probed(), this.#tokens, tagged))
      if (mode === 'parallel') await probeForking(this.#probed(), this.#tokens, dialect, path)
      return dialect
    })
  }

  #once(name: string, find: () => Promise<Dialect>): Promise<Dialect> {
    let found = this.#dialects.get(name)
    if (!found) {
      found = find()
      this.#dialects.set(name, found)
      found.catch(() => setTimeout(() => this.#dialects.delete(name), FAILURE_MS).unref())
    }
    return found
  }

  #probed() {
    const { url, model } = this.#server
    const signal = this.#closing.signal
    return {
      url,
      model,
      ask: (path: string, body: object | undefined, asked?: Asked) =>
        this.#transport.ask(path, body, { signal, refuses500: true, ...asked }),
    }
  }

  async close(): Promise<void> {
    this.#closing.abort(closed())
    for (const controller of this.#running.keys()) controller.abort(closed())
    await Promise.allSettled(this.#running.values())
    this.#transport.close()
  }
}

/** What the engine says of itself and a server does not. */
const UNKNOWN: ServerRun['unknown'] = ['device', 'precision', 'repeatable']

function refuseUnservable({ mode, attention, outlines }: ThinkRequest, folder: string): void {
  if (mode !== 'parallel') return
  if (outlines) {
    throw new ConfigError(
      `A path of a block with outlines does not see the outlines of the others, at the positions behind them, and no completions protocol takes positions or masks. Got outlines of ${folder} and "server". Leave one of them out, or use mode: sequential.`,
    )
  }
  if (attention !== 'structured') return
  throw new ConfigError(
    `A server decodes causal checkpoints. Got attention: structured of ${folder}: its paths begin at the same position and do not see each other even after the join, and no completions protocol takes positions or masks. Leave "server" out, or use mode: sequential.`,
  )
}

function checkDialect({ fields, context }: Dialect, { topK, promptIds }: ThinkRequest, response: number): void {
  if (topK && !fields.has('top_k')) {
    throw new ConfigError(`The server takes no top_k. Got topK: ${topK}. Leave it out, or use topP.`)
  }
  if (context !== undefined && promptIds.length + response > context) {
    throw new ConfigError(
      `Prompt and response must fit into the ${context} tokens of the server. Got ${promptIds.length} prompt tokens and a budget of ${response}. Lower budgets.response, or start the server with more.`,
    )
  }
}

/** What is shared goes on where one of those who wait for it leaves. */
function withSignal<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = (): void => reject(signal.reason)
    if (signal.aborted) stop()
    signal.addEventListener('abort', stop, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop))
  })
}

function closed(): ParallelR1Error {
  return new ParallelR1Error('The connection to the server is closed. Open it again for further requests.')
}
