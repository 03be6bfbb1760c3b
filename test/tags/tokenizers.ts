/** Tokenizers of the kinds that checkpoints come with, small. None knows the tags. */

import { Tokenizer } from '../../src/engine/checkpoint/tokenizer.ts'
import { byteTokenizerJson } from '../engine/checkpoint/tiny.ts'

const letters = [...'abcdefghijklmnopqrstuvwxyzPS<>/.0123456789']
const end = { id: 0, content: '</s>', single_word: false, lstrip: false, rstrip: false, normalized: false, special: true }
const config = { eos_token: '</s>' }
const bytes = Array.from({ length: 256 }, (_, b) => `<0x${b.toString(16).toUpperCase().padStart(2, '0')}>`)
const numbered = (tokens: readonly string[]) => Object.fromEntries(tokens.map((token, id) => [token, id]))

/** Merges of `tokens` that begin with two single letters or go on from each other. */
const merges: [string, string][] = [
  ['▁', '<'],
  ['P', 'a'],
  ['Pa', 't'],
  ['Pat', 'h'],
  ['.', '<'],
  ['>', '<'],
]
const pieces = merges.map((pair) => pair.join(''))
const metaspace = (scheme: string) => ({ type: 'Metaspace', replacement: '▁', prepend_scheme: scheme, split: false })
const spaces = { type: 'Sequence', decoders: [{ type: 'ByteFallback' }, { type: 'Fuse' }, metaspace('first')] }

const bpe = (tokens: readonly string[]) => ({
  ...{ type: 'BPE', unk_token: '<unk>', byte_fallback: true, fuse_unk: true, vocab: numbered(tokens), merges },
})

/** SentencePiece as Llama 2 and Mistral have it: bytes where there is no letter, a space before a text. */
const sentencePiece = (scheme: string): Tokenizer =>
  Tokenizer.fromJson(
    {
      ...{ version: '1.0', added_tokens: [end], normalizer: null, pre_tokenizer: metaspace(scheme), post_processor: null, decoder: spaces },
      model: bpe(['</s>', '<unk>', ...bytes, '▁', ...letters, ...pieces]),
    },
    config,
  )

function unigram(): Tokenizer {
  const scores = ['</s>', '<unk>', '▁', '\n', ...letters, ...pieces].map((token) => [token, -token.length * 0.9 - 1] as const)
  return Tokenizer.fromJson(
    {
      ...{ version: '1.0', added_tokens: [end], normalizer: null, pre_tokenizer: metaspace('always'), post_processor: null },
      ...{ decoder: metaspace('always'), model: { type: 'Unigram', unk_id: 1, vocab: scores, byte_fallback: false } },
    },
    config,
  )
}

/** GPT-2's kind, with pieces that reach across the ends of tags. */
export function byteLevel(): Tokenizer {
  const json = byteTokenizerJson()
  const model = json.model as { vocab: Record<string, number>; merges: [string, string][] }
  const added: [string, string][] = [
    ['Ġ', '<'],
    ['>', '<'],
    ['>', 'Ċ'],
    ['P', 'a'],
    ['Pa', 't'],
    ['Pat', 'h'],
    ['.', '<'],
    ['.<', '/'],
  ]
  model.merges.push(...added)
  for (const [left, right] of added) model.vocab[left + right] = Object.keys(model.vocab).length
  json.pre_tokenizer = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: false, use_regex: false }
  return Tokenizer.fromJson(json, { eos_token: '<|end|>' })
}

export const tokenizers: [kind: string, make: () => Tokenizer][] = [
  ['byte level', byteLevel],
  ['SentencePiece, a space before the first text', () => sentencePiece('first')],
  ['SentencePiece, a space before every text', () => sentencePiece('always')],
  ['Unigram', unigram],
]
