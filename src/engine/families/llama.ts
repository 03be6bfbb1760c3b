import { decoderSpec } from './decoder.ts'
import type { FamilyDefinition } from './family.ts'
import { refuseAttentionBias, refuseDepartures, refuseLayerTypes } from './refusals.ts'
import { readRope, writeRope } from './rope.ts'

/** Llama 2 and 3, and what is spelled like them (SmolLM, TinyLlama). */
export const llama: FamilyDefinition = {
  architecture: 'LlamaForCausalLM',
  read(keys, { layers, maxPositions }) {
    const rope = readRope(keys, { maxPositions })
    refuseDepartures(keys)
    refuseAttentionBias(keys)
    refuseLayerTypes(keys, layers)
    return { rope }
  },
  write: ({ rope }) => ({ ...writeRope(rope), hidden_act: 'silu', attention_bias: false, mlp_bias: false }),
  spec: (config) => decoderSpec(config),
}
