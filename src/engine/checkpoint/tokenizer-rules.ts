import { isObject, type JsonObject } from '../../json.ts'
import { own } from './files.ts'
import { problem, show } from './problem.ts'

/**
 * What the rules of a `tokenizer.json` may do to a text, read from the file before they run: how many characters they can make of
 * one. @huggingface/tokenizers carries out whatever the file says, and a few rules that double a text fill any memory.
 */

/** Characters that the rules make of one, at most. */
export interface Growth {
  encode: number
  decode: number
}

/** Characters (of a text, times growth) that rules may make. */
export const mostCharacters = 2 ** 26
/** Byte-level rules count as 4, and 16 is the most that known ones come to. */
const mostGrowth = 64
/** Of a token that is added: the longest known have some 60. A splitter holds every character of them all. */
const longestAdded = 1024
const mostAdded = 2 ** 22

type Key = 'normalizer' | 'pre_tokenizer' | 'post_processor' | 'decoder'

/** Where a rule keeps the rules that it carries out one after the other. */
const parts: Record<Key, string> = {
  normalizer: 'normalizers',
  pre_tokenizer: 'pretokenizers',
  post_processor: 'processors',
  decoder: 'decoders',
}

/**
 * Reads the growth of rules, refusing those that no text could go through.
 * @throws CheckpointError naming the rule; RangeError where rules are nested without end
 */
export function growthOf(json: JsonObject, file: string): Growth {
  const of = (key: Key) => growth(own(json, key), key, { key, file })
  const encode = of('normalizer') * of('pre_tokenizer') * of('post_processor') * modelGrowth(own(json, 'model'))
  const decode = of('decoder')
  for (const [what, factor] of Object.entries({ encode, decode })) {
    if (factor > mostGrowth)
      throw problem(
        { file },
        `rules that make at most ${mostGrowth} characters of one to ${what}`,
        `rules that can make ${factor.toPrecision(2)}`,
      )
  }
  return { encode, decode }
}

interface Where {
  key: Key
  file: string
}

function growth(rule: unknown, name: string, where: Where): number {
  if (!isObject(rule)) return 1
  const inner = own(rule, parts[where.key])
  if (rule.type === 'Sequence') {
    if (!Array.isArray(inner)) return 1
    return inner.reduce((product: number, one, i) => product * growth(one, `${name}.${parts[where.key]}[${i}]`, where), 1)
  }
  const length = (key: string): number => {
    const value = own(rule, key)
    return typeof value === 'string' ? value.length : 0
  }
  switch (rule.type) {
    case 'Replace':
      return replaceGrowth(own(rule, 'pattern'), length('content'))
    case 'Prepend':
      return 1 + length('prepend')
    case 'Metaspace':
      return where.key === 'decoder' ? 2 : 1 + (length('str_rep') || length('replacement') || 1)
    case 'ByteLevel':
      return where.key === 'pre_tokenizer' ? 4 : 1
    case 'WordPiece':
    case 'BPEDecoder':
      return 2
    case 'TemplateProcessing': {
      const single = own(rule, 'single')
      const texts = Array.isArray(single) ? single.filter((item) => isObject(item) && 'Sequence' in item).length : 1
      return Math.max(1, texts)
    }
    case 'FixedLength':
      if (!Number.isSafeInteger(rule.length) || (rule.length as number) < 1)
        throw problem({ file: where.file, key: `${name}.length` }, 'an integer from 1', show(rule.length))
      return 1
    default:
      return 1
  }
}

/** A regular expression may find nothing at every place. */
function replaceGrowth(pattern: unknown, content: number): number {
  const text = isObject(pattern) ? own(pattern, 'String') : undefined
  return typeof text === 'string' && text !== '' ? Math.max(1, content / text.length) : 1 + content
}

function modelGrowth(model: unknown): number {
  if (!isObject(model)) return 1
  const suffix = (key: string) => (typeof model[key] === 'string' ? (model[key] as string).length : 0)
  return 1 + suffix('end_of_word_suffix') + suffix('continuing_subword_suffix')
}

/** Refuses added tokens that are longer, each or together, than a splitter can hold. */
export function checkAddedLengths(contents: readonly string[], file: string): void {
  const long = contents.findIndex((content) => content.length > longestAdded)
  if (long >= 0)
    throw problem({ file, key: `added_tokens[${long}].content` }, `at most ${longestAdded} characters`, `${contents[long].length}`)
  const sum = contents.reduce((total, { length }) => total + length, 0)
  if (sum > mostAdded) throw problem({ file, key: 'added_tokens' }, `at most ${mostAdded} characters in all`, `${sum}`)
}

/**
 * Refuses merges that take or make what the vocabulary does not have: a text with them would lose characters.
 * @param merges pairs, or texts with a space between the two
 */
export function checkMerges(model: JsonObject, has: (token: string) => boolean, file: string): void {
  const merges = own(model, 'merges')
  if (model.type !== 'BPE' || !Array.isArray(merges)) return
  const prefix = typeof model.continuing_subword_prefix === 'string' ? model.continuing_subword_prefix.length : 0
  for (let i = 0; i < merges.length; i++) {
    const merge: unknown = merges[i]
    const [left, right, rest] = (typeof merge === 'string' ? merge.split(' ') : Array.isArray(merge) ? merge : []) as unknown[]
    if (typeof left !== 'string' || typeof right !== 'string' || rest !== undefined)
      throw problem({ file, key: `model.merges[${i}]` }, 'two tokens', show(merge))
    const made = left + (prefix === 0 ? right : right.slice(prefix))
    if (has(left) && has(right) && has(made)) continue
    const missing = [left, right, made].find((token) => !has(token))
    throw problem({ file, key: `model.merges[${i}]` }, 'tokens of the vocabulary', `${show(merge)}, and no token ${show(missing)}`)
  }
}
