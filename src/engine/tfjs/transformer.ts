/**
 * The decoder of the families qwen3, qwen2 and llama, as one would explain it: embedding, layers, norm, head. Each part is a
 * plain function from tensors to a tensor; tf derives the gradients.
 */

import type { ModelConfig } from '../types.ts'
import { type AttentionPlan, attention } from './attention.ts'
import { linear, rmsNorm, type Tensor, type Tf } from './tensors.ts'

/** T tokens: what they are, where they stand, whom they see. */
export interface Tokens {
  /** (T) int32 */
  ids: Tensor
  /** (T, 1, headDim / 2) */
  cos: Tensor
  sin: Tensor
  plan: AttentionPlan
}

/** Takes k and v of the T new tokens, returns the rows that `plan` refers to: the same when training, the cache when decoding. */
export type KeepKeys = (k: Tensor, v: Tensor) => { k: Tensor; v: Tensor }

export const embeddingName = 'model.embed_tokens.weight'
export const finalNormName = 'model.norm.weight'

export function headName({ tiedEmbeddings }: ModelConfig): string {
  return tiedEmbeddings ? embeddingName : 'lm_head.weight'
}

/** Names of a layer's tensors begin with it. */
export function layerPrefix(layer: number): string {
  return `model.layers.${layer}.`
}

/** (T, hiddenSize) */
export function embed(tf: Tf, table: Tensor, { ids }: Tokens): Tensor {
  return tf.gather(table, ids)
}

/**
 * One layer: x (T, hiddenSize) to the next.
 * @param weights by their names behind {@link layerPrefix}
 */
export function decoderLayer(
  tf: Tf,
  config: ModelConfig,
  weights: ReadonlyMap<string, Tensor>,
  x: Tensor,
  { cos, sin, plan }: Tokens,
  keepKeys: KeepKeys = (k, v) => ({ k, v }),
): Tensor {
  const { heads, kvHeads, headDim, rmsNormEps } = config
  const weight = (name: string) => weights.get(`${name}.weight`)!
  const project = (input: Tensor, name: string) => linear(tf, input, weight(name), weights.get(`${name}.bias`))

  const seen = rmsNorm(tf, x, weight('input_layernorm'), rmsNormEps)
  const positioned = (name: 'q' | 'k', count: number) => {
    const split = tf.reshape(project(seen, `self_attn.${name}_proj`), [-1, count, headDim])
    const normed = config.qkNorm ? rmsNorm(tf, split, weight(`self_attn.${name}_norm`), rmsNormEps) : split
    return tf.reshape(rotate(tf, normed, cos, sin), [-1, count * headDim])
  }
  const q = positioned('q', heads)
  const { k, v } = keepKeys(positioned('k', kvHeads), project(seen, 'self_attn.v_proj'))
  const attended = tf.add(x, project(attention(tf, q, k, v, plan, config), 'self_attn.o_proj'))

  const thought = rmsNorm(tf, attended, weight('post_attention_layernorm'), rmsNormEps)
  const gate = project(thought, 'mlp.gate_proj')
  const swish = tf.mul(gate, tf.sigmoid(gate))
  return tf.add(attended, project(tf.mul(swish, project(thought, 'mlp.up_proj')), 'mlp.down_proj'))
}

/** Rotates the pairs (i, i + headDim / 2) of x (T, heads, headDim): transformers' half-split order. */
function rotate(tf: Tf, x: Tensor, cos: Tensor, sin: Tensor): Tensor {
  const [a, b] = tf.split(x, 2, -1)
  return tf.concat([tf.sub(tf.mul(a, cos), tf.mul(b, sin)), tf.add(tf.mul(b, cos), tf.mul(a, sin))], -1)
}
