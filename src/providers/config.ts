/** A provider's configuration: its keys, what each may be, and the settings that one test may lay over it. The trainer reads the same. */

import { z } from 'zod'
import { check } from '../config/check.ts'
import { attentions, baseKey, engineKeys } from '../config/engine-keys.ts'
import { rayKeys } from '../config/ray-keys.ts'
import { autoOrCount, choice, flag, int, key, mapping, number, text } from '../config/table.ts'
import { type ConfigObject, readObject } from '../config-keys.ts'
import { defaultDate, isDay } from '../engine/date.ts'
import { ConfigError } from '../engine/errors.ts'
import { nearestName } from '../nearest-name.ts'
import { SERVER_DEFAULTS } from '../remote/settings.ts'
import { MOST_DRAFTS } from '../thinking/drafter.ts'

/** A budget that the checkpoint knows, where it was trained with one. */
const tokens = (min: number, about: string, absent: string) => key(int({ min }).optional(), about, { absent, unit: 'tokens' })

/** A day of the calendar. Readers of YAML 1.1 make an unquoted one a Date. */
const day = () => z.preprocess((value) => (value instanceof Date ? value.toISOString().slice(0, 10) : value), text().refine(isDay))

/** What the provider itself tells a chat template. */
const OWN_VARIABLES = ['messages', 'add_generation_prompt']

/** Settings that may differ from test to test; all others belong to the loaded model. */
const decodingKeys = {
  mode: key(
    choice(['parallel', 'sequential']).default('parallel'),
    '`parallel` forks at `<Parallel>`; `sequential` decodes the same checkpoint token by token',
  ),
  tags: key(
    choice(['tokens', 'text']).default('tokens'),
    '`text` finds the tags in the ordinary text of a model that has no tokens for them: [Your model](model.md#try-a-model-that-was-never-trained-for-it)',
  ),
  paths: key(int({ min: 1, max: 16 }).optional(), 'paths of a block', { absent: 'of the checkpoint, else 2' }),
  outlines: key(
    flag().optional(),
    'the model names the paths of a block before they are forked, at most `paths` of them: [Your model](model.md#outlines)',
    { absent: 'of the checkpoint, else `false`' },
  ),
  pathStarts: key(
    z.array(text()).max(16).optional(),
    "text that each path begins with, such as `['A: ', 'B: ']`: the provider writes it, so paths begin apart; `[]` for none: [Your model](model.md#paths-that-begin-apart)",
    { absent: 'of the checkpoint, else none', hint: 'Write a list of texts, at least as many as a block has paths.' },
  ),
  maxBlocks: key(int({ min: 0 }).optional(), 'after the last one decoding goes on to the answer', { absent: 'of the checkpoint, else 4' }),
  maxTokens: tokens(1, 'length of the response, all paths counted', 'of the checkpoint, else 1024'),
  pathTokens: tokens(1, 'length of one path', 'of the checkpoint, else `maxTokens`'),
  blockTokens: tokens(1, 'length of one block, all its paths counted', 'of the checkpoint, else `maxTokens`'),
  criticalPathTokens: tokens(1, 'length of the longest chain', 'of the checkpoint, else `maxTokens`'),
  answerReserve: tokens(0, 'kept back for the text after the last block', 'of the checkpoint, else a quarter of `maxTokens`, 64 at most'),
  thinkTokens: tokens(
    0,
    'how much of the response may stand in `<think>`, all paths counted; then the provider ends the thinking and the answer follows: [Your model](model.md#thinking-models)',
    'no limit',
  ),
  settledBy: key(
    text().optional(),
    "a path that ends with this text, such as `' yes'`, settles its block: siblings that still run are ended: [Your model](model.md#end-the-siblings-of-a-path-that-settles-the-block)",
    { absent: 'off' },
  ),
  temperature: key(number({ min: 0 }).default(1), '0 is greedy'),
  topK: key(int({ min: 0 }).optional(), 'sample among the likeliest so many tokens; 0: off', { absent: 'off' }),
  topP: key(number({ above: 0, max: 1 }).optional(), 'sample among the likeliest tokens that hold this much probability', {
    absent: 'off',
  }),
  seed: key(int().default(0), 'repeats and problems draw differently, runs are reproducible'),
  system: key(z.string().optional(), 'system message; without a chat template it stands before the prompt', { absent: 'none' }),
  chatTemplate: key(flag().default(true), "render the prompt with the checkpoint's chat template where it has one"),
  date: key(day().optional(), 'the day that a chat template is told that asks for it, `YYYY-MM-DD`; never today', {
    absent: `of the checkpoint, else ${defaultDate}`,
    hint: 'Write a day as YYYY-MM-DD.',
  }),
  template: key(
    z
      .record(z.string(), z.unknown())
      .refine((variables) => !OWN_VARIABLES.some((name) => Object.hasOwn(variables, name)))
      .optional(),
    'variables of the chat template, such as `{ enable_thinking: false }`; `{}` for none',
    {
      absent: 'of the checkpoint, else none',
      hint: `Write it as "key: value" lines, without ${OWN_VARIABLES.join(' and ')}, which the provider sets.`,
    },
  ),
  showTags: key(flag().default(true), 'false: tags are left out of the output'),
}

/** A model on a server of somebody else's (remote/). */
export const serverKeys = {
  url: key(text(), "address of a server that speaks OpenAI's completions, such as `http://localhost:8000/v1`", {
    hint: 'Write for example http://localhost:8000/v1.',
  }),
  model: key(text(), 'what the server calls the model', { hint: 'Take a name of its /v1/models.' }),
  apiKey: key(
    // A wrong value would be shown in the error: whatever can be read as text is.
    z.preprocess((value) => (typeof value === 'number' || typeof value === 'boolean' ? String(value) : value), z.string()).optional(),
    'the key itself, as `{{ env.NAME }}`: promptfoo writes it into its own database',
    { absent: 'none', hint: 'Write "apiKeyEnvar: NAME" in its place.' },
  ),
  apiKeyEnvar: key(
    text().optional(),
    'name of the environment variable that holds the key, which is sent as a bearer token and shown nowhere',
    {
      absent: 'none',
    },
  ),
  concurrency: key(int({ min: 1, max: 4096 }).default(SERVER_DEFAULTS.concurrency), 'requests in flight'),
  timeout: key(
    number({ above: 0 }).default(SERVER_DEFAULTS.timeout),
    'longest silence of the server before a request is made again, and how long one that is gone is waited for',
    {
      unit: 'seconds',
    },
  ),
}

/** Settings that choose the model, how it is loaded and where its samples are kept. */
const modelKeys = {
  attention: key(choice(attentions).optional(), 'only for a checkpoint that does not say', { absent: 'of the checkpoint, else `causal`' }),
  ...engineKeys,
  cacheTokens: key(int({ min: 1 }).optional(), 'size of the KV cache; what does not fit waits', {
    absent: '16384, less where memory is short. With `device: cuda` half of what the model leaves of the GPU',
    unit: 'tokens',
  }),
  speculate: key(
    autoOrCount({ min: 1, max: MOST_DRAFTS }).default(false),
    'tokens guessed ahead from what the prompt and the response said before, the same bits in fewer steps; `auto` guesses where it pays, a number at most so many at a time: [Larger and faster](scale.md#guess-ahead)',
    { hint: `Write auto, false or a number from 1 to ${MOST_DRAFTS}.` },
  ),
  // YAML 1.1 readers make `off` a boolean.
  samples: key(
    z.preprocess((value) => (value === false ? 'off' : value), text()).optional(),
    'file that keeps samples, relative to the config file, or `off`',
    { absent: "beside promptfoo's data" },
  ),
}

/** A provider's `config`. What is left out comes from the checkpoint or a default: see request.ts. */
export const thinkingSchema = mapping({
  checkpoint: key(
    text().optional(),
    'folder or GGUF file, relative to the config file, or an id of the hub (`owner/name`, `owner/name@revision`, `owner/name:Q4_K_M`); `{{ env.NAME | default("folder", true) }}` works',
    {
      absent: 'needed to decode',
    },
  ),
  server: key(
    mapping(serverKeys).optional(),
    "the server that has the model, `{ url, model, apiKeyEnvar }`; of `checkpoint` only tokenizer and configuration are read then: [Other people's servers](servers.md)",
    { absent: 'this process', hint: 'Write it as { url: http://localhost:8000/v1, model: NAME }.' },
  ),
  ...rayKeys,
  ...baseKey,
  ...decodingKeys,
  ...modelKeys,
})

export type ThinkingConfig = z.output<typeof thinkingSchema>

const DECODING_KEYS: readonly string[] = Object.keys(decodingKeys)

/** Keys of a test's `options` that promptfoo itself reads. */
const PROMPTFOO_OPTION_KEYS: readonly string[] = [
  'disableVarExpansion',
  'disableConversationVar',
  'disableDefaultAsserts',
  'runSerially',
  'repeat',
  'rubricPrompt',
  'provider',
  'factuality',
  'postprocess',
  'transform',
  'transformVars',
  'storeOutputAs',
  'prefix',
  'suffix',
]

/** Checks and reads a provider's `config`; promptfoo adds `basePath` to it. `where` names it in errors. Throws ConfigError. */
export function parseThinkingConfig(raw: unknown, where: string): ThinkingConfig {
  const { basePath: _, ...config } = readObject(raw ?? {}, where)
  return check(thinkingSchema, config, where)
}

/**
 * `raw` with the decoding settings of one test's `options` (promptfoo merges them into `context.prompt.config`) laid over it.
 * The options serve promptfoo and other providers too, so an unknown key is let pass unless it is a slip of one of ours.
 */
export function applyTestOptions(raw: ConfigObject, options: ConfigObject): ConfigObject {
  const merged: Record<string, unknown> = { ...raw }
  for (const [key, value] of Object.entries(options)) {
    if (DECODING_KEYS.includes(key)) merged[key] = value
    else if (Object.hasOwn(thinkingSchema.shape, key)) {
      throw new ConfigError(`"${key}" cannot be set for one test. Got it in the test's options. Give it to a provider entry of its own.`)
    } else if (!PROMPTFOO_OPTION_KEYS.includes(key) && !/[_-]/.test(key)) {
      // Names with separators (max_tokens, top_p) are other providers' spellings.
      const nearest = nearestName(key, DECODING_KEYS)
      if (nearest) throw new ConfigError(`Unknown key "${key}" in the test's options. Did you mean "${nearest}"?`)
    }
  }
  return merged
}

/** Decoding settings that make another column of it, not another draw: prompts and labels belong to them. */
const COLUMN_KEYS: readonly string[] = [
  'mode',
  'tags',
  'outlines',
  'pathStarts',
  'settledBy',
  'system',
  'chatTemplate',
  'date',
  'template',
  'showTags',
]

const OVERRIDABLE = DECODING_KEYS.filter((key) => !COLUMN_KEYS.includes(key))

/**
 * Decoding settings of the variable PR1_DECODING, such as `temperature=0, topP=0.95`: for one run they come before a suite's own. Throws
 * ConfigError.
 */
export function decodingOverrides(env: Readonly<Record<string, string | undefined>>): ConfigObject {
  const parts = (env.PR1_DECODING ?? '').split(/[\s,]+/).filter((part) => part !== '')
  const overrides = Object.fromEntries(
    parts.map((part) => {
      const [key, value, rest] = part.split('=')
      if (!value || rest !== undefined) {
        throw new ConfigError(`PR1_DECODING needs key=value. Got "${part}". Write for example PR1_DECODING=temperature=0,topP=0.95.`)
      }
      if (!OVERRIDABLE.includes(key)) {
        const nearest = nearestName(key, OVERRIDABLE)
        const next = nearest ? `Did you mean "${nearest}"?` : `There are: ${OVERRIDABLE.join(', ')}.`
        throw new ConfigError(`PR1_DECODING cannot set "${key}". ${next}`)
      }
      return [key, Number(value)]
    }),
  )
  parseThinkingConfig(overrides, 'PR1_DECODING')
  return overrides
}
