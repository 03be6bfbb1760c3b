import type { LayerAttention, ModelConfig } from '../../../src/engine/model-config.ts'

/** Layers in turn, so that both kinds are there wherever there are two. */
const inTurn = (layers: number, ...kinds: LayerAttention[]) => Array.from({ length: layers }, (_, layer) => kinds[layer % kinds.length])

/** A configuration with what its family can say beyond the common. */
export function withFeatures(config: ModelConfig): ModelConfig {
  const { family, layers, rope } = config
  if (family === 'llama') {
    const scaling = { type: 'llama3', factor: 8, lowFreqFactor: 1, highFreqFactor: 4, originalMaxPositions: 16 } as const
    return { ...config, rope: { ...rope, scaling } }
  }
  if (family === 'smollm3') return { ...config, attention: inTurn(layers, { rope: null, window: 0 }, { rope, window: 0 }) }
  if (family === 'gemma3_text') {
    const whole = { ...rope, scaling: { type: 'linear', factor: 4 } } as const
    const kinds = [
      { rope: { theta: 100 }, window: 3 },
      { rope: whole, window: 0 },
    ]
    return { ...config, rope: whole, queryScalar: 5, attention: inTurn(layers, ...kinds) }
  }
  return config
}
