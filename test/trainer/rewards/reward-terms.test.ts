import { describe, expect, it } from 'vitest'
import { compileTerms, evaluateTerms, expressionsOf } from '../../../src/trainer/rewards/reward-terms.ts'
import type { Rollout } from '../../../src/trainer/samples/rollouts.ts'

const group = (...samples: Record<string, number>[]): Rollout[] => samples.map((metrics) => ({ metrics }) as Rollout)

describe('reward terms', () => {
  it('are one of weight 1 for an expression alone', async () => {
    const terms = await compileTerms({ reward: 'answer + step', rewards: undefined })
    expect(evaluateTerms(terms, [group({ answer: 1 }, { answer: 0 })], 3)).toEqual([{ weight: 1, rewards: [[4, 3]] }])
  })

  it('say nothing where their condition is 0', async () => {
    const terms = await compileTerms({
      reward: undefined,
      rewards: [
        { reward: '2 * answer - 1', weight: 1 },
        { reward: 'saved', weight: 0.4, where: 'answer and step > 1' },
      ],
    })
    expect(expressionsOf(terms).map(({ expression }) => expression)).toEqual(['2 * answer - 1', 'saved', 'answer and step > 1'])
    const groups = [group({ answer: 1, saved: 0.5 }, { answer: 0, saved: 0.9 })]
    expect(evaluateTerms(terms, groups, 1)[1]).toEqual({ weight: 0.4, rewards: [[undefined, undefined]] })
    expect(evaluateTerms(terms, groups, 2)).toEqual([
      { weight: 1, rewards: [[1, -1]] },
      { weight: 0.4, rewards: [[0.5, undefined]] },
    ])
  })
})
