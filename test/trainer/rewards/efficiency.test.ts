import { describe, expect, it } from 'vitest'
import { efficiencyWarnings } from '../../../src/trainer/rewards/efficiency.ts'
import { compileTerms } from '../../../src/trainer/rewards/reward-terms.ts'
import type { Suite } from '../../../src/trainer/suite/suite.ts'

const assertion = (metric: string, value: string) => ({ type: 'javascript', metric, value })
const suite = {
  rows: [
    {
      test: {
        assert: [assertion('answer', 'package:parallel-r1:mathAnswer'), assertion('saved', 'package:parallel-r1:parallelEfficiency')],
      },
    },
  ],
} as unknown as Suite

async function warnings(
  reward: string | { reward: string; where?: string }[],
  advantage: 'std' | 'batch' | 'mean' = 'mean',
): Promise<string[]> {
  const one = typeof reward === 'string'
  const rewards = one ? undefined : reward.map((term) => ({ weight: 1, ...term }))
  const terms = await compileTerms({ reward: one ? reward : undefined, rewards })
  return efficiencyWarnings(terms, { advantage, name: 'rl' }, suite)
}

describe('rewards for few tokens', () => {
  it('warn of the division by a deviation, by assertion and by name', async () => {
    for (const advantage of ['std', 'batch'] as const) {
      expect(await warnings([{ reward: 'answer' }, { reward: 'saved', where: 'answer' }], advantage)).toEqual([
        expect.stringMatching(
          new RegExp(`^Warning: "advantage: ${advantage}" of stage "rl" .*"saved" counts tokens.*Use advantage: mean\\.$`),
        ),
      ])
    }
    expect(await warnings('answer * latency_bonus', 'std')).toHaveLength(1)
    expect(await warnings('answer * saved')).toEqual([])
    expect(await warnings('2 * answer - 1', 'std')).toEqual([])
  })

  it('warn where wrong answers are paid too', async () => {
    const [line, ...others] = await warnings('answer ? 1 + 0.4 * saved : -1 + 0.1 * saved')
    expect(line).toMatch(/pays for "saved" where every other metric is 0.*where: answer/)
    expect(others).toEqual([])
    expect(await warnings('mod(step, 5) == 0 ? saved : answer')).toHaveLength(1)
    expect(await warnings('answer ? 1 + 0.4 * saved : -1')).toEqual([])
    expect(await warnings([{ reward: 'saved', where: 'answer' }])).toEqual([])
    expect(await warnings([{ reward: 'saved' }])).toHaveLength(1)
    // Cannot be told: no reward there.
    expect(await warnings('saved / answer')).toEqual([])
  })
})
