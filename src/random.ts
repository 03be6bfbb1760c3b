/**
 * Seeded randomness: the same numbers from the same seed on every machine. Nothing here keeps a state from one use to the next,
 * so a run that goes on, a request among others and a table made again draw what they drew before.
 *
 *   philox                    words from a counter and a key: weights, sampling (native/cpu/head.h has the same)
 *   derivedSeed, permutation  a draw of training from its address
 *   requestSeed               one request of an evaluation
 *   seededRandom              a stream of uniform numbers: resampling
 */

import { createHash } from 'node:crypto'

/** High and low 32 bits of a · b, both unsigned 32-bit. */
function multiply(a: number, b: number): [high: number, low: number] {
  const aLow = a & 0xffff
  const aHigh = a >>> 16
  const bLow = b & 0xffff
  const bHigh = b >>> 16
  const low = aLow * bLow
  const middle = aHigh * bLow + (low >>> 16)
  const middleLow = (middle & 0xffff) + aLow * bHigh
  const high = aHigh * bHigh + Math.floor(middle / 0x10000) + Math.floor(middleLow / 0x10000)
  return [high >>> 0, Math.imul(a, b) >>> 0]
}

type Words4 = [number, number, number, number]

/** Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011): four random words from a counter and a key. */
export function philox([c0, c1, c2, c3]: Readonly<Words4>, key: readonly [number, number]): Words4 {
  let [k0, k1] = key
  let a = c0
  let b = c1
  let c = c2
  let d = c3
  for (let round = 0; round < 10; round++) {
    const [high0, low0] = multiply(0xd2511f53, a)
    const [high1, low1] = multiply(0xcd9e8d57, c)
    a = (high1 ^ b ^ k0) >>> 0
    b = low1
    c = (high0 ^ d ^ k1) >>> 0
    d = low0
    k0 = (k0 + 0x9e3779b9) >>> 0
    k1 = (k1 + 0xbb67ae85) >>> 0
  }
  return [a, b, c, d]
}

/** A 52-bit integer from the address of a draw, e.g. (seed, 'rollout', stage, step, prompt, member). */
export function derivedSeed(...address: readonly (string | number)[]): number {
  const digest = createHash('sha256').update(JSON.stringify(address)).digest()
  return digest.readUInt32BE(0) * 2 ** 20 + (digest.readUInt32BE(4) >>> 12)
}

/** The numbers 0 … n−1 in the order of their hashes: a permutation that depends on `address` alone. */
export function permutation(n: number, ...address: readonly (string | number)[]): Int32Array {
  const keys = Float64Array.from({ length: n }, (_, i) => derivedSeed(...address, i))
  return Int32Array.from({ length: n }, (_, i) => i).sort((a, b) => keys[a] - keys[b] || a - b)
}

/**
 * Seed of one request: a hash of the configured seed, the repeat, the prompt and the number of its copy (0 for the first), a safe integer
 * of 53 bits. Repeats, problems and copies draw independently, and the same request draws the same whatever runs beside it.
 */
export function requestSeed(seed: number, repeatIndex: number, promptIds: readonly number[], copyIndex = 0): number {
  let low = 0x243f6a88
  let high = 0x85a308d3
  const absorb = (value: number) => {
    low = Math.imul(low ^ value, 0xcc9e2d51)
    low = Math.imul(low ^ (low >>> 15), 0x2c1b3c6d) + high
    high = Math.imul(high ^ value, 0x85ebca6b)
    high = Math.imul(high ^ (high >>> 13), 0xc2b2ae35) ^ (low >>> 16)
  }
  absorb(seed | 0)
  absorb(Math.floor(seed / 2 ** 32) | 0)
  absorb(repeatIndex)
  absorb(promptIds.length)
  for (const id of promptIds) absorb(id)
  // Behind the ids, whose number is absorbed: the first copy draws as a problem without copies does.
  if (copyIndex > 0) absorb(copyIndex)
  absorb(0)
  return (high & 0x1fffff) * 2 ** 32 + (low >>> 0)
}

/** Uniform numbers in [0, 1) from a seed (mulberry32): a comparison says the same every time it is made. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}
