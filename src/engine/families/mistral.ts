import { decoderSpec } from './decoder.ts'
import type { FamilyDefinition } from './family.ts'
import { refuseAttentionBias, refuseDepartures, refuseLayerTypes } from './refusals.ts'
import { readRope, writeRope } from './rope.ts'

/** Mistral, text only: Llama's arithmetic. Version 0.1 has sliding windows, later ones have none. */
export const mistral: FamilyDefinition = {
  architecture: 'MistralForCausalLM',
  defaults: { num_key_value_heads: 8, sliding_window: 4096 },
  read(keys, { layers, maxPositions }) {
    const rope = readRope(keys, { maxPositions })
    refuseDepartures(keys)
    refuseAttentionBias(keys)
    refuseLayerTypes(keys, layers)
    keys.refuse(
      'sliding_window',
      (window) => typeof window === 'number' && window >= maxPositions,
      `null, or at least max_position_embeddings, ${maxPositions}`,
      'Sliding windows are not supported for mistral: lower max_position_embeddings to the window, or use a version without one.',
    )
    return { rope }
  },
  write: ({ rope }) => ({ ...writeRope(rope), hidden_act: 'silu', sliding_window: null }),
  spec: (config) => decoderSpec(config),
}
