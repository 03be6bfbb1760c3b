import { decoderSpec } from './decoder.ts'
import type { FamilyDefinition } from './family.ts'
import { refuseAttentionBias, refuseDepartures, refuseQwenWindows } from './refusals.ts'
import { readRope, writeRope } from './rope.ts'

/** Qwen 3, dense: Llama with a norm over each head of q and k. */
export const qwen3: FamilyDefinition = {
  architecture: 'Qwen3ForCausalLM',
  read(keys, { layers, maxPositions }) {
    const rope = readRope(keys, { maxPositions })
    refuseDepartures(keys)
    refuseAttentionBias(keys)
    refuseQwenWindows(keys, layers)
    return { rope }
  },
  write: ({ rope, layers }) => ({
    ...writeRope(rope),
    hidden_act: 'silu',
    attention_bias: false,
    use_sliding_window: false,
    sliding_window: null,
    max_window_layers: layers,
  }),
  spec: (config) => decoderSpec(config, { qkNorm: true }),
}
