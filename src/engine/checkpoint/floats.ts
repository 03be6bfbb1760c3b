/**
 * bfloat16 and float16 to float32 and back, bit by bit. Widening is exact (subnormals, infinities and NaN
 * payloads included); narrowing rounds to nearest, ties to even. Bits are little endian, like safetensors and every
 * machine that Node runs on today but s390x.
 */

/** float16 → bits of float32, for all 65,536 patterns; built at first use. */
let halfTable: Uint32Array | undefined

function halfBits(half: number): number {
  const sign = (half & 0x8000) << 16
  const exponent = (half >>> 10) & 0x1f
  let mantissa = half & 0x3ff
  if (exponent === 0x1f) return (sign | 0x7f800000 | (mantissa << 13)) >>> 0
  if (exponent !== 0) return (sign | ((exponent + 112) << 23) | (mantissa << 13)) >>> 0
  if (mantissa === 0) return sign >>> 0
  // Subnormal: mantissa · 2^−24, which is a normal float32.
  let shift = 0
  while ((mantissa & 0x400) === 0) {
    mantissa <<= 1
    shift++
  }
  return (sign | ((113 - shift) << 23) | ((mantissa & 0x3ff) << 13)) >>> 0
}

function bitsOf(floats: Float32Array): Uint32Array {
  return new Uint32Array(floats.buffer, floats.byteOffset, floats.length)
}

/** Writes the float16 patterns of `source` as float32 into `target` (same length). */
export function widenFloat16(source: Uint16Array, target: Float32Array): void {
  halfTable ??= Uint32Array.from({ length: 0x10000 }, (_, half) => halfBits(half))
  const bits = bitsOf(target)
  for (let i = 0; i < source.length; i++) bits[i] = halfTable[source[i]]
}

/** Writes the bfloat16 patterns of `source` as float32 into `target` (same length). */
export function widenBfloat16(source: Uint16Array, target: Float32Array): void {
  const bits = bitsOf(target)
  for (let i = 0; i < source.length; i++) bits[i] = source[i] << 16
}

/** Rounds float32 to bfloat16, to nearest, ties to even. Values beyond the largest bfloat16 become infinite; NaN stays NaN. */
export function narrowBfloat16(source: Float32Array, target: Uint16Array): void {
  const bits = bitsOf(source)
  for (let i = 0; i < source.length; i++) {
    const b = bits[i]
    // A NaN whose payload sits in the low half would round to infinity: set the quiet bit instead.
    target[i] = (b & 0x7fffffff) > 0x7f800000 ? (b >>> 16) | 0x40 : (b + 0x7fff + ((b >>> 16) & 1)) >>> 16
  }
}

/** Rounds float32 to float16, to nearest, ties to even. Values from 65520 on become infinite, those up to 2^−25 zero; NaN stays NaN. */
export function narrowFloat16(source: Float32Array, target: Uint16Array): void {
  const bits = bitsOf(source)
  for (let i = 0; i < source.length; i++) target[i] = ((bits[i] >>> 16) & 0x8000) | magnitude16(bits[i] & 0x7fffffff)
}

/** float16 pattern of a float32 pattern without its sign. */
function magnitude16(bits: number): number {
  if (bits > 0x7f800000) return 0x7e00 | ((bits >>> 13) & 0x3ff)
  if (bits >= 0x477ff000) return 0x7c00
  if (bits >= 0x38800000) return (bits - 0x38000000 + 0xfff + ((bits >>> 13) & 1)) >>> 13
  // Subnormal: the mantissa counts 2^−24.
  const shift = 126 - (bits >>> 23)
  if (shift > 24) return 0
  const mantissa = (bits & 0x7fffff) | 0x800000
  const [whole, rest, half] = [mantissa >>> shift, mantissa & ((1 << shift) - 1), 1 << (shift - 1)]
  return whole + (rest > half || (rest === half && whole % 2 === 1) ? 1 : 0)
}

/** The same values after a trip through bfloat16. */
export function roundBfloat16(values: Float32Array): Float32Array {
  const half = new Uint16Array(values.length)
  narrowBfloat16(values, half)
  const back = new Float32Array(values.length)
  widenBfloat16(half, back)
  return back
}
