import { describe, expect, it } from 'vitest'
import { parseModelConfig } from '../../../src/engine/checkpoint/config.ts'
import { CheckpointError } from '../../../src/engine/errors.ts'

/** What the families beyond Llama and Qwen read, and what they refuse by name. */

const sizes = {
  ...{ vocab_size: 160, hidden_size: 64, num_hidden_layers: 4, num_attention_heads: 4, num_key_value_heads: 2 },
  ...{ head_dim: 16, intermediate_size: 176, max_position_embeddings: 512 },
}
const base = {
  mistral: { model_type: 'mistral', sliding_window: null },
  smollm3: { model_type: 'smollm3', rope_theta: 5e6 },
  gemma3: {
    ...{ model_type: 'gemma3_text', sliding_window: 128, sliding_window_pattern: 2, query_pre_attn_scalar: 24 },
    ...{ rope_theta: 1e6, rope_local_base_freq: 1e4, rope_scaling: { rope_type: 'linear', factor: 8 } },
  },
}
/** A key that changes to undefined is left out, as in a file. */
const parse = (family: keyof typeof base, change: Record<string, unknown> = {}) =>
  parseModelConfig(JSON.parse(JSON.stringify({ ...sizes, ...base[family], ...change })), 'config.json')

describe('mistral', () => {
  it('takes no window and one that hides nothing', () => {
    const config = { family: 'mistral', rope: { theta: 10000 }, tiedEmbeddings: false, kvHeads: 2 }
    expect(parse('mistral')).toMatchObject(config)
    expect(parse('mistral', { sliding_window: 512 })).toEqual(parse('mistral'))
    expect(parse('mistral', { sliding_window: undefined, max_position_embeddings: 4096 }).maxPositions).toBe(4096)
  })
})

describe('smollm3', () => {
  const whole = { rope: { theta: 5e6 }, window: 0 }
  const still = { rope: null, window: 0 }

  it('rotates in the layers that no_rope_layers marks with 1, or in all but every fourth', () => {
    expect(parse('smollm3', { no_rope_layers: [1, 0, 0, 1] }).attention).toEqual([whole, still, still, whole])
    expect(parse('smollm3', { no_rope_layers: [1, 0, 0, 1, 1, 1] }).attention).toEqual([whole, still, still, whole])
    expect(parse('smollm3').attention).toEqual([whole, whole, whole, still])
    expect(parse('smollm3', { no_rope_layer_interval: 2 }).attention).toEqual([whole, still, whole, still])
    expect(parse('smollm3', { no_rope_layers: [1, 1, 1, 1] }).attention).toBeUndefined()
    expect(parse('smollm3').tiedEmbeddings).toBe(true)
    expect(parse('smollm3', { rope_theta: undefined }).rope).toEqual({ theta: 2e6 })
  })
})

describe('gemma3', () => {
  const rope = { theta: 1e6, scaling: { type: 'linear', factor: 8 } }
  const [sliding, whole] = [
    { rope: { theta: 1e4 }, window: 128 },
    { rope, window: 0 },
  ]

  it('reads windows, rotations and the scale of both spellings', () => {
    const expected = { family: 'gemma3_text', rope, queryScalar: 24, tiedEmbeddings: true, attention: [sliding, whole, sliding, whole] }
    expect(parse('gemma3')).toMatchObject(expected)
    const current = {
      ...{ rope_theta: undefined, rope_local_base_freq: undefined, rope_scaling: undefined, sliding_window_pattern: undefined },
      rope_parameters: {
        full_attention: { rope_type: 'linear', factor: 8, rope_theta: 1e6 },
        sliding_attention: { rope_type: 'default', rope_theta: 1e4 },
      },
      layer_types: ['sliding_attention', 'full_attention', 'sliding_attention', 'full_attention'],
    }
    expect(parse('gemma3', current)).toEqual(parse('gemma3'))
  })

  it('takes what transformers takes where a key is left out', () => {
    const bare = { ...sizes, num_hidden_layers: 6, head_dim: undefined, num_key_value_heads: undefined, model_type: 'gemma3_text' }
    const config = parseModelConfig(JSON.parse(JSON.stringify(bare)), 'config.json')
    const local = { rope: { theta: 1e4 }, window: 4096 }
    const attention = [...Array(5).fill(local), { rope: { theta: 1e6 }, window: 0 }]
    expect(config).toMatchObject({ headDim: 256, kvHeads: 4, rope: { theta: 1e6 }, attention })
    expect(config.queryScalar).toBeUndefined()
  })

  it('has no layers of two kinds where every layer sees everything', () => {
    expect(parse('gemma3', { sliding_window_pattern: 1, sliding_window: null }).attention).toBeUndefined()
  })
})

// family, change, then parts of the message
it.each<[keyof typeof base, Record<string, unknown>, ...string[]]>([
  ['mistral', { sliding_window: 128 }, 'sliding_window', 'null, or at least max_position_embeddings, 512', '128', 'lower max_position'],
  ['mistral', { sliding_window: undefined, max_position_embeddings: 8192 }, 'sliding_window', '8192', '4096'],
  ['mistral', { sliding_window: '4096' }, 'sliding_window', '"4096"'],
  ['mistral', { hidden_act: 'gelu' }, 'hidden_act', '"silu"'],
  ['mistral', { attention_bias: true }, 'attention_bias', 'false'],
  ['mistral', { layer_types: Array(4).fill('sliding_attention') }, 'layer_types', '"full_attention" only'],
  ['mistral', { architectures: ['MistralForSequenceClassification'] }, 'architectures', 'MistralForCausalLM'],
  [
    'mistral',
    { rope_scaling: { rope_type: 'longrope', factor: 4 } },
    'rope_scaling.rope_type',
    'default or linear or dynamic or yarn or llama3',
    '"longrope"',
  ],
  ['smollm3', { no_rope_layers: [1, 0, 1] }, 'no_rope_layers', 'a list of 4 numbers, 0 or 1', '[1,0,1]'],
  ['smollm3', { no_rope_layers: [1, 2, 1, 1] }, 'no_rope_layers', '0 or 1'],
  ['smollm3', { no_rope_layers: 'none' }, 'no_rope_layers', '"none"'],
  ['smollm3', { no_rope_layer_interval: 0 }, 'no_rope_layer_interval', '1 or more', '0'],
  ['smollm3', { use_sliding_window: true, sliding_window: 64 }, 'use_sliding_window', 'false', 'true'],
  ['smollm3', { layer_types: Array(4).fill('sliding_attention') }, 'layer_types', '"full_attention" only'],
  ['smollm3', { mlp_bias: true }, 'mlp_bias', 'false'],
  ['gemma3', { model_type: 'gemma3' }, 'model_type', '"gemma3"', 'Gemma3ForCausalLM of its text_config'],
  ['gemma3', { final_logit_softcapping: 30 }, 'final_logit_softcapping', 'null', '30'],
  ['gemma3', { attn_logit_softcapping: 50 }, 'attn_logit_softcapping', 'null', '50'],
  ['gemma3', { hidden_activation: 'silu' }, 'hidden_activation', '"gelu_pytorch_tanh"', '"silu"'],
  ['gemma3', { attention_bias: true }, 'attention_bias', 'false'],
  ['gemma3', { use_bidirectional_attention: true }, 'use_bidirectional_attention', 'false'],
  ['gemma3', { query_pre_attn_scalar: 0 }, 'query_pre_attn_scalar', 'above 0', '0'],
  ['gemma3', { query_pre_attn_scalar: '24' }, 'query_pre_attn_scalar', 'a number', '"24"'],
  ['gemma3', { sliding_window: 0 }, 'sliding_window', '1 or more', '0'],
  ['gemma3', { sliding_window: null }, 'sliding_window', 'a number', 'nothing'],
  ['gemma3', { sliding_window_pattern: 2.5 }, 'sliding_window_pattern', 'a whole number', '2.5'],
  ['gemma3', { layer_types: ['full_attention', 'chunked_attention', 'x', 'x'] }, 'layer_types', '"chunked_attention"'],
  ['gemma3', { layer_types: ['full_attention'] }, 'layer_types', 'a list of 4 names'],
  ['gemma3', { rope_local_base_freq: -1 }, 'rope_local_base_freq', 'above 0', '-1'],
  ['gemma3', { rope_theta: 0 }, 'rope_theta', 'above 0', '0'],
  ['gemma3', { rope_scaling: { rope_type: 'linear', factor: 0.5 } }, 'rope_scaling.factor', 'at least 1', '0.5'],
  [
    'gemma3',
    { rope_scaling: { rope_type: 'su', factor: 2 } },
    'rope_scaling.rope_type',
    'default or linear or dynamic or yarn or llama3',
    '"su"',
  ],
  ['gemma3', { rope_parameters: { rope_type: 'default' } }, 'rope_parameters', 'objects full_attention and sliding_attention'],
  [
    'gemma3',
    { rope_parameters: { sliding_attention: { rope_type: 'longrope', factor: 2 } } },
    'rope_parameters.sliding_attention.rope_type',
    'default',
  ],
])('%s refuses %j', (family, change, ...parts) => {
  const read = () => parse(family, change)
  expect(read).toThrow(CheckpointError)
  for (const part of ['config.json: ', ...parts]) expect(read).toThrow(part)
})
