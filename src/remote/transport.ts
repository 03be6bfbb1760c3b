/**
 * JSON to and from one server, as many requests at a time as were asked for. Asked again where that helps: 408, 429 and 5xx, connections that
 * break, answers that are cut or are no JSON. A completion may be asked for twice, since it changes nothing there. A server that answered
 * before and is gone is waited for, as long as one that loads a model again takes.
 * Redirects are not followed: the key is for this server.
 */

import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import { formatBytes } from '../engine/checkpoint/problem.ts'
import { ParallelR1Error } from '../engine/errors.ts'
import { parseJson } from '../json.ts'
import { type Fault, type Outcome, type RetryOptions, retried, retryAfterMs } from '../retry.ts'
import { show } from '../show.ts'
import type { Secret } from './secret.ts'
import type { ServerSettings } from './settings.ts'

/** A request that failed for good. */
export class ServerError extends ParallelR1Error {
  override name = 'ServerError'
  /** HTTP status, where the server answered. */
  readonly status?: number
  /** What it said, the key left out. */
  readonly said: string

  constructor(message: string, { status, said = '' }: { status?: number; said?: string } = {}) {
    super(message)
    this.status = status
    this.said = said
  }
}

export interface Asked {
  signal?: AbortSignal
  /** Told before a request is asked again. */
  again?(): void
  /** Tries in all, where they are fewer than usual. */
  attempts?: number
  /** 500 says that it does not take the request. Otherwise it is the server's own trouble. */
  refuses500?: boolean
}

/** Of an answer: thousands of tokens with their log-probabilities are some MB. */
const MOST_BYTES = 64 * 2 ** 20
/** Of what a refusal says. */
const MOST_REFUSAL = 2000

/** Tries at a server that was there and is gone: half a minute of growing waits, then one each half minute for as long as it may be silent. */
const returnAttempts = (timeout: number): number => 6 + Math.max(0, Math.ceil((timeout - 30) / 30))
/** As many requests as are in flight learn of the same outage; one of them tells it. */
const NOTICE_MS = 20_000

interface ServerFault extends Fault {
  said?: string
  /** No server answered. */
  gone?: boolean
}

export class Transport {
  readonly #settings: ServerSettings
  readonly #options: RetryOptions
  readonly #agent: HttpAgent | HttpsAgent
  readonly #slots: Slots
  /** It answered a request. */
  #known = false
  #noticed = Number.NEGATIVE_INFINITY

  constructor(settings: ServerSettings, options: RetryOptions = {}) {
    this.#settings = settings
    this.#options = options
    const { concurrency } = settings
    const Agent = settings.url.startsWith('https:') ? HttpsAgent : HttpAgent
    this.#agent = new Agent({ keepAlive: true, maxSockets: concurrency })
    this.#slots = new Slots(concurrency)
  }

  /** Where the server answers: `path` behind its `/v1`, or from its root where it begins with `/`. */
  #url(path: string): URL {
    const { url } = this.#settings
    return new URL(path.startsWith('/') ? url.replace(/\/v\d+$/, path) : `${url}/${path}`)
  }

  /** What it answers to JSON (POST) or to nothing (GET). Throws ServerError, and the signal's reason. */
  async ask(path: string, body: object | undefined, { signal, again, attempts, refuses500 = false }: Asked = {}): Promise<unknown> {
    const leave = await this.#slots.enter(signal)
    const to = this.#url(path)
    const once = async (): Promise<Outcome<unknown, ServerFault>> => {
      const outcome = await this.#once(to, body, signal)
      if ('value' in outcome) this.#known = true
      else if (attempts === undefined && this.#known && outcome.fault.gone) outcome.fault.attempts = returnAttempts(this.#settings.timeout)
      else if (refuses500 && outcome.fault.status === 500) outcome.fault.again = false
      return outcome
    }
    try {
      return await retried(once, {
        ...this.#options,
        ...(attempts !== undefined && { attempts }),
        ...{ who: 'server', url: to.href, signal, again, notify: (message: string) => this.#notice(message) },
        failed: (message, { status, said }: ServerFault) => new ServerError(message, { status, said }),
      })
    } finally {
      leave()
    }
  }

  #notice(message: string): void {
    const now = performance.now()
    if (now - this.#noticed < NOTICE_MS) return
    this.#noticed = now
    this.#options.notify?.(message)
  }

  async #once(url: URL, body: object | undefined, signal: AbortSignal | undefined): Promise<Outcome<unknown, ServerFault>> {
    const { apiKey: key, timeout } = this.#settings
    const silence = new AbortController()
    const timer = setTimeout(() => silence.abort(), timeout * 1000)
    const stop = AbortSignal.any(signal ? [signal, silence.signal] : [silence.signal])
    try {
      const response = await this.#send(url, body === undefined ? undefined : JSON.stringify(body), key?.reveal(), stop)
      const { text: sent, whole } = await read(response, () => timer.refresh())
      // A server may quote the key. Taken out here it is in no error, whatever cuts a text later.
      const text = key?.hide(sent) ?? sent
      const status = response.statusCode ?? 0
      if (status < 200 || status > 299) return { fault: refusal(response, text, key) }
      if (!whole) return { fault: { what: `sent more than ${formatBytes(MOST_BYTES)}`, again: false, next: BETWEEN } }
      try {
        return { value: parseJson(text) }
      } catch {
        const type = response.headers['content-type'] ?? 'no content type'
        const what = `answered with something that is not JSON (${show(type)}, ${show(text.trim().slice(0, 80))})`
        return { fault: { what, again: true, next: BETWEEN } }
      }
    } catch (error) {
      if (error instanceof StaleSocket) return await this.#once(url, body, signal)
      const what = silence.signal.aborted ? `said nothing for ${timeout} s` : `could not be asked (${reason(error)})`
      const next = silence.signal.aborted ? 'Raise "timeout" in "server", or ask for less at a time with "concurrency".' : REACH
      return { fault: { what, again: !UNKNOWN_HOST.test(what), next, gone: !silence.signal.aborted } }
    } finally {
      clearTimeout(timer)
    }
  }

  #send(url: URL, body: string | undefined, key: string | undefined, signal: AbortSignal): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const send = url.protocol === 'https:' ? httpsRequest : httpRequest
      const request = send(url, {
        method: body === undefined ? 'GET' : 'POST',
        agent: this.#agent,
        signal,
        headers: {
          accept: 'application/json',
          ...(body !== undefined && { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }),
          ...(key !== undefined && { authorization: `Bearer ${key}` }),
        },
      })
      request.on('response', resolve)
      request.on('error', (error) => reject(request.reusedSocket && !signal.aborted ? new StaleSocket(error.message) : error))
      request.end(body)
    })
  }

  close(): void {
    this.#agent.destroy()
  }
}

/** The server closed a connection that was kept open: the request never came, and another connection takes it. */
class StaleSocket extends Error {}

const UNKNOWN_HOST = /ENOTFOUND/
const REACH = 'Check that it runs, and "url" in "server".'
const BETWEEN = 'Check "url" in "server"; a proxy or a login page may stand in between.'

async function read(response: IncomingMessage, alive: () => void): Promise<{ text: string; whole: boolean }> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    alive()
    size += chunk.length
    if (size > MOST_BYTES) return { text: '', whole: false }
    chunks.push(chunk)
  }
  return { text: Buffer.concat(chunks).toString(), whole: true }
}

/** What a status other than 2xx means. */
function refusal({ statusCode: status = 0, headers }: IncomingMessage, text: string, key: Secret | undefined): ServerFault {
  const said = message(text)
  const what = `answered ${status}${said ? ` (${show(said.slice(0, 300)).slice(0, 300)})` : ''}`
  const fault = { what, status, said: text.slice(0, MOST_REFUSAL) }
  if (status === 401 || status === 403) {
    return {
      ...fault,
      again: false,
      next: key ? 'It does not take the key: renew it.' : 'Write "apiKeyEnvar: NAME" in "server" for a key.',
    }
  }
  if (status >= 300 && status < 400) {
    return {
      ...fault,
      again: false,
      next: `It leads to ${show(key?.hide(headers.location ?? '') ?? headers.location)}. Write that address as "url" in "server" if it is the one.`,
    }
  }
  if (status === 404) return { ...fault, again: false, next: 'Check "url" and "model" in "server".' }
  const again = AGAIN.has(status)
  const next = again ? 'Run again later, or lower "concurrency" in "server".' : 'Its own log may say more.'
  return { ...fault, again, next, gone: GONE.has(status), ...(again && { waitMs: retryAfterMs(headers['retry-after']) }) }
}

/** vLLM says 500 where its engine failed, before it ends. */
const AGAIN = new Set([408, 429, 500, 502, 503, 504])
/** Said by what stands before a server. */
const GONE = new Set([502, 503, 504])

/** The message of an error in the forms that servers give it, else the text. */
function message(text: string): string {
  try {
    const { error, message, detail } = parseJson(text) as Record<string, unknown>
    const inner = (error as { message?: unknown } | undefined)?.message
    const found = [inner, error, message, detail].find((one) => typeof one === 'string')
    return typeof found === 'string' ? found : text.slice(0, 300)
  } catch {
    return text.trim().slice(0, 80)
  }
}

function reason(error: unknown): string {
  const { message, code } = error as Error & { code?: string }
  return code ?? message
}

/** So many at a time, first come first served. */
class Slots {
  #free: number
  readonly #waiting: (() => void)[] = []

  constructor(count: number) {
    this.#free = count
  }

  /** Resolves to what gives the slot back. Rejects with the signal's reason. */
  async enter(signal?: AbortSignal): Promise<() => void> {
    signal?.throwIfAborted()
    if (this.#free > 0) this.#free--
    else {
      await new Promise<void>((resolve, reject) => {
        const come = (): void => {
          signal?.removeEventListener('abort', stop)
          resolve()
        }
        const stop = (): void => {
          this.#waiting.splice(this.#waiting.indexOf(come), 1)
          reject(signal?.reason)
        }
        this.#waiting.push(come)
        signal?.addEventListener('abort', stop, { once: true })
      })
    }
    return () => {
      const next = this.#waiting.shift()
      if (next) next()
      else this.#free++
    }
  }
}
