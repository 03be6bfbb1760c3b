import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { sampleRefilled } from '../../../src/trainer/samples/refill.ts'
import { folderWithSuites, metrics, results, run, wholeRun } from '../runs.ts'

/** Groups are the rows themselves; `teach` says which ones teach. */
async function sampled(first: number[], size: number, goal: number, rounds: number, teach: (index: number) => boolean, step = 0) {
  const calls: { indices: number[]; before: number }[] = []
  const result = await sampleRefilled<number>(first, {
    size,
    goal,
    rounds,
    address: [1, 'rl', step],
    sample: async (indices, before) => {
      calls.push({ indices: [...indices], before })
      return [...indices]
    },
    teaching: (groups) => groups.filter(teach).length,
  })
  return { ...result, calls }
}

describe('dynamic sampling', () => {
  it('goes on until enough groups teach, the rounds are used or no row is left, and takes no row twice', async () => {
    const setting = fc.record({
      size: fc.integer({ min: 1, max: 40 }),
      goal: fc.integer({ min: 1, max: 12 }),
      rounds: fc.integer({ min: 0, max: 6 }),
      every: fc.integer({ min: 1, max: 7 }),
      step: fc.nat(9),
    })
    await fc.assert(
      fc.asyncProperty(setting, async ({ size, goal, rounds, every, step }) => {
        const first = Array.from({ length: goal }, (_, i) => i % size)
        const teach = (index: number) => index % every === 0
        const one = await sampled(first, size, goal, rounds, teach, step)
        expect(await sampled(first, size, goal, rounds, teach, step)).toEqual(one)
        const further = one.indices.slice(goal)
        expect(one.indices.slice(0, goal)).toEqual(first)
        expect(new Set(further).size).toBe(further.length)
        expect(further.some((index) => first.includes(index))).toBe(false)
        expect(one.groups).toEqual(one.indices)
        expect(one.rounds).toBe(one.calls.length - 1)
        let before = 0
        for (const call of one.calls) {
          expect(call.before).toBe(before)
          before += call.indices.length
        }
        const enough = one.groups.filter(teach).length >= goal
        const nothingLeft = new Set(one.indices).size === size
        expect(enough || nothingLeft || one.rounds === rounds).toBe(true)
        // Never more than are missing.
        for (let round = 1; round < one.calls.length; round++) {
          const so = one.calls.slice(0, round).flatMap(({ indices }) => indices)
          expect(one.calls[round].indices.length).toBeLessThanOrEqual(goal - so.filter(teach).length)
        }
      }),
    )
  })

  it('draws other prompts in another step', async () => {
    const further = async (step: number) => (await sampled([0], 1000, 8, 1, () => false, step)).indices.slice(1)
    expect(await further(0)).not.toEqual(await further(1))
  })
})

describe('a run that refills', () => {
  it('trains on as many groups as it can find, samples them as it trains them, and goes on bit for bit', async () => {
    const { whole: plain } = await wholeRun()
    const sets = ['stages.rl.refill=3', 'stages.rl.reward="digits > 0.15 ? 1 : 0"', 'stages.rl.group=2', 'save.every=1']
    const [whole, stopped] = [folderWithSuites(plain), folderWithSuites(plain)]
    const { text } = await run(whole, { sets })
    expect(text).toContain('2 prompts x 2 samples a step, refilled in at most 3 rounds')
    const steps = metrics(whole).filter(({ kind }) => kind === 'grpo') as Record<'groups' | 'informative' | 'refills', number>[]
    expect(steps.some(({ refills }) => refills > 0)).toBe(true)
    for (const { groups, informative, refills, ...step } of steps) {
      expect(informative).toBeLessThanOrEqual(2)
      // At least one further prompt a round, and at most as many as a whole step has.
      expect(groups).toBeGreaterThanOrEqual(2 + refills)
      expect(groups).toBeLessThanOrEqual(2 + 2 * refills)
      if (refills < 3) expect(informative).toBe(2)
      expect(step).toMatchObject({ gap: { mean: 0, max: 0 }, allRight: expect.any(Number), allWrong: expect.any(Number) })
    }
    await run(stopped, { sets, stopAfter: 6 })
    await run(stopped, { sets })
    expect(results(stopped)).toEqual(results(whole))
  })
})
