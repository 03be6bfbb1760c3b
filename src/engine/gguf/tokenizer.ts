import type { JsonObject } from '../../json.ts'
import { ChatTemplate } from '../checkpoint/chat-template.ts'
import { problem, show } from '../checkpoint/problem.ts'
import { Tokenizer } from '../checkpoint/tokenizer.ts'
import { endTokens } from './end-tokens.ts'
import type { GgufMetadata } from './metadata.ts'
import { preTokenizers } from './pre-tokenizers.ts'
import { ScoredMerges } from './scored-merges.ts'

/**
 * The tokenizer of a GGUF file, out of its keys `tokenizer.ggml.*`: the rules of a `tokenizer.json` are made from them. Ids are those
 * of llama.cpp (test/engine/gguf/tokenizer.proof.ts); special tokens in a text are found as in every folder.
 */

export interface GgufTokenizer {
  tokenizer: Tokenizer
  /** `tokenizer.chat_template`. */
  chatTemplate?: ChatTemplate
  /** Ids that end a response, that of `eos_token_id` first. */
  endIds: number[]
  bosId?: number
}

/** Values of `tokenizer.ggml.token_type`. */
const types = { unknown: 2, control: 3, userDefined: 4 }
const specialTypes: readonly number[] = Object.values(types)

/** The longest known is a run of 256 spaces. */
const longestToken = 1024

const keyOf = (name: string) => `tokenizer.ggml.${name}`

interface Vocabulary {
  /** Token by id; undefined where a row of the embedding has none. */
  tokens: readonly (string | undefined)[]
  ids: ReadonlyMap<string, number>
}

/**
 * @param vocabRows rows of the embedding
 * @throws CheckpointError naming file, key, expected and found
 */
export function ggufTokenizer(metadata: GgufMetadata, vocabRows: number): GgufTokenizer {
  const vocabulary = readVocabulary(metadata, vocabRows)
  const model = metadata.string(keyOf('model'))
  const isSentencePiece = model === 'llama'
  if (!isSentencePiece && model !== 'gpt2') throw metadata.fail(keyOf('model'), 'gpt2 (byte-level BPE) or llama (SentencePiece)')
  const preTokenizer = isSentencePiece ? undefined : preTokenizerOf(metadata)
  const id = (role: string) => idOf(metadata, `${role}_token_id`, vocabulary)
  // SentencePiece's own numbers, where a file of it names none.
  const bosId = id('bos') ?? (isSentencePiece ? 1 : undefined)
  const eosId = id('eos') ?? (isSentencePiece ? 2 : undefined)
  const named = [eosId, id('eot'), id('eom')].filter((one) => one !== undefined)
  const end = endTokens(metadata, named, (token) => vocabulary.ids.get(token))
  const addsBos = metadata.boolean(keyOf('add_bos_token')) ?? (isSentencePiece || preTokenizer?.addBos === true)
  const addsEos = metadata.boolean(keyOf('add_eos_token')) ?? false
  const token = (of: number | undefined) => (of === undefined ? undefined : vocabulary.tokens[of])
  const config = {
    ...{ tokenizer_class: 'PreTrainedTokenizerFast', clean_up_tokenization_spaces: false },
    ...{ add_bos_token: addsBos, add_eos_token: addsEos, bos_token: token(bosId), eos_token: token(eosId) },
    ...{ unk_token: token(id('unknown')), pad_token: token(id('padding')) },
  }
  const rules = preTokenizer
    ? byteLevelRules(metadata, vocabulary, preTokenizer.patterns, preTokenizer.wholeTokens === true)
    : sentencePieceRules(metadata, vocabulary, config.unk_token)
  const around = (adds: boolean, key: string, content: string | undefined) => {
    if (!adds) return []
    if (content === undefined) throw metadata.fail(keyOf(key), 'the id of a token, as one is put around every text')
    return [content]
  }
  const json = {
    ...{ version: '1.0', truncation: null, padding: null, ...rules },
    added_tokens: addedTokens(metadata, vocabulary, end.special),
    post_processor: templateProcessing(
      vocabulary,
      around(addsBos, 'bos_token_id', config.bos_token),
      around(addsEos, 'eos_token_id', config.eos_token),
    ),
  }
  const scored = isSentencePiece ? new ScoredMerges(scoresOf(metadata, vocabulary)) : undefined
  const tokenizer = Tokenizer.fromJson(json, definedOnly(config), { file: metadata.file, scored })
  const template = metadata.string('tokenizer.chat_template')
  return {
    ...{ tokenizer, endIds: end.ids, bosId },
    chatTemplate:
      template === undefined ? undefined : new ChatTemplate(template, tokenizer.specialTokens, `${metadata.file}: tokenizer.chat_template`),
  }
}

/** Converters fill the vocabulary up to the rows of the embedding; a folder has no tokens there, and what is added takes these rows. */
const isFiller = (token: string, id: number) => token === `[PAD${id}]`

function readVocabulary(metadata: GgufMetadata, vocabRows: number): Vocabulary {
  const key = keyOf('tokens')
  const listed = metadata.strings(key)
  if (listed === undefined || listed.length === 0) throw metadata.fail(key, 'a list of tokens')
  if (listed.length > vocabRows)
    throw problem({ file: metadata.file, key }, `at most ${vocabRows} tokens (rows of token_embd.weight)`, `${listed.length}`)
  const tokens = listed.map((token, id) => (isFiller(token, id) ? undefined : token === '' ? `[EMPTY_${id}]` : token))
  const ids = new Map<string, number>()
  for (const [id, token] of tokens.entries()) {
    if (token === undefined) continue
    if (token.length > longestToken)
      throw problem({ file: metadata.file, key: `${key}[${id}]` }, `a token of at most ${longestToken} characters`, `${token.length}`)
    const other = ids.get(token)
    if (other !== undefined) throw problem({ file: metadata.file, key }, 'every token once', `${show(token)} at ${other} and ${id}`)
    ids.set(token, id)
  }
  return { tokens, ids }
}

/** The id that a key names. Some files name a padding token that is none; it is never used. */
function idOf(metadata: GgufMetadata, name: string, { tokens }: Vocabulary): number | undefined {
  const key = keyOf(name)
  const id = metadata.count(key)
  if (id === undefined || tokens[id] !== undefined || name === 'padding_token_id') return id
  throw metadata.fail(key, `the id of a token (there are ${tokens.length})`)
}

function preTokenizerOf(metadata: GgufMetadata) {
  const name = metadata.string(keyOf('pre'))
  const found = name === undefined ? undefined : preTokenizers.get(name)
  if (found !== undefined) return found
  throw metadata.fail(
    keyOf('pre'),
    `a pre-tokenizer that is known (${[...preTokenizers.keys()].join(', ')})`,
    'Without the right one ids differ from those of training. Use the Hugging Face folder of this model, or convert it anew.',
  )
}

/** The first `count` numbers of a list with one for each token; undefined where the key is absent. */
function perToken(metadata: GgufMetadata, name: string, count: number): readonly number[] | undefined {
  const numbers = metadata.numbers(keyOf(name))
  if (numbers !== undefined && numbers.length < count) throw metadata.fail(keyOf(name), `one number for each of ${count} tokens`)
  return numbers
}

function addedTokens(metadata: GgufMetadata, { tokens }: Vocabulary, special: ReadonlySet<number>): JsonObject[] {
  const listed = perToken(metadata, 'token_type', tokens.length)
  // The files of Phi-3 do not say that white space after its special tokens goes; llama.cpp knows the model by its name.
  const strips = /phi-?3/i.test(metadata.string('general.name') ?? '')
  const keepsSpace = ['<unk>', '<s>', '<|endoftext|>']
  return tokens.flatMap((content, id) => {
    const type = special.has(id) ? types.control : listed?.[id]
    if (content === undefined || type === undefined || !specialTypes.includes(type)) return []
    const rstrip = strips && !keepsSpace.includes(content)
    return [{ id, content, single_word: false, lstrip: false, rstrip, normalized: false, special: type !== types.userDefined }]
  })
}

function byteLevelRules(
  metadata: GgufMetadata,
  { tokens, ids }: Vocabulary,
  patterns: readonly string[],
  wholeTokens: boolean,
): JsonObject {
  const key = keyOf('merges')
  const listed = metadata.strings(key)
  if (listed === undefined) throw metadata.fail(key, 'a list of merges')
  const merges = listed.map((text, i) => {
    const gap = text.indexOf(' ', 1)
    const pair = [text.slice(0, gap), text.slice(gap + 1)]
    const made = pair.join('')
    const missing = gap < 0 ? text : [...pair, made].find((token) => !ids.has(token))
    if (missing === undefined) return pair
    throw problem(
      { file: metadata.file, key: `${key}[${i}]` },
      'two tokens that make a third',
      `${show(text)}, and no token ${show(missing)}`,
    )
  })
  const split = patterns.map((Regex) => ({ type: 'Split', pattern: { Regex }, behavior: 'Isolated', invert: false }))
  const bytes = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: false }
  return {
    normalizer: null,
    pre_tokenizer: { type: 'Sequence', pretokenizers: [...split, bytes] },
    decoder: bytes,
    model: { type: 'BPE', unk_token: null, byte_fallback: false, ignore_merges: wholeTokens, vocab: vocabOf(tokens), merges },
  }
}

const spaceMark = '▁'

function sentencePieceRules(metadata: GgufMetadata, { tokens }: Vocabulary, unknown: string | undefined): JsonObject {
  const replace = (text: string, content: string) => ({ type: 'Replace', pattern: { String: text }, content })
  const prefix = metadata.boolean(keyOf('add_space_prefix')) ?? true
  const normalizers = [...(prefix ? [{ type: 'Prepend', prepend: spaceMark }] : []), replace(' ', spaceMark)]
  const strip = prefix ? [{ type: 'Strip', content: ' ', start: 1, stop: 0 }] : []
  const decoders = [replace(spaceMark, ' '), { type: 'ByteFallback' }, { type: 'Fuse' }, ...strip]
  return {
    normalizer: { type: 'Sequence', normalizers },
    pre_tokenizer: null,
    decoder: { type: 'Sequence', decoders },
    // The list of merges is made where it is written to a file.
    model: { type: 'BPE', unk_token: unknown ?? null, byte_fallback: true, ignore_merges: false, vocab: vocabOf(tokens), merges: [] },
  }
}

function scoresOf(metadata: GgufMetadata, { tokens }: Vocabulary): Map<string, number> {
  const scores = perToken(metadata, 'scores', tokens.length)
  if (scores === undefined) throw metadata.fail(keyOf('scores'), 'a score for each token')
  const wrong = scores.findIndex((score) => !Number.isFinite(score))
  if (wrong >= 0) throw problem({ file: metadata.file, key: `${keyOf('scores')}[${wrong}]` }, 'a finite number', `${scores[wrong]}`)
  return new Map(tokens.flatMap((token, id) => (token === undefined ? [] : [[token, scores[id]] as const])))
}

function vocabOf(tokens: Vocabulary['tokens']): Record<string, number> {
  return Object.fromEntries(tokens.flatMap((token, id) => (token === undefined ? [] : [[token, id] as const])))
}

/** What stands around every text, as a rule of `tokenizer.json`; null where nothing does. */
function templateProcessing({ ids }: Vocabulary, before: readonly string[], after: readonly string[]): JsonObject | null {
  const around = [...before, ...after]
  if (around.length === 0) return null
  const special = (id: string) => ({ SpecialToken: { id, type_id: 0 } })
  const text = (id: string) => ({ Sequence: { id, type_id: 0 } })
  const entries = around.map((token) => [token, { id: token, ids: [ids.get(token)], tokens: [token] }])
  return {
    type: 'TemplateProcessing',
    single: [...before.map(special), text('A'), ...after.map(special)],
    pair: [...before.map(special), text('A'), text('B'), ...after.map(special)],
    special_tokens: Object.fromEntries(entries),
  }
}

function definedOnly(object: Readonly<JsonObject>): JsonObject {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined))
}
