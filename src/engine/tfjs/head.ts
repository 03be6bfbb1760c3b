/** From hidden states to logits and log-probabilities, for rows of the last layer's output. */

import type { ModelSpec } from '../spec.ts'
import { linear, never, rmsNorm, type Tensor, type Tf } from './tensors.ts'

/** Logits never exist for more rows than this at a time. */
function rowsAtOnce(vocabSize: number): number {
  return Math.min(512, Math.max(16, Math.floor(2 ** 22 / vocabSize)))
}

/** Ids that a row may not take, or undefined. */
type Excluded = readonly number[] | undefined

/** Rows to be scored, and against what. All arrays have R entries. */
export interface Targets {
  /** Row of the last layer's output. */
  rows: Int32Array
  /** Id whose log-probability is wanted. */
  ids: Int32Array
  excluded: Excluded[]
}

/** Pieces of at most {@link rowsAtOnce} rows. */
export function piecesOf({ rows, ids, excluded }: Targets, vocabSize: number): Targets[] {
  const most = rowsAtOnce(vocabSize)
  return Array.from({ length: Math.ceil(rows.length / most) }, (_, i) => {
    const [from, to] = [i * most, (i + 1) * most]
    return { rows: rows.slice(from, to), ids: ids.slice(from, to), excluded: excluded.slice(from, to) }
  })
}

/**
 * (R, V) logits of rows x (R, hiddenSize): final norm, head, temperature; what is excluded is out of reach.
 * @param inverse 1 / temperature: a scalar or (R, 1)
 */
export function logits(
  tf: Tf,
  x: Tensor,
  norm: Tensor,
  head: Tensor,
  norms: ModelSpec['norms'],
  inverse: Tensor,
  excluded: readonly Excluded[],
): Tensor {
  const scaled = tf.mul(linear(tf, rmsNorm(tf, x, norm, norms), head), inverse)
  if (!excluded.some((set) => set && set.length > 0)) return scaled
  const vocabSize = head.shape[0]
  const mask = new Float32Array(excluded.length * vocabSize)
  for (const [row, set] of excluded.entries()) for (const id of set ?? []) mask[row * vocabSize + id] = never
  return tf.add(scaled, tf.tensor2d(mask, [excluded.length, vocabSize]))
}

/** (R) of a log-softmax (R, V), the entries at `ids`. */
export function pick(tf: Tf, logSoftmax: Tensor, ids: Int32Array): Tensor {
  const wanted = tf.oneHot(tf.tensor1d(ids, 'int32'), logSoftmax.shape[1]!)
  return tf.sum(tf.mul(logSoftmax, tf.cast(wanted, 'float32')), -1)
}

/** (R) entropies in nats. */
export function entropies(tf: Tf, logSoftmax: Tensor): Tensor {
  return tf.neg(tf.sum(tf.mul(tf.exp(logSoftmax), logSoftmax), -1))
}
