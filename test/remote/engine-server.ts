/**
 * A server of OpenAI's completions over our own engine: every token is decoded by a real checkpoint. It answers in the ways of servers that
 * people run, as their sources and answers show them, and fails on request.
 *
 *   vllm    ids and text, token_ids, stop_token_ids, stop_reason, prompt_token_ids, /tokenize, log-probabilities of the model
 *   sglang  the same but for matched_stop, any model's name, and log-probabilities of what is drawn
 *   llama   ids and text, entries with ids but for stops and tokens that end inside a character, no reason to stop, /tokenize, /props
 *   openai  OpenAI's own fields and no others, text, strings with log-probabilities
 */

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Checkpoint, openCheckpoint } from '../../src/engine/checkpoint/folder.ts'
import { openEngine } from '../../src/engine/open.ts'
import type { Model } from '../../src/engine/types.ts'

export interface ServerStyle {
  kind: 'vllm' | 'sglang' | 'llama' | 'openai'
  /** Prompts of ids are answered with 500, as by llama-cpp-python. */
  textPrompts?: boolean
  /** Special tokens are left out of the text, whatever a request says. */
  hidesSpecial?: boolean
  /** `logit_bias` is ignored. */
  ignoresBias?: boolean
  /** Requests must bring this key. */
  key?: string
  /** Tokens of prompt and response. */
  context?: number
  /** Its tokenizer is another one. */
  otherTokens?: boolean
  /** It says nothing of tokens: neither /tokenize nor a count. */
  countsNothing?: boolean
}

/** Answers in the place of the server; false: the server answers after all. */
export type Fault = (response: ServerResponse, answer: () => Promise<string>) => boolean | Promise<boolean>

export type Body = Record<string, unknown>

export class EngineServer {
  readonly checkpoint: Checkpoint
  style: ServerStyle
  /** Of the coming completions, first come first served. */
  faults: Fault[] = []
  /** Bodies of all completions that were asked for. */
  asked: Body[] = []
  headers: IncomingMessage['headers'][] = []
  /** Changes an answer before it is sent. */
  twist?: (answer: Body, body: Body) => unknown
  inFlight = 0
  mostInFlight = 0
  /** Requests whose client went away. */
  dropped = 0
  readonly #model: Model
  readonly #server
  readonly #dispose: () => Promise<void>
  #turn: Promise<unknown> = Promise.resolve()

  static async start(folder: string, style: ServerStyle): Promise<EngineServer> {
    const engine = await openEngine({ device: 'cpu', precision: 'f32', threads: 1 })
    const checkpoint = await openCheckpoint(folder)
    const server = new EngineServer(checkpoint, await engine.load(checkpoint, { cacheTokens: 8192 }), style, () => engine.dispose())
    await new Promise<void>((done) => server.#server.listen(0, '127.0.0.1', done))
    return server
  }

  private constructor(checkpoint: Checkpoint, model: Model, style: ServerStyle, dispose: () => Promise<void>) {
    this.checkpoint = checkpoint
    this.style = style
    this.#model = model
    this.#dispose = dispose
    this.#server = createServer((request, response) => void this.#serve(request, response))
  }

  get root(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  /** As it was at the start. */
  reset(style: ServerStyle): void {
    Object.assign(this, { style, faults: [], asked: [], headers: [], twist: undefined, mostInFlight: 0, dropped: 0 })
  }

  /** Nobody listens until what it resolves to is called: a server that was killed, and one that took its place. */
  async leave(): Promise<() => Promise<void>> {
    const { port } = this.#server.address() as AddressInfo
    await this.#hangUp()
    return () => new Promise((done) => this.#server.listen(port, '127.0.0.1', done))
  }

  async close(): Promise<void> {
    await this.#hangUp()
    await this.#turn.catch(() => {})
    await this.#model.dispose()
    await this.#dispose()
  }

  async #hangUp(): Promise<void> {
    await new Promise<void>((done) => {
      this.#server.close(() => done())
      this.#server.closeAllConnections()
    })
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const body = chunks.length > 0 ? (JSON.parse(Buffer.concat(chunks).toString()) as Body) : {}
    const { kind, key } = this.style
    const send = (status: number, answer: unknown) =>
      response.headersSent || response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(answer))
    if (key !== undefined && request.headers.authorization !== `Bearer ${key}`) {
      return void send(401, { error: { message: `Incorrect API key provided: ${request.headers.authorization}` } })
    }
    if (request.url === '/v1/models') {
      const { context } = this.style
      return void send(200, { object: 'list', data: [{ id: 'countdown', ...(saysIds(kind) && context && { max_model_len: context }) }] })
    }
    if (request.url === '/props' && kind === 'llama') {
      return void send(200, { default_generation_settings: { n_ctx: this.style.context ?? 0 } })
    }
    if (request.url === '/tokenize' && kind !== 'openai' && !this.style.countsNothing) {
      return void send(200, { tokens: this.#encode(String(body.prompt)) })
    }
    if (request.url !== '/v1/completions') return void send(404, { error: { message: 'Not found' } })
    await this.#completions(body, request, response, send)
  }

  async #completions(body: Body, request: IncomingMessage, response: ServerResponse, send: (status: number, answer: unknown) => unknown) {
    this.asked.push(body)
    this.headers.push(request.headers)
    this.mostInFlight = Math.max(this.mostInFlight, ++this.inFlight)
    const gone = new AbortController()
    response.on('close', () => {
      this.inFlight--
      if (response.writableFinished) return
      this.dropped++
      gone.abort()
    })
    try {
      const answer = async (): Promise<string> => JSON.stringify(await this.#answer(body, gone.signal))
      const fault = this.faults.shift()
      if (fault && (await fault(response, answer))) return
      send(200, JSON.parse(await answer()))
    } catch (error) {
      const { status = 500, message } = error as Error & { status?: number }
      send(status, { error: { message, type: 'invalid_request_error' } })
    }
  }

  #encode(text: string): number[] {
    const ids = this.checkpoint.tokenizer!.encode(text)
    return this.style.otherTokens ? ids.map((id) => (id + 7) % 425) : ids
  }

  async #answer(body: Body, signal: AbortSignal): Promise<unknown> {
    const { kind, textPrompts, countsNothing } = this.style
    if (kind === 'openai') {
      const unknown = Object.keys(body).find((name) => !OPENAI.has(name))
      if (unknown) throw refused(400, `Unrecognized request argument supplied: ${unknown}`)
    }
    if (body.model !== 'countdown' && kind !== 'llama' && kind !== 'sglang') throw refused(404, `The model ${body.model} does not exist.`)
    if (typeof body.prompt !== 'string' && textPrompts) throw refused(500, "'list' object has no attribute 'encode'")
    const prompt = typeof body.prompt === 'string' ? this.#encode(body.prompt) : (body.prompt as number[])
    const drawn = await this.#decode(prompt, body, signal)
    const answer = {
      object: 'text_completion',
      model: body.model,
      choices: [{ index: 0, ...this.#choice(drawn, prompt, body) }],
      ...(!countsNothing && { usage: { prompt_tokens: prompt.length, completion_tokens: drawn.ids.length } }),
    }
    return this.twist ? this.twist(answer, body) : answer
  }

  /** Draws until an end token, a stop or the limit. */
  async #decode(prompt: readonly number[], body: Body, signal: AbortSignal): Promise<Drawn> {
    const { ignoresBias } = this.style
    const { eosTokenIds } = this.checkpoint.generation
    const bias = Object.entries((ignoresBias ? {} : (body.logit_bias ?? {})) as Record<string, number>)
    const forced = bias.find(([, value]) => value >= 100)
    const all = Array.from({ length: this.checkpoint.config.vocabSize }, (_, id) => id)
    const exclude = forced
      ? all.filter((id) => id !== Number(forced[0]))
      : bias.filter(([, value]) => value <= -100).map(([id]) => Number(id))
    const topK = Number(body.top_k ?? 0)
    const sampling = {
      temperature: Number(body.temperature ?? 1),
      topK: topK > 0 ? topK : undefined,
      topP: Number(body.top_p ?? 1),
      seed: Number(body.seed ?? 0),
      stream: 0,
      exclude,
    }
    const stops = (body.stop ?? []) as string[]
    const stopIds = saysIds(this.style.kind) ? ((body.stop_token_ids ?? []) as number[]) : []
    const drawn: Drawn = { ids: [], logprobs: [], finish: 'length' }
    const sequence = this.#model.create()
    try {
      let fed = [...prompt]
      let position = 0
      while (drawn.ids.length < Number(body.max_tokens ?? 16)) {
        signal.throwIfAborted()
        const positions = fed.map(() => position++)
        const [{ id, logprob }] = await this.#step({ sequence, ids: fed, positions, sampling })
        drawn.ids.push(id)
        drawn.logprobs.push(logprob)
        const text = this.#text(drawn.ids)
        const stop = stops.find((one) => text.includes(one))
        if (eosTokenIds.includes(id) || stopIds.includes(id) || stop !== undefined) {
          Object.assign(drawn, { finish: 'stop', stop: stopIds.includes(id) ? id : stop })
          break
        }
        fed = [id]
      }
      if (this.style.kind === 'vllm' || this.style.kind === 'llama') drawn.logprobs = await this.#rawLogprobs(prompt, drawn.ids)
      return drawn
    } finally {
      this.#model.free(sequence)
    }
  }

  /** Of what was drawn, before temperature and with what was ruled out. */
  async #rawLogprobs(prompt: readonly number[], drawn: readonly number[]): Promise<number[]> {
    const ids = Int32Array.from([...prompt, ...drawn])
    const batch = { ids, positions: ids.map((_, i) => i), bounds: Int32Array.of(0, ids.length) }
    const { logprobs } = await this.#next(() => this.#model.forward(batch, { keep: false }))
    return [...logprobs.slice(prompt.length - 1, -1)]
  }

  /** One step at a time: the engine takes no two. */
  #step(input: Parameters<Model['step']>[0][number]) {
    return this.#next(() => this.#model.step([input]))
  }

  #next<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work)
    this.#turn = done.catch(() => {})
    return done
  }

  #text(ids: readonly number[], keepSpecial = true): string {
    return ids.length > 0 ? this.checkpoint.tokenizer!.decode(ids, { keepSpecial }) : ''
  }

  #choice({ ids, logprobs, finish, stop }: Drawn, prompt: readonly number[], body: Body): Body {
    const { kind, hidesSpecial } = this.style
    const { eosTokenIds } = this.checkpoint.generation
    const withoutEnd = eosTokenIds.includes(ids.at(-1)!) ? ids.slice(0, -1) : ids
    const shown =
      hidesSpecial || (saysIds(kind) && body.skip_special_tokens !== false) ? this.#text(withoutEnd, false) : this.#text(withoutEnd)
    const cut =
      typeof stop === 'string' && !(kind === 'vllm' && body.include_stop_str_in_output) && !(kind === 'sglang' && body.no_stop_trim)
        ? shown.split(stop)[0]
        : shown
    const text = cut.replace(/\ufffd+$/, '')
    if (kind === 'llama')
      return { text, finish_reason: finish, logprobs: body.logprobs ? { content: this.#entries(ids, logprobs, stop) } : null }
    const strings = { tokens: withoutEnd.map((id) => this.#text([id])), token_logprobs: logprobs.slice(0, withoutEnd.length) }
    if (kind === 'openai') return { text, finish_reason: finish, logprobs: body.logprobs ? strings : null }
    const said = Boolean(body.return_token_ids) && { token_ids: ids, prompt_token_ids: prompt }
    if (kind === 'sglang') {
      const tokens = ids.map((id) => this.#text([id]))
      const end = withoutEnd.length < ids.length ? ids.at(-1) : null
      return {
        text,
        finish_reason: finish,
        matched_stop: stop ?? end,
        logprobs: body.logprobs ? { tokens, token_logprobs: logprobs } : null,
        ...said,
      }
    }
    return {
      ...{ text, finish_reason: finish, stop_reason: stop ?? null },
      logprobs: body.logprobs ? { tokens: ids.map((id) => `token_id:${id}`), token_logprobs: logprobs } : null,
      ...said,
    }
  }

  /** As llama.cpp's server has them: text that was held back comes with the token that ends it, tokens of a stop are taken off. */
  #entries(ids: readonly number[], logprobs: readonly number[], stop: Drawn['stop']): Body[] {
    let sent = 0
    const entries = ids.flatMap((id, i) => {
      const text = this.#text(ids.slice(0, i + 1))
      if (text.endsWith('\ufffd')) return []
      const token = this.checkpoint.generation.eosTokenIds.includes(id) ? '' : text.slice(sent)
      sent = text.length
      return [{ id, token, bytes: [...Buffer.from(token)], logprob: logprobs[i], top_logprobs: [] }]
    })
    return typeof stop === 'string' ? entries.slice(0, -this.checkpoint.tokenizer!.encode(stop).length) : entries
  }
}

const saysIds = (kind: ServerStyle['kind']): boolean => kind === 'vllm' || kind === 'sglang'

interface Drawn {
  ids: number[]
  logprobs: number[]
  finish: 'stop' | 'length'
  stop?: string | number
}

const OPENAI = new Set([
  ...['model', 'prompt', 'max_tokens', 'temperature', 'top_p', 'seed', 'stream', 'stop', 'logit_bias', 'logprobs', 'n', 'echo', 'best_of'],
  ...['presence_penalty', 'frequency_penalty', 'suffix', 'user'],
])

function refused(status: number, message: string): Error {
  return Object.assign(new Error(message), { status })
}

/** A fault: a status with a text. */
export const status =
  (code: number, headers: Record<string, string> = {}, text = JSON.stringify({ error: { message: 'busy' } })): Fault =>
  (response) => {
    response.writeHead(code, { 'content-type': 'application/json', ...headers }).end(text)
    return true
  }
