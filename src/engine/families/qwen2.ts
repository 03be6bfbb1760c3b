import { decoderSpec } from './decoder.ts'
import type { FamilyDefinition } from './family.ts'
import { refuseDepartures, refuseQwenWindows } from './refusals.ts'
import { readRope, writeRope } from './rope.ts'

/** Qwen 2 and 2.5: Llama with biases on q, k and v. */
export const qwen2: FamilyDefinition = {
  architecture: 'Qwen2ForCausalLM',
  read(keys, { layers, maxPositions }) {
    const rope = readRope(keys, { maxPositions })
    refuseDepartures(keys)
    refuseQwenWindows(keys, layers)
    return { rope }
  },
  write: ({ rope, layers }) => ({
    ...writeRope(rope),
    hidden_act: 'silu',
    use_sliding_window: false,
    sliding_window: null,
    max_window_layers: layers,
  }),
  spec: (config) => decoderSpec(config, { qkvBias: true }),
}
