/**
 * Randomness without state: every draw of a run is a hash of what it is for. So a resumed run needs no generator to be
 * restored, and a rollout or an epoch order can be made again from its address alone.
 */

import { createHash } from 'node:crypto'

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
