import { readFileSync, writeFileSync } from 'node:fs'
import { type Checkpoint, openCheckpoint, type SaveContent } from '../../../src/engine/checkpoint/folder.ts'
import { randomWeights } from '../../../src/engine/checkpoint/init.ts'
import { Tokenizer } from '../../../src/engine/checkpoint/tokenizer.ts'
import { readWeights } from '../../../src/engine/checkpoint/weights.ts'
import type { ModelConfig } from '../../../src/engine/model-config.ts'

/** What small checkpoints hold, and their bytes. Knows nothing of vitest: `npm run torture` uses it too. */

export const tinyConfig: ModelConfig = {
  family: 'qwen3',
  vocabSize: 300,
  hiddenSize: 8,
  layers: 2,
  heads: 2,
  kvHeads: 1,
  headDim: 4,
  intermediateSize: 12,
  rmsNormEps: 1e-6,
  rope: { theta: 10000 },
  tiedEmbeddings: true,
  maxPositions: 64,
}

/** GPT-2's mapping: printable bytes stand for themselves, the rest for characters from U+0100 on. */
function byteCharacters(): string[] {
  const printable = (b: number) => (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174
  let next = 256
  return Array.from({ length: 256 }, (_, b) => String.fromCodePoint(printable(b) ? b : next++))
}

/** A byte-level BPE with a few merges: 0 is <|end|>, 1 … 256 the bytes, then the merges. */
export function byteTokenizerJson(): Record<string, unknown> {
  const merges = [
    ['t', 'h'],
    ['th', 'e'],
    ['Ġ', 'the'],
    ['1', '2'],
  ]
  const tokens = ['<|end|>', ...byteCharacters(), ...merges.map((pair) => pair.join(''))]
  return {
    version: '1.0',
    added_tokens: [{ id: 0, content: '<|end|>', single_word: false, lstrip: false, rstrip: false, normalized: false, special: true }],
    normalizer: null,
    pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: false, use_regex: true },
    post_processor: null,
    decoder: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: false, use_regex: true },
    model: {
      type: 'BPE',
      unk_token: null,
      byte_fallback: false,
      vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
      merges,
    },
  }
}

export const tags = ['<Parallel>', '</Parallel>', '<Path>', '</Path>', '<Summary>', '</Summary>']

export const chatTemplate =
  "{% for m in messages %}{{ bos_token or '' }}<{{ m.role }}>{{ m.content }}{{ eos_token }}{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}"

export function tinyTokenizer(): Tokenizer {
  return Tokenizer.fromJson(byteTokenizerJson(), { eos_token: '<|end|>', chat_template: chatTemplate }).withAddedTokens(tags)
}

export function tinyContent(seed = 1, change: Partial<SaveContent> = {}): SaveContent {
  const tokenizer = tinyTokenizer()
  const id = (tag: string) => tokenizer.idOf(tag)!
  return {
    config: tinyConfig,
    weights: randomWeights(seed, tinyConfig),
    dtype: 'float32',
    tokenizer,
    generation: { eosTokenIds: [0] },
    parallel: {
      attention: 'structured',
      tags: {
        parallel: id('<Parallel>'),
        parallelEnd: id('</Parallel>'),
        path: id('<Path>'),
        pathEnd: id('</Path>'),
        summary: id('<Summary>'),
        summaryEnd: id('</Summary>'),
        newline: tokenizer.encode('\n'),
        eos: [0],
      },
      paths: 2,
      budgets: { response: 64 },
      template: { variables: { enable_thinking: false }, date: '2025-01-31' },
      provenance: { stage: 'sft', step: 3 },
    },
    ...change,
  }
}

/** Every tensor of a checkpoint, in order. */
export async function tensorsOf(checkpoint: Checkpoint | string): Promise<Map<string, Float32Array>> {
  const opened = typeof checkpoint === 'string' ? await openCheckpoint(checkpoint) : checkpoint
  const weights = new Map<string, Float32Array>()
  for await (const { spec, data } of readWeights(opened, opened.weights.specs)) weights.set(spec.name, data)
  return weights
}

export async function hashOf(folder: string): Promise<string> {
  return (await openCheckpoint(folder)).identity.hash()
}

/** Everything that opening a model does; returns how many weights it has. */
export async function openAll(folder: string): Promise<number> {
  const checkpoint = await openCheckpoint(folder)
  let numbers = 0
  for (const data of (await tensorsOf(checkpoint)).values()) numbers += data.length
  checkpoint.chatTemplate?.render([{ role: 'user', content: 'hi' }])
  return numbers
}

/** Bytes of a safetensors file with this header (an object or the raw text) and data. */
export function rawSafetensors(header: unknown, data: Uint8Array = new Uint8Array(0), length?: bigint): Buffer {
  const json = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header))
  const prefix = Buffer.alloc(8)
  prefix.writeBigUInt64LE(length ?? BigInt(json.length))
  return Buffer.concat([prefix, json, data])
}

export type Header = Record<string, { dtype: string; shape: number[]; data_offsets: [number, number] }>

/** Header and data of a safetensors file. The checksums are left out, as in a file of another writer: a test may change the data. */
export function splitSafetensors(file: string): { header: Header; data: Buffer } {
  const bytes = readFileSync(file)
  const length = Number(bytes.readBigUInt64LE(0))
  const header = JSON.parse(bytes.subarray(8, 8 + length).toString())
  for (const key of ['writer', 'crc32']) delete header.__metadata__?.[key]
  return { header, data: bytes.subarray(8 + length) }
}

/** Changes the parsed content of a JSON file. */
export function editJson(file: string, edit: (json: Record<string, unknown>) => unknown): void {
  const json: Record<string, unknown> = JSON.parse(readFileSync(file, 'utf8'))
  edit(json)
  writeFileSync(file, JSON.stringify(json))
}
