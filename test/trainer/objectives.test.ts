/** What a GRPO stage learns from, through whole runs of the small training file. */

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
  const others = policyLosses.filter((name) => inProofs || ['grpo', 'cispo', 'gspo', 'vespo'].includes(name))

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
