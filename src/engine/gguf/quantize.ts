import { narrowBfloat16, narrowFloat16 } from '../checkpoint/floats.ts'
import { type BlockType, blockBytes, blockTypes } from './types.ts'

/**
 * float32 to the tensor types that are written, byte for byte as ggml and Python's gguf do it (ggml-quants.c `quantize_row_*_ref`,
 * gguf-py/gguf/quants.py): every step is rounded to float32.
 *
 *   Q8_0: a scale d = max|x| / 127 as float16, then 32 signed bytes, round(x / d), halves away from zero
 *   Q4_0: d = −m / 8, m the number furthest from zero, then 16 bytes: ⌊x / d + 8.5⌋ up to 15, number i in the low half of byte i, number i + 16 in the high
 */

export const writtenTypes = ['F32', 'F16', 'BF16', 'Q8_0', 'Q4_0'] as const satisfies readonly BlockType[]

export type WrittenType = (typeof writtenTypes)[number]

/**
 * The bytes of `values` in a type. A number or scale that the type cannot hold becomes infinite, as it does in ggml.
 * @param values finite, whole blocks of them
 */
export function quantize(type: WrittenType, values: Float32Array): Uint8Array {
  if (type === 'Q8_0' || type === 'Q4_0') return blocksOf(type, values)
  if (type === 'F32') return new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
  const narrow = new Uint16Array(values.length)
  if (type === 'F16') narrowFloat16(values, narrow)
  else narrowBfloat16(values, narrow)
  return new Uint8Array(narrow.buffer)
}

const f32 = Math.fround

function blocksOf(type: 'Q8_0' | 'Q4_0', values: Float32Array): Uint8Array {
  const { elements, bytes } = blockTypes[type]
  const out = new Uint8Array(blockBytes(type, values.length))
  const scales = new Float32Array(values.length / elements)
  const fill = type === 'Q8_0' ? fillQ8 : fillQ4
  for (let block = 0; block < scales.length; block++) {
    scales[block] = fill(values.subarray(block * elements, (block + 1) * elements), out.subarray(block * bytes + 2, (block + 1) * bytes))
  }
  const narrow = new Uint16Array(scales.length)
  narrowFloat16(scales, narrow)
  for (let block = 0; block < scales.length; block++) {
    out[block * bytes] = narrow[block]
    out[block * bytes + 1] = narrow[block] >>> 8
  }
  return out
}

/** 1 / d, and 0 where it is not finite: the scale of such a block is 0 in float16, so that all of it reads as 0. */
function inverse(scale: number): number {
  const inverted = f32(1 / scale)
  return Number.isFinite(inverted) ? inverted : 0
}

/** Writes the 32 numbers of a block and returns its scale. */
function fillQ8(values: Float32Array, out: Uint8Array): number {
  let largest = 0
  for (const value of values) largest = Math.max(largest, Math.abs(value))
  const scale = f32(largest / 127)
  const inverted = inverse(scale)
  for (let i = 0; i < values.length; i++) {
    const scaled = f32(values[i] * inverted)
    const size = Math.floor(Math.abs(scaled) + 0.5)
    out[i] = scaled < 0 ? -size : size
  }
  return scale
}

function fillQ4(values: Float32Array, out: Uint8Array): number {
  let furthest = values[0]
  for (const value of values) if (Math.abs(value) > Math.abs(furthest)) furthest = value
  const scale = f32(furthest / -8)
  const inverted = inverse(scale)
  const quarter = (value: number) => Math.min(15, Math.trunc(f32(f32(value * inverted) + 8.5)))
  for (let i = 0; i < 16; i++) out[i] = quarter(values[i]) | (quarter(values[i + 16]) << 4)
  return scale
}

/** Bits of the exponent of a number or scale in 16 bits. */
const exponents = { F16: 0x7c00, BF16: 0x7f80, Q8_0: 0x7c00, Q4_0: 0x7c00 }

/** Index of the first of `values` that is not finite, or not any more in the `bytes` that {@link quantize} made of them; −1 where all are. */
export function firstOverflow(type: WrittenType, values: Float32Array, bytes: Uint8Array): number {
  const wrong = values.findIndex((value) => !Number.isFinite(value))
  if (wrong >= 0 || type === 'F32') return wrong
  const { elements, bytes: width } = blockTypes[type]
  const exponent = exponents[type]
  for (let block = 0; block * width < bytes.length; block++) {
    const half = bytes[block * width] | (bytes[block * width + 1] << 8)
    if ((half & exponent) !== exponent) continue
    const part = values.subarray(block * elements, (block + 1) * elements)
    const largest = part.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
    return block * elements + part.findIndex((value) => Math.abs(value) === largest)
  }
  return -1
}
