/**
 * The decoder that a spec describes, as one would explain it: embedding, layers, norm, head. Each part is a plain function
 * from tensors to a tensor; tf derives the gradients.
 */

import type { Activation, LayerSpec, LinearSpec, ModelSpec, ParameterSpec } from '../spec.ts'
import { type AttentionPlan, attention } from './attention.ts'
import { linear, rmsNorm, type Tensor, type Tf } from './tensors.ts'

/** (T, 1, headDim / 2) each. */
export interface Rotation {
  cos: Tensor
  sin: Tensor
}

/** T tokens: what they are, where they stand, whom they see. */
export interface Tokens {
  /** (T) int32 */
  ids: Tensor
  /** One for each of the spec's ropes; null: none. */
  rotations: readonly (Rotation | null)[]
  /** By the window of the layers that go by it. */
  plans: ReadonlyMap<number, AttentionPlan>
}

/** Takes k and v of the T new tokens, returns the rows that the plan refers to: the same when training, the cache when decoding. */
export type KeepKeys = (k: Tensor, v: Tensor) => { k: Tensor; v: Tensor }

/** (T, hiddenSize) */
export function embed(tf: Tf, { embedding }: ModelSpec, table: Tensor, { ids }: Tokens): Tensor {
  const rows = tf.gather(table, ids)
  return embedding.scale === 1 ? rows : tf.mul(rows, embedding.scale)
}

/**
 * One layer: x (T, hiddenSize) to the next.
 * @param weights by name
 */
export function decoderLayer(
  tf: Tf,
  spec: ModelSpec,
  { attention: own, mlp }: LayerSpec,
  weights: ReadonlyMap<string, Tensor>,
  x: Tensor,
  { rotations, plans }: Tokens,
  keepKeys: KeepKeys = (k, v) => ({ k, v }),
): Tensor {
  const { heads, kvHeads, headDim } = spec
  const weight = ({ name }: ParameterSpec) => weights.get(name)!
  const project = (input: Tensor, { weight: matrix, bias }: LinearSpec) => linear(tf, input, weight(matrix), bias && weight(bias))
  const norm = (input: Tensor, parameter: ParameterSpec | undefined) =>
    parameter ? rmsNorm(tf, input, weight(parameter), spec.norms) : input

  const seen = norm(x, own.norm)
  const positioned = (projection: LinearSpec, headNorm: ParameterSpec | undefined, count: number) => {
    const normed = norm(tf.reshape(project(seen, projection), [-1, count, headDim]), headNorm)
    return tf.reshape(rotate(tf, normed, rotations[own.rope]), [-1, count * headDim])
  }
  const q = positioned(own.q, own.qNorm, heads)
  const { k, v } = keepKeys(positioned(own.k, own.kNorm, kvHeads), project(seen, own.v))
  const mixed = attention(tf, q, k, v, plans.get(own.window)!, spec)
  const attended = tf.add(x, norm(project(mixed, own.o), own.postNorm))

  const thought = norm(attended, mlp.norm)
  const gated = tf.mul(activate(tf, project(thought, mlp.gate), spec.activation), project(thought, mlp.up))
  return tf.add(attended, norm(project(gated, mlp.down), mlp.postNorm))
}

function activate(tf: Tf, x: Tensor, activation: Activation): Tensor {
  if (activation === 'silu') return tf.mul(x, tf.sigmoid(x))
  const inner = tf.mul(tf.add(x, tf.mul(tf.mul(tf.square(x), x), 0.044715)), Math.sqrt(2 / Math.PI))
  return tf.mul(tf.mul(x, 0.5), tf.add(tf.tanh(inner), 1))
}

/** Rotates the pairs (i, i + headDim / 2) of x (T, heads, headDim): transformers' half-split order. */
function rotate(tf: Tf, x: Tensor, rotation: Rotation | null): Tensor {
  if (!rotation) return x
  const { cos, sin } = rotation
  const [a, b] = tf.split(x, 2, -1)
  return tf.concat([tf.sub(tf.mul(a, cos), tf.mul(b, sin)), tf.add(tf.mul(b, cos), tf.mul(a, sin))], -1)
}
