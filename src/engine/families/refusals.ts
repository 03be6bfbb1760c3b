import type { Keys } from './keys.ts'

/** What several families' `config.json` can say and no arithmetic here follows. */

/** Biases and activations other than those of Llama. */
export function refuseDepartures(keys: Keys): void {
  keys.only('hidden_act', 'silu', 'Other activations are not supported.')
  keys.only('mlp_bias', false, 'Biases in the feed-forward layers are not supported.')
}

export function refuseAttentionBias(keys: Keys): void {
  keys.only('attention_bias', false, 'It puts a bias on o_proj too, which is not supported.')
}

const noWindows = 'Sliding windows are not supported.'

/** `layer_types` must say that every layer sees everything. @returns whether it is given */
export function refuseLayerTypes(keys: Keys, layers: number): boolean {
  const other = layerTypes(keys, layers)?.find((kind) => kind !== 'full_attention')
  if (other !== undefined) throw keys.failOf('layer_types', other, '"full_attention" only', noWindows)
  return keys.get('layer_types') !== undefined
}

/** The windows of qwen2 and qwen3: layers from max_window_layers on slide (transformers, Qwen2Config). */
export function refuseQwenWindows(keys: Keys, layers: number): void {
  if (refuseLayerTypes(keys, layers)) return
  const slides = keys.boolean('use_sliding_window', false) && keys.get('sliding_window') !== undefined
  if (slides && keys.number('max_window_layers', 0) < layers) throw keys.fail('use_sliding_window', 'false', noWindows)
}

/** One name a layer, or undefined. */
export function layerTypes(keys: Keys, layers: number): unknown[] | undefined {
  const kinds = keys.get('layer_types')
  if (kinds === undefined) return undefined
  if (!Array.isArray(kinds) || kinds.length !== layers) throw keys.fail('layer_types', `a list of ${layers} names`)
  return kinds
}
