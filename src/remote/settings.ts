/** The server that a configuration names. */

import { ConfigError } from '../engine/errors.ts'
import { show } from '../show.ts'
import { Secret } from './secret.ts'

export interface ServerSettings {
  /** Ends with `/v1` and without a slash. */
  url: string
  /** Name of the model there. */
  model: string
  apiKey?: Secret
  /** Requests in flight. */
  concurrency: number
  /** Longest silence of the server in seconds. */
  timeout: number
}

/** An answer comes as a whole, so a server may be silent for long. */
export const SERVER_DEFAULTS = { concurrency: 16, timeout: 600 } as const

/** What a configuration says. */
export interface WrittenSettings extends Pick<ServerSettings, 'url' | 'model'>, Partial<Pick<ServerSettings, 'concurrency' | 'timeout'>> {
  apiKey?: string
  /** Name of the environment variable that holds it. */
  apiKeyEnvar?: string
}

/** Checks what was written. No error holds the key. Throws ConfigError. */
export function serverSettings(
  {
    apiKey: written,
    apiKeyEnvar,
    url,
    model,
    concurrency = SERVER_DEFAULTS.concurrency,
    timeout = SERVER_DEFAULTS.timeout,
  }: WrittenSettings,
  env: Readonly<Record<string, unknown>> = process.env,
): ServerSettings {
  if (written !== undefined && apiKeyEnvar !== undefined) {
    throw new ConfigError('"apiKey" and "apiKeyEnvar" in "server" say the same. Got both. Leave "apiKey" out.')
  }
  const held = apiKeyEnvar === undefined ? undefined : env[apiKeyEnvar]
  if (apiKeyEnvar !== undefined && (typeof held !== 'string' || held === '')) {
    throw new ConfigError(
      `"apiKeyEnvar" in "server" names an environment variable that is not set. Got ${show(apiKeyEnvar)}. Set it, or leave it out.`,
    )
  }
  const apiKey = written ?? (held as string | undefined)
  for (const [name, value] of Object.entries({ apiKey, url, model })) {
    if (value === undefined || !value.includes('{{')) continue
    const variable = /\benv\.(\w+)/.exec(value)?.[1] ?? 'the environment variable'
    throw new ConfigError(`"${name}" in "server" holds a template that was not filled in. Set ${variable}.`)
  }
  if (apiKey === '') throw new ConfigError('"apiKey" in "server" is empty. Set the environment variable that it names, or leave it out.')
  if (apiKey !== undefined && !/^[\x21-\x7e]+$/.test(apiKey)) {
    throw new ConfigError('"apiKey" in "server" holds characters that no key has, such as spaces. Copy it again, or leave it out.')
  }
  return { url: baseUrl(url), model, concurrency, timeout, ...(apiKey !== undefined && { apiKey: new Secret(apiKey) }) }
}

/** As OpenAI's clients take it, with `/v1` at its end; it may be left out. */
function baseUrl(text: string): string {
  let url: URL
  try {
    url = new URL(text.trim())
  } catch {
    throw wrongUrl(show(text))
  }
  const { protocol, host, pathname, search, hash, username, password } = url
  if (username || password) {
    throw new ConfigError(
      '"url" in "server" holds a user or a password, which would be written into results. Write "apiKeyEnvar: NAME" for a key.',
    )
  }
  if (!/^https?:$/.test(protocol) || search || hash) throw wrongUrl(show(text))
  const path = pathname.replace(/\/+$/, '').replace(/\/(chat\/)?completions$/, '')
  return `${protocol}//${host}${/\/v\d+$/.test(path) ? path : `${path}/v1`}`
}

function wrongUrl(got: string): ConfigError {
  return new ConfigError(
    `"url" in "server" must be the address of a server that speaks OpenAI's completions. Got ${got}. Write for example http://localhost:8000/v1.`,
  )
}
