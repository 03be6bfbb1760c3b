/** One GET of JSON, tried again where that helps: lost connections, cut bodies, bad JSON, 408, 429 and 5xx. */

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

const ATTEMPTS = 6
const TIMEOUT_MS = 60_000
const FIRST_WAIT_MS = 1000
/** A server that wants more patience than this is named in an error instead of waited for. */
const LONGEST_WAIT_MS = 5 * 60_000
const NOTABLE_WAIT_MS = 10_000

interface Fault {
  /** Completes "The hub …". */
  what: string
  again: boolean
  /** What the server asks for. */
  waitMs?: number
  next: string
}

const LATER = 'What has arrived is kept: run again later.'
const OTHER_WAYS = 'Check the network, set HF_ENDPOINT to a mirror, or PR1_DATA to a folder with the problem sets.'

/** The JSON at `url`. Throws DataError with the last fault and the next step. */
export async function getJson(url: string, options: RequestOptions = {}): Promise<JsonResponse> {
  const { attempts = ATTEMPTS, sleep = wait, notify } = options
  for (let attempt = 1; ; attempt++) {
    const outcome = await tryOnce(url, options)
    if (!('what' in outcome)) return outcome
    const backoffMs = FIRST_WAIT_MS * 2 ** (attempt - 1) * (0.75 + Math.random() / 2)
    const waitMs = outcome.waitMs ?? backoffMs
    if (!outcome.again || attempt >= attempts || waitMs > LONGEST_WAIT_MS) {
      const asked = outcome.waitMs === undefined ? '' : ` and asks to wait ${Math.ceil(outcome.waitMs / 1000)} s`
      const tries = outcome.again && attempt > 1 ? ` (${attempt} tries)` : ''
      throw new DataError(`The hub ${outcome.what}${asked}${tries}: ${url}. ${outcome.next}`)
    }
    if (waitMs >= NOTABLE_WAIT_MS) notify?.(`the hub ${outcome.what}; trying again in ${Math.round(waitMs / 1000)} s`)
    await sleep(waitMs)
  }
}

function wait(ms: number): Promise<void> {
  return new Promise((done) => setTimeout(done, ms))
}

async function tryOnce(url: string, { token, timeoutMs = TIMEOUT_MS }: RequestOptions): Promise<JsonResponse | Fault> {
  let response: Response
  let text: string
  try {
    response = await fetch(url, {
      headers: { accept: 'application/json', ...(token && { authorization: `Bearer ${token}` }) },
      signal: AbortSignal.timeout(timeoutMs),
    })
    text = await response.text()
  } catch (error) {
    return { what: `could not be read (${reason(error)})`, again: true, next: OTHER_WAYS }
  }
  if (!response.ok) return refusal(response, text, token !== undefined)
  try {
    return { body: JSON.parse(text), headers: response.headers }
  } catch {
    const what = `answered with something that is not JSON (${excerpt(text.trim().slice(0, 80))})`
    return { what, again: true, next: `A proxy or a login page may stand in between. ${OTHER_WAYS}` }
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
  if (status >= 500 || status === 408) return { what, again: true, waitMs: retryAfterMs(response), next: LATER }
  if (status === 401 || status === 403) {
    const next = withToken ? 'The token in HF_TOKEN is not accepted: renew it.' : 'Set HF_TOKEN to a token that may read it.'
    return { what, again: false, next }
  }
  return { what, again: false, next: `The data set may have moved. ${OTHER_WAYS}` }
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
