/**
 * The first requests to a server: what it takes, how its answers are read, and whether its tokens are ours. What it refuses is left out one by one,
 * as far as it names it.
 */

import { ConfigError } from '../engine/errors.ts'
import { isObject } from '../json.ts'
import { show } from '../show.ts'
import { TAGS } from '../thinking/grammar.ts'
import { choiceOf, completionBody, FIELDS, readCompletion, tokensIn, type Wanted } from './completion.ts'
import type { Dialect } from './dialect.ts'
import type { ServerTokens } from './tokens.ts'
import { type Asked, ServerError } from './transport.ts'

/** What the probe needs of a server; `ask` posts to it, or reads where there is no body. */
interface Probed {
  url: string
  model: string
  ask(path: string, body: object | undefined, asked?: Asked): Promise<unknown>
}

/** Cut otherwise by tokenizers that differ: numbers, line breaks, accents, another script, what has no token of its own. */
const SAMPLE = 'Use 3, 5 and 17: (3 * 5 + 17) / 2 = 16.\n\nnaïve Größe — 数え方 🙂'
const TAGGED = `${TAGS.parallel}${TAGS.path}1${TAGS.pathEnd}${TAGS.path}2${TAGS.pathEnd}${TAGS.parallelEnd}\n${TAGS.summary}3${TAGS.summaryEnd}`

/** What a server answers to a field or a prompt that it does not know. */
const REFUSED = new Set([400, 422, 500, 501])

type Shape = Pick<Dialect, 'prompts' | 'fields' | 'stops' | 'bos'>

/** Finds the dialect of a server. Throws ConfigError where its tokens are not those of the checkpoint, and ServerError. `tagged`: tags are tokens. */
export async function probe(server: Probed, tokens: ServerTokens, tagged: boolean): Promise<Dialect> {
  const text = tagged ? SAMPLE + TAGGED : SAMPLE
  const withSpecial = tokens.encode(text, { addSpecial: true })
  const plain = tokens.encode(text)
  // A stop brings fields of its own.
  const stop = { text: TAGS.summaryEnd, ...(tagged && { id: tokens.encode(TAGS.summaryEnd)[0] }) }
  const { shape, answer } = await firstAnswer(server, tokens, text, few(withSpecial, { stop }))
  const byText = shape.prompts === 'text' ? answer : await asText(server, tokens, text, shape)
  if (shape.prompts === 'ids') refuseMoreTokens(answer, withSpecial.length, tokens)
  const { bos, tokenizer } = await compare(server, tokens, { text, plain, withSpecial, answer: byText })
  const choice = choiceOf(answer)
  const dialect = { ...shape, bos, tokenizer, tokens: tokensIn(choice) }
  const says = shape.fields.has('logprobs') && isObject(choice.logprobs)
  return {
    ...dialect,
    logprobs: says ? await logprobsOf(server, tokens, dialect, few(withSpecial, { most: 1, force: plain[0] })) : 'none',
    context: await contextOf(server),
  }
}

/**
 * Whose log-probabilities a server says. A token that nobody would say there is forced: the model's own is far below 0 (vLLM, llama.cpp), that
 * of what is drawn is 0 (SGLang, and vLLM with --logprobs-mode).
 */
async function logprobsOf(
  { model, ask }: Probed,
  tokens: ServerTokens,
  dialect: Shape & Pick<Dialect, 'tokens'>,
  wanted: Wanted,
): Promise<'raw' | 'processed'> {
  const answer = await quietly(ask('completions', completionBody(wanted, model, dialect, tokens)))
  const written = answer === undefined ? undefined : readCompletion(answer, wanted, dialect, tokens)
  return written && written.ids[0] === wanted.force && written.logprobs[0] > -0.1 ? 'processed' : 'raw'
}

/** What follows the sample, asked for in the way that the server takes. */
async function firstAnswer(server: Probed, tokens: ServerTokens, text: string, wanted: Wanted): Promise<{ shape: Shape; answer: unknown }> {
  let refused: unknown
  for (const prompts of ['ids', 'text'] as const) {
    const fields = new Set(FIELDS)
    for (;;) {
      const shape: Shape = { prompts, fields, stops: 'server' }
      try {
        const body = completionBody(wanted, server.model, shape, tokens)
        return { shape, answer: await server.ask('completions', { ...body, ...(prompts === 'text' && { prompt: text }) }) }
      } catch (error) {
        if (!(error instanceof ServerError) || !REFUSED.has(error.status ?? 0)) throw error
        refused = error
        if (!leaveOut(fields, error.said)) break
      }
    }
  }
  throw refused
}

/** Leaves out the fields that a refusal names, else all of them; false where none was left. */
function leaveOut(fields: Set<string>, said: string): boolean {
  if (fields.size === 0) return false
  const named = [...fields].filter((name) => new RegExp(`\\b${name}\\b`).test(said))
  for (const name of named.length > 0 ? named : [...fields]) fields.delete(name)
  return true
}

/** A few greedy tokens: of one alone a server may say nothing, because it ends inside a character. */
const few = (prompt: readonly number[], more: Partial<Wanted> = {}): Wanted => ({ prompt, most: 4, temperature: 0, seed: 0, ...more })

/** The same sample as text; undefined where the server takes none. */
async function asText(server: Probed, tokens: ServerTokens, text: string, shape: Shape): Promise<unknown> {
  const body = { ...completionBody(few([], { most: 1 }), server.model, shape, tokens), prompt: text }
  return quietly(server.ask('completions', body))
}

/** What was refused is not there; whoever does not answer is an error all the same. */
async function quietly(answer: Promise<unknown>): Promise<unknown> {
  try {
    return await answer
  } catch (error) {
    if (error instanceof ServerError && error.status !== undefined) return undefined
    throw error
  }
}

const promptTokens = (answer: unknown): number | undefined => {
  const usage = isObject(answer) ? answer.usage : undefined
  const count = isObject(usage) ? usage.prompt_tokens : undefined
  return typeof count === 'number' && count > 0 ? count : undefined
}

/** Ids are read as they are: a server that counts others puts something before them. */
function refuseMoreTokens(answer: unknown, sent: number, tokens: ServerTokens): void {
  const counted = promptTokens(answer)
  if (counted === undefined || counted === sent) return
  throw new ConfigError(
    `The server reads a prompt of ${sent} token ids as ${counted} tokens, so it does not see what ${tokens.folder} was trained on. Turn off what it adds to prompts.`,
  )
}

interface Sample {
  text: string
  plain: readonly number[]
  /** With the first token that our tokenizer puts before a text. */
  withSpecial: readonly number[]
  /** What the server answered to the text. */
  answer: unknown
}

/** Compares the tokens of the sample. The best evidence comes first: ids of the prompt, of its tokenizer, their number. */
async function compare(
  server: Probed,
  tokens: ServerTokens,
  { text, plain, withSpecial, answer }: Sample,
): Promise<Pick<Dialect, 'bos' | 'tokenizer'>> {
  const said = answer === undefined ? undefined : idList(choiceOf(answer).prompt_token_ids)
  const listed = said ?? (await tokenized(server, text))
  // What the server puts before a text is known from its own answer only, not from its tokenizer.
  const counted = promptTokens(answer)
  const first = withSpecial.length > plain.length ? withSpecial[0] : undefined
  const bos = first !== undefined && (said?.length ?? counted) === withSpecial.length ? first : undefined
  if (listed) {
    const ours = listed.length === withSpecial.length ? withSpecial : plain
    const at = ours.findIndex((id, i) => id !== listed[i])
    if (at >= 0 || listed.length !== ours.length) throw otherTokens(tokens, listed, ours, at < 0 ? ours.length : at)
    return { bos, tokenizer: 'compared' }
  }
  if (counted === undefined) return { bos, tokenizer: 'unchecked' }
  if (counted === plain.length || counted === withSpecial.length) return { bos, tokenizer: 'counted' }
  throw new ConfigError(
    `The server's tokens differ from those of ${tokens.folder}. It counts ${counted} in ${show(text)}, there are ${plain.length} here. Name in "checkpoint" the model that it serves.`,
  )
}

function otherTokens(tokens: ServerTokens, theirs: readonly number[], ours: readonly number[], at: number): ConfigError {
  const near = (ids: readonly number[]): string => `[${ids.slice(Math.max(0, at - 1), at + 4).join(', ')}]`
  const text = at < ours.length ? ` for ${show(tokens.text(ours.slice(at, at + 4)))}` : ''
  return new ConfigError(
    `The server's tokens differ from those of ${tokens.folder}. At token ${at} of a sample it has ${near(theirs)}, and ${near(ours)} stands here${text}. Name in "checkpoint" the model that it serves.`,
  )
}

const idList = (value: unknown): number[] | undefined =>
  Array.isArray(value) && value.length > 0 && value.every((id) => Number.isInteger(id)) ? value : undefined

/** The ids of a text from `/tokenize`, which vLLM, SGLang and llama.cpp have with names of their own for the same fields. */
async function tokenized({ model, ask }: Probed, text: string): Promise<number[] | undefined> {
  const body = { model, prompt: text, content: text, add_special_tokens: false, add_special: false, parse_special: true }
  const answer = await quietly(ask('/tokenize', body, { attempts: 1 })).catch(() => undefined)
  return isObject(answer) ? idList(answer.tokens) : undefined
}

/** Tokens that a request may have with its response: `/v1/models` of vLLM and SGLang, `/props` of llama.cpp. */
async function contextOf({ model, ask }: Probed): Promise<number | undefined> {
  const get = (path: string): Promise<unknown> => ask(path, undefined, { attempts: 1 }).catch(() => undefined)
  const listed = await get('models')
  const models: unknown[] = isObject(listed) && Array.isArray(listed.data) ? listed.data : []
  // SGLang answers under any name, and has one model.
  const own = models.filter(isObject).find(({ id }, _, all) => id === model || all.length === 1)
  if (typeof own?.max_model_len === 'number') return own.max_model_len
  const props = await get('/props')
  const settings = isObject(props) ? props.default_generation_settings : undefined
  return isObject(settings) && typeof settings.n_ctx === 'number' && settings.n_ctx > 0 ? settings.n_ctx : undefined
}

/**
 * What forking needs besides: that an id can be ruled out, since no end may stand inside a path, and that tags which are tokens come back.
 * `path`: the id of `<Path>` where it is a token. Throws ConfigError.
 */
export async function probeForking(server: Probed, tokens: ServerTokens, dialect: Dialect, path: number | undefined): Promise<void> {
  const prompt = tokens.encode(SAMPLE, { addSpecial: true })
  const draw = async (more: Partial<Wanted>): Promise<number[]> => {
    const wanted = few(prompt, more)
    return (
      readCompletion(
        await server.ask('completions', completionBody(wanted, server.model, dialect, tokens)),
        wanted,
        { ...dialect, stops: 'ours' },
        tokens,
      )?.ids ?? []
    )
  }
  const refused = (why: string): ConfigError =>
    new ConfigError(
      `mode: parallel needs a server that can rule out a token (logit_bias), so that no path ends the response. ${why} Use mode: sequential.`,
    )
  const [likeliest] = await draw({})
  let other: number | undefined
  try {
    if (likeliest !== undefined) [other] = await draw({ exclude: [likeliest] })
  } catch (error) {
    if (!(error instanceof ServerError) || !REFUSED.has(error.status ?? 0)) throw error
    throw refused(`${server.url} refuses it: ${error.message}`)
  }
  if (likeliest !== undefined && other === likeliest) throw refused(`${server.url} draws one that was ruled out.`)
  if (path === undefined || dialect.tokens === 'ids' || dialect.tokens === 'entries') return
  const said = await draw({ force: path })
  if (said.includes(path)) return
  throw new ConfigError(
    `mode: parallel needs to see the tags that the model writes. ${server.url} says neither token ids nor special tokens: it was made to write ${TAGS.path} and said ${show(tokens.text(said))}. Start it so that special tokens stay in the text, or with one that returns token ids.`,
  )
}
