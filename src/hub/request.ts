/** One GET of the hub: JSON, a small file, or a large one that goes on where it stopped. Tried again where that helps: lost connections, cut bodies, bad JSON, 408, 429 and 5xx. */

import { createHash } from 'node:crypto'
import { constants } from 'node:fs'
import { open, rm, stat } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { errorCode, formatBytes, show } from '../engine/checkpoint/problem.ts'
import { ParallelR1Error } from '../engine/errors.ts'
import { parseJson } from '../json.ts'
import { type Fault, type Outcome, type RetryOptions, retried, retryAfterMs } from '../retry.ts'

export interface RequestOptions extends RetryOptions {
  token?: string
  /** Of one try; of a large file, between two pieces of it. Default 60 s. */
  timeoutMs?: number
  advice?: Advice
  /** Bytes of a JSON body at most. Default 64 MiB. */
  mostBytes?: number
}

/** The next step, in sentences, where the general one does not say enough. */
export interface Advice {
  /** It is not there. */
  gone?: string
  /** It may not be read. */
  refused?: string
  /** The hub cannot be reached, or talks nonsense. */
  otherWays?: string
}

interface JsonResponse {
  body: unknown
  headers: Headers
}

/** A request that failed for good. */
export class HubError extends ParallelR1Error {
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

const TIMEOUT_MS = 60_000
/** Of a JSON body: a page of a hundred long rows has some 2 MB, a large repository's list of files 20 MB. */
const LONGEST_JSON = 64 * 2 ** 20
/** What a refusal says is cut here. */
const LONGEST_REFUSAL = 64 * 2 ** 10

/** Makes of a good response what the caller wants; `alive` says that something came. */
type Read<T> = (response: Response, alive: () => void) => Promise<Outcome<T>>

/** A mirror may have no dataset server: nothing is gained by asking for its name again. */
const UNKNOWN_HOST = /ENOTFOUND/

const LATER = 'What has arrived is kept: run again later.'
const OTHER_WAYS = 'Check the network, or set HF_ENDPOINT to a mirror.'
const BETWEEN = 'A proxy or a login page may stand in between.'

const otherWays = ({ advice }: RequestOptions) => advice?.otherWays ?? OTHER_WAYS

/** The JSON at `url`. Throws HubError with the last fault and the next step. */
export async function getJson(url: string, options: RequestOptions = {}): Promise<JsonResponse> {
  return get<JsonResponse>(
    url,
    options,
    () => ({ accept: 'application/json' }),
    async (response) => {
      const { mostBytes = LONGEST_JSON } = options
      const { bytes, whole } = await readUpTo(response, mostBytes)
      if (!whole) {
        const what = `sent more than ${formatBytes(mostBytes)} where JSON was asked for`
        return { fault: { what, again: false, next: `${BETWEEN} ${otherWays(options)}` } }
      }
      const text = new TextDecoder().decode(bytes)
      try {
        return { value: { body: parseJson(text), headers: response.headers } }
      } catch {
        const what = `answered with something that is not JSON (${show(text.trim().slice(0, 80))})`
        return { fault: { what, again: true, next: `${BETWEEN} ${otherWays(options)}` } }
      }
    },
  )
}

/** A file of which size in bytes and perhaps SHA-256 (hex) are known. Throws HubError. */
export async function getFile(url: string, size: number, sha256?: string, options: RequestOptions = {}): Promise<ArrayBuffer> {
  return get<ArrayBuffer>(
    url,
    options,
    () => ({}),
    async (response) => {
      const { bytes, whole } = await readUpTo(response, size)
      if (whole && bytes.length === size && (!sha256 || createHash('sha256').update(bytes).digest('hex') === sha256))
        return { value: bytes.buffer }
      const what = `sent ${whole ? bytes.length : `more than ${size}`} bytes that are not the file of ${size} bytes`
      return { fault: { what, again: true, next: `${BETWEEN} ${otherWays(options)}` } }
    },
  )
}

/**
 * Fills `file` to its `size` in bytes, after those that it has; nobody else may write to it. `arrived` is told how many are there.
 * Throws HubError, and ParallelR1Error where the disk refuses.
 */
export async function fillFile(
  url: string,
  { file, size, arrived }: { file: string; size: number; arrived(bytes: number): void },
  options: RequestOptions = {},
): Promise<void> {
  let have = await sizeOf(file)
  if (have > size) await rm(file)
  if (have === size && size > 0) return
  if (have > size) have = 0
  // Of the bytes of the file, not of a compressed one.
  const headers = () => ({ 'accept-encoding': 'identity', ...(have > 0 && { range: `bytes=${have}-` }) })
  await get<void>(url, options, headers, async (response, alive) => {
    const start = response.status === 206 ? have : 0
    have = start
    const count = async function* (chunks: AsyncIterable<Uint8Array>) {
      for await (const chunk of chunks) {
        alive()
        have += chunk.length
        // More would fill the disk.
        if (have > size) return
        arrived(have)
        yield chunk
      }
    }
    let what: string
    try {
      const handle = await open(file, constants.O_CREAT | constants.O_WRONLY)
      await pipeline(Readable.from(response.body ?? []), count, handle.createWriteStream({ start }))
      if (have === size) return { value: undefined }
      what = `sent ${have} bytes of a file of ${size} bytes`
      if (have > size) await rm(file)
    } catch (error) {
      if (DISK.test(errorCode(error) ?? '')) {
        const next = 'What has arrived is kept. Make room, or set HF_HUB_CACHE to a folder on another disk.'
        throw new ParallelR1Error(`${file} cannot be written: ${(error as Error).message}. ${next}`, { cause: error })
      }
      what = `stopped in the middle of a file (${reason(error)})`
    }
    have = await sizeOf(file)
    return { fault: { what, again: true, progress: have > start, next: LATER } }
  })
}

const DISK = /^(ENOSPC|EDQUOT|EROFS|EACCES|EPERM|EIO|EFBIG|EISDIR|ENOENT)$/

async function sizeOf(file: string): Promise<number> {
  return (await stat(file).catch(() => undefined))?.size ?? 0
}

async function get<T>(url: string, options: RequestOptions, headers: () => Record<string, string>, read: Read<T>): Promise<T> {
  return retried(() => tryOnce(url, options, headers(), read), {
    ...options,
    ...{ who: 'hub', url },
    failed: (message, fault) => new HubError(message, fault),
  })
}

/** The body, or its first `most` bytes and whether that is all: what comes after them is not waited for. */
async function readUpTo(response: Response, most: number): Promise<{ bytes: Uint8Array<ArrayBuffer>; whole: boolean }> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of response.body ?? []) {
    size += chunk.length
    chunks.push(chunk)
    if (size > most) break
  }
  const bytes = new Uint8Array(Math.min(size, most))
  let at = 0
  for (const chunk of chunks) {
    bytes.set(chunk.subarray(0, bytes.length - at), at)
    at += Math.min(chunk.length, bytes.length - at)
  }
  return { bytes, whole: size <= most }
}

async function tryOnce<T>(url: string, options: RequestOptions, headers: Record<string, string>, read: Read<T>): Promise<Outcome<T>> {
  const { token, timeoutMs = TIMEOUT_MS } = options
  const silence = new AbortController()
  const timer = setTimeout(() => silence.abort(new DOMException('no answer in time', 'TimeoutError')), timeoutMs)
  try {
    const response = await fetch(url, {
      headers: { accept: '*/*', ...headers, ...(token && { authorization: `Bearer ${token}` }) },
      signal: silence.signal,
    })
    if (response.ok) return await read(response, () => timer.refresh())
    return {
      fault: {
        ...refusal(response, new TextDecoder().decode((await readUpTo(response, LONGEST_REFUSAL)).bytes), options),
        status: response.status,
      },
    }
  } catch (error) {
    if (error instanceof ParallelR1Error) throw error
    const what = `could not be read (${reason(error)})`
    return { fault: { what, again: !UNKNOWN_HOST.test(what), next: otherWays(options) } }
  } finally {
    clearTimeout(timer)
  }
}

/** What a status other than 2xx means. */
function refusal(response: Response, text: string, options: RequestOptions): Fault {
  const { token, advice } = options
  const withToken = token !== undefined
  const { status } = response
  const said = serverMessage(text)
  const what = `answered ${status}${said ? ` (${said})` : ''}`
  if (status === 429) {
    const next = withToken ? LATER : `${LATER} With a token in HF_TOKEN the limit is higher.`
    return { what, again: true, waitMs: retryAfterMs(response.headers.get('retry-after')), next }
  }
  if (isPermanent(response)) return { what, again: false, next: otherWays(options) }
  if (status >= 500 || status === 408) return { what, again: true, waitMs: retryAfterMs(response.headers.get('retry-after')), next: LATER }
  if (status === 401 || status === 403) {
    const renew = withToken ? 'The token in HF_TOKEN is not accepted: renew it.' : 'Set HF_TOKEN to a token that may read it.'
    const next = advice?.refused ?? renew
    return { what, again: false, next }
  }
  return { what, again: false, next: `${advice?.gone ?? 'It may have moved.'} ${otherWays(options)}` }
}

/**
 * The dataset server keeps its failures, such as a viewer that is turned off, and answers with them by a code until the data
 * set changes. Two codes pass: what is not ready yet, and an accident.
 */
function isPermanent({ status, headers }: Response): boolean {
  const code = headers.get('x-error-code')
  return status === 501 || (status === 500 && code !== null && code !== 'ResponseNotReady' && code !== 'UnexpectedApiError')
}

function serverMessage(text: string): string {
  try {
    const { error } = parseJson(text) as { error?: unknown }
    return typeof error === 'string' ? show(error) : ''
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
