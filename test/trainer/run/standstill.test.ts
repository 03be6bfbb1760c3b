import { cpSync, existsSync, rmSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { UpdateResult } from '../../../src/engine/types.ts'
import type { RolloutReport, StepReport } from '../../../src/trainer/recipe.ts'
import { afterStep, beginStage, idleStages, type Learning, NOTHING_LEARNT, whyIdle } from '../../../src/trainer/run/standstill.ts'
import { readState } from '../../../src/trainer/states/state.ts'
import { setFirstWeight } from '../../engine/checkpoint/first-weight.ts'
import { folderWithSuites, metrics, run, states, wholeRun } from '../runs.ts'

const done: UpdateResult = { gradNorm: 1, skipped: false }
const skipped: UpdateResult = { gradNorm: Number.NaN, skipped: true }
const report = (updates: UpdateResult[], informative?: number): StepReport => ({
  loss: 0,
  lr: 1,
  tokens: 1,
  updates,
  ...(informative !== undefined && { rollouts: { informative } as RolloutReport }),
})
const learnt = (reports: StepReport[], from: Learning = beginStage(NOTHING_LEARNT, 0)) => reports.reduce(afterStep, from)

describe('whether a run learns', () => {
  it('counts the updates that were skipped in a row, across steps and within one', () => {
    expect(learnt([report([skipped]), report([skipped, skipped])]).skipped).toBe(3)
    expect(learnt([report([skipped]), report([done, skipped])]).skipped).toBe(1)
    expect(learnt([report([skipped]), report([skipped, done])]).skipped).toBe(0)
    expect(learnt([report([skipped]), report([], 0)]).skipped).toBe(1)
  })

  it('counts the steps in a row whose every group was dropped', () => {
    expect(learnt([report([], 0), report([], 0)]).dropped).toBe(2)
    expect(learnt([report([], 0), report([done], 1)]).dropped).toBe(0)
    expect(learnt([report([done])]).dropped).toBe(0)
  })

  it('knows the stages that ended without an update', () => {
    const first = learnt([report([done, skipped]), report([skipped])])
    expect(first.updates).toEqual([1])
    const second = learnt([report([skipped])], beginStage(first, 1))
    expect(second).toEqual({ skipped: 1, dropped: 0, updates: [1, 0] })
    expect(idleStages(second)).toEqual([1])
    expect(idleStages(first)).toEqual([])
  })
})

describe('why a stage had no update', () => {
  const dropped = { informative: 0, groups: 2, allRight: 0, allWrong: 2, reward: 0, truncated: 0, skipped: 0 }

  it('is equal rewards, with the share that a budget ended', () => {
    expect(whyIdle([dropped])).toBe(
      'In its step no group taught: the samples of each prompt had equal rewards (mean 0.000). Choose easier prompts, a larger group or a finer reward.',
    )
    const cut = whyIdle([dropped, { ...dropped, truncated: 1, reward: 0.5 }, { ...dropped, informative: 1, skipped: 2 }])
    expect(cut).toMatch(/^2 updates had a gradient that is not finite, and were skipped\. In 2 of 3 steps no group taught: /)
    expect(cut).toContain('(mean 0.250). A budget (maxTokens) ended 50 % of the responses. Choose a larger maxTokens, easier prompts')
    expect(whyIdle([{ ...dropped, allWrong: 1 }])).toContain('(mean 0.000), or a budget ended them all.')
  })

  it('is updates that were skipped', () => {
    expect(whyIdle([{ loss: 1, skipped: 1 }])).toBe(
      '1 update had a gradient that is not finite, and was skipped. Use a lower lr, a longer warmup or precision: f32.',
    )
  })
})

describe('a run that learns nothing', () => {
  let whole: string
  const folders: string[] = []
  beforeAll(async () => {
    ;({ whole } = await wholeRun())
  })
  afterAll(() => {
    for (const one of folders) rmSync(one, { recursive: true, force: true })
  })
  const folder = () => {
    const made = folderWithSuites(whole)
    folders.push(made)
    return made
  }

  it('goes on, says so and stops where it was told to, with everything saved', async () => {
    const idle = folder()
    const sets = ['stages.base.steps=1', 'stages.rl.steps=6', 'stages.rl.reward=0 * digits', 'stages.rl.maxDropped=3']
    await expect(run(idle, { sets })).rejects.toThrow(
      /3 steps in a row had no group that teaches, in stage "rl", up to step 3: .* equal rewards \(mean 0\)\. Everything is saved in .*step-00000004\. Choose easier prompts/,
    )
    expect(metrics(idle)).toHaveLength(4)
    // The same bound stops again, one step later.
    await expect(run(idle, { sets })).rejects.toThrow(/4 steps in a row had no group that teaches/)
    // A higher bound goes on; at the end it is an error that the stage changed nothing.
    await expect(run(idle, { sets: [...sets, 'stages.rl.maxDropped=9'] })).rejects.toThrow(
      /7 steps, 1 update\. The model is in .*final\. No update changed it in stage "rl"\. In all 6 steps no group taught: .* equal rewards \(mean 0\.000\)\./,
    )
  })

  it('stops where the weights give numbers that are not finite, and saves nothing over what is good', async () => {
    const broken = folder()
    for (const [from, to] of [
      ['base', 'base'],
      ['suites', 'only-rl/suites'],
    ])
      cpSync(`${whole}/${from}`, `${broken}/${to}`, { recursive: true })
    setFirstWeight(`${broken}/base`, 'model.layers.0.post_attention_layernorm.weight', 2 ** 127)
    const failed = run(broken, { stage: 'rl' })
    await expect(failed).rejects.toThrow(/logits .* are not finite.* No state was saved before\. Start a new run from a good state/s)
    await expect(failed).rejects.toMatchObject({ exitCode: 3 })
    expect(existsSync(`${broken}/only-rl/checkpoints`)).toBe(false)
  })

  it('stops where every update is skipped, with the last good state', async () => {
    const broken = folder()
    const sets = [
      'stages.base.lr=1e6',
      'stages.base.weightDecay=1e6',
      'stages.base.clip=0',
      'stages.base.warmup=0',
      'stages.base.steps=9',
      'stages.base.maxSkipped=2',
    ]
    await expect(run(broken, { sets })).rejects.toThrow(
      /2 updates in a row were skipped in stage "base", up to step \d: the gradient was not finite .* The last good weights are in .*step-0000000\d/,
    )
    const newest = states(broken).at(-1)!
    const state = await readState(`${broken}/checkpoints/${newest}`)
    expect(state.learning.skipped).toBe(0)
    expect(state.total).toBe(metrics(broken).length - 2)
  })
})
