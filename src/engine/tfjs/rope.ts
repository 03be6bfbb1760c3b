/** Rotary positions as transformers computes them: inverse frequencies, and their products with the position, in float32. */

import type { RopeConfig } from '../types.ts'

/** (headDim / 2), with `linear` or `llama3` scaling where the model has it (transformers' modeling_rope_utils.py). */
export function inverseFrequencies(headDim: number, rope: RopeConfig): Float32Array {
  return Float32Array.from({ length: headDim / 2 }, (_, i) => {
    const frequency = rope.theta ** ((-2 * i) / headDim)
    if (!rope.scaling) return frequency
    if (rope.scaling.type === 'linear') return frequency / rope.scaling.factor
    const { factor, lowFreqFactor, highFreqFactor, originalMaxPositions } = rope.scaling
    const wavelength = (2 * Math.PI) / frequency
    if (wavelength > originalMaxPositions / lowFreqFactor) return frequency / factor
    if (wavelength < originalMaxPositions / highFreqFactor) return frequency
    const smooth = (originalMaxPositions / wavelength - lowFreqFactor) / (highFreqFactor - lowFreqFactor)
    return ((1 - smooth) * frequency) / factor + smooth * frequency
  })
}

/** Cosines and sines of the angles of tokens at `positions` (T): both (T, headDim / 2). */
export function rotations(positions: Int32Array, inverse: Float32Array): { cos: Float32Array; sin: Float32Array } {
  const half = inverse.length
  const cos = new Float32Array(positions.length * half)
  const sin = new Float32Array(positions.length * half)
  for (let t = 0; t < positions.length; t++) {
    for (let i = 0; i < half; i++) {
      const angle = Math.fround(positions[t] * inverse[i])
      cos[t * half + i] = Math.cos(angle)
      sin[t * half + i] = Math.sin(angle)
    }
  }
  return { cos, sin }
}
