import { describe, expect, it } from 'vitest'
import { metricsRecord, stepLine } from '../../src/trainer/log.ts'
import type { StepReport } from '../../src/trainer/recipe.ts'

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
