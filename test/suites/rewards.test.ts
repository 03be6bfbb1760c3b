import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import type { GrpoStage } from '../../src/trainer/config/config.ts'
import { parseTrainConfig } from '../../src/trainer/config/parse-config.ts'
import { stepAdvantages } from '../../src/trainer/rewards/advantages.ts'
import { efficiencyWarnings } from '../../src/trainer/rewards/efficiency.ts'
import { compileTerms, evaluateTerms } from '../../src/trainer/rewards/reward-terms.ts'
import type { Rollout } from '../../src/trainer/samples/rollouts.ts'
import { root } from '../trainer/runs.ts'

const folder = path.join(root, 'suites', 'rewards')

/** A stage that takes its reward from the file. */
function stageOf(name: string, more: object = {}): GrpoStage {
  const stage = { name: 'rl', kind: 'grpo', suite: './s.yaml', provider: 'p', steps: 1, reward: `file://${name}.yaml`, ...more }
  const [parsed] = parseTrainConfig(
    { output: 'out', model: { checkpoint: './m' }, stages: [stage] },
    path.join(folder, 'train.yaml'),
  ).stages
  return parsed as GrpoStage
}

type Metrics = Record<'answer' | 'parallel' | 'structure' | 'diversity' | 'efficiency', number>

const cases: Metrics[] = [0, 1].flatMap((answer) =>
  [0, 1].flatMap((parallel) =>
    [0, 1].flatMap((structure) => [0, 0.25, 1].map((d) => ({ answer, parallel, structure, diversity: d, efficiency: 1 - d }))),
  ),
)
const rollouts = (metrics: readonly Metrics[]): Rollout[] => metrics.map((one) => ({ metrics: one }) as unknown as Rollout)

const accuracy = ({ answer }: Metrics): number => (answer ? 1 : -1)
const alternating = (metrics: Metrics, step: number): number => {
  if ((step - 1) % 10 < 8) return accuracy(metrics)
  if (metrics.answer && !metrics.parallel) return 1
  return metrics.answer && metrics.parallel && metrics.structure ? 1.2 : -1
}

/** The table of parallel-thinking.md §5. */
const FORMULAS: Record<string, (metrics: Metrics, step: number) => number> = {
  s1: accuracy,
  s2: alternating,
  strict: ({ answer, parallel, structure }) => (answer && parallel && structure ? 1 : 0),
  diversity: (metrics) => accuracy(metrics) - 0.3 * (1 - metrics.diversity),
  scaffold: (metrics, step) => (step <= 200 ? alternating(metrics, step) : accuracy(metrics)),
}

describe('suites/rewards', () => {
  it('has one line a file, and each is named in the README', () => {
    const files = readdirSync(folder).filter((name) => name.endsWith('.yaml'))
    expect(files.map((name) => path.basename(name, '.yaml')).sort()).toEqual([...Object.keys(FORMULAS), 'efficiency'].sort())
    for (const name of files) {
      expect(readFileSync(path.join(folder, name), 'utf8')).toMatch(/^[^\n]+\n$/)
      expect(readFileSync(path.join(folder, 'README.md'), 'utf8')).toContain(`[${name}](${name})`)
    }
  })

  it.each(Object.entries(FORMULAS))('%s is what the paper states', async (name, formula) => {
    const terms = await compileTerms(stageOf(name))
    for (const step of [1, 8, 9, 10, 11, 19, 199, 200, 201, 209, 210]) {
      const [{ rewards, weight }] = evaluateTerms(terms, [rollouts(cases)], step)
      for (const [i, metrics] of cases.entries()) expect(weight * rewards[0][i]!).toBeCloseTo(formula(metrics, step), 12)
    }
  })

  it('efficiency compares saved tokens among right answers alone, and never outweighs an answer', async () => {
    const stage = stageOf('efficiency')
    expect(stage).toMatchObject({ advantage: 'mean', combine: 'normalize_then_sum' })
    const terms = await compileTerms(stage)
    const sample = (answer: number, efficiency: number): Metrics => ({ answer, efficiency, parallel: 1, structure: 1, diversity: 1 })
    const advantages = (...samples: Metrics[]) =>
      stepAdvantages(evaluateTerms(terms, [rollouts(samples)], 1), { kind: stage.advantage, combine: stage.combine })
    // Wrong answers get nothing for their short responses.
    expect(advantages(sample(1, 0.2), sample(1, 0.6), sample(0, 0), sample(0, 0.9)).advantages[0].map((a) => Number(a.toFixed(6)))).toEqual(
      [0.92, 1.08, -1, -1],
    )
    // All right: what differs is small and stays small.
    expect(advantages(sample(1, 0.5), sample(1, 0.51)).advantages[0][1]).toBeCloseTo(0.002, 9)
    expect(advantages(sample(0, 0.1), sample(0, 0.9)).informative).toEqual([false])
    expect(efficiencyWarnings(terms, stage, { rows: [] })).toEqual([])
    expect(efficiencyWarnings(terms, stageOf('efficiency', { advantage: 'std' }), { rows: [] })).toHaveLength(1)
  })
})
