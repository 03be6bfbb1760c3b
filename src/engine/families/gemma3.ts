import type { LayerAttention, RopeConfig } from '../model-config.ts'
import { decoderSpec } from './decoder.ts'
import type { FamilyDefinition, Sizes } from './family.ts'
import type { Keys } from './keys.ts'
import { layerTypes } from './refusals.ts'
import { checkedRope, readRope, readRopeOf, writeRope, writeRopeOf } from './rope.ts'

/**
 * Gemma 3, text only (arXiv 2503.19786): norms before and after attention and MLP, stored as w − 1, and over each head of q
 * and k; GELU; embeddings times √hidden; most layers see a window and rotate faster than those that see everything.
 */
export const gemma3: FamilyDefinition = {
  architecture: 'Gemma3ForCausalLM',
  defaults: {
    ...{ head_dim: 256, num_key_value_heads: 4, query_pre_attn_scalar: 256, tie_word_embeddings: true },
    ...{ rope_local_base_freq: 1e4, sliding_window: 4096, sliding_window_pattern: 6 },
  },
  read(keys, sizes) {
    keys.only('hidden_activation', 'gelu_pytorch_tanh', 'Other activations are not supported for gemma3_text.')
    keys.only('attention_bias', false, 'Biases in the attention are not supported for gemma3_text.')
    keys.only('use_bidirectional_attention', false, 'It is a model of embeddings, which generates no text.')
    for (const key of ['attn_logit_softcapping', 'final_logit_softcapping'])
      keys.refuse(key, () => false, 'null', 'Capped logits are not supported.')
    const { rope, local } = readRopes(keys, sizes)
    const scalar = keys.number('query_pre_attn_scalar')
    if (!(scalar > 0 && scalar < 1e9)) throw keys.fail('query_pre_attn_scalar', 'a number above 0, below 1e9')
    const attention = readLayers(keys, sizes, rope, local)
    return {
      rope,
      ...(attention.some(({ window }) => window > 0) && { attention }),
      ...(scalar !== sizes.headDim && { queryScalar: scalar }),
    }
  },
  write({ rope, attention, layers, headDim, queryScalar = headDim }) {
    const local = attention?.find(({ window }) => window > 0)
    const each = local?.rope?.scaling && { full_attention: writeRopeOf(rope), sliding_attention: writeRopeOf(local.rope) }
    return {
      ...(each ? { rope_parameters: each } : writeRope(rope)),
      ...{ hidden_activation: 'gelu_pytorch_tanh', attention_bias: false, use_bidirectional_attention: false },
      ...{ attn_logit_softcapping: null, final_logit_softcapping: null, query_pre_attn_scalar: queryScalar },
      layer_types: Array.from({ length: layers }, (_, layer) => (attention?.[layer].window ? 'sliding_attention' : 'full_attention')),
      ...(local && { sliding_window: local.window, ...(!each && { rope_local_base_freq: local.rope?.theta }) }),
    }
  },
  spec: (config) =>
    decoderSpec(config, {
      qkNorm: true,
      activation: 'gelu',
      normOffset: 1,
      embeddingScale: Math.sqrt(config.hiddenSize),
      norms: { afterAttention: 'post_attention_layernorm', mlp: 'pre_feedforward_layernorm', afterMlp: 'post_feedforward_layernorm' },
    }),
}

/** What a `config.json` of model_type gemma3 is told. */
export const gemma3WithImages =
  'It reads images, too. Save its text model alone: in transformers, load it as Gemma3ForConditionalGeneration, put its ' +
  'model.language_model into a Gemma3ForCausalLM of its text_config, tie the weights and save that.'

/** transformers 4 names the two bases side by side, transformers 5 has an object for each kind of layer. */
function readRopes(keys: Keys, sizes: Sizes): { rope: RopeConfig; local: RopeConfig } {
  const each = keys.part('rope_parameters')
  if (!each)
    return {
      rope: readRope(keys, sizes, 1e6),
      local: checkedRope({ theta: keys.number('rope_local_base_freq') }, keys.place('rope_local_base_freq')),
    }
  const [whole, sliding] = [each.part('full_attention'), each.part('sliding_attention')]
  if (!whole && !sliding) throw keys.fail('rope_parameters', 'objects full_attention and sliding_attention')
  return {
    rope: whole ? readRopeOf(whole, sizes, 1e6) : { theta: 1e6 },
    local: sliding ? readRopeOf(sliding, sizes, 1e4) : { theta: 1e4 },
  }
}

function readLayers(keys: Keys, { layers }: Sizes, rope: RopeConfig, local: RopeConfig): LayerAttention[] {
  const kinds = layerTypes(keys, layers) ?? everyFew(layers, keys.count('sliding_window_pattern'))
  const other = kinds.find((kind) => kind !== 'full_attention' && kind !== 'sliding_attention')
  if (other !== undefined) throw keys.failOf('layer_types', other, '"full_attention" and "sliding_attention" only')
  const window = kinds.includes('sliding_attention') ? keys.count('sliding_window') : 0
  return kinds.map((kind) => (kind === 'sliding_attention' ? { rope: local, window } : { rope, window: 0 }))
}

function everyFew(layers: number, pattern: number): string[] {
  return Array.from({ length: layers }, (_, layer) => ((layer + 1) % pattern === 0 ? 'full_attention' : 'sliding_attention'))
}
