import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { configHash, configTable, decisiveTable, parseTrainConfig, readTrainConfig } from '../../src/trainer/config.ts'
import { fixture } from './runs.ts'

const sft = { name: 'a', kind: 'sft', suite: './s.yaml', response: '{{ x }}' }
const grpo = { name: 'b', kind: 'grpo', suite: './r.yaml', provider: 'p', steps: 3, reward: 'answer' }
const file = (stages: unknown[], more: object = {}) => ({ output: 'out', model: { checkpoint: './m' }, stages, ...more })
const parse = (raw: unknown) => parseTrainConfig(raw, path.resolve('/configs/train.yaml'))

describe('train.yaml', () => {
  it('fills in every default and makes paths absolute', () => {
    const config = parse(file([sft, grpo]))
    expect(config).toMatchObject({
      output: path.resolve('/configs/out'),
      seed: 1,
      device: 'auto',
      precision: 'auto',
      numerics: 'exact',
      recompute: false,
      model: { checkpoint: path.resolve('/configs/m') },
      save: { every: 50, keep: 2, dtype: 'bfloat16' },
    })
    const optimizer = { lrEnd: 0, warmup: 0, weightDecay: 0.01, betas: [0.9, 0.95], eps: 1e-8, clip: 1 }
    expect(config.stages[0]).toMatchObject({
      epochs: 1,
      batchTokens: 8192,
      microBatchTokens: 8192,
      lr: 1e-5,
      schedule: 'cosine',
      ...optimizer,
    })
    expect(config.stages[1]).toMatchObject({
      prompts: 32,
      group: 8,
      clipLow: 0.2,
      clipHigh: 0.28,
      dualClip: 3,
      advantage: 'std',
      updates: 1,
      lr: 1e-6,
      schedule: 'constant',
      suite: path.resolve('/configs/r.yaml'),
      ...optimizer,
    })
  })

  it.each<[string, unknown, RegExp]>([
    ['unknown key', file([sft], { sed: 1 }), /Unknown key "sed".*Did you mean "seed"/],
    ['unknown stage key', file([{ ...grpo, cliplow: 0.1 }]), /Unknown key "cliplow" in stage "b".*"clipLow"/],
    ['key of the other kind', file([{ ...sft, group: 8 }]), /Unknown key "group"/],
    ['kind', file([{ ...sft, kind: 'sfd' }]), /"kind".*Did you mean "sft"/],
    ['numerics', file([sft], { numerics: 'fsat' }), /"numerics".*one of exact, fast\. Got "fsat"\. Did you mean "fast"/],
    ['no model', { output: 'o', stages: [sft], model: {} }, /neither/],
    ['both models', file([sft], { model: { checkpoint: 'a', init: {} } }), /both/],
    ['no stages', file([]), /"stages"/],
    ['two of a name', file([sft, { ...grpo, name: 'a' }]), /Two stages.*"a"/],
    ['name of a folder', file([{ ...sft, name: '../x' }]), /"name"/],
    ['group of one', file([{ ...grpo, group: 1 }]), /Group size 1 gives no advantage.*8 is usual/],
    ['updates', file([{ ...grpo, prompts: 2, updates: 3 }]), /2 prompts among 3 updates/],
    ['no reward', file([{ ...grpo, reward: undefined }]), /"reward" is missing/],
    ['epochs and steps', file([{ ...sft, epochs: 1, steps: 2 }]), /both "epochs" and "steps"/],
    ['betas', file([{ ...sft, betas: [0.9, 1] }]), /"betas"/],
    ['negative rate', file([{ ...sft, lr: 0 }]), /"lr".*above 0/],
    ['heads', file([sft], { model: { init: { tokenizer: 't', architecture: { heads: 6, kvHeads: 4 } } } }), /multiple of "kvHeads"/],
  ])('refuses: %s', (_, raw, message) => {
    expect(() => parse(raw)).toThrow(message)
  })

  it('takes overrides by path, stages by name or index', () => {
    const sets = ['stages.rl.lr=2e-5', 'stages.0.steps=9', 'save.every=7', 'model.attention=causal']
    const config = readTrainConfig(fixture('train.yaml'), { sets, device: 'cpu', output: 'elsewhere' })
    expect(config.stages[1].lr).toBe(2e-5)
    expect(config.stages[0]).toMatchObject({ steps: 9 })
    expect(config.save.every).toBe(7)
    expect(config.model.attention).toBe('causal')
    expect(config.output).toBe(path.resolve('elsewhere'))
    expect(() => readTrainConfig(fixture('train.yaml'), { sets: ['stages.lr.steps=1'] })).toThrow(/no "stages.lr".*rl/)
    expect(() => readTrainConfig(fixture('train.yaml'), { sets: ['stages.rl.stepz=1'] })).toThrow(/Did you mean "steps"/)
    expect(() => readTrainConfig(fixture('train.yaml'), { sets: ['nothing'] })).toThrow(/key\.path=value/)
    expect(() => readTrainConfig(fixture('none.yaml'))).toThrow(/Cannot read/)
  })

  it('tells what decides the numbers from where things lie', () => {
    const one = parse(file([sft, grpo]))
    const moved = { ...parse(file([sft, grpo], { threads: 1, save: { every: 3 } })), output: path.resolve('/other') }
    expect(configHash(moved)).toBe(configHash(one))
    expect(configHash(parse(file([sft, grpo], { seed: 2 })))).not.toBe(configHash(one))
    expect(decisiveTable(one)).toMatchObject({ 'stages.b.group': '8' })
    // A run that was saved before there was the key goes on; one that becomes fast does not.
    expect(decisiveTable(one)).not.toHaveProperty('numerics')
    expect(decisiveTable(parse(file([sft, grpo], { numerics: 'fast' })))).toHaveProperty('numerics', 'fast')
    expect(configTable(one).find(([key]) => key === 'stages.b.betas')?.[1]).toBe('[0.9,0.95]')
  })
})
