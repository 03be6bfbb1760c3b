/** One GET of JSON or of a file, tried again where that helps: lost connections, cut bodies, bad JSON, 408, 429 and 5xx. */

import { createHash } from 'node:crypto'
import { DataError, excerpt } from './problem.ts'

export interface RequestOptions {
  token?: string
  /** Tries in all. Default 6: half a minute of waiting. */
  attempts?: number
  /** Of one try. Default 60 s. */
  timeoutMs?: number
  sleep?(ms: number): Promise<void>
  /** Told when a wait is long. */
  notify?(message: string): void
}

export interface JsonResponse {
  body: unknown
  headers: Headers
}

/** A request that failed for good. */
export class HubError extends DataError {
  override name = 'HubError'
  /** What went wrong, in a clause; HTTP status where there was an answer. */
  readonly what: string
  readonly status?: number

  constructor(message: string, { what, status }: { what: string; status?: number }) {
    super(message)
    this.what = what
    this.status = status
  }
}

const ATTEMPTS = 6
const TIMEOUT_MS = 60_000
const FIRST_WAIT_MS = 1000
/** A server that wants more patience than this is named in an error instead of waited for. */
const LONGEST_WAIT_MS = 5 * 60_000
const NOTABLE_WAIT_MS = 10_000

interface Fault {
  /** Completes "The hub …". */
  what: string
  status?: number
  again: boolean
  /** What the server asks for. */
  waitMs?: number
  next: string
}

/** Makes of a whole body what the caller wants. */
type Read<T> = (body: ArrayBuffer, headers: Headers) => { value: T } | { fault: Fault }

/** A mirror may have no dataset server: nothing is gained by asking for its name again. */
const UNKNOWN_HOST = /ENOTFOUND/

const LATER = 'What has arrived is kept: run again later.'
const OTHER_WAYS = 'Check the network, set HF_ENDPOINT to a mirror, or PR1_DATA to a folder with the problem sets.'

/** The JSON at `url`. Throws HubError with the last fault and the next step. */
export async function getJson(url: string, options: RequestOptions = {}): Promise<JsonResponse> {
  return get<JsonResponse>(url, options, 'application/json', (body, headers) => {
    const text = new TextDecoder().decode(body)
    try {
      return { value: { body: JSON.parse(text), headers } }
    } catch {
      const what = `answered with something that is not JSON (${excerpt(text.trim().slice(0, 80))})`
      return { fault: { what, again: true, next: `A proxy or a login page may stand in between. ${OTHER_WAYS}` } }
    }
  })
}

/** A file of which size in bytes and perhaps SHA-256 (hex) are known. Throws HubError. */
export async function getFile(url: string, size: number, sha256?: string, options: RequestOptions = {}): Promise<ArrayBuffer> {
  return get<ArrayBuffer>(url, options, '*/*', (body) => {
    const whole = body.byteLength === size && (!sha256 || createHash('sha256').update(new Uint8Array(body)).digest('hex') === sha256)
    if (whole) return { value: body }
    const what = `sent ${body.byteLength} bytes that are not the file of ${size} bytes`
    return { fault: { what, again: true, next: `A proxy or a login page may stand in between. ${OTHER_WAYS}` } }
  })
}

async function get<T>(url: string, options: RequestOptions, accept: string, read: Read<T>): Promise<T> {
  const { attempts = ATTEMPTS, sleep = wait, notify } = options
  for (let attempt = 1; ; attempt++) {
    const outcome = await tryOnce(url, options, accept, read)
    if ('value' in outcome) return outcome.value
    const { fault } = outcome
    const backoffMs = FIRST_WAIT_MS * 2 ** (attempt - 1) * (0.75 + Math.random() / 2)
    const waitMs = fault.waitMs ?? backoffMs
    if (!fault.again || attempt >= attempts || waitMs > LONGEST_WAIT_MS) {
      const asked = fault.waitMs === undefined ? '' : ` and asks to wait ${Math.ceil(fault.waitMs / 1000)} s`
      const tries = fault.again && attempt > 1 ? ` (${attempt} tries)` : ''
      throw new HubError(`The hub ${fault.what}${asked}${tries}: ${url}. ${fault.next}`, fault)
    }
    if (waitMs >= NOTABLE_WAIT_MS) notify?.(`the hub ${fault.what}; trying again in ${Math.round(waitMs / 1000)} s`)
    await sleep(waitMs)
  }
}

function wait(ms: number): Promise<void> {
  return new Promise((done) => setTimeout(done, ms))
}

async function tryOnce<T>(
  url: string,
  { token, timeoutMs = TIMEOUT_MS }: RequestOptions,
  accept: string,
  read: Read<T>,
): Promise<{ value: T } | { fault: Fault }> {
  try {
    const response = await fetch(url, {
      headers: { accept, ...(token && { authorization: `Bearer ${token}` }) },
      signal: AbortSignal.timeout(timeoutMs),
    })
    const body = await response.arrayBuffer()
    if (response.ok) return read(body, response.headers)
    return { fault: { ...refusal(response, new TextDecoder().decode(body), token !== undefined), status: response.status } }
  } catch (error) {
    const what = `could not be read (${reason(error)})`
    return { fault: { what, again: !UNKNOWN_HOST.test(what), next: OTHER_WAYS } }
  }
}

/** What a status other than 2xx means. */
function refusal(response: Response, text: string, withToken: boolean): Fault {
  const { status } = response
  const said = serverMessage(text)
  const what = `answered ${status}${said ? ` (${said})` : ''}`
  if (status === 429) {
    const next = withToken ? LATER : `${LATER} With a token in HF_TOKEN the limit is higher.`
    return { what, again: true, waitMs: retryAfterMs(response), next }
  }
  if (isPermanent(response)) return { what, again: false, next: OTHER_WAYS }
  if (status >= 500 || status === 408) return { what, again: true, waitMs: retryAfterMs(response), next: LATER }
  if (status === 401 || status === 403) {
    const next = withToken ? 'The token in HF_TOKEN is not accepted: renew it.' : 'Set HF_TOKEN to a token that may read it.'
    return { what, again: false, next }
  }
  return { what, again: false, next: `The data set may have moved. ${OTHER_WAYS}` }
}

/**
 * The dataset server keeps its failures, such as a viewer that is turned off, and answers with them by a code until the data
 * set changes. Two codes pass: what is not ready yet, and an accident.
 */
function isPermanent({ status, headers }: Response): boolean {
  const code = headers.get('x-error-code')
  return status === 501 || (status === 500 && code !== null && code !== 'ResponseNotReady' && code !== 'UnexpectedApiError')
}

/** Retry-After in seconds or as a date. */
function retryAfterMs(response: Response): number | undefined {
  const value = response.headers.get('retry-after')?.trim()
  if (!value) return undefined
  const ms = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now()
  return Number.isNaN(ms) ? undefined : Math.max(0, ms)
}

function serverMessage(text: string): string {
  try {
    const { error } = JSON.parse(text) as { error?: unknown }
    return typeof error === 'string' ? excerpt(error) : ''
  } catch {
    return ''
  }
}

/** undici wraps what went wrong in "fetch failed" and "terminated". */
function reason(error: unknown): string {
  const { name, message, cause } = error as Error
  if (name === 'TimeoutError') return 'no answer in time'
  const inner = cause as (Error & { code?: string }) | undefined
  return inner ? (inner.code ?? inner.message) : message
}
