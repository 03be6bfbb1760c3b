import { describe, expect, it } from 'vitest'
import { isLeftover } from '../../../src/engine/families/decoder.ts'
import { modelSpec } from '../../../src/engine/families/index.ts'
import type { Family } from '../../../src/engine/families/names.ts'
import type { ModelConfig } from '../../../src/engine/model-config.ts'
import { layerParameters, parameterCount, parametersOf } from '../../../src/engine/spec.ts'
import { tinyConfig } from '../checkpoint/build.ts'

describe('the spec of a family', () => {
  it('has the names and order of transformers', () => {
    const names = parametersOf(modelSpec({ ...tinyConfig, layers: 1, tiedEmbeddings: false })).map(
      ({ name, shape }) => `${name} ${shape.join('x')}`,
    )
    expect(names).toEqual([
      'model.embed_tokens.weight 300x8',
      'model.layers.0.self_attn.q_proj.weight 8x8',
      'model.layers.0.self_attn.k_proj.weight 4x8',
      'model.layers.0.self_attn.v_proj.weight 4x8',
      'model.layers.0.self_attn.o_proj.weight 8x8',
      'model.layers.0.self_attn.q_norm.weight 4',
      'model.layers.0.self_attn.k_norm.weight 4',
      'model.layers.0.mlp.gate_proj.weight 12x8',
      'model.layers.0.mlp.up_proj.weight 12x8',
      'model.layers.0.mlp.down_proj.weight 8x12',
      'model.layers.0.input_layernorm.weight 8',
      'model.layers.0.post_attention_layernorm.weight 8',
      'model.norm.weight 8',
      'lm_head.weight 300x8',
    ])
  })

  it('says what the families add to Llama', () => {
    const departures = (family: Family) => {
      const { attention, mlp } = modelSpec({ ...tinyConfig, family }).layers[1]
      return [attention.q.bias, attention.k.bias, attention.v.bias, attention.o.bias, attention.qNorm, attention.kNorm, mlp.gate.bias]
        .filter((parameter) => parameter !== undefined)
        .map(({ name, initial }) => `${name.replace('model.layers.1.self_attn.', '')} ${initial}`)
    }
    expect(departures('llama')).toEqual([])
    expect(departures('qwen2')).toEqual(['q_proj.bias zeros', 'k_proj.bias zeros', 'v_proj.bias zeros'])
    expect(departures('qwen3')).toEqual(['q_norm.weight ones', 'k_norm.weight ones'])
  })

  it('shares the table of a tied model', () => {
    const [tied, untied] = [true, false].map((tiedEmbeddings) => modelSpec({ ...tinyConfig, tiedEmbeddings }))
    expect(tied.head).toBe(tied.embedding.weight)
    expect(parametersOf(untied)).toHaveLength(parametersOf(tied).length + 1)
    expect([isLeftover('lm_head.weight', tied), isLeftover('lm_head.weight', untied)]).toEqual([true, false])
    expect(isLeftover('model.layers.0.self_attn.rotary_emb.inv_freq', untied)).toBe(true)
  })

  it('counts the parameters of Qwen3-0.6B and Llama-3.2-1B', () => {
    const qwen = { vocabSize: 151936, hiddenSize: 1024, layers: 28, heads: 16, kvHeads: 8, headDim: 128, intermediateSize: 3072 }
    expect(parameterCount(modelSpec({ ...tinyConfig, ...qwen }))).toBe(596_049_920)
    const llama = { vocabSize: 128256, hiddenSize: 2048, layers: 16, heads: 32, kvHeads: 8, headDim: 64, intermediateSize: 8192 }
    expect(parameterCount(modelSpec({ ...tinyConfig, ...llama, family: 'llama' }))).toBe(1_235_814_400)
  })

  // Sizes of the checkpoints, numbers of transformers' classes.
  it.each<[string, Partial<ModelConfig>, number]>([
    [
      'Mistral-7B-v0.3',
      {
        ...{ family: 'mistral', vocabSize: 32768, hiddenSize: 4096, layers: 32, heads: 32, kvHeads: 8, headDim: 128 },
        ...{ intermediateSize: 14336, tiedEmbeddings: false },
      },
      7_248_023_552,
    ],
    [
      'SmolLM3-3B',
      {
        ...{ family: 'smollm3', vocabSize: 128256, hiddenSize: 2048, layers: 36, heads: 16, kvHeads: 4, headDim: 128 },
        ...{ intermediateSize: 11008 },
      },
      3_075_098_624,
    ],
    [
      'gemma-3-1b',
      {
        ...{ family: 'gemma3_text', vocabSize: 262144, hiddenSize: 1152, layers: 26, heads: 4, kvHeads: 1, headDim: 256 },
        ...{ intermediateSize: 6912 },
      },
      999_885_952,
    ],
  ])('counts the parameters of %s', (_, sizes, parameters) => {
    expect(parameterCount(modelSpec({ ...tinyConfig, ...sizes }))).toBe(parameters)
  })

  it('has four norms in a layer of gemma3, which start as 0 because their weights are w − 1', () => {
    const spec = modelSpec({ ...tinyConfig, family: 'gemma3_text' })
    const norms = layerParameters(spec.layers[0]).filter(({ name }) => name.includes('norm'))
    expect(norms.map(({ name, initial }) => `${name.replace('model.layers.0.', '')} ${initial}`)).toEqual([
      'self_attn.q_norm.weight zeros',
      'self_attn.k_norm.weight zeros',
      'input_layernorm.weight zeros',
      'post_attention_layernorm.weight zeros',
      'pre_feedforward_layernorm.weight zeros',
      'post_feedforward_layernorm.weight zeros',
    ])
    expect(spec).toMatchObject({ norms: { offset: 1 }, activation: 'gelu', embedding: { scale: Math.sqrt(8) } })
  })

  it('names the rotations of layers that differ once each, and their windows', () => {
    const rope = { theta: 10000 }
    const attention = [
      { rope: null, window: 0 },
      { rope: { theta: 10000 }, window: 5 },
    ]
    const { ropes, layers } = modelSpec({ ...tinyConfig, rope, attention })
    expect(ropes).toEqual([null, rope])
    expect(layers.map(({ attention: own }) => [own.rope, own.window])).toEqual([
      [0, 0],
      [1, 5],
    ])
  })
})
