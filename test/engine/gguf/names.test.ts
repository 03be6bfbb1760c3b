import { describe, expect, it } from 'vitest'
import { modelSpec } from '../../../src/engine/families/index.ts'
import { familyNames } from '../../../src/engine/families/names.ts'
import {
  architectures,
  familyOf,
  ggufName,
  huggingFaceName,
  pairedHeads,
  reorderRows,
  storedOffset,
} from '../../../src/engine/gguf/names.ts'
import { parametersOf } from '../../../src/engine/spec.ts'
import { tinyConfig } from '../checkpoint/tiny.ts'

describe('names of tensors', () => {
  it.each(familyNames)('of %s: every parameter has one, and the way back', (family) => {
    const names = parametersOf(modelSpec({ ...tinyConfig, family, tiedEmbeddings: false })).map(({ name }) => name)
    const stored = names.map((name) => ggufName(family, name))
    expect(new Set(stored).size).toBe(names.length)
    expect(stored).not.toContain(undefined)
    expect(stored.map((name) => huggingFaceName(family, name!))).toEqual(names)
    expect(familyOf(architectures[family])).toBe(family === 'mistral' ? 'llama' : family)
  })

  it('are those of llama.cpp', () => {
    // gguf 0.19: get_tensor_name_map(MODEL_ARCH.QWEN3, 2).get_name(...)
    expect(ggufName('qwen3', 'model.layers.1.self_attn.q_norm.weight')).toBe('blk.1.attn_q_norm.weight')
    expect(ggufName('qwen3', 'model.layers.1.post_attention_layernorm.weight')).toBe('blk.1.ffn_norm.weight')
    expect(ggufName('gemma3_text', 'model.layers.1.post_attention_layernorm.weight')).toBe('blk.1.post_attention_norm.weight')
    expect(ggufName('gemma3_text', 'model.layers.1.pre_feedforward_layernorm.weight')).toBe('blk.1.ffn_norm.weight')
    expect(ggufName('qwen2', 'model.layers.1.self_attn.q_proj.bias')).toBe('blk.1.attn_q.bias')
    for (const name of ['model.layers.1.weight', 'constructor.weight', 'model.layers.1.mlp.experts.weight', 'lm_head'])
      expect(ggufName('llama', name)).toBeUndefined()
    for (const name of ['blk.1.ffn_gate_exps.weight', 'rope_freqs.weight', 'blk.0.toString.weight', 'blk.0.post_ffw_norm.weight'])
      expect(huggingFaceName('llama', name)).toBeUndefined()
  })
})

describe('what a file stores in another form', () => {
  it('rows of q and k in pairs, for llama, mistral and smollm3 only', () => {
    const heads = (family: (typeof familyNames)[number]) =>
      ['q', 'k', 'v', 'o'].map((part) => pairedHeads({ ...tinyConfig, family }, `model.layers.0.self_attn.${part}_proj.weight`))
    for (const family of ['llama', 'mistral', 'smollm3'] as const) expect(heads(family)).toEqual([2, 1, 0, 0])
    for (const family of ['qwen2', 'qwen3', 'gemma3_text'] as const) expect(heads(family)).toEqual([0, 0, 0, 0])
  })

  it('which is undone', () => {
    // numpy: arange(24).reshape(2, 2, 3, 2).swapaxes(1, 2), as llama.cpp's LlamaModel.permute with 2 heads of 6 and rows of 2
    const halves = Float32Array.from({ length: 24 }, (_, i) => i)
    const pairs = [0, 1, 6, 7, 2, 3, 8, 9, 4, 5, 10, 11, 12, 13, 18, 19, 14, 15, 20, 21, 16, 17, 22, 23]
    const rows = halves.slice()
    reorderRows(rows, 2, 6, 'pairs')
    expect([...rows]).toEqual(pairs)
    reorderRows(rows, 2, 6, 'halves')
    expect(rows).toEqual(halves)
  })

  it('norms of gemma3 with the 1 added', () => {
    const gemma = { ...tinyConfig, family: 'gemma3_text' as const }
    expect(storedOffset(gemma, 'model.layers.0.self_attn.q_norm.weight')).toBe(1)
    expect(storedOffset(gemma, 'model.embed_tokens.weight')).toBe(0)
    expect(storedOffset(tinyConfig, 'model.norm.weight')).toBe(0)
  })
})
