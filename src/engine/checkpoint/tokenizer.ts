import { mkdir } from 'node:fs/promises'
import path from 'node:path'
import { Tokenizer as HuggingFaceTokenizer } from '@huggingface/tokenizers'
import { isObject, type JsonObject } from '../../json.ts'
import { CheckpointError } from '../errors.ts'
import { writeFileAtomic } from './atomic.ts'
import {
  isTokenId,
  own,
  parseJsonObject,
  readJsonIfPresent,
  readTextIfPresent,
  tokenizerConfigFile,
  tokenizerFile,
  tokenizerLimit,
} from './files.ts'
import { within } from './foreign.ts'
import { problem, show } from './problem.ts'
import { checkAddedLengths, checkMerges, type Growth, growthOf, mostCharacters } from './tokenizer-rules.ts'
import { type Bpe, fillTables, readTables, type Tables, takeMarks } from './tokenizer-tables.ts'

/**
 * Text to token ids and back, by the rules of `tokenizer.json`; `tokenizer_config.json` is optional. The rules themselves
 * are carried out by @huggingface/tokenizers. It believes what the file says, so the file is checked here first
 * (tokenizer-rules.ts), and the rules have a time to end in (foreign.ts).
 */

/** Above every vocabulary there is; keeps a hostile id from becoming the length of an array. */
const idLimit = 2 ** 24

/** A rule takes microseconds a character. A machine may be a hundred times as slow as it should be. */
const startMs = 3000
const msPerCharacter = 0.2
/** Of building: a vocabulary of 150,000 tokens takes a second. */
const msPerToken = 0.05

interface Parts {
  /** Names of the two files in messages. */
  file: string
  configFile: string
  json: JsonObject
  config: JsonObject | undefined
  /** `tokenizer.json` as it was read, kept as long as nothing is changed: a copy of a checkpoint keeps its hash. */
  text: string | undefined
  /** What merges in place of the list in `tokenizer.json`, which is empty then. */
  scored?: Merges
  /** The text that has the vocabulary and the merges, where they are empty in `json` (tokenizer-tables.ts). */
  source?: string
}

/** Tables that only the library reads. */
class UnusualTables extends Error {}

/** Merging by another rule than a list, and the list that comes nearest. */
interface Merges {
  merge(text: string): string[]
  list(): [string, string][]
}

export class Tokenizer {
  readonly #parts: Parts
  readonly #inner: HuggingFaceTokenizer
  readonly #special: ReadonlySet<number>
  readonly #growth: Growth
  readonly #decodesByPattern: boolean
  /** One more than the largest id. */
  readonly vocabSize: number

  /** @param tables of `parts.source`; they become its own */
  private constructor(parts: Parts, tables = parts.source === undefined ? undefined : readTables(parts.source)?.tables) {
    this.#parts = parts
    const added = addedTokens(parts.json, parts.file)
    const named = specialTokensIn(parts.config ?? {}, parts.configFile)
    this.#special = new Set(added.filter((token) => token.special === true).map(({ id }) => id))
    this.vocabSize = Math.max(tables ? tables.tokens.length - 1 : largestId(parts.json, parts.file), ...added.map(({ id }) => id)) + 1
    checkAddedLengths(
      added.map(({ content }) => content),
      parts.file,
    )
    const model = own(parts.json, 'model') as JsonObject
    // One huge id is no huge vocabulary.
    const merges = tables?.merges.count ?? (Array.isArray(model.merges) ? model.merges.length : 0)
    const tokens = Math.min(this.vocabSize + merges, 2 ** 18)
    try {
      this.#growth = growthOf(parts.json, parts.file)
      this.#decodesByPattern = JSON.stringify(parts.json.decoder)?.includes('"Regex"') ?? false
      this.#inner = within(startMs + msPerToken * tokens, () => new HuggingFaceTokenizer(parts.json, parts.config ?? {}))
      const bpe = this.#inner.model as unknown as Bpe & { bpe: Merges['merge'] }
      if (tables && !fillTables(bpe, tables)) throw new UnusualTables()
      const { scored } = parts
      if (scored !== undefined) bpe.bpe = (text) => scored.merge(text)
      checkMerges(model, (token) => this.idOf(token) !== undefined, parts.file)
      for (const role of usedRoles) {
        if (named[role] === undefined || this.idOf(named[role]) !== undefined) continue
        throw problem({ file: parts.configFile, key: role }, `a token of ${tokenizerFile}`, show(named[role]))
      }
      // Many wrong rules only show when they are applied.
      this.decode(this.encode('a 1\n'))
      this.encode('a', { addSpecial: true })
    } catch (error) {
      if (error instanceof UnusualTables) throw error
      throw asProblem(parts.file, 'a tokenizer that @huggingface/tokenizers can carry out', error)
    }
  }

  /**
   * Reads `tokenizer.json` and, if present, `tokenizer_config.json` of a folder.
   * @throws CheckpointError naming file, key, expected and found
   */
  static load(folder: string): Tokenizer {
    const file = path.join(folder, tokenizerFile)
    const text = readTextIfPresent(file, tokenizerLimit)
    if (text === undefined) throw problem({ file }, 'a tokenizer', 'no such file')
    const configFile = path.join(folder, tokenizerConfigFile)
    const parts = { file, configFile, config: readJsonIfPresent(configFile), text }
    return Tokenizer.#quickly(parts) ?? Tokenizer.#from({ ...parts, json: parseJsonObject(text, file, rulesIn) })
  }

  /** Undefined where its tables are not as nearly all have them: then the long way says what is wrong, if anything is. */
  static #quickly(parts: Omit<Parts, 'json'> & { text: string }): Tokenizer | undefined {
    const read = readTables(parts.text)
    if (read === undefined) return undefined
    try {
      const json = parseJsonObject(read.rest, parts.file)
      return takeMarks(json) ? Tokenizer.#from({ ...parts, json, source: parts.text }, read.tables) : undefined
    } catch {
      return undefined
    }
  }

  /**
   * A tokenizer made in memory: the contents of `tokenizer.json` and `tokenizer_config.json`.
   * @param options.file where both come from, for messages
   */
  static fromJson(json: JsonObject, config?: JsonObject, { file, scored }: { file?: string; scored?: Merges } = {}): Tokenizer {
    return Tokenizer.#from({ file: file ?? tokenizerFile, configFile: file ?? tokenizerConfigFile, json, config, text: undefined, scored })
  }

  static #from(parts: Parts, tables?: Tables): Tokenizer {
    const json: JsonObject = { normalizer: null, pre_tokenizer: null, post_processor: null, decoder: null, added_tokens: [], ...parts.json }
    const listed = listedInConfig(parts, json)
    if (listed.length === 0) return new Tokenizer({ ...parts, json }, tables)
    const added_tokens = [...(json.added_tokens as unknown[]), ...listed]
    return new Tokenizer({ ...parts, json: { ...json, added_tokens }, text: undefined }, tables)
  }

  /**
   * Ids of a text. Special tokens written in the text count as such.
   * @param options.addSpecial also put what the tokenizer puts around a text (llama: its BOS). Default false, as chat templates write it themselves.
   */
  encode(text: string, { addSpecial = false }: { addSpecial?: boolean } = {}): number[] {
    let ids: unknown[]
    this.#checkSize(text.length, this.#growth.encode, 'encode')
    try {
      ids = within(startMs + msPerCharacter * text.length, () => this.#inner.encode(text, { add_special_tokens: addSpecial })).ids
    } catch (error) {
      throw asProblem(this.#parts.file, `rules that can encode ${show(text)}`, error)
    }
    if (!ids.every((id): id is number => Number.isInteger(id)))
      throw problem({ file: this.#parts.file }, `a token for every part of ${show(text)}`, 'parts without a token (no unk_token, either)')
    return ids
  }

  /**
   * Text of ids, without any clean-up: what was encoded comes back. Ids that have no token (rows that pad the embedding)
   * give nothing.
   * @param options.keepSpecial also write special tokens. Default true.
   */
  decode(ids: Iterable<number>, { keepSpecial = true }: { keepSpecial?: boolean } = {}): string {
    const known = [...ids].filter((id) => this.#inner.id_to_token(id) !== undefined && (keepSpecial || !this.#special.has(id)))
    if (known.length === 0) return ''
    const length = known.reduce((sum, id) => sum + (this.#inner.id_to_token(id) ?? '').length, 0)
    this.#checkSize(length, this.#growth.decode, 'decode')
    const decode = () => this.#inner.decode(known, { skip_special_tokens: false, clean_up_tokenization_spaces: false })
    try {
      // A watch takes longer than to decode a word, where nothing but a pattern could go on for ever.
      if (length < 1000 && !this.#decodesByPattern) return decode()
      return within(startMs + msPerCharacter * length, decode)
    } catch (error) {
      throw asProblem(this.#parts.file, `rules that can decode ${show(known)}`, error)
    }
  }

  #checkSize(characters: number, growth: number, what: keyof Growth): void {
    if (characters * growth <= mostCharacters) return
    const expected = `a text of at most ${Math.floor(mostCharacters / growth)} characters to ${what} by these rules`
    throw problem({ file: this.#parts.file }, expected, `${characters}`)
  }

  /** The id of a token as the vocabulary spells it, or of an added token. */
  idOf(token: string): number | undefined {
    return this.#inner.token_to_id(token)
  }

  /** The token of an id as the vocabulary spells it. */
  tokenOf(id: number): string | undefined {
    return this.#inner.id_to_token(id)
  }

  /** `tokenizer_config.json`, empty when there is none. */
  get config(): Readonly<JsonObject> {
    return this.#parts.config ?? {}
  }

  /** Special tokens by their role (`bos_token`, `eos_token`, …), as `tokenizer_config.json` names them. */
  get specialTokens(): Record<string, string> {
    return specialTokensIn(this.config, this.#parts.configFile)
  }

  /**
   * A tokenizer that knows these tokens too: special, one id each, the next free ids in this order. Tokens that are known keep their id.
   * @throws CheckpointError when one does not come out as a single id
   */
  withAddedTokens(tokens: readonly string[]): Tokenizer {
    const { json, config } = this.#parts
    const known = new Set(addedTokens(json, this.#parts.file).map(({ content }) => content))
    const fresh: AddedToken[] = []
    let next = this.vocabSize
    for (const content of new Set(tokens)) {
      if (content === '') throw new CheckpointError('An added token cannot be empty. Got "". Name a string such as "<Path>".')
      if (known.has(content)) continue
      const id = this.idOf(content) ?? next++
      fresh.push({ id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special: true })
    }
    const added = fresh.length === 0 ? this : new Tokenizer({ ...this.#parts, text: undefined, ...withEntries(json, config, fresh) })
    for (const token of tokens) {
      const ids = added.encode(token)
      if (ids.length !== 1) throw problem({ file: this.#parts.file }, `one id for the added token ${show(token)}`, show(ids))
    }
    return added
  }

  /** The files of this tokenizer: name → content. */
  files(): Record<string, string> {
    const { json, config, text } = this.#parts
    const files: Record<string, string> = { [tokenizerFile]: text ?? `${JSON.stringify({ ...json, model: this.#model() })}\n` }
    if (config !== undefined) files[tokenizerConfigFile] = `${JSON.stringify(config, null, 2)}\n`
    return files
  }

  /** The model's rules with their tables. */
  #model(): JsonObject {
    const { json, scored, source } = this.#parts
    const model = json.model as JsonObject
    if (scored !== undefined) return { ...model, merges: scored.list() }
    if (source === undefined) return model
    const { vocab, merges } = (JSON.parse(source) as { model: JsonObject }).model
    return { ...model, vocab, merges }
  }

  /** Writes its files into a folder, made if need be. */
  async save(folder: string): Promise<void> {
    await mkdir(folder, { recursive: true })
    for (const [name, content] of Object.entries(this.files())) await writeFileAtomic(path.join(folder, name), content)
  }
}

/** Roles that every tokenizer may have. Other keys of that form may be anything. */
const roles = new Set(['bos_token', 'eos_token', 'unk_token', 'sep_token', 'pad_token', 'cls_token', 'mask_token'])

/**
 * Roles whose ids begin and end a text. Checkpoints that name a pad_token or unk_token without having one are about, and none is ever
 * written here.
 */
const usedRoles = ['bos_token', 'eos_token']

/** Special tokens of a `tokenizer_config.json` by their role. Throws CheckpointError where one is no text. */
export function specialTokensIn(config: Readonly<JsonObject>, file: string): Record<string, string> {
  const found: [string, string][] = []
  for (const [role, value] of Object.entries(config)) {
    const content = isObject(value) ? own(value, 'content') : value
    if (!/^[a-z]+_token$/.test(role)) continue
    if (typeof content === 'string') found.push([role, content])
    else if (roles.has(role) && value !== null) throw problem({ file, key: role }, 'text, or an object with content', show(value))
  }
  return Object.fromEntries(found)
}

interface AddedToken extends JsonObject {
  id: number
  content: string
}

function isId(value: unknown): value is number {
  return isTokenId(value, idLimit)
}

/** The entries of `added_tokens`, checked: ids and contents, both unique. */
function addedTokens(json: JsonObject, file: string): AddedToken[] {
  const list = own(json, 'added_tokens') ?? []
  if (!Array.isArray(list)) throw problem({ file, key: 'added_tokens' }, 'a list', show(list))
  const ids = new Set<number>()
  const contents = new Set<string>()
  return list.map((token, i) => {
    const key = `added_tokens[${i}]`
    if (!isObject(token) || typeof token.content !== 'string' || token.content === '')
      throw problem({ file, key }, 'an object with content and id', show(token))
    if (!isId(token.id)) throw problem({ file, key: `${key}.id` }, `an integer from 0 to ${idLimit - 1}`, show(token.id))
    if (ids.has(token.id)) throw problem({ file, key: `${key}.id` }, 'every id once', `${token.id} twice`)
    if (contents.has(token.content)) throw problem({ file, key: `${key}.content` }, 'every token once', `${show(token.content)} twice`)
    ids.add(token.id)
    contents.add(token.content)
    return token as AddedToken
  })
}

/** All but the words, which are looked at one by one anyway: they are most of the file. */
function rulesIn(json: unknown): unknown {
  const model = isObject(json) ? json.model : undefined
  return isObject(model) && isObject(model.vocab) ? { ...(json as JsonObject), model: { ...model, vocab: null, merges: null } } : json
}

/** Checks the ids of the model's own vocabulary and returns the largest, −1 when it is empty. */
function largestId(json: JsonObject, file: string): number {
  const model = own(json, 'model')
  if (!isObject(model)) throw problem({ file, key: 'model' }, 'an object', show(model))
  const vocab = own(model, 'vocab')
  if (Array.isArray(vocab)) return vocab.length - 1
  if (!isObject(vocab)) throw problem({ file, key: 'model.vocab' }, 'an object or list', show(vocab))
  const ids = Object.values(vocab)
  const place = (index: number) => ({ file, key: `model.vocab[${show(Object.keys(vocab)[index])}]` })
  let largest = -1
  for (const [index, id] of ids.entries()) {
    if (!isId(id)) throw problem(place(index), `an integer from 0 to ${idLimit - 1}`, show(id))
    largest = Math.max(largest, id)
  }
  const seen = new Uint8Array(largest + 1)
  for (const [index, id] of (ids as number[]).entries()) {
    if (seen[id]++ > 0) throw problem(place(index), 'every id once', `${id} twice`)
  }
  return largest
}

/** Added tokens that only `tokenizer_config.json` lists; transformers takes them, too. */
function listedInConfig({ file, configFile, config }: Parts, json: JsonObject): AddedToken[] {
  const listed = config && own(config, 'added_tokens_decoder')
  if (listed === undefined) return []
  if (!isObject(listed)) throw problem({ file: configFile, key: 'added_tokens_decoder' }, 'an object', show(listed))
  const present = new Set(addedTokens(json, file).map(({ content }) => content))
  const fresh: AddedToken[] = []
  for (const [id, token] of Object.entries(listed)) {
    const key = `added_tokens_decoder.${id}`
    if (!isObject(token) || typeof token.content !== 'string')
      throw problem({ file: configFile, key }, 'an object with content', show(token))
    if (!/^\d{1,8}$/.test(id) || !isId(Number(id))) throw problem({ file: configFile, key }, `an id from 0 to ${idLimit - 1}`, show(id))
    if (!present.has(token.content)) fresh.push({ ...token, id: Number(id), content: token.content })
  }
  return fresh
}

/** Both files with these tokens added. */
function withEntries(
  json: JsonObject,
  config: JsonObject | undefined,
  fresh: readonly AddedToken[],
): { json: JsonObject; config: typeof config } {
  const added = { ...json, added_tokens: [...(json.added_tokens as unknown[]), ...fresh] }
  const listed = config && own(config, 'added_tokens_decoder')
  if (!isObject(listed)) return { json: added, config }
  const entries = fresh.map(({ id, ...token }): [string, JsonObject] => [String(id), token])
  return { json: added, config: { ...config, added_tokens_decoder: { ...listed, ...Object.fromEntries(entries) } } }
}

function asProblem(file: string, expected: string, error: unknown): CheckpointError {
  if (error instanceof CheckpointError) return error
  return problem({ file }, expected, `a failure (${error instanceof Error ? error.message : error})`)
}
