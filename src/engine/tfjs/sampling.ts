/** Drawing of the next token. The same generator, in the same order, as native/cpu/head.h: equal weights give equal ids. */

import { philox } from '../../random.ts'

export interface SamplingRow {
  /** 0: greedy. */
  temperature: number
  /** 0: off. */
  topK: number
  /** 1: off. */
  topP: number
  seed: number
  stream: number
  position: number
}

/** The uniform number in (0, 1) for (seed, stream, position): Philox4x32-10, a counter and a key in, no state. */
export function uniform({ seed, stream, position }: Pick<SamplingRow, 'seed' | 'stream' | 'position'>): number {
  const key = [seed >>> 0, Math.floor(seed / 2 ** 32) >>> 0] as const
  const [word] = philox([position >>> 0, stream >>> 0, 0x70723120, 0], key)
  return (word + 0.5) / 2 ** 32
}

/**
 * Inverse transform in id order.
 * @param weights (V) exp(logit − largest logit); 0 where excluded. Overwritten: what top-k and top-p drop becomes 0.
 * @returns −1 where no weight is above 0 (logits that are not numbers)
 */
export function sample(weights: Float32Array, row: SamplingRow): number {
  const k = row.topK > 0 && row.topK < weights.length ? row.topK : weights.length
  const p = Math.fround(row.topP)
  if (k < weights.length || p < 1) keepMostLikely(weights, k, p)
  const draw = uniform(row) * total(weights)
  let sum = 0
  let last = -1
  for (let id = 0; id < weights.length; id++) {
    if (!(weights[id] > 0)) continue
    sum += weights[id]
    last = id
    if (draw < sum) return id
  }
  return last
}

/** Keeps the k largest weights, and of those the first whose sum reaches p of the total; the lowest id first at a tie. */
function keepMostLikely(weights: Float32Array, k: number, p: number): void {
  const all = total(weights)
  // Sorting by a comparison is slow where the vocabulary is large, so what cannot be kept is left out first. Weights
  // below this one sum to less than (1 − p) of the total: the others reach p without them.
  let least = p < 1 ? ((1 - p) * all) / weights.length : 0
  if (k < weights.length) least = Math.max(least, Float32Array.from(weights).sort()[weights.length - k])
  const order: number[] = []
  for (let id = 0; id < weights.length; id++) if (weights[id] > 0 && weights[id] >= least) order.push(id)
  order.sort((a, b) => weights[b] - weights[a] || a - b)
  const most = Math.min(k, order.length)
  let kept = most
  if (p < 1) {
    let mass = 0
    for (kept = 0; kept < most && mass < p * all; kept++) mass += weights[order[kept]]
    kept = Math.max(1, kept)
  }
  const values = order.slice(0, kept).map((id) => [id, weights[id]])
  weights.fill(0)
  for (const [id, value] of values) weights[id] = value
}

function total(weights: Float32Array): number {
  let sum = 0
  for (const weight of weights) sum += weight
  return sum
}
