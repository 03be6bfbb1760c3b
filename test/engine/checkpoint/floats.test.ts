import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { narrowBfloat16, roundBfloat16, widenBfloat16, widenFloat16 } from '../../../src/engine/checkpoint/floats.ts'

const patterns = Uint16Array.from({ length: 65536 }, (_, i) => i)

/** The value of a float with these field widths, from its definition. */
function value(bits: number, exponentBits: number, mantissaBits: number): number {
  const sign = bits >>> (exponentBits + mantissaBits) ? -1 : 1
  const exponent = (bits >>> mantissaBits) & (2 ** exponentBits - 1)
  const mantissa = (bits & (2 ** mantissaBits - 1)) / 2 ** mantissaBits
  const bias = 2 ** (exponentBits - 1) - 1
  if (exponent === 2 ** exponentBits - 1) return mantissa === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN
  return sign * (exponent === 0 ? mantissa * 2 ** (1 - bias) : (1 + mantissa) * 2 ** (exponent - bias))
}

describe('widening', () => {
  it.each([
    ['float16', widenFloat16, 5, 10],
    ['bfloat16', widenBfloat16, 8, 7],
  ] as const)('%s is exact for all 65536 patterns', (_, widen, exponentBits, mantissaBits) => {
    const wide = new Float32Array(65536)
    widen(patterns, wide)
    const wrong = [...patterns].filter((bits) => !Object.is(wide[bits], value(bits, exponentBits, mantissaBits)))
    expect(wrong).toEqual([])
  })
})

describe('narrowBfloat16', () => {
  it('gives every bfloat16 back', () => {
    const wide = new Float32Array(65536)
    widenBfloat16(patterns, wide)
    const back = new Uint16Array(65536)
    narrowBfloat16(wide, back)
    for (const bits of patterns) {
      if (Number.isNaN(wide[bits])) expect(value(back[bits], 8, 7)).toBeNaN()
      else if (back[bits] !== bits) expect([bits, back[bits]]).toEqual([bits, bits])
    }
  })

  it('rounds to the nearest, ties to even, on any bit pattern', () => {
    const bits = new Uint32Array(1)
    const float = new Float32Array(bits.buffer)
    fc.assert(
      fc.property(
        fc.oneof(
          fc.integer({ min: 0, max: 2 ** 32 - 1 }),
          fc.integer({ min: 0, max: 65535 }).map((high) => high * 65536 + 32768),
        ),
        (pattern) => {
          bits[0] = pattern
          const x = float[0]
          const rounded = new Uint16Array(1)
          narrowBfloat16(float, rounded)
          const got = value(rounded[0], 8, 7)
          fc.pre(!Number.isNaN(x) && Number.isFinite(x))
          // The two neighbours in bfloat16 (towards zero, away from it); beyond the largest stands what the next step would be.
          const low = pattern >>> 16
          const below = value(low, 8, 7)
          const above = (low & 0x7fff) === 0x7f7f ? Math.sign(below) * 2 ** 128 : value(low + 1, 8, 7)
          const toBelow = Math.abs(x - below)
          const toAbove = Math.abs(above - x)
          const up = toAbove < toBelow || (toAbove === toBelow && (low & 1) === 1)
          expect(got).toBe(up ? (Math.abs(above) === 2 ** 128 ? above * Number.POSITIVE_INFINITY : above) : below)
        },
      ),
      { numRuns: 2000 },
    )
  })

  it('is stable and within half a step', () => {
    const values = Float32Array.of(0, -0, 1, 1.00390625, -Math.PI, 1e-40, 3e38, 65504)
    const once = roundBfloat16(values)
    expect(roundBfloat16(once)).toEqual(once)
    for (const [i, v] of values.entries()) expect(Math.abs(once[i] - v)).toBeLessThanOrEqual(Math.max(Math.abs(v) * 2 ** -8, 2 ** -134))
  })
})
