/** The few helpers over tf ops that model, head and optimizer share. */

import type * as Tfjs from '@tensorflow/tfjs'
import type { ModelSpec } from '../spec.ts'

/** TensorFlow.js with a backend set: the addon's or the one in JavaScript (backend.ts). */
export type Tf = typeof Tfjs

export type Tensor = Tfjs.Tensor

export type TensorInfo = Tfjs.TensorInfo

/** Added to a score or logit that must not count: far below any real one, and finite, so that 0 · x is 0. */
export const never = -1e30

/** Rows `index` of x; without an index, x as it is (the rows are in order already). */
export function take(tf: Tf, x: Tensor, index: Tensor | undefined): Tensor {
  return index ? tf.gather(x, index as Tfjs.Tensor1D) : x
}

/** A linear layer as Hugging Face stores it: x (T, in), weight (out, in), bias (out). */
export function linear(tf: Tf, x: Tensor, weight: Tensor, bias?: Tensor): Tensor {
  const y = tf.matMul(x, weight, false, true)
  return bias ? tf.add(y, bias) : y
}

/** x / √(mean(x²) + eps) · (offset + weight) over the last axis (arXiv 1910.07467, eq. 4). */
export function rmsNorm(tf: Tf, x: Tensor, weight: Tensor, { eps, offset }: ModelSpec['norms']): Tensor {
  const meanSquare = tf.mean(tf.square(x), -1, true)
  return tf.mul(tf.mul(x, tf.rsqrt(tf.add(meanSquare, eps))), offset === 0 ? weight : tf.add(weight, offset))
}
