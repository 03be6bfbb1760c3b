/** Asking a server again: when, how often, and what is said in the end. */

const FIRST_WAIT_MS = 1000

/**
 * Milliseconds before the next try after `attempt` of them (1 is the first): a second unless told otherwise, doubled at every try up to the
 * longest, and up to a quarter more or less, so that many who wait do not come at once.
 */
export function backoffMs(attempt: number, { firstMs = FIRST_WAIT_MS, longestMs = Infinity } = {}): number {
  return Math.min(firstMs * 2 ** (attempt - 1), longestMs) * (0.75 + Math.random() / 2)
}

/** Milliseconds of a Retry-After header, which is in seconds or a date (RFC 9110, section 10.2.3); undefined where it asks for no pause. */
export function retryAfterMs(header: string | null | undefined): number | undefined {
  const value = header?.trim()
  if (!value) return undefined
  const ms = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now()
  return ms > 0 ? ms : undefined
}

/** Why a try came to nothing. */
export interface Fault {
  /** Completes "The server …". */
  what: string
  /** Whether another try may help. */
  again: boolean
  /** HTTP status, where there was an answer. */
  status?: number
  /** What the server asks for. */
  waitMs?: number
  /** The next step of who reads the error, in sentences. */
  next: string
  /** Something arrived: the tries are counted anew. */
  progress?: boolean
  /** Tries in all, where this fault deserves others than usual. */
  attempts?: number
}

export type Outcome<T, F extends Fault = Fault> = { value: T } | { fault: F }

export interface RetryOptions {
  /** Tries in all. Default 6: half a minute of waiting. */
  attempts?: number
  /** Default: a timer that the signal ends. */
  sleep?(ms: number, signal?: AbortSignal): Promise<void>
  /** Told when a wait is long. */
  notify?(message: string): void
}

export interface Asking<F extends Fault> extends RetryOptions {
  /** Who is asked: the hub, the server. */
  who: string
  url: string
  signal?: AbortSignal
  /** Told before a request is made again. */
  again?(): void
  /** The error of the last try. */
  failed(message: string, fault: F): Error
}

const ATTEMPTS = 6
const LONGEST_BACKOFF_MS = 30_000
/** A server that wants more patience than this is named in an error instead of waited for. */
const LONGEST_WAIT_MS = 5 * 60_000
const NOTABLE_WAIT_MS = 10_000

/** What a try resolves to, made again where that helps, with growing waits. Throws what `failed` makes of the last fault, and the signal's reason. */
export async function retried<T, F extends Fault>(attempt: () => Promise<Outcome<T, F>>, asking: Asking<F>): Promise<T> {
  const { who, url, signal, attempts = ATTEMPTS, sleep = wait, notify, again, failed } = asking
  for (let tries = 1; ; tries++) {
    signal?.throwIfAborted()
    const outcome = await attempt()
    if ('value' in outcome) return outcome.value
    signal?.throwIfAborted()
    const { fault } = outcome
    if (fault.progress) tries = 1
    const waitMs = fault.waitMs ?? backoffMs(tries, { longestMs: LONGEST_BACKOFF_MS })
    if (!fault.again || tries >= (fault.attempts ?? attempts) || waitMs > LONGEST_WAIT_MS) {
      const asked = fault.waitMs === undefined ? '' : ` and asks to wait ${Math.ceil(fault.waitMs / 1000)} s`
      const often = fault.again && tries > 1 ? ` (${tries} tries)` : ''
      throw failed(`The ${who} ${fault.what}${asked}${often}: ${url}. ${fault.next}`, fault)
    }
    again?.()
    if (waitMs >= NOTABLE_WAIT_MS) notify?.(`the ${who} ${fault.what}; trying again in ${Math.round(waitMs / 1000)} s`)
    await sleep(waitMs, signal)
  }
}

function wait(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      clearTimeout(timer)
      reject(signal?.reason)
    }
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stop)
      resolve()
    }, ms)
    signal?.addEventListener('abort', stop, { once: true })
  })
}
