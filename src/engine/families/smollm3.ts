import type { RopeConfig } from '../model-config.ts'
import { decoderSpec } from './decoder.ts'
import type { FamilyDefinition } from './family.ts'
import type { Keys } from './keys.ts'
import { refuseAttentionBias, refuseDepartures, refuseLayerTypes } from './refusals.ts'
import { readRope, writeRope } from './rope.ts'

/** SmolLM 3: Llama, and every few layers one that does not rotate q and k (NoPE, arXiv 2501.18795). */
export const smollm3: FamilyDefinition = {
  architecture: 'SmolLM3ForCausalLM',
  defaults: { num_key_value_heads: 4, tie_word_embeddings: true, no_rope_layer_interval: 4 },
  read(keys, { layers, maxPositions }) {
    const rope = readRope(keys, { maxPositions }, 2e6)
    refuseDepartures(keys)
    refuseAttentionBias(keys)
    if (!refuseLayerTypes(keys, layers) && keys.get('sliding_window') !== undefined)
      keys.only('use_sliding_window', false, 'Sliding windows are not supported for smollm3.')
    const attention = ropeByLayer(keys, layers, rope)
    return { rope, ...(attention.some((layer) => layer.rope === null) && { attention }) }
  },
  write: ({ rope, attention, layers }) => ({
    ...writeRope(rope),
    ...{ hidden_act: 'silu', attention_bias: false, mlp_bias: false, use_sliding_window: false, sliding_window: null },
    // Left out, transformers takes 128004 and then refuses a smaller vocabulary.
    pad_token_id: null,
    no_rope_layers: Array.from({ length: layers }, (_, layer) => (attention?.[layer].rope === null ? 0 : 1)),
  }),
  spec: (config) => decoderSpec(config),
}

/** Against its name, a 1 in `no_rope_layers` says that the layer rotates (transformers, SmolLM3Config). */
function ropeByLayer(keys: Keys, layers: number, rope: RopeConfig): { rope: RopeConfig | null; window: number }[] {
  const rotates = keys.get('no_rope_layers') ?? allButEach(keys.count('no_rope_layer_interval'), layers)
  if (!Array.isArray(rotates) || rotates.length < layers || !rotates.every((value) => value === 0 || value === 1))
    throw keys.fail('no_rope_layers', `a list of ${layers} numbers, 0 or 1`)
  return rotates.slice(0, layers).map((value) => ({ rope: value === 1 ? rope : null, window: 0 }))
}

function allButEach(interval: number, layers: number): number[] {
  return Array.from({ length: layers }, (_, layer) => ((layer + 1) % interval === 0 ? 0 : 1))
}
