/** A server over tiny models, for tests. */

import { request as httpRequest } from 'node:http'
import path from 'node:path'
import OpenAI from 'openai'
import type { CallApiContextParams, ProviderResponse } from 'promptfoo'
import { ModelPool } from '../../src/providers/pool.ts'
import { ParallelThinkingProvider } from '../../src/providers/provider.ts'
import { parseServeConfig } from '../../src/serve/config-file.ts'
import { type RunningServer, type ServeOptions, serve } from '../../src/serve/server.ts'
import { once } from '../once.ts'
import { writeTinyCheckpoint } from '../providers/tiny-checkpoint.ts'

export const KEY = 'a-key-that-only-these-tests-have'

const CHAT =
  "{% for message in messages %}{{ message.role + ': ' + message.content + '\\n' }}{% endfor %}{% if add_generation_prompt %}{{ 'assistant: ' }}{% endif %}"

/** A folder with the checkpoints `structured`, `causal`, `chat` and `endless`. */
export function models(): Promise<string> {
  return once('serve-models', async (folder) => {
    await writeTinyCheckpoint(path.join(folder, 'structured'))
    await writeTinyCheckpoint(path.join(folder, 'causal'), { attention: 'causal' })
    await writeTinyCheckpoint(path.join(folder, 'chat'), { chatTemplate: CHAT })
    await writeTinyCheckpoint(path.join(folder, 'endless'), { endless: true, maxPositions: 8192 })
  })
}

export interface Served extends RunningServer {
  folder: string
  client: OpenAI
  /** The same model in promptfoo's process. */
  provider(config: object): { ask(prompt: string, repeat?: number): Promise<ProviderResponse> }
}

/** Serves every checkpoint of {@link models} under its name. `more`: further keys of serve.yaml. */
export async function startServer(more: object = {}, options: ServeOptions = {}): Promise<Served> {
  const folder = await models()
  const pool = options.pool ?? new ModelPool()
  const names = ['structured', 'causal', 'chat', 'endless']
  process.env.PR1_TEST_KEY = KEY
  const config = parseServeConfig(
    {
      models: names.map((name) => ({ name, checkpoint: name, device: 'cpu', threads: 1, cacheTokens: 32768 })),
      port: 0,
      keyVariable: 'PR1_TEST_KEY',
      ...more,
    },
    path.join(folder, 'serve.yaml'),
  )
  const server = await serve(config, { ...options, pool })
  return {
    ...server,
    folder,
    client: new OpenAI({ baseURL: `${server.url}/v1`, apiKey: KEY, maxRetries: 0 }),
    provider(settings) {
      const provider = new ParallelThinkingProvider(
        { config: { basePath: folder, device: 'cpu', threads: 1, cacheTokens: 32768, samples: 'off', ...settings } },
        pool,
      )
      return {
        ask: (prompt, repeatIndex = 0) =>
          provider.callApi(prompt, { vars: {}, prompt: { raw: '', label: '', config: {} }, repeatIndex } as CallApiContextParams),
      }
    },
  }
}

export interface RawAnswer {
  status: number
  headers: Record<string, string | string[] | undefined>
  text: string
}

export interface RawRequest {
  method?: string
  path?: string
  headers?: Record<string, string>
  body?: string | Buffer
}

/** Asks without a client of anybody's: headers that fetch() would set itself, bodies that no client sends. */
export function ask(
  server: Pick<RunningServer, 'url'>,
  { method = 'POST', path: at = '/v1/completions', headers, body }: RawRequest,
): Promise<RawAnswer> {
  const base = { 'content-type': 'application/json', authorization: `Bearer ${KEY}` }
  return new Promise((resolve, reject) => {
    const asked = httpRequest(new URL(at, server.url), { method, headers: { ...base, ...headers } }, (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (part) => (text += part))
      response.on('end', () => resolve({ status: response.statusCode!, headers: response.headers, text }))
      response.on('error', reject)
    })
    asked.on('error', reject)
    asked.end(body)
  })
}

/** The `error` of an answer. */
export function errorOf({ text }: RawAnswer): { message: string; type: string; param: string | null; code: string | null } {
  return JSON.parse(text).error
}
