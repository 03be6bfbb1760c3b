/**
 * One completion: what is asked for, and what of the answer is a token. The protocol (OpenAI's `/v1/completions`) says text, a reason to
 * finish and strings with log-probabilities. Servers say more, and each something else:
 *
 *   ids      vLLM and SGLang: `token_ids` with all that was drawn (return_token_ids); older vLLM: `token_id:N` among the strings
 *   entries  llama.cpp: `logprobs.content` with id and log-probability, without those of a stop and of tokens that end inside a character
 *   strings  OpenAI itself: `logprobs.tokens`, where each is one token here
 *   text     all others: our tokenizer says which ids a text has
 *
 * `finish_reason: stop` may be an end token or the stop that was asked for. vLLM (`stop_reason`) and SGLang (`matched_stop`) say which, llama.cpp
 * has an entry for an end token only. Where nothing tells, the answer is ambiguous, and the server is asked without stops from then on.
 */

import { isObject, type JsonObject } from '../json.ts'
import { show } from '../show.ts'
import type { Dialect } from './dialect.ts'
import type { ServerTokens } from './tokens.ts'
import { ServerError } from './transport.ts'

export interface Wanted {
  prompt: readonly number[]
  /** Tokens at most. */
  most: number
  temperature: number
  topK?: number
  topP?: number
  seed: number
  /** Ids that may not be drawn. */
  exclude?: readonly number[]
  /** An id that must be drawn. */
  force?: number
  /** What ends it beside the end tokens: a tag and, where it is one token, its id. */
  stop?: { text: string; id?: number }
}

export interface Written {
  /** An end token or the stop stands at the end, if one ended it. */
  ids: number[]
  /** One for each id; NaN where the server says none. */
  logprobs: number[]
  /** Ids that are ours, because the server said text only. */
  respelled: number
}

/** OpenAI takes −100 as a ban. */
const BAN = -100

/** Fields beyond the first ones of OpenAI's. What is left out would be the server's own default, or the model's. */
const MORE: Record<string, (wanted: Pick<Wanted, 'topK' | 'stop'>) => unknown> = {
  presence_penalty: () => 0,
  frequency_penalty: () => 0,
  logprobs: () => 1,
  top_k: ({ topK }) => topK || -1,
  min_p: () => 0,
  repetition_penalty: () => 1,
  repeat_penalty: () => 1,
  return_token_ids: () => true,
  return_tokens_as_token_ids: () => true,
  skip_special_tokens: () => false,
  spaces_between_special_tokens: () => false,
  include_stop_str_in_output: ({ stop }) => stop && true,
  no_stop_trim: ({ stop }) => stop && true,
  preserved_tokens: ({ stop }) => stop && [stop.text],
  watermarking: () => false,
  stop_token_ids: ({ stop }) => (stop?.id === undefined ? undefined : [stop.id]),
}

/** Their names: a server may refuse them. */
export const FIELDS: readonly string[] = Object.keys(MORE)

/** The body of the request. */
export function completionBody(
  wanted: Wanted,
  model: string,
  dialect: Pick<Dialect, 'prompts' | 'fields' | 'stops' | 'bos'>,
  tokens: ServerTokens,
): JsonObject {
  const { prompt, most, temperature, topK, topP, seed, exclude = [], force } = wanted
  const stop = dialect.stops === 'ours' ? undefined : wanted.stop
  const bias = Object.fromEntries([...exclude.map((id) => [id, BAN]), ...(force === undefined ? [] : [[force, -BAN]])])
  const more = Object.entries(MORE).map(([name, value]) => [name, dialect.fields.has(name) ? value({ topK, stop }) : undefined] as const)
  return {
    model,
    prompt: dialect.prompts === 'ids' ? prompt : promptText(prompt, dialect, tokens),
    ...{ max_tokens: most, temperature, top_p: topP ?? 1, seed, stream: false },
    ...(stop && { stop: [stop.text] }),
    ...(Object.keys(bias).length > 0 && { logit_bias: bias }),
    ...Object.fromEntries(more.filter(([, value]) => value !== undefined)),
  }
}

/** A prompt as text, without the first token that the server writes itself. */
function promptText(prompt: readonly number[], { bos }: Pick<Dialect, 'bos'>, tokens: ServerTokens): string {
  return tokens.text(bos !== undefined && prompt[0] === bos ? prompt.slice(1) : prompt)
}

/** The one choice of an answer. Throws ServerError. */
export function choiceOf(answer: unknown): JsonObject & { text: string } {
  const choices = isObject(answer) ? answer.choices : undefined
  const choice: unknown = Array.isArray(choices) && choices.length === 1 ? choices[0] : undefined
  if (isObject(choice) && typeof choice.text === 'string') return choice as JsonObject & { text: string }
  const error = isObject(answer) ? answer.error : undefined
  throw new ServerError(
    `The server's answer holds no completion. Got ${show(error ?? answer)}. Check that "url" in "server" leads to a server that speaks OpenAI's completions.`,
  )
}

/** How the ids of an answer are known. */
export function tokensIn(choice: JsonObject): Dialect['tokens'] {
  if (Array.isArray(choice.token_ids) || namedIds(choice)) return 'ids'
  if (entriesOf(choice)) return 'entries'
  return choice.text !== '' && stringsOf(choice).join('') === choice.text ? 'strings' : 'text'
}

/** The tokens of an answer; undefined where its end is ambiguous. Throws ServerError. */
export function readCompletion(
  answer: unknown,
  wanted: Wanted,
  dialect: Pick<Dialect, 'stops' | 'tokens'>,
  tokens: ServerTokens,
): Written | undefined {
  const choice = choiceOf(answer)
  const finish = choice.finish_reason
  if (finish !== 'stop' && finish !== 'length' && finish !== null) {
    throw new ServerError(
      `The server ended a completion with finish_reason ${show(finish)}. It must be stop or length. Its own log may say more.`,
    )
  }
  const end: End = { stopped: finish === 'stop', stop: dialect.stops === 'ours' ? undefined : wanted.stop, ...reasonOf(choice) }
  // Where entries are usual and there is none, nothing was written before the stop.
  const entries = entriesOf(choice) ?? (dialect.tokens === 'entries' && choice.text === '' ? [] : undefined)
  const read = fromIds(choice, end, tokens) ?? (entries ? fromEntries(entries, choice.text, end, tokens) : fromText(choice, end, tokens))
  if (read === AMBIGUOUS) return undefined
  for (const id of read.ids) checkId(id, tokens)
  const { most } = wanted
  return { ids: read.ids.slice(0, most), logprobs: read.logprobs.slice(0, most), respelled: Math.min(read.respelled, most) }
}

interface End {
  stopped: boolean
  stop: Wanted['stop']
  /** What the server names as the stop: an id, a text, or nothing (an end token). */
  reason?: number | string
  /** It names stops at all. */
  names: boolean
}

const AMBIGUOUS = Symbol('ambiguous')
type Read = Written | typeof AMBIGUOUS

function reasonOf(choice: JsonObject): Pick<End, 'reason' | 'names'> {
  const names = ['stop_reason', 'matched_stop'].filter((name) => Object.hasOwn(choice, name))
  const reason = names.map((name) => choice[name]).find((value) => typeof value === 'number' || typeof value === 'string')
  return { names: names.length > 0, ...(reason !== undefined && { reason: reason as number | string }) }
}

/** Which ids end an answer that stopped, where `said` are those it has. */
function ending(said: readonly number[], { stopped, stop, reason, names }: End, tokens: ServerTokens): number[] | typeof AMBIGUOUS {
  const last = said.at(-1)
  if (!stopped || (last !== undefined && (tokens.isEnd(last) || last === stop?.id))) return []
  if (stop && (reason === stop.text || reason === stop.id)) return endsWith(said, stop.text, tokens) ? [] : tokens.spell(stop.text)
  if (typeof reason === 'number' && tokens.isEnd(reason)) return [reason]
  if (stop && endsWith(said, stop.text, tokens)) return []
  return stop && !names ? AMBIGUOUS : [tokens.eos[0]]
}

/** Whether the last tokens hold `text`, of which the last one may say more. */
function endsWith(ids: readonly number[], text: string, tokens: ServerTokens): boolean {
  let said = ''
  for (let i = ids.length - 1; i >= 0 && said.length < 2 * text.length; i--) said = tokens.piece(ids[i]) + said
  const at = said.lastIndexOf(text)
  return at >= 0 && said.length - at - text.length < Math.max(1, tokens.piece(ids.at(-1)!).length)
}

function fromIds(choice: JsonObject & { text: string }, end: End, tokens: ServerTokens): Read | undefined {
  const said = Array.isArray(choice.token_ids) ? choice.token_ids : namedIds(choice)
  if (!said) return undefined
  const all = said.map((id: unknown) => checkId(id, tokens))
  checkText(all, choice.text, tokens)
  // One that ends a response there and not here.
  const other = end.stopped && all.at(-1) === end.reason && end.reason !== end.stop?.id && !tokens.isEnd(all.at(-1)!)
  const ids = other ? all.slice(0, -1) : all
  const more = ending(ids, end, tokens)
  if (more === AMBIGUOUS) return AMBIGUOUS
  return { ids: [...ids, ...more], logprobs: [...logprobsOf(choice, ids.length), ...more.map(() => Number.NaN)], respelled: 0 }
}

/** Ids of an older vLLM, which writes them in place of the strings of its log-probabilities. */
function namedIds({ logprobs }: JsonObject): number[] | undefined {
  const strings = isObject(logprobs) && Array.isArray(logprobs.tokens) ? logprobs.tokens : []
  const ids = strings.map((token) => /^token_id:(\d+)$/.exec(String(token))?.[1])
  return ids.length > 0 && ids.every((id) => id !== undefined) ? ids.map(Number) : undefined
}

interface Entry {
  id: number
  token: string
  logprob: number
}

function entriesOf({ logprobs }: JsonObject): Entry[] | undefined {
  const content = isObject(logprobs) && Array.isArray(logprobs.content) ? logprobs.content : []
  const entries = content.map((entry: unknown) => {
    const { id, token, logprob } = isObject(entry) ? entry : {}
    return typeof id === 'number' ? { id, token: String(token ?? ''), logprob: finite(logprob) } : undefined
  })
  return entries.length > 0 && entries.every((entry) => entry !== undefined) ? entries : undefined
}

function fromEntries(entries: readonly Entry[], text: string, { stop, stopped }: End, tokens: ServerTokens): Written {
  const last = entries.at(-1)
  // A special token that is no end here may be one there.
  const ends = last && (tokens.isEnd(last.id) || (last.token === '' && last.id !== stop?.id && tokens.isSpecial(last.id)))
  const end = stopped && ends ? last : undefined
  const byStop = stopped && !end && stop !== undefined
  const written: Written = { ids: [], logprobs: [], respelled: 0 }
  const push = (id: number, logprob: number): void => {
    written.ids.push(id)
    written.logprobs.push(logprob)
  }
  const said = byStop && !text.endsWith(stop.text) ? text + stop.text : text
  let at = 0
  for (const { id, token, logprob } of end ? entries.slice(0, -1) : entries) {
    const piece = tokens.piece(checkId(id, tokens))
    if (piece !== '' && said.startsWith(piece, at)) {
      push(id, logprob)
      at += piece.length
    } else if (token === '') push(id, logprob)
    else {
      // Tokens before this one are missing: it ends the character that they began.
      const spelled = said.startsWith(token, at) ? tokens.spell(token) : []
      if (spelled.at(-1) !== id) break
      for (const other of spelled.slice(0, -1)) push(other, Number.NaN)
      push(id, logprob)
      written.respelled += spelled.length - 1
      at += token.length
    }
  }
  const ours = at < text.length ? tokens.spell(text.slice(at)) : []
  written.respelled += ours.length
  for (const id of [...ours, ...tokens.spell(said.slice(Math.max(at, text.length)))]) push(id, Number.NaN)
  if (stopped && !byStop) push(end && tokens.isEnd(end.id) ? end.id : tokens.eos[0], end?.logprob ?? Number.NaN)
  return written
}

function fromText(choice: JsonObject & { text: string }, end: End, tokens: ServerTokens): Read {
  const { text } = choice
  const strings = stringsOf(choice)
  const own = strings.join('') === text ? strings.map((string) => tokens.spell(string)) : []
  // A text can be cut into tokens in several ways, and strings tell which it was.
  const told = own.length > 0 && own.every(({ length }) => length === 1)
  const ids = told ? own.flat() : tokens.spell(text)
  const more = ending(ids, end, tokens)
  if (more === AMBIGUOUS) return AMBIGUOUS
  const known = told ? logprobsOf(choice, ids.length) : ids.map(() => Number.NaN)
  return { ids: [...ids, ...more], logprobs: [...known, ...more.map(() => Number.NaN)], respelled: told ? 0 : ids.length }
}

/** OpenAI's strings of tokens. */
function stringsOf({ logprobs }: JsonObject): string[] {
  const strings = isObject(logprobs) && Array.isArray(logprobs.tokens) ? logprobs.tokens : []
  return strings.every((string) => typeof string === 'string') ? strings : []
}

/** Log-probabilities of so many tokens in the two forms that servers have for them. */
function logprobsOf({ logprobs }: JsonObject, count: number): number[] {
  const { token_logprobs: list, content } = isObject(logprobs) ? logprobs : {}
  const values = Array.isArray(list)
    ? list
    : Array.isArray(content)
      ? content.map((entry: unknown) => isObject(entry) && entry.logprob)
      : []
  return values.length === count ? values.map(finite) : Array.from({ length: count }, () => Number.NaN)
}

const finite = (value: unknown): number => (typeof value === 'number' && Number.isFinite(value) ? value : Number.NaN)

function checkId(id: unknown, tokens: ServerTokens): number {
  if (typeof id === 'number' && Number.isInteger(id) && id >= 0 && id < tokens.vocabSize) return id
  throw new ServerError(
    `The server's tokens differ from those of ${tokens.folder}. It drew id ${show(id)}, and there are ${tokens.vocabSize} here. Name in "checkpoint" the model that it serves.`,
  )
}

/** What a text says beside its white space, which servers tidy. */
const solid = (text: string): string => text.replace(/\s+/gu, '')

/** Ids and text of one answer say the same, as far as the text goes: a server leaves special tokens, the stop and half characters out. */
function checkText(ids: readonly number[], text: string, tokens: ServerTokens): void {
  if (text === '' || text.includes('\ufffd')) return
  const shown = solid(text)
  // With and without what a server may hide.
  if (solid(tokens.text(ids)).startsWith(shown) || solid(tokens.plainText(ids)).startsWith(shown)) return
  throw new ServerError(
    `The server's tokens differ from those of ${tokens.folder}. It says ${show(text)}, and its ids say ${show(tokens.text(ids))} here. Name in "checkpoint" the model that it serves.`,
  )
}
