import { fillNormal } from '../../../src/engine/checkpoint/init.ts'
import { modelSpec } from '../../../src/engine/families/index.ts'
import { type BlockType, blockTypes, type GgufValue, valueTypes } from '../../../src/engine/gguf/types.ts'
import type { ModelConfig } from '../../../src/engine/model-config.ts'
import { elementCount, parametersOf } from '../../../src/engine/spec.ts'
import { seededRandom } from '../../../src/random.ts'
import { byteLevel } from './vocabulary.ts'

/**
 * Small GGUF files, written independently of src/: by the specification and by llama.cpp's converter. Knows nothing of vitest: `npm run
 * torture` uses it too.
 */

export interface Entry {
  name: string
  /** As the file counts: the row first. */
  sizes: readonly (number | bigint)[]
  type: number
  data: Uint8Array
  /** Default: behind the tensor before it. */
  offset?: number | bigint
}

export interface Parts {
  keys: [string, Buffer][]
  tensors: Entry[]
  version?: number
  /** What the header says; default: what there is. */
  keyCount?: number | bigint
  tensorCount?: number | bigint
  alignment?: number
  /** Bytes behind the last tensor. */
  rest?: Uint8Array
}

const u32 = (value: number) => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return bytes
}
const u64 = (value: number | bigint) => {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64LE(BigInt(value))
  return bytes
}
export const text = (value: string | Uint8Array) => {
  const bytes = Buffer.from(value as string)
  return Buffer.concat([u64(bytes.length), bytes])
}

/** A value of metadata with its type before it. Numbers are uint32 where they are whole, else float32. */
export function valueBytes(value: GgufValue): Buffer {
  const typed = (type: keyof typeof valueTypes, bytes: Buffer) => Buffer.concat([u32(valueTypes[type]), bytes])
  if (typeof value === 'string') return typed('string', text(value))
  if (typeof value === 'boolean') return typed('bool', Buffer.from([Number(value)]))
  if (typeof value === 'bigint') return typed('uint64', u64(value))
  if (typeof value === 'number')
    return Number.isInteger(value) ? typed('uint32', u32(value)) : typed('float32', Buffer.from(Float32Array.of(value).buffer))
  const [type, items]: [keyof typeof valueTypes, Buffer] = !ArrayBuffer.isView(value)
    ? ['string', Buffer.concat([...value].map(text))]
    : [value instanceof Float32Array ? 'float32' : 'int32', Buffer.from(value.buffer, value.byteOffset, value.byteLength)]
  return typed('array', Buffer.concat([u32(valueTypes[type]), u64(value.length), items]))
}

export function encode({ keys, tensors, version = 3, alignment = 32, rest = new Uint8Array(), ...says }: Parts): Buffer {
  const padded = (at: number) => Math.ceil(at / alignment) * alignment
  const data: Buffer[] = []
  const table: Buffer[] = []
  let end = 0
  for (const { name, sizes, type, data: bytes, offset } of tensors) {
    data.push(Buffer.alloc(padded(end) - end), Buffer.from(bytes))
    table.push(text(name), u32(sizes.length), ...sizes.map(u64), u32(type), u64(offset ?? padded(end)))
    end = padded(end) + bytes.length
  }
  const header = Buffer.concat([
    ...[Buffer.from('GGUF'), u32(version), u64(says.tensorCount ?? tensors.length), u64(says.keyCount ?? keys.length)],
    ...keys.flatMap(([key, value]) => [text(key), value]),
    ...table,
  ])
  const padding = Buffer.alloc(tensors.length === 0 ? 0 : padded(header.length) - header.length)
  return Buffer.concat([header, padding, ...data, rest])
}

export const tinyLlama: ModelConfig = {
  ...{ family: 'llama', vocabSize: 260, hiddenSize: 32, layers: 2, heads: 4, kvHeads: 2, headDim: 8, intermediateSize: 64 },
  ...{ rmsNormEps: 1e-5, rope: { theta: 10000 }, tiedEmbeddings: true, maxPositions: 64 },
}

/** llama.cpp's names, by gguf-py's tensor_mapping.py. */
const parts: Record<string, string> = {
  ...{ input_layernorm: 'attn_norm', q_proj: 'attn_q', k_proj: 'attn_k', v_proj: 'attn_v', o_proj: 'attn_output', q_norm: 'attn_q_norm' },
  ...{ k_norm: 'attn_k_norm', gate_proj: 'ffn_gate', up_proj: 'ffn_up', down_proj: 'ffn_down', post_attention_layernorm: 'ffn_norm' },
  ...{ embed_tokens: 'token_embd', norm: 'output_norm', lm_head: 'output' },
}
const gemmaParts = {
  ...{
    post_attention_layernorm: 'post_attention_norm',
    pre_feedforward_layernorm: 'ffn_norm',
    post_feedforward_layernorm: 'post_ffw_norm',
  },
}

export function storedName(config: ModelConfig, name: string): string {
  const [, layer, part, kind] = /(?:layers\.(\d+)\.)?(?:\w+\.)?(\w+)\.(weight|bias)$/.exec(name)!
  const names: Record<string, string> = config.family === 'gemma3_text' ? { ...parts, ...gemmaParts } : parts
  return `${layer === undefined ? '' : `blk.${layer}.`}${names[part]}.${kind}`
}

/** As llama.cpp's converter stores a parameter: rows of q and k in pairs, norms of gemma3 with 1 added. */
function storedValues({ family, heads, kvHeads, headDim }: ModelConfig, name: string, values: Float32Array): Float32Array {
  if (family === 'gemma3_text' && name.endsWith('norm.weight')) return values.map((value) => value + 1)
  const count = /q_proj/.test(name) ? heads : /k_proj/.test(name) ? kvHeads : 0
  if (count === 0 || !['llama', 'mistral', 'smollm3'].includes(family)) return values
  const row = values.length / count / headDim
  const half = headDim / 2
  return values.map((_, at) => {
    const [head, to, column] = [Math.floor(at / row / headDim), Math.floor(at / row) % headDim, at % row]
    return values[(head * headDim + (to % 2) * half + (to >> 1)) * row + column]
  })
}

/** Keys of a model; the tokenizer has 259 tokens and one for `th`. */
export function tinyKeys(config: ModelConfig, change: Readonly<Record<string, GgufValue | undefined>> = {}): [string, Buffer][] {
  const architecture = { mistral: 'llama', gemma3_text: 'gemma3' }[config.family as string] ?? config.family
  const tokenizer = byteLevel('smollm', [['t', 'h']])
  const own: Record<string, GgufValue> = {
    ...{ block_count: config.layers, context_length: config.maxPositions, embedding_length: config.hiddenSize },
    ...{ feed_forward_length: config.intermediateSize, 'attention.head_count': config.heads, 'attention.head_count_kv': config.kvHeads },
    ...{ 'attention.key_length': config.headDim, 'attention.value_length': config.headDim, 'rope.dimension_count': config.headDim },
    ...{ 'attention.layer_norm_rms_epsilon': config.rmsNormEps, 'rope.freq_base': config.rope.theta },
  }
  const keys: Record<string, GgufValue | undefined> = {
    ...{ 'general.architecture': architecture, 'general.name': 'tiny' },
    ...Object.fromEntries(Object.entries(own).map(([key, value]) => [`${architecture}.${key}`, value])),
    ...Object.fromEntries([...tokenizer.keys()].map((key) => [key, tokenizer.get(key)!])),
    ...change,
  }
  return Object.entries(keys).flatMap(([key, value]) => (value === undefined ? [] : [[key, valueBytes(value)] as [string, Buffer]]))
}

export function tinyWeights(config: ModelConfig, seed = 1): Map<string, Float32Array> {
  return new Map(
    parametersOf(modelSpec(config)).map(({ name, shape }) => {
      const values = new Float32Array(elementCount(shape))
      fillNormal(values, seed, name, 0.1)
      return [name, values]
    }),
  )
}

/** A model in float32, as llama.cpp would write it. */
export function tinyParts(config: ModelConfig = tinyLlama, change: Readonly<Record<string, GgufValue | undefined>> = {}): Parts {
  const weights = tinyWeights(config)
  const tensors = parametersOf(modelSpec(config)).map(({ name, shape }): Entry => {
    const values = storedValues(config, name, weights.get(name)!)
    return { name: storedName(config, name), sizes: [...shape].reverse(), type: 0, data: new Uint8Array(values.buffer.slice(0)) }
  })
  return { keys: tinyKeys(config, change), tensors }
}

/** Blocks with random bytes and small scales; where the scales stand: ggml-common.h. Numbers of 16 bits are small, too. */
export function randomBlocks(type: BlockType, elements: number, seed: number): Uint8Array {
  const random = seededRandom(seed)
  const layout = blockTypes[type]
  const bytes = Uint8Array.from({ length: (elements / layout.elements) * layout.bytes }, () => random() * 256)
  const scales = { Q6_K: [208], Q4_1: [0, 2], Q5_1: [0, 2], Q4_K: [0, 2], Q5_K: [0, 2] }[type as string] ?? [0]
  for (let at = 0; at < bytes.length; at += layout.bytes)
    for (const scale of scales) bytes[at + scale + 1] = 0x14 + (bytes[at + scale + 1] & 7)
  return bytes
}

/** The same model with its matrices in blocks of a type. */
export function tinyBlocks(type: BlockType, config: ModelConfig = tinyLlama): Parts {
  const { keys, tensors } = tinyParts(config)
  const quantised = tensors.map((entry, i) => {
    if (entry.sizes.length < 2) return entry
    const elements = entry.sizes.reduce<number>((product, size) => product * Number(size), 1)
    return { ...entry, type: blockTypes[type].id, data: randomBlocks(type, elements, i) }
  })
  return { keys, tensors: quantised }
}

/** The first or the second of two shards, with half of the tensors. */
export function shard(parts: Parts, no: number): Parts {
  const half = parts.tensors.length >> 1
  const split: [string, Buffer][] = Object.entries({ 'split.no': no, 'split.count': 2, 'split.tensors.count': parts.tensors.length }).map(
    ([key, value]) => [key, valueBytes(value)],
  )
  const tensors = no === 0 ? parts.tensors.slice(0, half) : parts.tensors.slice(half)
  return { keys: no === 0 ? [...parts.keys, ...split] : split, tensors }
}
