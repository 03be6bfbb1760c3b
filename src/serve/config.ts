/** `serve.yaml` as a table (config/table.ts): every key once. Page and JSON Schema are made of it (documents.ts). */

import { z } from 'zod'
import { int, key, mapping, number, text } from '../config/table.ts'
import { thinkingSchema } from '../providers/config.ts'

const { samples: _samples, seed: _seed, checkpoint: _checkpoint, server: _server, ...thinkingKeys } = thinkingSchema.shape

/** What a client calls something: it stands in addresses and in labels of metrics. */
const name = () => z.string().regex(/^[A-Za-z0-9][\w.:@/+-]{0,127}$/)
const nameHint = 'Use letters, digits and . : @ / + - _, 128 at most.'

const modelEntry = mapping({
  name: key(name(), 'what a request calls it in `model`', { hint: nameHint }),
  checkpoint: key(text(), 'folder or GGUF file, relative to this file, or an id of the hub; `{{ env.NAME }}` works'),
  seed: key(int().optional(), 'of a request that names none', { absent: 'drawn anew for each, and told in the answer' }),
  ...thinkingKeys,
})

const suiteEntry = mapping({
  name: key(name(), 'what a request calls it in `suite`', { hint: nameHint }),
  suite: key(text(), 'a promptfoo config, relative to this file: its tests are the rows'),
  provider: key(text().optional(), 'the label of the provider entry whose prompts are the rows', { absent: 'the first entry' }),
  reward: key(text().optional(), 'an expression over the metric names, as in [train.yaml](train-config.md#kind-grpo)', {
    absent: 'an answer has the scores alone',
  }),
  graderTimeout: key(number({ above: 0 }).default(60), 'longest time in which no grader gives a verdict', { unit: 'seconds' }),
})

const limits = mapping({
  bodyBytes: key(int({ min: 1024, max: 2 ** 28 }).default(4 * 2 ** 20), 'of a request: more is answered with 413', { unit: 'bytes' }),
  bodySeconds: key(number({ above: 0 }).default(30), 'in which a request must have come: later it is answered with 408', {
    unit: 'seconds',
  }),
  textCharacters: key(int({ min: 1 }).default(2 ** 18), 'of one prompt, and of one response to be graded: more is answered with 413', {
    unit: 'characters',
  }),
  prompts: key(int({ min: 1 }).default(64), 'of one request: more are answered with 413'),
  n: key(int({ min: 1 }).default(64), 'answers to one prompt: more are answered with 413'),
  maxTokens: key(int({ min: 1 }).default(4096), 'of one answer, all paths counted: a request for more is answered with 413', {
    unit: 'tokens',
  }),
  queue: key(int({ min: 1 }).default(512), 'answers that are written or wait: beyond them 429, with Retry-After'),
  connections: key(int({ min: 1 }).default(2048), 'open at once: beyond them none is accepted'),
  scoreItems: key(int({ min: 1 }).default(1024), 'responses of one request to `/v1/score`: more are answered with 413'),
  scoreQueue: key(int({ min: 1 }).default(8), 'requests to `/v1/score` that are graded or wait: beyond them 429'),
  stopSeconds: key(number({ min: 0 }).default(30), 'for what is under way when the server is to stop', { unit: 'seconds' }),
})

export const serveSchema = mapping({
  models: key(z.array(modelEntry).default([]), 'what thinks', { hint: 'Each has name, checkpoint and keys of the provider.' }),
  suites: key(z.array(suiteEntry).default([]), 'what grades', { hint: 'Each has name and suite.' }),
  host: key(text().default('127.0.0.1'), 'the address that is listened at; any but one of this machine needs an API key'),
  port: key(int({ min: 0, max: 65535 }).default(8091), 'its port; 0: a free one, which is printed'),
  hosts: key(z.array(text()).default([]), 'names by which the server is asked, beside `localhost`: those of a proxy before it', {
    hint: 'Write a list of names without port.',
  }),
  keyVariable: key(text().optional(), 'the environment variable that holds the API key', { absent: 'none' }),
  keyFile: key(text().optional(), 'a file that holds API keys, one a line, relative to this file', { absent: 'none' }),
  limits: key(limits.prefault({}), 'bounds of what is taken'),
})

export type ModelEntry = z.output<typeof modelEntry>
export type SuiteEntry = z.output<typeof suiteEntry>
export type Limits = z.output<typeof limits>

/** With absolute paths, and the keys themselves. */
export type ServeConfig = Omit<z.output<typeof serveSchema>, 'keyVariable' | 'keyFile'> & {
  file: string
  folder: string
  keys: readonly string[]
}
