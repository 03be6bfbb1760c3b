/** Which layers a configuration means, and with which rank and alpha. */

import { describe, expect, it } from 'vitest'
import { parsePeftConfig } from '../../../src/engine/adapters/config.ts'
import { targetsOf } from '../../../src/engine/adapters/targets.ts'

const kinds = ['self_attn.q_proj', 'self_attn.v_proj', 'mlp.up_proj']
const namesOf = (layers: number) => Array.from({ length: layers }, (_, n) => kinds.map((kind) => `model.layers.${n}.${kind}`)).flat()
const names = [...namesOf(12), 'model.embed_tokens', 'lm_head']

function resolve(config: object, of: readonly string[] = names) {
  const base = { peft_type: 'LORA', r: 4, lora_alpha: 8, target_modules: ['q_proj'] }
  return targetsOf(parsePeftConfig({ ...base, ...config }, 'file'), of)
}
const layersOf = (config: object) => resolve(config).targets.map(({ layer }) => layer)

describe('target_modules', () => {
  it.each<[object, RegExp]>([
    [{ target_modules: ['q_proj', 'mlp.up_proj'] }, /q_proj|up_proj/],
    [{ target_modules: ['roj'] }, /^$/],
    [{ target_modules: ['model.layers.3.self_attn.v_proj'] }, /layers\.3\.self_attn\.v_proj/],
    [{ target_modules: 'all-linear' }, /_proj/],
    [{ target_modules: 'All-Linear', exclude_modules: ['self_attn.q_proj'] }, /v_proj|up_proj/],
    [{ target_modules: '.*\\.1\\.mlp.*' }, /layers\.1\.mlp/],
    [{ target_modules: 'up_proj' }, /^$/],
    [{ target_modules: '.*_proj', exclude_modules: '.*\\.\\d\\..*' }, /layers\.1[01]\./],
    [{ layers_to_transform: 1 }, /layers\.1\.self_attn\.q_proj/],
    [{ layers_to_transform: [0, 11], layers_pattern: ['h', 'layers'] }, /layers\.(0|11)\..*q_proj/],
    [{ layers_to_transform: [0], layers_pattern: 'h' }, /^$/],
    [{ layers_to_transform: [], target_modules: ['v_proj'] }, /v_proj/],
    // A whole name is meant whatever the layers.
    [{ layers_to_transform: [0], target_modules: ['model.layers.5.mlp.up_proj'] }, /layers\.5\.mlp\.up_proj/],
    [{ target_modules: ['lm_head', 'embed_tokens'] }, /lm_head|embed_tokens/],
  ])('%j', (config, wanted) => {
    expect(layersOf(config)).toEqual(names.filter((name) => wanted.test(name)))
  })

  it('is a list where some layers are left out', () => {
    expect(() => resolve({ target_modules: '.*', layers_to_transform: [1] })).toThrow(
      /target_modules: expected a list, beside layers_to_transform/,
    )
  })
})

describe('rank_pattern and alpha_pattern', () => {
  it('match the end of a name from a dot on; a dot is any character', () => {
    const { targets } = resolve({
      rank_pattern: { 'layers.1.self_attn.q_proj': 1, 'attn.q_proj': 2, 'layers.2.self_attn.q_proj|x': 3 },
      alpha_pattern: { '^model.layers.3.*': 5 },
    })
    expect(targets.map(({ rank }) => rank)).toEqual([4, 1, 3, ...Array(9).fill(4)])
    expect(targets.map(({ alpha }) => alpha)).toEqual([8, 8, 8, 5, ...Array(8).fill(8)])
  })

  it('count in the order of the file; equal values are no conflict', () => {
    const both = resolve({ alpha_pattern: { q_proj: 2, '.*q_proj': 2, 'layers.0.self_attn.q_proj': 9 } })
    expect([both.targets[0].alpha, both.warnings.length]).toEqual([2, 1])
    expect(both.warnings[0]).toMatch(/alpha_pattern: "q_proj" and "layers\.0\.self_attn\.q_proj" both match model\.layers\.0/)
    expect(resolve({ alpha_pattern: { q_proj: 2, '.*q_proj': 2 } }).warnings).toEqual([])
  })

  it('may name each of a thousand layers', () => {
    const many = namesOf(334)
    const ranks = Object.fromEntries(many.map((name, i) => [name, 1 + (i % 7)]))
    const { targets, warnings } = resolve({ target_modules: 'all-linear', rank_pattern: ranks, alpha_pattern: ranks }, many)
    expect(targets.map(({ rank, alpha }) => [rank, alpha])).toEqual(many.map((_, i) => [1 + (i % 7), 1 + (i % 7)]))
    expect(warnings).toEqual([])
  })
})
