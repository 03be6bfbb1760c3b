/** What a GRPO stage learns from, through whole runs of the small training file. */

import { existsSync, rmSync } from 'node:fs'
import path from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { policyLosses } from '../../src/trainer/losses/index.ts'
import { inProofs } from '../proofs.ts'
import { folderWithSuites, metrics, results, run, wholeRun } from './runs.ts'

/** The run of the default objective. */
let whole: string

beforeAll(async () => {
  ;({ whole } = await wholeRun())
})

/** A run with other settings of its GRPO stage. */
async function runWith(settings: Record<string, unknown>, options: { stopAfter?: number; folder?: string } = {}) {
  const folder = options.folder ?? folderWithSuites(whole)
  const sets = Object.entries(settings).map(([key, value]) => `stages.rl.${key}=${JSON.stringify(value)}`)
  const { outcome, text } = await run(folder, { sets, stopAfter: options.stopAfter })
  return { folder, outcome, text, steps: metrics(folder).slice(5) as Record<string, number>[] }
}

describe('loss', () => {
  // On the first update of a step cispo and vespo have the gradient of dapo, so there are two, and bounds that some token meets.
  const settings = { updates: 2, clipLow: 1e-4, clipHigh: 1e-4 }
  const others = policyLosses.filter((name) => inProofs || ['cispo', 'gspo'].includes(name))

  it('each trains, and otherwise than the others', async () => {
    const seen = new Set<unknown>()
    for (const loss of ['dapo', ...others]) {
      const { folder, steps } = await runWith({ ...settings, loss })
      expect(steps).toHaveLength(3)
      for (const step of steps) expect(step).toMatchObject({ gap: { mean: 0, max: 0 }, skipped: 0 })
      seen.add(results(folder).final)
    }
    expect(seen.size).toBe(new Set(['dapo', ...others]).size)
  })

  it('dapo named is dapo by default, to the bit', async () => {
    const { folder } = await runWith({ loss: 'dapo', topEntropy: 1, maskTruncated: false, sapoTemperatures: [1, 1.05] })
    expect(results(folder)).toEqual(results(whole))
  })
})

it('groups without signal are counted by what all of their samples earned', async () => {
  const counts = ({ steps }: { steps: Record<string, number>[] }) =>
    steps.map(({ informative, allRight, allWrong }) => [informative, allRight, allWrong])
  for (const [reward, expected] of [
    ['1 + 0 * digits', [0, 2, 0]],
    ['0 * digits', [0, 0, 2]],
  ] as const) {
    // Nothing is learnt, which ends the run with an error after its last step.
    const folder = folderWithSuites(whole)
    await expect(run(folder, { sets: [`stages.rl.reward=${reward}`] })).rejects.toThrow('No update changed it in stage "rl"')
    const steps = metrics(folder).slice(5) as Record<string, number>[]
    expect(counts({ steps })).toEqual([expected, expected, expected])
    // There is no mean over no tokens. A 0 would read as an entropy that has collapsed.
    for (const step of steps) {
      expect(step.lossTokens).toBe(0)
      for (const key of ['loss', 'entropy', 'clipFraction', 'gap', 'kl']) expect(step).not.toHaveProperty(key)
    }
  }
  for (const { groups, informative, allRight, allWrong } of metrics(whole).slice(5) as Record<string, number>[])
    expect(informative + allRight + allWrong).toBe(groups)
})

describe('topEntropy and maskTruncated', () => {
  it('learn from fewer tokens, and go on with the same bits', async () => {
    const settings = { topEntropy: 0.3, updates: 2 }
    const one = await runWith(settings)
    const dapo = metrics(whole).slice(5) as Record<string, number>[]
    expect(one.steps[0].lossTokens).toBe(dapo[0].lossTokens)
    expect(one.steps[0].gradNorm).not.toBe(dapo[0].gradNorm)
    const stopped = await runWith(settings, { stopAfter: 7 })
    expect(stopped.outcome).toBe('interrupted')
    const resumed = await runWith(settings, { folder: stopped.folder })
    expect(results(resumed.folder)).toEqual(results(one.folder))
  })

  it('leaves responses that a budget ended out of the update', async () => {
    const { steps } = await runWith({ maskTruncated: true })
    const dapo = metrics(whole).slice(5) as Record<string, number>[]
    expect(dapo[0].truncated).toBeGreaterThan(0)
    expect(steps[0].truncated).toBe(dapo[0].truncated)
    expect(steps[0].lossTokens).toBeLessThan(dapo[0].lossTokens)
    expect(steps[0].reward).toBe(dapo[0].reward)
  })
})

describe('the KL to a reference', () => {
  const settings = { kl: 0.5, referenceEvery: 2, referenceMix: 0.5, updates: 2 }
  const klOf = (steps: Record<string, number>[]) => steps.map(({ kl }) => kl)

  it('is 0 where the policy is the reference still, and the run goes on with the same bits', async () => {
    const once = await runWith({ kl: 0.5 })
    expect(klOf(once.steps)[0]).toBe(0)
    expect(Math.min(...klOf(once.steps).slice(1))).toBeGreaterThan(0)
    expect(once.text).toMatch(/reference .*KiB\n.*total/)
    expect(once.text).toMatch(/rl 2\/3 .* kl \S+e-\d+ /)
    const one = await runWith(settings)
    for (const stopAfter of [6, 7]) {
      const stopped = await runWith(settings, { stopAfter })
      expect(stopped.outcome).toBe('interrupted')
      expect(existsSync(path.join(stopped.folder, 'checkpoints', `step-0000000${stopAfter}`, 'trainer', 'reference.safetensors'))).toBe(
        true,
      )
      const resumed = await runWith(settings, { folder: stopped.folder })
      expect(results(resumed.folder)).toEqual(results(one.folder))
    }
  })

  it('follows the policy where it is told to', async () => {
    const [never, always] = [await runWith({ kl: 0.5 }), await runWith({ kl: 0.5, referenceEvery: 1 })]
    expect(klOf(always.steps)).toEqual([0, 0, 0])
    expect(results(never.folder).final).not.toBe(results(always.folder).final)
  })

  it('in the reward moves advantages and leaves the loss alone', async () => {
    const [inLoss, inReward] = [await runWith({ kl: 0.5 }), await runWith({ kl: 0.5, klIn: 'reward' })]
    expect(inReward.steps[0]).toMatchObject({ kl: 0, gradNorm: inLoss.steps[0].gradNorm })
    expect(inReward.steps[1].reward).toBe(inLoss.steps[1].reward)
    expect(results(inReward.folder).final).not.toBe(results(inLoss.folder).final)
    expect(results(inReward.folder).final).not.toBe(results(whole).final)
  })

  it('needs the reference of the state that it goes on from', async () => {
    const { folder } = await runWith({ kl: 0.5 }, { stopAfter: 6 })
    rmSync(path.join(folder, 'checkpoints', 'step-00000006', 'trainer', 'reference.safetensors'))
    await expect(runWith({ kl: 0.5 }, { folder })).rejects.toThrow(/reference\.safetensors/)
  })
})

describe('the entropy bonus', () => {
  it('raises the entropy, more with more of it', async () => {
    const entropies: number[] = []
    for (const entropyBonus of [0, 0.5, 5]) entropies.push((await runWith({ entropyBonus, lr: 0.01 })).steps[1].entropy)
    expect(entropies[1]).toBeGreaterThan(entropies[0])
    expect(entropies[2]).toBeGreaterThan(entropies[1])
  })

  it('with a target moves its weight, and the run goes on with it', async () => {
    const settings = { entropyBonus: 0.1, entropyTarget: 99, entropyBonusStep: 0.25, updates: 2, topEntropy: 0.5 }
    const one = await runWith(settings)
    const weights = one.steps.map(({ entropyBonus }) => entropyBonus)
    expect(weights[0]).toBeGreaterThan(0.1)
    expect(weights[2]).toBe(1)
    expect(one.text).toMatch(/ bonus 1\.0e\+0 /)
    const stopped = await runWith(settings, { stopAfter: 6 })
    const resumed = await runWith(settings, { folder: stopped.folder })
    expect(results(resumed.folder)).toEqual(results(one.folder))
    const above = await runWith({ ...settings, entropyTarget: 0 })
    expect(above.steps.map(({ entropyBonus }) => entropyBonus)).toEqual([0, 0, 0])
  })
})

describe('several rewards', () => {
  const rewards = [{ reward: 'digits' }, { reward: 'blocks', weight: 0.1 }]

  it('added first are the expression that adds them', async () => {
    const { folder } = await runWith({ reward: null, rewards })
    // The state holds the configuration, and kept rollouts each reward apart.
    const trained = (run: string) => ({ ...results(run), state: undefined, rollouts: undefined })
    expect(JSON.stringify(trained(folder))).toBe(JSON.stringify(trained(whole)))
  })

  it.each([
    [{ combine: 'normalize_then_sum' }],
    [{ combine: 'normalize_then_sum', advantage: 'mean' }],
    [{ combine: 'normalize_then_sum', rewards: [rewards[0], { ...rewards[1], where: 'digits > 0.2' }] }],
    [{ advantage: 'batch' }],
  ])('compared otherwise teach otherwise: %o', async (more) => {
    const { folder, steps } = await runWith({ reward: null, rewards, ...more })
    expect(steps.map(({ skipped }) => skipped)).toEqual([0, 0, 0])
    expect(results(folder).final).not.toBe(results(whole).final)
  })
})
