import { widenBfloat16, widenFloat16 } from '../checkpoint/floats.ts'
import { type BlockType, blockTypes } from './types.ts'

/**
 * Blocks to float32, bit for bit what ggml's `dequantize_row_*` and Python's `gguf.quants.dequantize` give: every product and every sum is
 * rounded to float32 by itself. Layouts are those of ggml/src/ggml-common.h: d and m are float16, scale and offset of a block; of 32
 * numbers, byte i of `qs` holds number i in its low half and number i + 16 in its high half. Bits are little endian.
 */

const { fround } = Math

/**
 * Writes the numbers of whole blocks.
 * @param bytes of the blocks
 * @param target as many as they hold
 */
export function dequantize(type: BlockType, bytes: Uint8Array, target: Float32Array): void {
  if (type === 'F32') target.set(new Float32Array(aligned(bytes, 4)))
  else if (type === 'F16') widenFloat16(new Uint16Array(aligned(bytes, 2)), target)
  else if (type === 'BF16') widenBfloat16(new Uint16Array(aligned(bytes, 2)), target)
  else {
    const { elements, bytes: size } = blockTypes[type]
    const scales = float16(type, bytes)
    const perBlock = scaleOffsets[type].length
    for (let at = 0, to = 0, block = 0; at < bytes.length; at += size, to += elements, block += perBlock)
      unpack[type](bytes, at, target, to, scales[block], scales[block + 1])
  }
}

/** The numbers' own buffer, where they begin at a multiple of their width, else that of a copy. */
function aligned(bytes: Uint8Array, width: number): ArrayBuffer {
  const whole = bytes.byteOffset === 0 && bytes.byteLength === bytes.buffer.byteLength && bytes.byteLength % width === 0
  return (whole ? bytes : bytes.slice()).buffer as ArrayBuffer
}

type Quantised = Exclude<BlockType, 'F32' | 'F16' | 'BF16'>

/** Where the float16 numbers of a block stand: its scale, and its offset where it has one. */
const scaleOffsets: Record<Quantised, readonly number[]> = {
  ...{ Q8_0: [0], Q4_0: [0], Q4_1: [0, 2], Q5_0: [0], Q5_1: [0, 2] },
  ...{ Q4_K: [0, 2], Q5_K: [0, 2], Q6_K: [208] },
}

/** The float16 numbers of all blocks. */
function float16(type: Quantised, bytes: Uint8Array): Float32Array {
  const size = blockTypes[type].bytes
  const offsets = scaleOffsets[type]
  const halves = new Uint16Array((bytes.length / size) * offsets.length)
  for (let at = 0, i = 0; at < bytes.length; at += size)
    for (const offset of offsets) halves[i++] = bytes[at + offset] | (bytes[at + offset + 1] << 8)
  const values = new Float32Array(halves.length)
  widenFloat16(halves, values)
  return values
}

/**
 * Index of the first number that is not finite, or whose block has a scale that is not; -1: all are finite. Finite scales give finite
 * numbers: 65504 · 63 · 31 is one.
 */
export function firstNotFinite(type: BlockType, bytes: Uint8Array): number {
  const scales = isQuantised(type) ? scaleOffsets[type].length : 1
  const values = isQuantised(type) ? float16(type, bytes) : new Float32Array(bytes.length / blockTypes[type].bytes)
  if (!isQuantised(type)) dequantize(type, bytes, values)
  const wrong = values.findIndex((value) => !Number.isFinite(value))
  return wrong < 0 ? -1 : Math.floor(wrong / scales) * blockTypes[type].elements
}

function isQuantised(type: BlockType): type is Quantised {
  return type in scaleOffsets
}

type Unpack = (bytes: Uint8Array, at: number, target: Float32Array, to: number, d: number, m: number) => void

const unpack: Record<Quantised, Unpack> = {
  Q8_0(bytes, at, target, to, d) {
    for (let i = 0; i < 32; i++) target[to + i] = d * int8(bytes[at + 2 + i])
  },
  Q4_0(bytes, at, target, to, d) {
    for (let i = 0; i < 16; i++) {
      const q = bytes[at + 2 + i]
      target[to + i] = d * ((q & 15) - 8)
      target[to + i + 16] = d * ((q >> 4) - 8)
    }
  },
  Q4_1(bytes, at, target, to, d, m) {
    for (let i = 0; i < 16; i++) {
      const q = bytes[at + 4 + i]
      target[to + i] = fround(d * (q & 15)) + m
      target[to + i + 16] = fround(d * (q >> 4)) + m
    }
  },
  // The fifth bits of all 32 numbers are one little-endian word.
  Q5_0(bytes, at, target, to, d) {
    const high = uint32(bytes, at + 2)
    for (let i = 0; i < 16; i++) {
      const q = bytes[at + 6 + i]
      target[to + i] = d * (((q & 15) | (((high >>> i) & 1) << 4)) - 16)
      target[to + i + 16] = d * (((q >> 4) | (((high >>> (i + 16)) & 1) << 4)) - 16)
    }
  },
  Q5_1(bytes, at, target, to, d, m) {
    const high = uint32(bytes, at + 4)
    for (let i = 0; i < 16; i++) {
      const q = bytes[at + 8 + i]
      target[to + i] = fround(d * ((q & 15) | (((high >>> i) & 1) << 4))) + m
      target[to + i + 16] = fround(d * ((q >> 4) | (((high >>> (i + 16)) & 1) << 4))) + m
    }
  },
  // Eight groups of 32 numbers, each with a scale and an offset of 6 bits; two groups share 32 bytes, one half of a byte each.
  Q4_K(bytes, at, target, to, d, m) {
    for (let group = 0; group < 8; group++) {
      const scale = fround(d * scaleOf(bytes, at + 4, group))
      const offset = fround(m * offsetOf(bytes, at + 4, group))
      const from = at + 16 + (group >> 1) * 32
      const shift = (group & 1) * 4
      for (let i = 0; i < 32; i++) target[to + group * 32 + i] = fround(scale * ((bytes[from + i] >> shift) & 15)) - offset
    }
  },
  // The same with a fifth bit: bit `group` of 32 bytes.
  Q5_K(bytes, at, target, to, d, m) {
    for (let group = 0; group < 8; group++) {
      const scale = fround(d * scaleOf(bytes, at + 4, group))
      const offset = fround(m * offsetOf(bytes, at + 4, group))
      const from = at + 48 + (group >> 1) * 32
      const shift = (group & 1) * 4
      for (let i = 0; i < 32; i++) {
        const q = ((bytes[from + i] >> shift) & 15) | (((bytes[at + 16 + i] >> group) & 1) << 4)
        target[to + group * 32 + i] = fround(scale * q) - offset
      }
    }
  },
  // Two halves of 128 numbers: 64 bytes of low 4 bits, 32 bytes of high 2 bits; a signed scale for each 16 numbers.
  Q6_K(bytes, at, target, to, d) {
    for (let i = 0; i < 256; i++) {
      const half = i >> 7
      const within = i & 127
      const low = (bytes[at + half * 64 + (within & 63)] >> ((within >> 6) * 4)) & 15
      const high = (bytes[at + 128 + half * 32 + (within & 31)] >> ((within >> 5) * 2)) & 3
      target[to + i] = fround(d * int8(bytes[at + 192 + (i >> 4)])) * ((low | (high << 4)) - 32)
    }
  },
}

function int8(byte: number): number {
  return (byte << 24) >> 24
}

function uint32(bytes: Uint8Array, at: number): number {
  return (bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24)) >>> 0
}

/** Scales and offsets of the eight groups in 12 bytes: those of the last four groups have their high bits in the first eight bytes. */
function scaleOf(bytes: Uint8Array, at: number, group: number): number {
  if (group < 4) return bytes[at + group] & 63
  return (bytes[at + group + 4] & 15) | ((bytes[at + group - 4] >> 6) << 4)
}

function offsetOf(bytes: Uint8Array, at: number, group: number): number {
  if (group < 4) return bytes[at + 4 + group] & 63
  return (bytes[at + group + 4] >> 4) | ((bytes[at + group] >> 6) << 4)
}
