/** The server: models that write and suites that grade, behind addresses of OpenAI's API and a few of ours. */

import { createServer, type IncomingMessage, type Server, type ServerResponse, STATUS_CODES } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { ConfigError } from '../engine/errors.ts'
import { isLoopback, listen } from '../listening.ts'
import { notice } from '../plain.ts'
import { ModelPool } from '../providers/pool.ts'
import type { loadSuite } from '../trainer/suite/suite.ts'
import { Admission } from './admission.ts'
import type { ServeConfig } from './config.ts'
import { generate } from './generate.ts'
import { Access } from './http/access.ts'
import { readBody } from './http/body.ts'
import { Ended, internal, Problem, problemOf, stopping } from './http/problem.ts'
import { ServedModel } from './model.ts'
import { readChat, readCompletions } from './openai/fields.ts'
import { chatShape, completionsShape } from './openai/shapes.ts'
import { type Route, type RouteName, routeOf } from './routes.ts'
import { readScore, ServedSuite } from './suite.ts'
import { Telemetry } from './telemetry.ts'

export interface RunningServer {
  /** `http://127.0.0.1:8091` */
  readonly url: string
  readonly models: readonly ServedModel[]
  readonly suites: readonly ServedSuite[]
  /**
   * Takes nothing new, lets what is under way end within `limits.stopSeconds`, ends the rest, and resolves when all is released. Idempotent.
   * `now` ends what is under way at once.
   */
  stop(options?: { now?: boolean }): Promise<void>
}

export interface ServeOptions {
  /** Where the models are held. Default: a pool of its own. */
  pool?: ModelPool
  /** Who reads suites. Default: promptfoo. */
  resolve?: typeof loadSuite
  /** Hears what is loaded, before it is. */
  onLoad?(what: string): void
  /** Ends the loading. What is loaded then is released. */
  signal?: AbortSignal
}

/** Loads what is to be served, then listens. Throws ConfigError, CheckpointError, the signal's reason, and whatever an engine or a suite says. */
export async function serve(
  config: ServeConfig,
  { pool = new ModelPool(), resolve, onLoad, signal }: ServeOptions = {},
): Promise<RunningServer> {
  const user = {}
  const models: ServedModel[] = []
  const suites: ServedSuite[] = []
  const release = async (): Promise<void> => {
    for (const model of models) model.release()
    await Promise.all([pool.leave(user), ...suites.map((suite) => suite.close())])
  }
  try {
    for (const entry of config.models) {
      signal?.throwIfAborted()
      onLoad?.(`model ${entry.name}`)
      models.push(await ServedModel.open(entry, config.folder, { pool, user, limits: config.limits }))
    }
    for (const entry of config.suites) {
      signal?.throwIfAborted()
      onLoad?.(`suite ${entry.name}, of which promptfoo makes rows`)
      suites.push(await ServedSuite.open(entry, { resolve, signal }))
    }
    signal?.throwIfAborted()
    const service = new Service(config, models, suites)
    await service.listen()
    let stopping: Promise<void> | undefined
    return {
      url: service.url,
      models,
      suites,
      stop({ now = false } = {}) {
        if (now) service.endAll()
        stopping ??= service.stop().then(release)
        return stopping
      },
    }
  } catch (error) {
    await release()
    throw error
  }
}

class Service {
  readonly #config: ServeConfig
  readonly #models: ReadonlyMap<string, ServedModel>
  readonly #suites: ReadonlyMap<string, ServedSuite>
  readonly #access: Access
  readonly #answers: Admission
  readonly #gradings: Admission
  readonly #telemetry: Telemetry
  readonly #server: Server
  /** Requests that are read or answered. */
  readonly #running = new Map<AbortController, Promise<void>>()
  #draining = false

  constructor(config: ServeConfig, models: readonly ServedModel[], suites: readonly ServedSuite[]) {
    const { limits, keys, hosts, host } = config
    this.#config = config
    this.#models = new Map(models.map((model) => [model.name, model]))
    this.#suites = new Map(suites.map((suite) => [suite.name, suite]))
    // Where others may ask they need a key, which a page that was led here has not.
    this.#access = new Access({ keys, hosts: isLoopback(host) || hosts.length > 0 ? hosts : undefined })
    this.#answers = new Admission(limits.queue, { what: 'answers', limit: 'limits.queue' })
    this.#gradings = new Admission(limits.scoreQueue, { what: 'requests to grade', limit: 'limits.scoreQueue' })
    this.#telemetry = new Telemetry(models, { answers: this.#answers, gradings: this.#gradings })
    const bodyMs = Math.ceil(1000 * limits.bodySeconds)
    this.#server = createServer(
      { maxHeaderSize: 16_384, headersTimeout: bodyMs, requestTimeout: bodyMs, connectionsCheckingInterval: Math.min(1000, bodyMs) },
      (request, response) => this.#take(request, response),
    )
    this.#server.maxConnections = limits.connections
    this.#server.maxHeadersCount = 100
    this.#server.on('clientError', refuseBytes)
  }

  get url(): string {
    const { address, port } = this.#server.address() as AddressInfo
    return `http://${address.includes(':') ? `[${address}]` : address}:${port}`
  }

  async listen(): Promise<void> {
    const { host, port, file } = this.#config
    await listen(this.#server, { host, port }, ({ taken, message }) => {
      const what = taken ? `Port ${port} of ${host} is taken.` : `${host}, port ${port}, cannot be listened at: ${message}.`
      return new ConfigError(`${what} Choose another with --host and --port, or in ${file}.`)
    })
  }

  /** Ends what is under way. */
  endAll(): void {
    for (const running of this.#running.keys()) running.abort(new Ended('the server stops'))
  }

  /** Resolves when nothing is under way any more and no connection is open. */
  async stop(): Promise<void> {
    this.#draining = true
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()))
    this.#server.closeIdleConnections()
    const late = setTimeout(() => this.endAll(), 1000 * this.#config.limits.stopSeconds)
    while (this.#running.size > 0) await Promise.all(this.#running.values())
    clearTimeout(late)
    this.#server.closeIdleConnections()
    // A client that does not take the end of its answer keeps no server up.
    const deaf = setTimeout(() => this.#server.closeAllConnections(), 2000)
    await closed
    clearTimeout(deaf)
  }

  #take(request: IncomingMessage, response: ServerResponse): void {
    const end = new AbortController()
    response.on('close', () => end.abort(new Ended('the client is gone')))
    const start = performance.now()
    const done = this.#answer(request, response, end.signal).then((route) => {
      this.#running.delete(end)
      this.#telemetry.answered(route, response, (performance.now() - start) / 1000)
    })
    this.#running.set(end, done)
  }

  /** Never throws: what goes wrong is the answer. */
  async #answer(request: IncomingMessage, response: ServerResponse, signal: AbortSignal): Promise<RouteName | 'other'> {
    let name: RouteName | 'other' = 'other'
    try {
      this.#access.checkSource(request)
      const route = routeOf(request.method ?? '', request.url ?? '')
      name = route.name
      if (this.#draining) response.setHeader('connection', 'close')
      // Who looks whether the server lives asks nothing of it.
      if (name === 'health') return this.#health(response)
      this.#access.checkKey(request)
      await this.#route(route, request, response, signal)
    } catch (error) {
      refuse(response, signal, error)
    }
    return name
  }

  async #route({ name, argument = '', query, method }: Route, request: IncomingMessage, response: ServerResponse, signal: AbortSignal) {
    if (method === 'POST' && this.#draining) throw stopping()
    if (name === 'metrics') {
      response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' }).end(this.#telemetry.text())
    } else if (name === 'models') send(response, { object: 'list', data: [...this.#models.values()].map(modelObject) })
    else if (name === 'model') send(response, modelObject(this.#model(argument)))
    else if (name === 'suites') send(response, { object: 'list', data: [...this.#suites.values()].map(suiteObject) })
    else if (name === 'rows') send(response, rowsOf(this.#suite(argument), query))
    else if (name === 'score') await this.#score(request, response, signal)
    else await this.#generate(name === 'chat' ? 'chat' : 'completions', request, response, signal)
  }

  #health(response: ServerResponse): 'health' {
    send(response, { status: this.#draining ? 'stopping' : 'ok' }, this.#draining ? 503 : 200)
    return 'health'
  }

  async #generate(kind: 'chat' | 'completions', request: IncomingMessage, response: ServerResponse, signal: AbortSignal): Promise<void> {
    const body = await readBody(request, this.#config.limits.bodyBytes)
    const start = performance.now()
    const asked = kind === 'chat' ? readChat(body) : readCompletions(body)
    const model = this.#model(asked.model)
    try {
      // Planning encodes every prompt in the thread that decodes: what is not taken costs nothing.
      const giveBack = this.#answers.take(model.answersOf(asked))
      try {
        const plan = 'prompts' in asked ? model.planCompletions(asked) : model.planChat(asked)
        const shape = kind === 'chat' ? chatShape : completionsShape
        const onFirst = () => this.#telemetry.began(model, (performance.now() - start) / 1000)
        this.#telemetry.wrote(model, await generate({ model, plan, fields: asked, shape, signal, onFirst }, response))
      } finally {
        giveBack()
      }
    } catch (error) {
      throw signal.aborted ? error : problemOf(error, { folder: model.checkpoint.folder, name: model.name })
    }
  }

  async #score(request: IncomingMessage, response: ServerResponse, signal: AbortSignal): Promise<void> {
    const { limits } = this.#config
    const fields = readScore(await readBody(request, limits.bodyBytes), limits)
    const suite = this.#suite(fields.suite)
    const giveBack = this.#gradings.take(1)
    try {
      const data = await suite.score(fields, signal)
      this.#telemetry.graded(suite, data.length)
      send(response, { object: 'list', suite: suite.name, data })
    } finally {
      giveBack()
    }
  }

  #model(name: string): ServedModel {
    const model = this.#models.get(name)
    if (model) return model
    const known = [...this.#models.keys()].join(', ') || 'none'
    throw new Problem(404, `There is no model ${JSON.stringify(name.slice(0, 80))}. There are: ${known}.`, {
      param: 'model',
      code: 'model_not_found',
    })
  }

  #suite(name: string): ServedSuite {
    const suite = this.#suites.get(name)
    if (suite) return suite
    const known = [...this.#suites.keys()].join(', ') || 'none'
    throw new Problem(404, `There is no suite ${JSON.stringify(name.slice(0, 80))}. There are: ${known}.`, {
      param: 'suite',
      code: 'suite_not_found',
    })
  }
}

function modelObject({ name, created, contextTokens }: ServedModel): object {
  return { id: name, object: 'model', created, owned_by: 'parallel-r1', max_model_len: contextTokens }
}

function suiteObject({ name, suite, metrics }: ServedSuite): object {
  return { id: name, object: 'suite', rows: suite.rows.length, metrics }
}

const MOST_ROWS = 1000

/** Rows of a suite by number, so that a trainer elsewhere can make its data set of them. */
function rowsOf({ suite }: ServedSuite, query: URLSearchParams): object {
  const [offset, limit] = (['offset', 'limit'] as const).map((name) => {
    const text = query.get(name) ?? (name === 'offset' ? '0' : String(MOST_ROWS))
    if (/^\d{1,9}$/.test(text)) return Number(text)
    throw new Problem(400, `"${name}" must be a whole number. Got ${JSON.stringify(text.slice(0, 40))}.`, { param: name })
  })
  const rows = suite.rows.slice(offset, offset + Math.min(limit, MOST_ROWS))
  return { object: 'list', data: rows.map(({ prompt }, k) => ({ row: offset + k, prompt })), total: suite.rows.length }
}

function send(response: ServerResponse, body: object, status = 200, headers: Readonly<Record<string, string>> = {}): void {
  const fixed = { 'content-type': 'application/json; charset=utf-8', 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' }
  response.writeHead(status, { ...fixed, ...headers }).end(JSON.stringify(body))
}

/** Answers with what went wrong, where somebody still listens, and logs what is no fault of the client's. */
function refuse(response: ServerResponse, signal: AbortSignal, error: unknown): void {
  const ended = signal.aborted && signal.reason instanceof Ended
  const problem = ended ? stopping() : error instanceof Problem ? error : internal(error)
  if (problem.status >= 500 && !ended && problem.code !== 'stopping') notice(logged(problem))
  if (response.headersSent || response.destroyed) {
    if (!response.writableEnded) response.destroy()
    return
  }
  send(response, problem.body, problem.status, problem.headers)
}

function logged({ message, cause }: Problem): string {
  if (!(cause instanceof Error)) return message
  return cause instanceof Problem ? cause.message : (cause.stack ?? cause.message)
}

/** Answers bytes that are no request, or no whole one in time. */
function refuseBytes(error: NodeJS.ErrnoException, socket: Socket): void {
  const status = error.code === 'ERR_HTTP_REQUEST_TIMEOUT' ? 408 : error.code === 'HPE_HEADER_OVERFLOW' ? 431 : 400
  if (!socket.writable || error.code === 'ECONNRESET') return void socket.destroy()
  const body = JSON.stringify(new Problem(status, `${STATUS_CODES[status]}.`).body)
  const head = `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n`
  socket.end(head + body, () => socket.destroy())
}
