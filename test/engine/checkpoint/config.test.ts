import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { checkModelConfig, modelConfigToJson, parseModelConfig } from '../../../src/engine/checkpoint/config.ts'
import { CheckpointError } from '../../../src/engine/errors.ts'
import { familyNames } from '../../../src/engine/families/names.ts'
import type { ModelConfig, RopeConfig } from '../../../src/engine/model-config.ts'
import { withFeatures } from '../families/features.ts'
import { tinyConfig } from './build.ts'

const base = {
  model_type: 'llama',
  hidden_act: 'silu',
  vocab_size: 160,
  hidden_size: 64,
  num_hidden_layers: 3,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  intermediate_size: 176,
  max_position_embeddings: 512,
  rms_norm_eps: 1e-5,
  tie_word_embeddings: false,
}

const parse = (change: Record<string, unknown> = {}) => parseModelConfig({ ...base, ...change }, 'config.json')

const llama3 = { factor: 8, low_freq_factor: 1, high_freq_factor: 4, original_max_position_embeddings: 64 }
const scaling = { type: 'llama3', factor: 8, lowFreqFactor: 1, highFreqFactor: 4, originalMaxPositions: 64 }

describe('parseModelConfig', () => {
  it('reads a llama configuration and derives head_dim', () => {
    expect(parse()).toEqual({
      family: 'llama',
      vocabSize: 160,
      hiddenSize: 64,
      layers: 3,
      heads: 4,
      kvHeads: 2,
      headDim: 16,
      intermediateSize: 176,
      rmsNormEps: 1e-5,
      rope: { theta: 10000 },
      tiedEmbeddings: false,
      maxPositions: 512,
    })
    expect(parse({ head_dim: null }).headDim).toBe(16)
    expect(parse({ head_dim: 32 }).headDim).toBe(32)
    expect(parse({ num_key_value_heads: undefined }).kvHeads).toBe(4)
  })

  it.each([
    ['transformers 4', { rope_theta: 5e5, rope_scaling: { rope_type: 'llama3', ...llama3 }, torch_dtype: 'bfloat16' }],
    ['transformers 4, oldest', { rope_theta: 5e5, rope_scaling: { type: 'llama3', ...llama3 } }],
    ['transformers 5', { rope_parameters: { rope_type: 'llama3', rope_theta: 5e5, ...llama3 }, dtype: 'bfloat16' }],
    ['both', { rope_theta: 5e5, rope_parameters: { rope_type: 'llama3', rope_theta: 5e5, ...llama3 } }],
  ])('reads llama3 scaling as %s writes it', (_, change) => {
    expect(parse(change).rope).toEqual({ theta: 5e5, scaling })
  })

  it.each([
    ['null', { rope_theta: 1e6, rope_scaling: null }],
    ['default', { rope_theta: 1e6, rope_scaling: { rope_type: 'default' } }],
    ['parameters', { rope_parameters: { rope_theta: 1e6, rope_type: 'default' } }],
    ['parameters without a type', { rope_parameters: { rope_theta: 1e6 } }],
    ['parameters null', { rope_parameters: null, rope_theta: 1e6 }],
  ])('reads unscaled rope: %s', (_, change) => {
    expect(parse(change).rope).toEqual({ theta: 1e6 })
  })

  // change, key in the message, expected in the message, found in the message
  it.each<[Record<string, unknown>, string, string, string]>([
    [{ model_type: 'gpt2' }, 'model_type', 'qwen3, qwen2, llama', '"gpt2"'],
    [{ model_type: undefined }, 'model_type', 'qwen3, qwen2, llama', 'nothing'],
    [{ model_type: '__proto__' }, 'model_type', 'qwen3, qwen2, llama', '"__proto__"'],
    [{ architectures: ['LlamaForSequenceClassification'] }, 'architectures', 'LlamaForCausalLM', 'LlamaForSequenceClassification'],
    [{ hidden_act: 'gelu' }, 'hidden_act', '"silu"', '"gelu"'],
    [{ attention_bias: true }, 'attention_bias', 'o_proj', 'true'],
    [{ model_type: 'qwen3', attention_bias: true }, 'attention_bias', 'o_proj', 'true'],
    [{ mlp_bias: true }, 'mlp_bias', 'false', 'true'],
    [{ quantization_config: { bits: 4 } }, 'quantization_config', 'none', '{"bits":4}'],
    [{ rope_scaling: { rope_type: 'yarn', factor: 4, beta_fast: 1, beta_slow: 2 } }, 'rope_scaling.beta_slow', 'at most beta_fast, 1', '2'],
    [{ rope_scaling: { rope_type: 'yarn', factor: 4, attention_factor: -1 } }, 'rope_scaling.attention_factor', 'a number above 0', '-1'],
    [{ rope_scaling: { type: 'linear', factor: 0.5 } }, 'rope_scaling.factor', 'at least 1', '0.5'],
    [{ rope_scaling: { type: 'dynamic' } }, 'rope_scaling.factor', 'a number', 'nothing'],
    [{ rope_scaling: { factor: 4 } }, 'rope_scaling.rope_type', 'default or linear or dynamic or yarn or llama3', 'nothing'],
    [{ rope_scaling: 'llama3' }, 'rope_scaling', 'an object or null', '"llama3"'],
    [
      { rope_parameters: { rope_type: 'longrope' } },
      'rope_parameters.rope_type',
      'default or linear or dynamic or yarn or llama3',
      '"longrope"',
    ],
    [{ rope_parameters: { rope_theta: 1e4 }, rope_theta: 1e6 }, 'rope_theta', '10000', '1000000'],
    [{ rope_parameters: { rope_theta: 1e4, partial_rotary_factor: 0.5 } }, 'partial_rotary_factor', '1', '0.5'],
    [{ rope_scaling: { rope_type: 'llama3', ...llama3, factor: '8' } }, 'rope_scaling.factor', 'a number', '"8"'],
    [
      { rope_scaling: { rope_type: 'llama3', ...llama3, high_freq_factor: 1 } },
      'rope_scaling.low_freq_factor',
      'below high_freq_factor, 1',
      '1',
    ],
    [{ rope_theta: -1 }, 'rope_theta', 'above 0', '-1'],
    [{ rope_parameters: { rope_theta: -1 } }, 'rope_parameters.rope_theta', 'above 0', '-1'],
    [{ rope_parameters: { rope_type: 'linear', factor: 0 } }, 'rope_parameters.factor', 'at least 1', '0'],
    [{ rope_theta: 1, rope_scaling: { rope_type: 'yarn', factor: 4 } }, 'rope_theta', 'above 1 for yarn', '1'],
    [{ rope_theta: '1e6' }, 'rope_theta', 'a number', '"1e6"'],
    [{ model_type: 'qwen2', use_sliding_window: true, sliding_window: 128, max_window_layers: 1 }, 'use_sliding_window', 'false', 'true'],
    [
      { model_type: 'qwen3', layer_types: ['full_attention', 'sliding_attention', 'full_attention'] },
      'layer_types',
      'full_attention',
      'sliding',
    ],
    [{ model_type: 'qwen3', layer_types: ['full_attention'] }, 'layer_types', 'a list of 3', '["full_attention"]'],
    [{ vocab_size: 0 }, 'vocab_size', 'from 1', '0'],
    [{ vocab_size: 1.5 }, 'vocab_size', 'an integer', '1.5'],
    [{ vocab_size: 1e12 }, 'vocab_size', 'an integer from 1 to 16777216', '1000000000000'],
    [{ hidden_size: -64 }, 'hidden_size', 'an integer from 1', '-64'],
    [{ hidden_size: '64' }, 'hidden_size', 'a number', '"64"'],
    [{ hidden_size: undefined }, 'hidden_size', 'a number', 'nothing'],
    [{ num_hidden_layers: 100000 }, 'num_hidden_layers', 'from 1 to 1024', '100000'],
    [{ num_attention_heads: 0 }, 'num_attention_heads', 'from 1', '0'],
    [{ num_key_value_heads: 3 }, 'num_key_value_heads', 'a divisor of the 4', '3'],
    [{ head_dim: 15 }, 'head_dim', 'an even number', '15'],
    [{ num_attention_heads: 6, num_key_value_heads: 6 }, 'head_dim', 'an integer', '10.66'],
    [{ intermediate_size: 2 ** 40 }, 'intermediate_size', 'an integer', '1099511627776'],
    [{ max_position_embeddings: 0 }, 'max_position_embeddings', 'from 1', '0'],
    [{ rms_norm_eps: 0 }, 'rms_norm_eps', 'between 0 and 1', '0'],
    [{ tie_word_embeddings: 'yes' }, 'tie_word_embeddings', 'true or false', '"yes"'],
  ])('refuses %j', (change, key, expected, found) => {
    expect(() => parse(change)).toThrow(CheckpointError)
    try {
      parse(change)
    } catch (error) {
      const text = String(error)
      expect(text).toContain('config.json: ')
      for (const part of [key, expected, found]) expect(text).toContain(part)
    }
  })

  it('takes windows and keys that change nothing', () => {
    parse({ model_type: 'qwen2', use_sliding_window: false, sliding_window: 4096, max_window_layers: 1 })
    parse({ model_type: 'qwen2', use_sliding_window: true, sliding_window: 4096, max_window_layers: 3 })
    parse({ model_type: 'qwen2', use_sliding_window: true, sliding_window: null, max_window_layers: 1 })
    parse({ attention_dropout: 0, whatever: [1], quantization_config: null })
  })

  it.each([null, 3, 'x', [], undefined])('refuses %j instead of an object', (json) => {
    expect(() => parseModelConfig(json, 'f/config.json')).toThrow(/f\/config\.json: expected a JSON object/)
  })

  it('throws nothing but CheckpointError for any JSON', () => {
    const value = fc.oneof(fc.constantFrom(...Object.values(base)), fc.jsonValue())
    fc.assert(
      fc.property(fc.record(Object.fromEntries(Object.keys(base).map((key) => [key, value]))), fc.jsonValue(), (json, rope) => {
        try {
          checkModelConfig(parseModelConfig({ ...json, rope_scaling: rope }, 'config.json'), 'x')
        } catch (error) {
          expect(error).toBeInstanceOf(CheckpointError)
        }
      }),
    )
  })
})

const configs: fc.Arbitrary<ModelConfig> = fc
  .record({
    family: fc.constantFrom(...familyNames),
    vocabSize: fc.integer({ min: 1, max: 2 ** 24 }),
    hiddenSize: fc.integer({ min: 1, max: 2 ** 17 }),
    layers: fc.integer({ min: 1, max: 20 }),
    kvHeads: fc.integer({ min: 1, max: 16 }),
    group: fc.integer({ min: 1, max: 8 }),
    half: fc.integer({ min: 1, max: 128 }),
    intermediateSize: fc.integer({ min: 1, max: 2 ** 20 }),
    maxPositions: fc.integer({ min: 1, max: 2 ** 25 }),
    tiedEmbeddings: fc.boolean(),
    rope: fc.constantFrom<RopeConfig>(
      { theta: 1e6 },
      { theta: 5e5, scaling: { ...scaling, type: 'llama3' } },
      { theta: 1e4, scaling: { type: 'linear', factor: 2 } },
      { theta: 1e4, scaling: { type: 'dynamic', factor: 2 } },
      {
        theta: 1e4,
        scaling: {
          ...{ type: 'yarn', factor: 2, originalMaxPositions: 64, betaFast: 32, betaSlow: 1 },
          truncate: false,
          attentionFactor: 0.9,
        },
      },
    ),
    plain: fc.boolean(),
  })
  .map(({ group, half, plain, ...rest }) => {
    const config = { ...rest, heads: rest.kvHeads * group, headDim: half * 2, rmsNormEps: 1e-6 }
    return plain ? config : withFeatures(config)
  })

describe('modelConfigToJson', () => {
  it('comes back as it was', () => {
    fc.assert(
      fc.property(configs, (config) => {
        const json: unknown = JSON.parse(JSON.stringify(modelConfigToJson(config, { eosTokenId: [1, 2], dtype: 'bfloat16' })))
        expect(parseModelConfig(json, 'config.json')).toEqual(config)
      }),
    )
  })

  it('refuses what no config.json can say', () => {
    expect(() => modelConfigToJson({ ...tinyConfig, queryScalar: 3 })).toThrow(/queryScalar: expected nothing for family qwen3, found 3/)
    const attention = [0, 8].map((window) => ({ rope: { theta: 10000 }, window }))
    expect(() => modelConfigToJson({ ...tinyConfig, attention })).toThrow(/attention: expected nothing for family qwen3, found \[/)
    const stray: object = { qkNorm: true }
    expect(() => modelConfigToJson({ ...tinyConfig, ...stray })).toThrow(/qkNorm: expected nothing for family qwen3, found true/)
    expect(() => checkModelConfig({ ...tinyConfig, kvHeads: 3 }, 'train.yaml')).toThrow(/train\.yaml: kvHeads: expected a divisor of the 2/)
  })
})
