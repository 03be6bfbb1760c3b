/** Rotary positions as transformers computes them: inverse frequencies, and their products with the position, in float32. */

import type { RopeConfig, RopeScaling } from '../model-config.ts'

const { fround } = Math

/**
 * (headDim / 2), scaled where the model has it (transformers' modeling_rope_utils.py). Scaled ones are rounded where it rounds: at position
 * 32768 one last bit of a frequency is an angle of 0.002.
 */
export function inverseFrequencies(headDim: number, { theta, scaling }: RopeConfig): Float32Array {
  return Float32Array.from({ length: headDim / 2 }, (_, i) => {
    if (!scaling) return theta ** ((-2 * i) / headDim)
    const period = fround(theta ** fround((2 * i) / headDim))
    const frequency = fround(1 / period)
    switch (scaling.type) {
      case 'linear':
        return frequency / scaling.factor
      case 'llama3':
        return llama3(frequency, scaling)
      case 'yarn': {
        const kept = yarnKept(i, headDim, theta, scaling)
        const slow = fround(1 / fround(fround(scaling.factor) * period))
        return fround(slow * fround(1 - kept)) + fround(frequency * kept)
      }
      // dynamic: plain up to the positions of the model
      default:
        return frequency
    }
  })
}

type Scaling<Type extends RopeScaling['type']> = Extract<RopeScaling, { type: Type }>

function llama3(frequency: number, { factor, lowFreqFactor, highFreqFactor, originalMaxPositions }: Scaling<'llama3'>): number {
  const wavelength = fround(fround(2 * Math.PI) / frequency)
  if (wavelength > fround(originalMaxPositions / lowFreqFactor)) return frequency / factor
  if (wavelength < fround(originalMaxPositions / highFreqFactor)) return frequency
  const way = fround(fround(originalMaxPositions / wavelength) - lowFreqFactor)
  const smooth = fround(way / fround(highFreqFactor - lowFreqFactor))
  return fround(fround(fround(1 - smooth) * frequency) / factor) + fround(smooth * frequency)
}

/** YaRN (arXiv 2309.00071): share of the plain frequency, 1 for fast pairs, 0 for slow ones, between them a ramp. */
function yarnKept(pair: number, headDim: number, theta: number, scaling: Scaling<'yarn'>): number {
  const { originalMaxPositions, betaFast, betaSlow, truncate } = scaling
  const bound = (beta: number) => (headDim * Math.log(originalMaxPositions / (beta * 2 * Math.PI))) / (2 * Math.log(theta))
  const [first, last] = [bound(betaFast), bound(betaSlow)]
  const low = Math.max(truncate ? Math.floor(first) : first, 0)
  const high = Math.min(truncate ? Math.ceil(last) : last, headDim - 1)
  const way = fround(fround(pair - fround(low)) / fround((low === high ? high + 0.001 : high) - low))
  return fround(1 - Math.min(Math.max(way, 0), 1))
}

/** Factor of cosines and sines. */
export function amplitudeOf({ scaling }: RopeConfig): number {
  return scaling?.type === 'yarn' ? Math.fround(scaling.attentionFactor) : 1
}

/** Cosines and sines of the angles of tokens at `positions` (T), times `amplitude`: both (T, headDim / 2). */
export function rotations(positions: Int32Array, inverse: Float32Array, amplitude = 1): { cos: Float32Array; sin: Float32Array } {
  const half = inverse.length
  const cos = new Float32Array(positions.length * half)
  const sin = new Float32Array(positions.length * half)
  for (let t = 0; t < positions.length; t++) {
    for (let i = 0; i < half; i++) {
      const angle = Math.fround(positions[t] * inverse[i])
      cos[t * half + i] = Math.fround(Math.cos(angle)) * amplitude
      sin[t * half + i] = Math.fround(Math.sin(angle)) * amplitude
    }
  }
  return { cos, sin }
}
