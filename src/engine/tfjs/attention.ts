/**
 * Who sees whom, as tf ops. A token sees rows of k and v: tokens of its own packed sequence when training, slots of the KV
 * cache when decoding. Sequences of like length are padded to one group, so that a step costs the same number of ops
 * however many sequences it has.
 */

import type { ModelSpec } from '../spec.ts'
import { never, type Tensor, type Tf, take } from './tensors.ts'

/** Consecutive tokens of one sequence and the rows of k and v that the last of them sees; the one before sees one row less, and so on. */
export interface Chunk {
  /** Index of the first token among the T of the call. */
  first: number
  count: number
  rows: ArrayLike<number>
}

/** Half-open ranges of rows that a token must not see, as in TrainBatch: (T, levels, 2); rows and tokens are numbered alike. */
interface Hidden {
  ranges: Int32Array
  levels: number
}

/** B chunks padded to N tokens and L rows. An absent index means: all of them, in order. */
interface Group {
  B: number
  N: number
  L: number
  tokens?: Tensor
  rows?: Tensor
  /** (B, 1, N, L): 0 where the token sees the row. */
  mask: Tensor
}

export interface AttentionPlan {
  groups: Group[]
  /** For each of the T tokens, its place in the outputs of the groups. */
  order?: Tensor
}

/**
 * @param available rows that k and v have
 * @param window how many of the rows visible to it a token sees, the last ones; 0: all of them
 */
export function planAttention(tf: Tf, chunks: readonly Chunk[], available: number, window: number, hidden?: Hidden): AttentionPlan {
  const total = chunks.reduce((sum, { count }) => sum + count, 0)
  const order = new Int32Array(total)
  let placed = 0
  const groups = grouped(chunks).map((members): Group => {
    const B = members.length
    const N = Math.max(...members.map(({ count }) => count))
    const L = Math.max(...members.map(({ rows }) => rows.length))
    const tokens = new Int32Array(B * N)
    const rows = new Int32Array(B * L)
    const mask = new Float32Array(B * N * L).fill(never)
    for (const [b, { first, count, rows: own }] of members.entries()) {
      for (let i = 0; i < own.length; i++) rows[b * L + i] = own[i]
      for (let j = 0; j < count; j++) {
        tokens[b * N + j] = first + j
        order[first + j] = placed + b * N + j
        const at = (b * N + j) * L
        mask.fill(0, at, at + own.length - count + j + 1)
        if (hidden) hide(mask.subarray(at, at + L), hidden, first + j, own[0])
        if (window > 0) narrow(mask.subarray(at, at + L), window)
      }
    }
    placed += B * N
    return { B, N, L, tokens: indexOf(tf, tokens, total), rows: indexOf(tf, rows, available), mask: tf.tensor4d(mask, [B, 1, N, L]) }
  })
  return { groups, order: indexOf(tf, order, placed) }
}

function hide(mask: Float32Array, { ranges, levels }: Hidden, token: number, firstRow: number): void {
  for (let level = 0; level < levels; level++) {
    const at = (token * levels + level) * 2
    if (ranges[at] < ranges[at + 1]) mask.fill(never, ranges[at] - firstRow, ranges[at + 1] - firstRow)
  }
}

/** Leaves the last `window` visible entries of a token's mask. */
function narrow(mask: Float32Array, window: number): void {
  let seen = 0
  for (let row = mask.length - 1; row >= 0; row--) {
    if (mask[row] !== 0) continue
    if (seen === window) mask[row] = never
    else seen++
  }
}

/** Chunks whose counts round up to the same power of two. */
function grouped(chunks: readonly Chunk[]): Chunk[][] {
  const groups = new Map<number, Chunk[]>()
  for (const chunk of chunks) {
    const size = Math.ceil(Math.log2(chunk.count))
    groups.set(size, [...(groups.get(size) ?? []), chunk])
  }
  return [...groups.values()]
}

/** Undefined where the index is 0, 1, … to the last of `all` rows. */
function indexOf(tf: Tf, index: Int32Array, all: number): Tensor | undefined {
  if (index.length === all && index.every((value, i) => value === i)) return undefined
  return tf.tensor1d(index, 'int32')
}

/**
 * softmax(scale · q kᵀ) v over what each token sees.
 * @param q (T, heads · d)
 * @param k (rows, kvHeads · d), like v; query head h reads key head ⌊h · kvHeads / heads⌋
 * @returns (T, heads · d)
 */
export function attention(tf: Tf, q: Tensor, k: Tensor, v: Tensor, { groups, order }: AttentionPlan, spec: ModelSpec): Tensor {
  const { heads, kvHeads, headDim, attentionScale } = spec
  const shared = heads / kvHeads
  const outputs = groups.map(({ B, N, L, tokens, rows, mask }) => {
    const split = tf.reshape(take(tf, q, tokens), [B, N, kvHeads, shared, headDim])
    const queries = tf.reshape(tf.transpose(split, [0, 2, 3, 1, 4]), [B * kvHeads, shared * N, headDim])
    const perHead = (x: Tensor) =>
      tf.reshape(tf.transpose(tf.reshape(take(tf, x, rows), [B, L, kvHeads, headDim]), [0, 2, 1, 3]), [B * kvHeads, L, headDim])
    const scores = tf.mul(tf.matMul(queries, perHead(k), false, true), attentionScale)
    const seen = tf.softmax(tf.add(tf.reshape(scores, [B, heads, N, L]), mask))
    const mixed = tf.matMul(tf.reshape(seen, [B * kvHeads, shared * N, L]), perHead(v))
    return tf.reshape(tf.transpose(tf.reshape(mixed, [B, kvHeads, shared, N, headDim]), [0, 3, 1, 2, 4]), [B * N, heads * headDim])
  })
  return take(tf, outputs.length === 1 ? outputs[0] : tf.concat(outputs), order)
}
