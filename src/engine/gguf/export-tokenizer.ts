import { isObject, type JsonObject } from '../../json.ts'
import { tokenizerFile } from '../checkpoint/files.ts'
import type { Checkpoint } from '../checkpoint/folder.ts'
import { problem, show } from '../checkpoint/problem.ts'
import type { Tokenizer } from '../checkpoint/tokenizer.ts'
import type { Metadata } from './export-config.ts'
import { preTokenizerName } from './pre-tokenizer-name.ts'
import { preTokenizers } from './pre-tokenizers.ts'
import { type Fail, scoresFromMerges } from './scores.ts'

/** A tokenizer as the keys `tokenizer.*`, by which llama.cpp makes the same ids. */

/** Values of `tokenizer.ggml.token_type`. */
const types = { normal: 1, unknown: 2, control: 3, userDefined: 4, unused: 5, byte: 6 }

interface TokenizerKeys {
  metadata: Metadata
  /** What llama.cpp does not do as this tokenizer does, a sentence each. */
  notes: string[]
}

/**
 * @param pre the pre-tokenizer to name where llama.cpp has none that cuts as this tokenizer does
 * @throws CheckpointError naming the rule that llama.cpp cannot follow
 */
export function tokenizerMetadata(checkpoint: Checkpoint, pre?: string): TokenizerKeys {
  const { tokenizer, chatTemplate, folder, config } = checkpoint
  if (tokenizer === undefined) throw problem({ file: folder }, 'a tokenizer', 'none', 'Put its tokenizer.json beside config.json.')
  const rules: JsonObject = JSON.parse(tokenizer.files()[tokenizerFile])
  const model = rules.model as JsonObject
  const fail: Fail = (key, expected, found, next) => problem({ file: `${folder}/tokenizer.json`, key }, expected, show(found), next)
  if (model.type !== 'BPE') throw fail('model.type', 'BPE, which llama.cpp can be told by its merges', model.type)
  const notes: string[] = []
  const isSentencePiece = model.byte_fallback === true
  const table = tokenTable(checkpoint, tokenizer, rules, isSentencePiece)
  const metadata: Metadata = new Map()
  const key = (name: string) => `tokenizer.ggml.${name}`
  metadata.set(key('model'), isSentencePiece ? 'llama' : 'gpt2')
  if (isSentencePiece) {
    if (pre !== undefined) throw fail('model.byte_fallback', 'a byte-level tokenizer beside --pre', true, 'Leave --pre out.')
    metadata.set(key('pre'), 'default')
    metadata.set(key('add_space_prefix'), spacePrefix(rules, notes, fail))
    metadata.set(key('scores'), scoresFromMerges(model, table.tokens, table.types, fail))
  } else {
    metadata.set(key('pre'), namedPre(rules, pre, notes, fail))
    metadata.set(key('merges'), mergesOf(model, fail))
  }
  metadata.set(key('tokens'), table.tokens)
  metadata.set(key('token_type'), Int32Array.from(table.types))
  for (const [name, id] of roleIds(checkpoint, tokenizer, notes)) metadata.set(key(`${name}_token_id`), { uint32: id })
  for (const [name, adds] of aroundText(checkpoint, tokenizer, notes)) metadata.set(key(`add_${name}_token`), adds)
  if (chatTemplate !== undefined) metadata.set('tokenizer.chat_template', chatTemplate.source)
  if (table.tokens.length !== config.vocabSize) throw fail('model.vocab', `${config.vocabSize} tokens`, table.tokens.length)
  return { metadata, notes }
}

interface TokenTable {
  /** One for each row of the embedding. */
  tokens: string[]
  types: number[]
}

/**
 * The tags are user-defined, not control tokens: both are found in a prompt as one token each, and only the first stand in the text of
 * a response, where assertions look for them.
 */
function tokenTable(
  { config, parallel, folder }: Checkpoint,
  tokenizer: Tokenizer,
  rules: Readonly<JsonObject>,
  isSentencePiece: boolean,
): TokenTable {
  const { newline: _, eos: __, ...tagIds } = parallel?.tags ?? { newline: [], eos: [] }
  const tags = new Set<number>(Object.values(tagIds))
  const { model, added_tokens: listed } = rules as { model: JsonObject; added_tokens?: JsonObject[] }
  const added = new Map(listed?.map((token) => [token.id as number, token]))
  const at = new Map<string, number>()
  const tokenTypes: number[] = []
  const tokens = Array.from({ length: config.vocabSize }, (_, id) => {
    const token = added.get(id)
    const known = (token?.content as string | undefined) ?? tokenizer.tokenOf(id)
    let type = types.normal
    if (known === undefined) type = types.unused
    else if (known === model.unk_token) type = types.unknown
    else if (token) type = token.special === true && !tags.has(id) ? types.control : types.userDefined
    else if (isSentencePiece && /^<0x[0-9A-F]{2}>$/.test(known)) type = types.byte
    tokenTypes.push(type)
    const written = known ?? `[PAD${id}]`
    const other = at.get(written)
    // llama.cpp ends the process over a token that stands there twice.
    if (other !== undefined) throw problem({ file: folder }, 'every token once', `${show(written)} at ${other} and ${id}`)
    at.set(written, id)
    return written
  })
  return { tokens, types: tokenTypes }
}

function namedPre(rules: Readonly<JsonObject>, pre: string | undefined, notes: string[], fail: Fail): string {
  const normalizer = isObject(rules.normalizer) ? rules.normalizer.type : undefined
  if (normalizer !== undefined && normalizer !== 'NFC') throw fail('normalizer', 'none or NFC, as llama.cpp has it', normalizer)
  const found = preTokenizerName(rules)
  if (pre === undefined || pre === found) {
    if (found !== undefined) return found
    const next =
      'Name the nearest with --pre, and give llama.cpp ids in place of text: it cuts texts in another way than the model was trained with.'
    throw fail('pre_tokenizer', `one that llama.cpp has (${[...preTokenizers.keys()].join(', ')})`, rules.pre_tokenizer, next)
  }
  notes.push(
    `llama.cpp cuts texts as ${pre} does, which is not the way of this tokenizer${found ? ` (${found})` : ''}. Give it ids, not text.`,
  )
  return pre
}

function mergesOf({ merges }: JsonObject, fail: Fail): string[] {
  if (!Array.isArray(merges) || merges.length === 0) throw fail('model.merges', 'a list of merges', merges)
  return merges.map((merge: unknown, i) => {
    const [left, right] = (typeof merge === 'string' ? merge.split(' ') : merge) as [string, string]
    if (left.includes(' ') || right.includes(' ')) throw fail(`model.merges[${i}]`, 'tokens without a blank', merge)
    return `${left} ${right}`
  })
}

/** Whether a blank comes before a text, in the rules of a SentencePiece tokenizer. */
function spacePrefix(rules: Readonly<JsonObject>, notes: string[], fail: Fail): boolean {
  const mark = '▁'
  const steps = (key: 'normalizer' | 'pre_tokenizer', inner: string) => {
    const rule = rules[key]
    if (!isObject(rule)) return []
    return (rule.type === 'Sequence' ? rule[inner] : [rule]) as JsonObject[]
  }
  const normalizers = steps('normalizer', 'normalizers')
  const cutters = steps('pre_tokenizer', 'pretokenizers')
  const known = (step: JsonObject) =>
    (step.type === 'Prepend' && step.prepend === mark) || (step.type === 'Replace' && step.content === mark)
  const odd = normalizers.find((step) => !known(step)) ?? cutters.find((step) => step.type !== 'Metaspace' || step.split === true)
  if (odd) throw fail('normalizer', 'blanks that become ▁, and nothing else', odd.type)
  const [metaspace] = cutters
  if (!metaspace) return normalizers.some((step) => step.type === 'Prepend')
  const scheme = metaspace.prepend_scheme ?? (metaspace.add_prefix_space === false ? 'never' : 'always')
  if (scheme === 'first') notes.push('llama.cpp puts a blank behind every special token, this tokenizer only before the whole text.')
  return scheme !== 'never'
}

/** Ids by their role. llama.cpp has three keys for the end of a response, and knows more ends by their text. */
function roleIds({ generation }: Checkpoint, tokenizer: Tokenizer, notes: string[]): [string, number][] {
  const { eosTokenIds, bosTokenId } = generation
  const named = (role: string) => {
    const token = tokenizer.specialTokens[role]
    return token === undefined ? undefined : tokenizer.idOf(token)
  }
  const [eos, eot, eom, ...rest] = eosTokenIds
  if (rest.length > 0) notes.push(`llama.cpp may not end at ${rest.map((id) => show(tokenizer.tokenOf(id))).join(', ')}.`)
  const roles = { bos: bosTokenId ?? named('bos_token'), eos, eot, eom, unknown: named('unk_token'), padding: named('pad_token') }
  return Object.entries(roles).filter((entry): entry is [string, number] => entry[1] !== undefined)
}

/** What the tokenizer puts around a text, found by trying. */
function aroundText({ generation }: Checkpoint, tokenizer: Tokenizer, notes: string[]): [string, boolean][] {
  const plain = tokenizer.encode('a')
  const full = tokenizer.encode('a', { addSpecial: true })
  const extra = full.length - plain.length
  const bos = generation.bosTokenId ?? tokenizer.idOf(tokenizer.specialTokens.bos_token ?? '')
  const addsBos = extra > 0 && full[0] === bos && full[0] !== plain[0]
  const addsEos = extra > 0 && full.at(-1) === generation.eosTokenIds[0] && full.at(-1) !== plain.at(-1)
  if (extra !== Number(addsBos) + Number(addsEos)) notes.push('llama.cpp puts other tokens around a text than this tokenizer does.')
  return [
    ['bos', addsBos],
    ['eos', addsEos],
  ]
}
