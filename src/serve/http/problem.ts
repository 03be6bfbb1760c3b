/** What a client is told that goes wrong, in the form of OpenAI's API: `{ error: { message, type, param, code } }`. */

import { CacheFullError, ConfigError, ParallelR1Error } from '../../engine/errors.ts'

interface ProblemOptions {
  /** The field of the request that is wrong. */
  param?: string
  code?: string
  /** Seconds after which it may go well. */
  retryAfter?: number
  /** Further headers of the answer. */
  headers?: Readonly<Record<string, string>>
  cause?: unknown
}

/** Long enough for every sentence of ours. A message may hold what a client sent. */
const MOST_CHARACTERS = 600

/** An answer that is an error. Its message is for the client. */
export class Problem extends ParallelR1Error {
  override name = 'Problem'
  readonly status: number
  readonly param: string | null
  readonly code: string | null
  readonly headers: Readonly<Record<string, string>>

  constructor(status: number, message: string, { param, code, retryAfter, headers, cause }: ProblemOptions = {}) {
    super(message.length > MOST_CHARACTERS ? `${message.slice(0, MOST_CHARACTERS)}…` : message, { cause })
    this.status = status
    this.param = param === undefined ? null : shortened(param)
    this.code = code ?? null
    this.headers = { ...headers, ...(retryAfter !== undefined && { 'retry-after': String(retryAfter) }) }
  }

  get body(): { error: { message: string; type: string; param: string | null; code: string | null } } {
    const { message, param, code } = this
    return { error: { message, type: typeOf(this.status), param, code } }
  }
}

/** Why the work of a request ends before its time: its client is gone, or the server stops. */
export class Ended extends ParallelR1Error {
  override name = 'Ended'
}

function shortened(name: string): string {
  return name.length > 80 ? `${name.slice(0, 77)}…` : name
}

/** As OpenAI's API calls them. */
function typeOf(status: number): string {
  if (status === 429) return 'rate_limit_error'
  return status >= 500 ? 'server_error' : 'invalid_request_error'
}

/** The decoder's names and the provider's, as a request writes them. */
const FIELDS: Readonly<Record<string, string>> = {
  'budgets.response': 'max_tokens',
  'budgets.path': 'parallel_r1.pathTokens',
  'budgets.block': 'parallel_r1.blockTokens',
  'budgets.criticalPath': 'parallel_r1.criticalPathTokens',
  'budgets.answerReserve': 'parallel_r1.answerReserve',
}

/**
 * What a client is told of an error of this package: its own fault by name, of ours that there is one. `folder` is where the model lies, which is
 * no affair of the client's, and `name` how it is called here.
 */
export function problemOf(error: unknown, { folder, name }: { folder: string; name: string }): Problem {
  if (error instanceof Problem) return error
  if (error instanceof Ended) return stopping()
  if (!(error instanceof ConfigError || error instanceof CacheFullError)) return internal(error)
  const message = error.message.replaceAll(folder, name).replace(/budgets\.\w+/g, (budget) => FIELDS[budget] ?? budget)
  return new Problem(400, message, { code: error instanceof CacheFullError ? 'context_length_exceeded' : undefined, cause: error })
}

export function stopping(): Problem {
  return new Problem(503, 'The server stops, and takes nothing new.', { code: 'stopping', retryAfter: 10 })
}

export function internal(cause: unknown): Problem {
  return new Problem(500, 'The server failed at this request. Its log says why.', { code: 'internal_error', cause })
}
