import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { NonFiniteError, ParallelR1Error } from '../../src/engine/errors.ts'
import type { Model, StepInput, StepOutput } from '../../src/engine/types.ts'
import { resolveLimits } from '../../src/thinking/budget.ts'
import { parseThinkingIds } from '../../src/thinking/grammar.ts'
import { Scheduler } from '../../src/thinking/scheduler.ts'
import { responseIds, runsOf, trajectoryCounts } from '../../src/thinking/trajectory.ts'
import type { ThinkRequest } from '../../src/thinking/types.ts'
import { hash, randomScript, TOY_TAGS, TOY_VOCABULARY, ToyModel } from './toy-model.ts'

const script = randomScript({ parallel: 0.2, eos: 0.05, pathEnd: 0.2, summaryEnd: 0.2, stray: 0.2 })

function request(overrides: Partial<ThinkRequest>): ThinkRequest {
  return {
    promptIds: [20, 21],
    mode: 'parallel',
    attention: 'structured',
    tags: TOY_TAGS,
    paths: 3,
    maxBlocks: 4,
    budgets: { response: 120 },
    temperature: 1,
    seed: 7,
    ...overrides,
  }
}

/** What an engine whose logits are anything at all may answer. */
const answers: ((honest: StepOutput, input: StepInput) => StepOutput)[] = [
  ({ logprob }) => ({ id: TOY_TAGS.parallel, logprob }),
  ({ logprob }) => ({ id: TOY_TAGS.eos[0], logprob }),
  ({ logprob }, { sampling }) => ({ id: sampling!.exclude?.[0] ?? 0, logprob }),
  ({ logprob }) => ({ id: -1, logprob }),
  ({ logprob }) => ({ id: TOY_VOCABULARY, logprob }),
  ({ logprob }) => ({ id: Number.NaN, logprob }),
  ({ id }) => ({ id, logprob: Number.NaN }),
  ({ id }) => ({ id, logprob: Number.NEGATIVE_INFINITY }),
  () => ({ id: -1, logprob: Number.NaN, error: new NonFiniteError('the folder: the logits are not finite.') }),
]

/** A toy that answers wrongly to draws of the seed `of`, by chance. */
function lying(toy: ToyModel, of: number, chance: number, salt: number): Model {
  const step = async (inputs: readonly StepInput[]): Promise<StepOutput[]> => {
    const honest = await toy.step(inputs)
    return honest.map((output, k) => {
      const { sampling, positions } = inputs[k]
      if (sampling?.seed !== of) return output
      const draw = (n: number) => hash(salt, n, sampling.stream, positions[positions.length - 1]) / 2 ** 32
      return draw(0) < chance ? answers[Math.floor(draw(1) * answers.length)](output, inputs[k]) : output
    })
  }
  return new Proxy(toy.model, {
    get: (target, key) =>
      key === 'step'
        ? step
        : typeof Reflect.get(target, key) === 'function'
          ? Reflect.get(target, key).bind(target)
          : Reflect.get(target, key),
  })
}

describe('whatever the engine answers', () => {
  it('blocks and budgets hold or the request fails by name, and the others get what they get alone', async () => {
    let failed = 0
    const property = async (salt: number, chance: number, attention: 'structured' | 'causal', response: number) => {
      const bad = request({ seed: 1, attention, budgets: { response } })
      const good = request({ seed: 2, attention })
      const alone = await new Scheduler(new ToyModel(script).model).think(good)
      const toy = new ToyModel(script)
      const scheduler = new Scheduler(lying(toy, 1, chance, salt), { maxStepTokens: 16 })
      const [attacked, other] = await Promise.allSettled([scheduler.think(bad), scheduler.think(good)])
      expect(other).toEqual({ status: 'fulfilled', value: alone })
      expect(toy.liveSequences).toBe(0)
      if (attacked.status === 'rejected') {
        failed++
        expect(attacked.reason).toBeInstanceOf(ParallelR1Error)
        expect(attacked.reason.message).toMatch(
          /^The request with seed 1 and 2 prompt tokens, token \d+ of (free text|path \d of block \d|the summary of block \d): /,
        )
        return
      }
      const { trajectory, totalTokens, criticalPathTokens } = attacked.value
      const limits = resolveLimits(bad, toy.config)
      expect(totalTokens).toBeLessThanOrEqual(limits.response)
      expect(criticalPathTokens).toBeLessThanOrEqual(limits.criticalPath)
      expect(trajectoryCounts(trajectory).total).toBe(totalTokens)
      for (const run of runsOf(trajectory)) {
        run.ids.forEach((id, k) => {
          if (run.exclusions[k] >= 0) expect(trajectory.exclusionSets[run.exclusions[k]]).not.toContain(id)
        })
      }
      const shape = parseThinkingIds(responseIds(trajectory), TOY_TAGS, { minPaths: 1 }).violations.map(({ rule }) => rule)
      expect(shape).not.toContain('nested-block')
      expect(shape).not.toContain('block-in-summary')
    }
    await fc.assert(
      fc.asyncProperty(
        fc.nat(),
        fc.constantFrom(0, 0.01, 0.1, 1),
        fc.constantFrom('structured', 'causal'),
        fc.integer({ min: 70, max: 150 }),
        property,
      ),
      { numRuns: 150, seed: 5 },
    )
    expect(failed).toBeGreaterThan(30)
  })

  it('a path that fails ends the others of its block at their next token', async () => {
    const toy = new ToyModel(randomScript({ parallel: 1, eos: 0, pathEnd: 0, summaryEnd: 0, stray: 0 }))
    const model = lying(toy, 7, 0, 0)
    const step = model.step.bind(model)
    const wrong = async (inputs: readonly StepInput[]) =>
      (await step(inputs)).map((output, k) => (inputs[k].sampling?.stream === 2 ? answers[3](output, inputs[k]) : output))
    const scheduler = new Scheduler(new Proxy(model, { get: (target, key) => (key === 'step' ? wrong : Reflect.get(target, key)) }))
    await expect(scheduler.think(request({}))).rejects.toThrow(/token 1 of path 1 of block 0: The engine drew id -1 .* fault of the engine/)
    // Prompt, <Parallel>, <Path> of each lane, and what siblings fed before they heard of it.
    expect(toy.fedTokens).toBeLessThanOrEqual(2 + 1 + 3 + 3)
  })
})
