import { describe, expect, it } from 'vitest'
import { Points } from '../../../src/trainer/boards/points.ts'
import type { StepReport } from '../../../src/trainer/recipe.ts'
import { metricsRecord, stepLine } from '../../../src/trainer/run/log.ts'

const place = { stage: 'rl', kind: 'grpo', step: 3, steps: 9, seconds: 2, etaSeconds: 12 }

function report(gap: { mean: number; max: number }): StepReport {
  const means = { reward: 0.5, rewardStd: 0.5, parallelRatio: 1, responseTokens: 80, criticalPathTokens: 40, truncated: 0 }
  const losses = { entropy: 0.7, clipFraction: 0, lossTokens: 600 }
  const rollouts = { ...means, ...losses, metrics: {}, groups: 2, informative: 1, allRight: 1, allWrong: 0, gap }
  return { loss: 0.1, lr: 1e-6, updates: [{ gradNorm: 1, skipped: false }], tokens: 640, rollouts }
}

describe('the gap between sampling and training', () => {
  it.each([
    [{ mean: 0, max: 0 }, /clipped 0% {2}gap 0 {2}loss/],
    [{ mean: 1.23e-4, max: 0.0456 }, /gap 1\.2e-4 \(max 4\.6e-2\) {2}loss/],
    [{ mean: Number.NaN, max: Number.NaN }, /gap NaN \(max NaN\) {2}loss/],
  ])('is on the step line and in metrics.jsonl: %o', (gap, line) => {
    expect(stepLine(place, report(gap))).toMatch(line)
    expect(metricsRecord(place, report(gap)).gap).toEqual(gap)
  })
})

describe('a step that learnt from no group', () => {
  const { loss: _, rollouts, ...rest } = report({ mean: 0, max: 0 })
  const { entropy: _entropy, clipFraction: _clipped, gap: _gap, ...others } = rollouts!
  const step: StepReport = { ...rest, updates: [], rollouts: { ...others, informative: 0, lossTokens: 0 } }

  it('has a dash for each mean over its tokens, and no such number in metrics.jsonl', () => {
    expect(stepLine(place, step)).toMatch(/entropy – {2}clipped – {2}gap – {2}loss – {2}grad 0\.000/)
    const line = JSON.parse(JSON.stringify(metricsRecord(place, step)))
    for (const key of ['loss', 'entropy', 'clipFraction', 'gap']) expect(line).not.toHaveProperty(key)
    expect(line).toMatchObject({ reward: 0.5, lossTokens: 0, gradNorm: 0 })
  })

  it('is a point of the boards without them', () => {
    const names = new Points().next(JSON.parse(JSON.stringify(metricsRecord(place, step))))!.scalars.map(([name]) => name)
    expect(names).toContain('train/reward')
    expect(names.filter((name) => /loss$|entropy|clipFraction|^gap/.test(name))).toEqual([])
  })
})
