import type { ModelConfig } from '../model-config.ts'
import type { Activation, AttentionSpec, Initial, LinearSpec, MlpSpec, ModelSpec, ParameterSpec } from '../spec.ts'

/** The decoder that all families are variations of, with the names that transformers gives its parameters (LlamaForCausalLM). */

/** Where a family departs from Llama. */
interface Traits {
  /** Biases on q, k and v. */
  qkvBias?: boolean
  /** RMSNorm over each head of q and k. */
  qkNorm?: boolean
  /** Default silu. */
  activation?: Activation
  /** 1 where checkpoints store w − 1 of every norm. Default 0. */
  normOffset?: 0 | 1
  /** Default 1. */
  embeddingScale?: number
  /** Names of a layer's norms; those after attention and MLP only where there are any. */
  norms?: { mlp: string; afterAttention?: string; afterMlp?: string }
}

/** The head's own table, where it has one. */
export const headName = 'lm_head.weight'

export function decoderSpec(config: ModelConfig, traits: Traits = {}): ModelSpec {
  const { vocabSize, hiddenSize, heads, kvHeads, headDim, intermediateSize, maxPositions } = config
  const { qkvBias = false, qkNorm = false, normOffset = 0, norms = { mlp: 'post_attention_layernorm' } } = traits
  const parameter = (name: string, initial: Initial, ...shape: number[]): ParameterSpec => ({ name, shape, initial })
  const norm = (name: string, size = hiddenSize) => parameter(`${name}.weight`, normOffset === 1 ? 'zeros' : 'ones', size)
  const linear = (name: string, out: number, inner: number, initial: Initial = 'normal', bias = false): LinearSpec => ({
    weight: parameter(`${name}.weight`, initial, out, inner),
    ...(bias && { bias: parameter(`${name}.bias`, 'zeros', out) }),
  })

  const each = config.attention ?? Array.from({ length: config.layers }, () => ({ rope: config.rope, window: 0 }))
  const ropes = new Map(each.map(({ rope }) => [JSON.stringify(rope), rope]))
  const kinds = [...ropes.keys()]
  const layers = each.map(({ rope, window }, layer) => {
    const own = (name: string) => `model.layers.${layer}.${name}`
    const attention: AttentionSpec = {
      norm: norm(own('input_layernorm')),
      q: linear(own('self_attn.q_proj'), heads * headDim, hiddenSize, 'normal', qkvBias),
      k: linear(own('self_attn.k_proj'), kvHeads * headDim, hiddenSize, 'normal', qkvBias),
      v: linear(own('self_attn.v_proj'), kvHeads * headDim, hiddenSize, 'normal', qkvBias),
      ...(qkNorm && { qNorm: norm(own('self_attn.q_norm'), headDim), kNorm: norm(own('self_attn.k_norm'), headDim) }),
      rope: kinds.indexOf(JSON.stringify(rope)),
      window,
      o: linear(own('self_attn.o_proj'), hiddenSize, heads * headDim, 'residual'),
      ...(norms.afterAttention && { postNorm: norm(own(norms.afterAttention)) }),
    }
    const mlp: MlpSpec = {
      norm: norm(own(norms.mlp)),
      gate: linear(own('mlp.gate_proj'), intermediateSize, hiddenSize),
      up: linear(own('mlp.up_proj'), intermediateSize, hiddenSize),
      down: linear(own('mlp.down_proj'), hiddenSize, intermediateSize, 'residual'),
      ...(norms.afterMlp && { postNorm: norm(own(norms.afterMlp)) }),
    }
    return { attention, mlp }
  })

  const embedding = parameter('model.embed_tokens.weight', 'normal', vocabSize, hiddenSize)
  return {
    ...{ vocabSize, hiddenSize, heads, kvHeads, headDim, intermediateSize, maxPositions },
    norms: { eps: config.rmsNormEps, offset: normOffset },
    activation: traits.activation ?? 'silu',
    attentionScale: 1 / Math.sqrt(config.queryScalar ?? headDim),
    ropes: [...ropes.values()],
    embedding: { weight: embedding, scale: traits.embeddingScale ?? 1 },
    layers,
    norm: norm('model.norm'),
    head: config.tiedEmbeddings ? embedding : parameter(headName, 'normal', vocabSize, hiddenSize),
  }
}

/** A tensor that writers leave beside the weights and that nothing needs: frequencies, masks, the second name of a tied table. */
export function isLeftover(name: string, { head }: ModelSpec): boolean {
  return name.endsWith('.rotary_emb.inv_freq') || name.endsWith('.attn.bias') || (name === headName && head.name !== headName)
}
