import { createHash } from 'node:crypto'
import { philox } from '../../random.ts'
import { ConfigError } from '../errors.ts'
import type { ModelConfig } from '../model-config.ts'
import { elementCount } from '../spec.ts'
import type { InitialWeights } from '../types.ts'

/**
 * Weights of a model that starts from nothing. Every number is a function of (seed, tensor name, index): tensors can be
 * made in any order, and the result is the same on every platform. For the latter, logarithm and sine are computed here from
 * additions, multiplications and divisions, which IEEE 754 fixes to the bit, unlike Math.log and Math.sin.
 */

/** Standard deviation of the initial weights where nothing else is asked for (GPT-2, and `initializer_range` of the families here). */
const DEVIATION = 0.02

/** ln x for x in (0, 1]: x = m · 2^e with m in [√½, √2), ln m = 2 atanh((m − 1) / (m + 1)) as a series. */
function logarithm(x: number): number {
  let m = x
  let e = 0
  while (m < Math.SQRT1_2) {
    m *= 2
    e--
  }
  const s = (m - 1) / (m + 1)
  const square = s * s
  let sum = 0
  for (let n = 23; n >= 1; n -= 2) sum = sum * square + 1 / n
  return 2 * s * sum + e * Math.LN2
}

/** Cosine and sine of 2π·u for u in [0, 1): Taylor series within an eighth of a turn, then symmetry. */
function turn(u: number): [cos: number, sin: number] {
  const quarter = Math.floor(u * 4 + 0.5)
  const x = (u - quarter / 4) * (2 * Math.PI)
  const square = x * x
  let cos = 1
  let sin = 1
  for (let n = 16; n >= 2; n -= 2) {
    cos = 1 - (square / (n * (n - 1))) * cos
    sin = 1 - (square / (n * (n + 1))) * sin
  }
  sin *= x
  switch (quarter & 3) {
    case 0:
      return [cos, sin]
    case 1:
      return [-sin, cos]
    case 2:
      return [-cos, -sin]
    default:
      return [sin, -cos]
  }
}

/**
 * Standard normal numbers, a function of (seed, name, index), by Box and Muller's transformation.
 * @param seed any safe integer
 */
export function fillNormal(target: Float32Array, seed: number, name: string, scale = 1): void {
  fourAtATime(target, seed, name, (words, i) => {
    for (let pair = 0; pair < 4; pair += 2) {
      const radius = scale * Math.sqrt(-2 * logarithm((words[pair] + 1) / 2 ** 32))
      const [cos, sin] = turn(words[pair + 1] / 2 ** 32)
      // Writes beyond the end of a typed array are dropped.
      target[i + pair] = radius * cos
      target[i + pair + 1] = radius * sin
    }
  })
}

/**
 * Uniform numbers within ±bound, a function of (seed, name, index).
 * @param seed any safe integer
 */
function fillUniform(target: Float32Array, seed: number, name: string, bound: number): void {
  fourAtATime(target, seed, name, (words, i) => {
    for (let k = 0; k < 4; k++) target[i + k] = bound * ((2 * words[k] + 1) / 2 ** 32 - 1)
  })
}

/** body(four random words, index of the first of their numbers) */
function fourAtATime(target: Float32Array, seed: number, name: string, body: (words: ArrayLike<number>, i: number) => void): void {
  const key: [number, number] = [seed >>> 0, Math.floor(seed / 2 ** 32) >>> 0]
  const digest = createHash('sha256').update(name).digest()
  const nameLow = digest.readUInt32LE(0)
  const nameHigh = digest.readUInt32LE(4)
  for (let i = 0; i < target.length; i += 4) {
    const block = i / 4
    body(philox([block >>> 0, Math.floor(block / 2 ** 32), nameLow, nameHigh], key), i)
  }
}

/**
 * Initial weights, each parameter as its family says: normal with the given deviation, ones or zeros. With `config`, what is
 * added to the residual stream is scaled by 1/√(2·layers), which keeps its variance independent of depth (GPT-2, §2.3).
 * @throws ConfigError when the seed is no safe integer
 */
export function randomWeights(seed: number, config?: Pick<ModelConfig, 'layers'>, deviation = DEVIATION): InitialWeights {
  if (!Number.isSafeInteger(seed)) throw new ConfigError(`seed must be a whole number. Got seed: ${seed}. Use 1, for example.`)
  const residual = config === undefined ? 1 : 1 / Math.sqrt(2 * config.layers)
  return ({ name, shape, initial }) => {
    const data = new Float32Array(elementCount(shape))
    if (initial === 'ones') data.fill(1)
    else if (initial === 'uniform') fillUniform(data, seed, name, 1 / Math.sqrt(shape[1]))
    else if (initial !== 'zeros') fillNormal(data, seed, name, deviation * (initial === 'residual' ? residual : 1))
    return data
  }
}
