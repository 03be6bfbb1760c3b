import path from 'node:path'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { readTrainConfig, type TrainOverrides } from '../../../src/trainer/config/config-file.ts'
import { compareAtResume, configHash, decisiveTable } from '../../../src/trainer/config/config-table.ts'
import { parseTrainConfig } from '../../../src/trainer/config/parse-config.ts'
import { fixture, root } from '../runs.ts'

const sft = { name: 'a', kind: 'sft', suite: './s.yaml', response: '{{ x }}' }
const grpo = { name: 'b', kind: 'grpo', suite: './r.yaml', provider: 'p', steps: 3, reward: 'answer' }
const file = (stages: unknown[], more: object = {}) => ({ output: 'out', model: { checkpoint: './m' }, stages, ...more })
const parse = (raw: unknown) => parseTrainConfig(raw, path.resolve('/configs/train.yaml'))

afterEach(() => vi.unstubAllEnvs())

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

  it('keeps rollouts unless it is told not to, which leaves their name free', () => {
    const kept = (rollouts?: unknown) => parse(file([grpo], { save: { rollouts } })).save.rollouts
    expect(kept()).toEqual({ every: 1, megabytes: 1000 })
    expect(kept(true)).toEqual(kept())
    expect(kept('false')).toEqual({ every: 0, megabytes: 1000 })
    expect(kept({ every: 10 })).toEqual({ every: 10, megabytes: 1000 })
    const named = (save: object) => () => parse(file([{ ...grpo, name: 'rollouts' }], { save }))
    expect(named({})).toThrow('becomes a folder beside final, checkpoints, suites and rollouts. Got "rollouts"')
    expect(named({ rollouts: false })).not.toThrow()
  })

  it('takes the bounds of the loss where the stage names none', () => {
    const bounds = (more: object) => {
      const [stage] = parse(file([{ ...grpo, ...more }])).stages
      return stage.kind === 'grpo' && [stage.clipLow, stage.clipHigh]
    }
    expect(bounds({ loss: 'grpo' })).toEqual([0.2, 0.28])
    expect(bounds({ loss: 'gspo' })).toEqual([3e-4, 4e-4])
    expect(bounds({ loss: 'gspo', clipHigh: 0.1 })).toEqual([3e-4, 0.1])
    expect(bounds({ loss: 'cispo' })).toEqual([1, 4])
    expect(bounds({ loss: 'gmpo' })).toEqual([0.4, 0.4])
  })

  it.each<[string, unknown, RegExp]>([
    ['reward and rewards', file([{ ...grpo, rewards: [{ reward: 'a' }] }]), /stage "b".*both "reward" and "rewards"/],
    [
      'a key of a reward',
      file([{ ...grpo, reward: undefined, rewards: [{ reward: 'a', wieght: 1 }] }]),
      /"wieght" in reward 1 of stage "b".*"weight"/,
    ],
    [
      'no rewards',
      file([{ ...grpo, reward: undefined, rewards: [] }]),
      /"rewards" in stage "b".*one entry or more\. Got \[\]\. Each has reward/,
    ],
    [
      'KL in rewards apart',
      file([{ ...grpo, kl: 0.1, klIn: 'reward', combine: 'normalize_then_sum' }]),
      /"klIn: reward" in stage "b".*Use klIn: loss/,
    ],
    ['credit of paths without a reward', file([{ ...grpo, pathCredit: {} }]), /"reward" is missing in "pathCredit" in stage "b"/],
    [
      'credit of paths by a loss of whole responses',
      file([{ ...grpo, loss: 'gspo', pathCredit: { reward: 'answer' } }]),
      /"pathCredit" in stage "b".*the loss gspo whole responses\. Use one of dapo, grpo, dr_grpo, bnpo, cispo, sapo\./,
    ],
    ['a reward file', file([{ ...grpo, reward: 'file://none.yaml' }]), /There is no reward file .*none\.yaml/],
    ['loss', file([{ ...grpo, loss: 'gsop' }]), /"loss" in stage "b".*one of dapo, grpo.*Got "gsop"\. Did you mean "gspo"/],
    ['one temperature', file([{ ...grpo, sapoTemperatures: [1] }]), /"sapoTemperatures" in stage "b".*a list of 2.*Got \[1\]/],
    ['no tokens', file([{ ...grpo, topEntropy: 0 }]), /"topEntropy" in stage "b".*Got 0/],
    ['unknown key', file([sft], { sed: 1 }), /Unknown key "sed".*Did you mean "seed"/],
    ['unknown stage key', file([{ ...grpo, cliplow: 0.1 }]), /Unknown key "cliplow" in stage "b".*"clipLow"/],
    ['key of the other kind', file([{ ...sft, group: 8 }]), /Unknown key "group"/],
    ['kind', file([{ ...sft, kind: 'sfd' }]), /"kind".*Did you mean "sft"/],
    ['numerics', file([sft], { numerics: 'fsat' }), /"numerics".*one of exact, fast\. Got "fsat"\. Did you mean "fast"/],
    ['no model', { output: 'o', stages: [sft], model: {} }, /neither/],
    ['both models', file([sft], { model: { checkpoint: 'a', init: { tokenizer: 't', architecture: {} } } }), /both/],
    ['a base of no adapter', file([sft], { model: { base: 'a', init: { tokenizer: 't', architecture: {} } } }), /"base" .* beside "init"/],
    ['no stages', file([]), /"stages".*one entry or more\. Got \[\]\. Each has name, kind and suite/],
    ['two of a name', file([sft, { ...grpo, name: 'a' }]), /Two stages.*"a"/],
    ['name of a folder', file([{ ...sft, name: '../x' }]), /"name"/],
    [
      'group of one',
      file([{ ...grpo, group: 1 }]),
      /"group" in stage "b".*2 or more\. Got 1\. A group of one gives no advantage; 8 is usual/,
    ],
    ['updates', file([{ ...grpo, prompts: 2, updates: 3 }]), /2 prompts among 3 updates/],
    ['no reward', file([{ ...grpo, reward: undefined }]), /"reward" is missing/],
    ['epochs and steps', file([{ ...sft, epochs: 1, steps: 2 }]), /both "epochs" and "steps"/],
    ['betas', file([{ ...sft, betas: [0.9, 1] }]), /"betas".*2, each a number from 0 to below 1\. Got \[0\.9,1\]\. Usual: \[0\.9, 0\.95\]/],
    ['one beta', file([{ ...sft, betas: [0.9] }]), /"betas".*Got \[0\.9\]/],
    ['end above the rate', file([{ ...sft, lr: 1e-5, lrEnd: 1 }]), /"lrEnd" in stage "a".*at most "lr" \(0\.00001\)\. Got 1/],
    ['no kind', file([{ ...sft, kind: undefined }]), /"kind" is missing in stage "a".*sft, grpo or generate/],
    ['no stages at all', { ...file([]), stages: undefined }, /"stages" is missing/],
    [
      'rollouts kept somehow',
      file([grpo], { save: { rollouts: 'some' } }),
      /"rollouts" in "save" in .* must be true, false or a mapping of keys to values\. Got "some"/,
    ],
    ['a stage that is none', file(['sft']), /stage 1 of .* must be a mapping.*Got "sft"/],
    [
      'mistyped and therefore missing',
      file([{ ...grpo, reward: undefined, rewrad: 'answer' }]),
      /Unknown key "rewrad".*Did you mean "reward"/,
    ],
    ['text for a number', file([{ ...grpo, steps: 'many' }]), /"steps" in stage "b".*an integer of 1 or more\. Got "many"\. Correct it\.$/],
    ['bounds and default', file([sft], { save: { keep: 0 } }), /"keep" in "save" in .*1 or more\. Got 0\..*its default \(2\)/],
    ['negative rate', file([{ ...sft, lr: 0 }]), /"lr".*above 0/],
    ['heads', file([sft], { model: { init: { tokenizer: 't', architecture: { heads: 6, kvHeads: 4 } } } }), /multiple of "kvHeads"/],
  ])('refuses: %s', (_, raw, message) => {
    expect(() => parse(raw)).toThrow(message)
  })

  it('takes overrides by path, stages by name or index', () => {
    const sets = ['stages.rl.lr=2e-5', 'stages.0.steps=9', 'save.every=7', 'model.attention=causal']
    const config = readTrainConfig(fixture('train.yaml'), { sets, device: 'cpu', output: 'elsewhere' })
    expect(config.stages[1]).toMatchObject({ lr: 2e-5 })
    expect(config.stages[0]).toMatchObject({ steps: 9 })
    expect(config.save.every).toBe(7)
    expect(config.model.attention).toBe('causal')
    expect(config.output).toBe(path.resolve('elsewhere'))
    expect(() => readTrainConfig(fixture('trian.yaml'))).toThrow(`there is no such file. Did you mean ${fixture('train.yaml')}?`)
    expect(() => readTrainConfig(fixture('train.yaml'), { sets: ['stages.lr.steps=1'] })).toThrow(/no "stages.lr".*rl/)
    expect(() => readTrainConfig(fixture('train.yaml'), { sets: ['stages.rl.stepz=1'] })).toThrow(/Did you mean "steps"/)
    expect(() => readTrainConfig(fixture('train.yaml'), { sets: ['nothing'] })).toThrow(/key\.path=value/)
    expect(() => readTrainConfig(fixture('none.yaml'))).toThrow(/Cannot read/)
  })

  it('lets the precision of a shipped file give way to a device of the command line that lacks it, and to nothing else', () => {
    vi.stubEnv('PR1_PARALLEL', 'models/a')
    for (const name of ['parallel', 'sequential', 'parallel-10', 'sequential-10', 'outlines', 'self-distilled']) {
      const read = (overrides: TrainOverrides = {}) => {
        const config = readTrainConfig(path.join(root, `suites/countdown/train.${name}.yaml`), overrides)
        return { ...config, asked: [config.device, config.precision, config.gaveWay] }
      }
      const file = read()
      expect(file.asked).toEqual(['auto', 'f32', undefined])
      expect(read({ device: 'cpu' }).asked).toEqual(['cpu', 'f32', undefined])
      expect(read({ device: 'tfjs' }).asked).toEqual(['tfjs', 'f32', undefined])
      expect(read({ device: 'cuda', sets: ['precision=bf16'] }).asked).toEqual(['cuda', 'bf16', undefined])
      // Both on the command line contradict each other, and so do both in a file: the engine refuses them.
      expect(read({ device: 'cuda', sets: ['precision=f32'] }).asked).toEqual(['cuda', 'f32', undefined])
      expect(read({ sets: ['device=cuda'] }).asked).toEqual(['cuda', 'f32', undefined])

      const cuda = read({ device: 'cuda' })
      expect(cuda.asked).toEqual(['cuda', 'auto', 'f32'])
      expect(configHash(cuda)).not.toBe(configHash(file))
      expect(compareAtResume(decisiveTable(file), cuda).refused).toEqual([
        { path: 'device', was: 'auto', is: 'cuda' },
        { path: 'precision', was: 'f32', is: 'auto' },
      ])
      expect(compareAtResume(decisiveTable(cuda), read({ device: 'cuda' })).refused).toEqual([])
      expect(compareAtResume(decisiveTable(cuda), file).refused).toHaveLength(2)
    }
  })
})
