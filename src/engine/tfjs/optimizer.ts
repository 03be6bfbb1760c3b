/** AdamW (arXiv 1711.05101) over tensors, in the order of operations of torch.optim.AdamW. */

import type { FullUpdate } from '../checks.ts'
import type { Tensor, Tf } from './tensors.ts'

/** What one parameter brings to an update, and what it becomes. */
interface AdamState {
  weight: Tensor
  moment1: Tensor
  moment2: Tensor
}

/**
 * @param scale what gradients are multiplied by first, to clip them
 * @param updates number of this update, from 1
 */
export function adamw(tf: Tf, state: AdamState, gradient: Tensor, options: FullUpdate, scale: number, updates: number): AdamState {
  const { lr, beta1, beta2, eps, weightDecay } = options
  const g = tf.mul(gradient, scale)
  const moment1 = tf.add(tf.mul(state.moment1, beta1), tf.mul(g, 1 - beta1))
  const moment2 = tf.add(tf.mul(state.moment2, beta2), tf.mul(tf.square(g), 1 - beta2))
  const root = tf.add(tf.mul(tf.sqrt(moment2), 1 / Math.sqrt(1 - beta2 ** updates)), eps)
  const step = tf.mul(tf.div(moment1, root), lr / (1 - beta1 ** updates))
  const weight = tf.sub(tf.mul(state.weight, 1 - lr * weightDecay), step)
  return { weight, moment1, moment2 }
}

/** Sum of the squares of all tensors, added up in float64. */
export function sumSquares(tf: Tf, tensors: Iterable<Tensor>): number {
  let sum = 0
  for (const tensor of tensors) {
    const [own] = tf.tidy(() => tf.sum(tf.square(tensor)).dataSync())
    // Squares of large but finite numbers overflow float32.
    sum += Number.isFinite(own) ? own : (tensor.dataSync() as Float32Array).reduce((total, value) => total + value * value, 0)
  }
  return sum
}
