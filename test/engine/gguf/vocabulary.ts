import { GgufMetadata } from '../../../src/engine/gguf/metadata.ts'
import type { GgufValue } from '../../../src/engine/gguf/types.ts'

/** Metadata of made-up tokenizers. Keys are written without `tokenizer.ggml.`, other ones in full. */

export type Keys = Readonly<Record<string, GgufValue | undefined>>

export function metadataOf(keys: Keys): GgufMetadata {
  const entries = Object.entries(keys).filter((entry): entry is [string, GgufValue] => entry[1] !== undefined)
  return new GgufMetadata('tiny.gguf', new Map(entries.map(([key, value]) => [key.includes('.') ? key : `tokenizer.ggml.${key}`, value])))
}

/** A byte as a letter of byte-level BPE: printable ones as they are, the others from U+0100. */
const letters = (() => {
  const printable = (byte: number) => (byte > 0x20 && byte < 0x7f) || (byte > 0xa0 && byte !== 0xad)
  let next = 256
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(printable(byte) ? byte : next++))
})()

const bytesOf = (text: string) => Array.from(new TextEncoder().encode(text), (byte) => letters[byte]).join('')

/** Byte-level BPE: every byte, `<|end|>` (256, which ends), `<|start|>` (257), `<user>` (258), and what merges (of letters) make. */
export function byteLevel(pre: string, merges: readonly (readonly [string, string])[] = [], keys: Keys = {}): GgufMetadata {
  const made = new Set(merges.map((pair) => pair.join('')))
  const tokens = [...letters, '<|end|>', '<|start|>', '<user>', ...made]
  const types = Int32Array.from(tokens, (token) => (token === '<user>' ? 4 : /^<\|/.test(token) ? 3 : 1))
  return metadataOf({
    ...{ model: 'gpt2', pre, tokens, token_type: types, merges: merges.map((pair) => pair.join(' ')) },
    ...{ bos_token_id: 257, eos_token_id: 256, ...keys },
  })
}

/** Merges by which every piece of `text` becomes one token: the tokens of it are the pieces it is cut into. */
export function mergesOfAll(text: string): [string, string][] {
  const chars = bytesOf(text)
  const pairs = new Map<string, [string, string]>()
  for (let length = 2; length <= chars.length; length++) {
    for (let start = 0; start + length <= chars.length; start++) {
      for (let at = start + 1; at < start + length; at++) {
        const pair: [string, string] = [chars.slice(start, at), chars.slice(at, start + length)]
        pairs.set(pair.join('\u0000'), pair)
      }
    }
  }
  return [...pairs.values()]
}

/** SentencePiece: `<unk>` (0), `<s>` (1), `</s>` (2), 256 bytes from 3, then the pieces with their scores from 259. */
export function sentencePiece(pieces: Readonly<Record<string, number>>, keys: Keys = {}): GgufMetadata {
  const bytes = Array.from({ length: 256 }, (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`)
  const tokens = ['<unk>', '<s>', '</s>', ...bytes, ...Object.keys(pieces)]
  return metadataOf({
    ...{ model: 'llama', tokens, scores: Float32Array.from([...Array(259).fill(0), ...Object.values(pieces)]) },
    ...{ token_type: Int32Array.from(tokens, (_, id) => [2, 3, 3][id] ?? (id < 259 ? 6 : 1)) },
    ...{ bos_token_id: 1, eos_token_id: 2, unknown_token_id: 0, ...keys },
  })
}
