import type { Family } from '../families/names.ts'
import type { ModelConfig } from '../model-config.ts'

/**
 * What llama.cpp calls the architectures and parameters of our families, and what it stores in another form than Hugging Face:
 * rows of q and k in pairs, and the norms of gemma3 with the 1 added. Read from llama.cpp's conversion/ and gguf-py's tensor_mapping.py.
 */

/** `general.architecture` of a family. Mistral is written as llama. */
export const architectures = {
  llama: 'llama',
  mistral: 'llama',
  qwen2: 'qwen2',
  qwen3: 'qwen3',
  smollm3: 'smollm3',
  gemma3_text: 'gemma3',
} as const satisfies Record<Family, string>

/** The family that computes what an architecture does; undefined where there is none here. */
export function familyOf(architecture: string): Family | undefined {
  return (Object.keys(architectures) as Family[]).find((family) => architectures[family] === architecture)
}

/** Hugging Face name → name in the file, without `.weight` and `.bias`. */
const outer = { 'model.embed_tokens': 'token_embd', 'model.norm': 'output_norm', lm_head: 'output' }

/** The same inside `model.layers.N.` and `blk.N.`. */
const inner = {
  input_layernorm: 'attn_norm',
  'self_attn.q_proj': 'attn_q',
  'self_attn.k_proj': 'attn_k',
  'self_attn.v_proj': 'attn_v',
  'self_attn.o_proj': 'attn_output',
  'self_attn.q_norm': 'attn_q_norm',
  'self_attn.k_norm': 'attn_k_norm',
  'mlp.gate_proj': 'ffn_gate',
  'mlp.up_proj': 'ffn_up',
  'mlp.down_proj': 'ffn_down',
}

function innerOf(family: Family): Record<string, string> {
  if (family !== 'gemma3_text') return { ...inner, post_attention_layernorm: 'ffn_norm' }
  return {
    ...inner,
    post_attention_layernorm: 'post_attention_norm',
    pre_feedforward_layernorm: 'ffn_norm',
    post_feedforward_layernorm: 'post_ffw_norm',
  }
}

/** The name in a GGUF file of a parameter, given its Hugging Face name; undefined where llama.cpp has none. */
export function ggufName(family: Family, name: string): string | undefined {
  const [, layer, part, kind] = /^(?:model\.layers\.(\d{1,4})\.)?(.+)\.(weight|bias)$/.exec(name) ?? []
  if (part === undefined) return undefined
  const names: Record<string, string> = layer === undefined ? outer : innerOf(family)
  if (!Object.hasOwn(names, part)) return undefined
  return `${layer === undefined ? '' : `blk.${layer}.`}${names[part]}.${kind}`
}

/** The Hugging Face name of a tensor in a GGUF file; undefined where the family has no such parameter. */
export function huggingFaceName(family: Family, name: string): string | undefined {
  const [, layer, part, kind] = /^(?:blk\.(\d{1,4})\.)?(.+)\.(weight|bias)$/.exec(name) ?? []
  const names: Record<string, string> = layer === undefined ? outer : innerOf(family)
  const found = Object.keys(names).find((key) => names[key] === part)
  return found === undefined ? undefined : `${layer === undefined ? '' : `model.layers.${layer}.`}${found}.${kind}`
}

/**
 * Heads of a parameter (Hugging Face name) whose rows the file has in pairs: first of the one half of a head, first of the other, second of
 * the one half, … Hugging Face rotates the two halves against each other, llama.cpp neighbours, in these architectures.
 * 0: the rows are in the same order.
 */
export function pairedHeads({ family, heads, kvHeads }: ModelConfig, name: string): number {
  if (architectures[family] !== 'llama' && family !== 'smollm3') return 0
  if (/\.self_attn\.q_proj\.(weight|bias)$/.test(name)) return heads
  return /\.self_attn\.k_proj\.(weight|bias)$/.test(name) ? kvHeads : 0
}

/** What the file adds to each number of a parameter (Hugging Face name): 1 for the norms of gemma3, which stores w where Hugging Face has w − 1. */
export function storedOffset({ family }: ModelConfig, name: string): 0 | 1 {
  return family === 'gemma3_text' && name.endsWith('norm.weight') ? 1 : 0
}

/**
 * Puts the rows of q or k from one order into the other, in place, one head at a time; see {@link pairedHeads}. A row may be numbers or the
 * bytes of its blocks.
 * @param data all rows, one after the other
 */
export function reorderRows(data: Float32Array | Uint8Array, heads: number, headDim: number, to: 'pairs' | 'halves'): void {
  const row = data.length / (heads * headDim)
  for (let head = 0; head < heads; head++) {
    const rows = data.subarray(head * headDim * row, (head + 1) * headDim * row)
    const before = rows.slice()
    for (let i = 0; i < headDim; i++) {
      const pair = (i % (headDim / 2)) * 2 + (i < headDim / 2 ? 0 : 1)
      const [from, at] = to === 'pairs' ? [i, pair] : [pair, i]
      rows.set(before.subarray(from * row, (from + 1) * row), at * row)
    }
  }
}
