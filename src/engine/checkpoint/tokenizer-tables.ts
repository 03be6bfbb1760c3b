import { isObject, type JsonObject } from '../../json.ts'
import { own } from './files.ts'

/**
 * The two large tables of a BPE `tokenizer.json`, read from its text without making objects of them: `JSON.parse` and the library take more
 * than a second for a property a token. What is not as nearly every file has it is left to them, and to their messages.
 */

export interface Tables {
  /** Token → id: of the vocabulary, later of added tokens too. */
  ids: Map<string, number>
  /** id → token. */
  tokens: string[]
  merges: Merges
}

/** A merge is known by the token that it makes and where it cuts that in two. */
interface Merges {
  count: number
  /** By rank: characters of the left part. */
  cuts: number[]
  /** By rank: the id of what it makes. */
  makes: number[]
}

const space = '[ \\t\\n\\r]*'
const text = /"([^"\\\u0000-\u001f]*(?:\\.[^"\\\u0000-\u001f]*)*)"/.source
const entry = new RegExp(`${space}${text}${space}:${space}(0|[1-9]\\d{0,6})${space}([,}])`, 'y')
const pair = new RegExp(`${space}\\[${space}${text}${space},${space}${text}${space}\\]${space}([,\\]])`, 'y')
const joined = new RegExp(`${space}${text}${space}([,\\]])`, 'y')

/** What stands in place of a table while the rest is parsed. */
const mark = { vocab: '0 of tokenizer-tables.ts', merges: '1 of tokenizer-tables.ts' }

/** The text of a `tokenizer.json` as an object whose `model` has empty tables, and the tables. Undefined where they are no such tables. */
export function readTables(source: string): { rest: string; tables: Tables } | undefined {
  const vocab = cut(source, 'vocab', '{')
  const merges = cut(source, 'merges', '[')
  if (vocab === undefined || merges === undefined) return undefined
  const tables: Tables = { ids: new Map(), tokens: [], merges: { count: 0, cuts: [], makes: [] } }
  const vocabEnd = readVocab(source, vocab, tables)
  const mergesEnd = vocabEnd === undefined ? undefined : readMerges(source, merges, tables)
  if (vocabEnd === undefined || mergesEnd === undefined) return undefined
  const pieces = [
    { begin: vocab, end: vocabEnd, by: mark.vocab },
    { begin: merges, end: mergesEnd, by: mark.merges },
  ].sort((a, b) => a.begin - b.begin)
  let [rest, at] = ['', 0]
  for (const { begin, end, by } of pieces) {
    rest += source.slice(at, begin) + JSON.stringify(by)
    at = end
  }
  return { rest: rest + source.slice(at), tables }
}

/** Whether the marks stand where the tables of a BPE model do, so that nothing else was cut out. Takes them out. */
export function takeMarks(json: JsonObject): boolean {
  const model = own(json, 'model')
  if (!isObject(model) || model.type !== 'BPE' || model.vocab !== mark.vocab || model.merges !== mark.merges) return false
  if (model.continuing_subword_prefix) return false
  json.model = { ...model, vocab: {}, merges: [] }
  return true
}

/** Where the bracket after the first key of this name stands. */
function cut(source: string, key: string, bracket: string): number | undefined {
  const at = source.indexOf(`"${key}"`)
  if (at < 0) return undefined
  const opening = new RegExp(`${space}:${space}\\${bracket}`, 'y')
  opening.lastIndex = at + key.length + 2
  return opening.test(source) ? opening.lastIndex - 1 : undefined
}

/** Reads the entries from an opening bracket on. Returns the end behind the closing one. */
function readVocab(source: string, begin: number, tables: Tables): number | undefined {
  const { ids } = tables
  let [count, largest] = [0, 0]
  entry.lastIndex = begin + 1
  for (let last = ','; last === ','; count++) {
    const found = entry.exec(source)
    const token = found === null ? undefined : unescaped(found[1])
    if (found === null || token === undefined) return undefined
    ids.set(token, Number(found[2]))
    largest = Math.max(largest, Number(found[2]))
    last = found[3]
  }
  if (ids.size !== count || largest >= 2 * count + 1024) return undefined
  const tokens = new Array<string>(largest + 1)
  for (const [token, id] of ids) {
    if (tokens[id] !== undefined) return undefined
    tokens[id] = token
  }
  tables.tokens = tokens
  return entry.lastIndex
}

/** The same for merges that take and make tokens of the vocabulary. */
function readMerges(source: string, begin: number, { ids, tokens, merges }: Tables): number | undefined {
  let next = 0
  pair.lastIndex = begin + 1
  const rule = pair.test(source) ? pair : joined
  rule.lastIndex = begin + 1
  for (;;) {
    const found = rule.exec(source)
    if (found === null) return undefined
    const words = rule === pair ? [unescaped(found[1]), unescaped(found[2])] : unescaped(found[1])?.split(' ')
    const [left, right] = words ?? []
    if (left === undefined || right === undefined || words?.length !== 2 || !ids.has(left) || !ids.has(right)) return undefined
    // Nearly every vocabulary lists what merges make in their order.
    const made = isJoined(tokens[next], left, right) ? next : ids.get(left + right)
    if (made === undefined) return undefined
    next = made + 1
    merges.count++
    merges.cuts.push(left.length)
    merges.makes.push(made)
    if (found.at(-1) === ']') return rule.lastIndex
  }
}

function isJoined(token: string | undefined, left: string, right: string): boolean {
  return token?.length === left.length + right.length && token.startsWith(left) && token.endsWith(right)
}

function unescaped(text: string): string | undefined {
  if (!text.includes('\\')) return text
  try {
    return JSON.parse(`"${text}"`) as string
  } catch {
    return undefined
  }
}

/** What the library's BPE holds; its types do not resolve under Node's rules. */
export interface Bpe {
  tokens_to_ids: Map<string, number>
  vocab: string[]
  unk_token?: string
  unk_token_id?: number
  add_node(queue: { push(node: Node): void }, node: Node): void
}

interface Node {
  token: string
  bias: number
  score: number
  next: Node
}

/**
 * Gives a BPE that was made with empty tables these. Added tokens are in it already.
 * @returns false where an added token has another's id
 */
export function fillTables(bpe: Bpe, { ids, tokens, merges: { count, cuts, makes } }: Tables): boolean {
  bpe.unk_token_id = bpe.unk_token === undefined ? undefined : ids.get(bpe.unk_token)
  const made = tokens.length
  for (const [token, id] of bpe.tokens_to_ids) {
    if ((ids.get(token) ?? id) !== id || (tokens[id] ?? token) !== token) return false
    ids.set(token, id)
    tokens[id] = token
  }
  bpe.tokens_to_ids = ids
  bpe.vocab = tokens
  // Lists of the merges that make a token, the last rank first: where one is there twice, the last counts.
  const [first, next] = [new Int32Array(made).fill(-1), new Int32Array(count)]
  for (let rank = 0; rank < count; rank++) {
    next[rank] = first[makes[rank]]
    first[makes[rank]] = rank
  }
  bpe.add_node = (queue, node) => {
    const id = ids.get(node.token + node.next.token) ?? made
    let rank = id < made ? first[id] : -1
    while (rank >= 0 && cuts[rank] !== node.token.length) rank = next[rank]
    if (rank < 0) return
    node.score = rank + node.bias
    queue.push(node)
  }
  return true
}
