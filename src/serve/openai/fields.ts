/**
 * The fields of a request as tables (config/table.ts). A field is taken, or it is refused by name: nothing that a client asks for is left out
 * without a word. null counts as absent, as in OpenAI's API.
 */

import { z } from 'zod'
import { check } from '../../config/check.ts'
import { key, mapping } from '../../config/table.ts'
import { type ConfigObject, unknownKey } from '../../config-keys.ts'
import { ConfigError } from '../../engine/errors.ts'
import { thinkingSchema } from '../../providers/config.ts'
import { Problem } from '../http/problem.ts'

const whole = (min: number) => z.int().min(min)

const { mode, paths, maxBlocks, pathTokens, blockTokens, criticalPathTokens, answerReserve, thinkTokens, template, showTags } =
  thinkingSchema.shape

/** Settings of the provider that a request may lay over those of the model. */
const own = mapping({
  ...{ mode: mode.unwrap().optional(), paths, maxBlocks, pathTokens, blockTokens, criticalPathTokens },
  ...{ answerReserve, thinkTokens, template, showTags: showTags.unwrap().optional() },
})

const shared = {
  model: key(z.string().min(1).max(512), 'a name of `/v1/models`'),
  max_tokens: key(whole(1).optional(), 'length of an answer, all paths counted', { absent: 'of the model', unit: 'tokens' }),
  temperature: key(z.number().min(0).max(100).optional(), '0 is greedy', { absent: 'of the model' }),
  top_p: key(z.number().gt(0).max(1).optional(), 'sample among the likeliest tokens that hold this much probability', {
    absent: 'of the model',
  }),
  top_k: key(z.int().min(-1).optional(), 'sample among the likeliest so many tokens; 0 and -1: off', { absent: 'of the model' }),
  seed: key(z.int().optional(), 'the answer follows from it, bit for bit. Answer `i` of `n` is repeat `i` of promptfoo', {
    absent: 'of the model, else drawn anew and told as `requestSeed`',
  }),
  n: key(whole(1).default(1), 'answers to each prompt'),
  stop: key(
    z.union([z.string().min(1).max(256), z.array(z.string().min(1).max(256)).max(16)]).optional(),
    'texts before which the answer ends',
    {
      absent: 'none',
      hint: 'Give a text, or a list of at most 16, none of them empty or longer than 256 characters.',
    },
  ),
  stream: key(z.boolean().default(false), 'send the answer as it is written'),
  stream_options: key(
    z.strictObject({ include_usage: z.boolean().optional(), include_obfuscation: z.literal(false).optional() }).optional(),
    '`{ include_usage: true }`: a last event counts the tokens',
    { absent: 'no count', hint: 'It may hold include_usage: true or false.' },
  ),
  user: key(z.string().max(512).optional(), 'a name for the one who asks; nothing depends on it', { absent: 'none' }),
  parallel_r1: key(own.optional(), "settings of this request, as in [the provider's config](provider-config.md)", {
    absent: 'of the model',
  }),
}

const completionsSchema = mapping({
  prompt: key(z.unknown().meta({ type: 'string' }), 'a text, token ids, or a list of either; no chat template is put around it'),
  logprobs: key(z.literal(0).optional(), '0: the log-probability of each token. The engine has no others', {
    absent: 'none',
    hint: 'Only 0 is there: the log-probability of the token that was drawn.',
  }),
  ...shared,
})

const content = z.union([z.string(), z.array(z.strictObject({ type: z.literal('text'), text: z.string() })).min(1)])
const message = z.strictObject({ role: z.enum(['system', 'developer', 'user', 'assistant']), content })

const chatSchema = mapping({
  messages: key(z.array(message).min(1).max(4096), 'the conversation; `content` is text or parts of `type: text`', {
    hint: 'Each has role (system, developer, user or assistant) and content, a text or a list of { type: "text", text }.',
  }),
  max_completion_tokens: key(whole(1).optional(), 'the same as `max_tokens`', { absent: 'of the model', unit: 'tokens' }),
  logprobs: key(z.boolean().default(false), 'the log-probability of each token'),
  top_logprobs: key(z.literal(0).optional(), 'the engine has none but that of the token that was drawn', {
    absent: '0',
    hint: 'Leave the field out.',
  }),
  ...shared,
})

/** One text, or ids. */
export type Prompt = string | readonly number[]

export type CompletionsFields = Omit<z.output<typeof completionsSchema>, 'prompt'> & { prompts: readonly Prompt[] }
export type ChatFields = z.output<typeof chatSchema>

/** Both tables, for the page. */
export const fieldTables = { completions: completionsSchema, chat: chatSchema }

/** Fields of OpenAI's API that this server cannot follow: the values that ask for nothing, and why there are no others. */
const UNSUPPORTED: Readonly<Record<string, { neutral: readonly unknown[]; why: string }>> = {
  audio: { neutral: [], why: 'the models write text' },
  best_of: { neutral: [1], why: 'every answer that is written is sent; ask for n' },
  echo: { neutral: [false], why: 'an answer does not repeat its prompt' },
  frequency_penalty: { neutral: [0], why: 'the engine samples without penalties' },
  function_call: { neutral: ['none'], why: 'the models call no tools' },
  functions: { neutral: [[]], why: 'the models call no tools' },
  logit_bias: { neutral: [{}], why: 'the engine samples without biases' },
  metadata: { neutral: [{}], why: 'nothing is kept' },
  modalities: { neutral: [['text']], why: 'the models write text' },
  parallel_tool_calls: { neutral: [true, false], why: 'the models call no tools' },
  prediction: { neutral: [], why: 'whether tokens are guessed ahead is set for a model (speculate)' },
  presence_penalty: { neutral: [0], why: 'the engine samples without penalties' },
  prompt_cache_key: { neutral: [], why: 'no prompt is kept' },
  reasoning_effort: { neutral: [], why: 'bound the thinking with parallel_r1.thinkTokens' },
  response_format: { neutral: [{ type: 'text' }], why: 'answers are free text' },
  safety_identifier: { neutral: [], why: 'nobody is told; use user' },
  service_tier: { neutral: ['auto', 'default'], why: 'all requests wait in one queue' },
  store: { neutral: [false], why: 'nothing is kept' },
  suffix: { neutral: [''], why: 'the models write on, not in between' },
  tool_choice: { neutral: ['none', 'auto'], why: 'the models call no tools' },
  tools: { neutral: [[]], why: 'the models call no tools' },
  verbosity: { neutral: [], why: 'ask for it in the prompt' },
  web_search_options: { neutral: [], why: 'the models search nothing' },
}

/** Throws Problem with the name of the field. */
export function readCompletions({ prompt, ...body }: ConfigObject): CompletionsFields {
  const { prompt: _, ...fields } = read(completionsSchema, { ...body, prompt: '' })
  return { ...fields, prompts: promptsOf(prompt) }
}

/** Looked at by hand: of a list of a million entries a table of alternatives would say a million times what is wrong. */
function promptsOf(value: unknown): Prompt[] {
  if (typeof value === 'string') return [value]
  const list = Array.isArray(value) ? value : []
  if (list.length > 0) {
    if (list.every((entry) => typeof entry === 'string')) return list
    if (isIds(list)) return [list]
    if (list.every(isIds)) return list
  }
  const got = value === undefined ? 'none' : Array.isArray(value) ? `a list of ${value.length}` : typeof value
  throw new Problem(
    400,
    `"prompt" must be a text, a list of texts, a list of token ids, or a list of such lists. Got ${got}. Correct it.`,
    {
      param: 'prompt',
    },
  )
}

function isIds(value: unknown): value is number[] {
  return Array.isArray(value) && value.length > 0 && value.every((id) => Number.isSafeInteger(id) && id >= 0)
}

/** Throws Problem with the name of the field. */
export function readChat(body: ConfigObject): ChatFields {
  const fields = read(chatSchema, body)
  const { max_tokens: older, max_completion_tokens: newer } = fields
  if (older !== undefined && newer !== undefined && older !== newer) {
    throw new Problem(400, `max_tokens and max_completion_tokens mean the same. Got ${older} and ${newer}. Send one.`, {
      param: 'max_tokens',
    })
  }
  return fields
}

/** Lists and mappings with more entries than this are no request of anybody's, and each entry may be wrong in several ways. */
const MOST_ENTRIES = 20_000

/** Checks the fields of a body against a table. Throws Problem with the name of the field. */
export function read<S extends z.ZodObject>(schema: S, body: ConfigObject, mostEntries = MOST_ENTRIES): z.output<S> {
  refuseBroad(body, mostEntries)
  const known = Object.keys(schema.shape)
  const taken: Record<string, unknown> = {}
  for (const [field, value] of Object.entries(body)) {
    if (value === null) continue
    if (known.includes(field)) taken[field] = value
    else refuseUnlessNeutral(field, value, known)
  }
  try {
    return check(schema, taken, 'the request')
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    const issue = schema.safeParse(taken).error?.issues[0]
    const [param] = issue?.path ?? []
    throw new Problem(400, error.message, { param: param === undefined ? undefined : String(param), cause: error })
  }
}

function refuseUnlessNeutral(field: string, value: unknown, known: readonly string[]): void {
  if (!Object.hasOwn(UNSUPPORTED, field)) {
    throw new Problem(400, unknownKey(field, known, 'the request').message, { param: field, code: 'unknown_parameter' })
  }
  const { neutral, why } = UNSUPPORTED[field]
  if (neutral.some((one) => JSON.stringify(one) === JSON.stringify(value))) return
  throw new Problem(400, `"${field}" is not supported: ${why}. Leave the field out.`, { param: field, code: 'unsupported_parameter' })
}

function refuseBroad(body: ConfigObject, most: number): void {
  let entries = 0
  const waiting: object[] = [body]
  for (let one = waiting.pop(); one !== undefined; one = waiting.pop()) {
    const values: unknown[] = Array.isArray(one) ? one : Object.values(one)
    entries += values.length
    if (entries > most) throw new Problem(413, `A request has at most ${most} entries in its lists and mappings. Send less at once.`)
    for (const value of values) if (typeof value === 'object' && value !== null) waiting.push(value)
  }
}
