/**
 * Context parity with the real engine: the log-probability that sampling returned and the one that `forward` returns
 * for the packed trajectory are the same float, bit for bit.
 */

import { describe, expect, it } from 'vitest'
import type { Model } from '../../src/engine/types.ts'
import { layoutTrajectory, packLayouts } from '../../src/thinking/layout.ts'
import { Scheduler } from '../../src/thinking/scheduler.ts'
import { sharePrompt } from '../../src/thinking/shared-prompt.ts'
import { sampledLogprobs } from '../../src/thinking/trajectory.ts'
import type { AttentionMode, Layout, ThinkRequest, Thought } from '../../src/thinking/types.ts'
import { largeWeights, thinkAll, withSmallModel } from './small-model.ts'
import { TOY_TAGS } from './toy-model.ts'

function request(seed: number, attention: AttentionMode, overrides: Partial<ThinkRequest> = {}): ThinkRequest {
  return {
    promptIds: Array.from({ length: 1 + ((seed * 13) % 45) }, (_, k) => 9 + ((seed * 31 + k * 7) % 55)),
    mode: 'parallel',
    attention,
    tags: TOY_TAGS,
    paths: [8, 2, 5, 3, 8, 1, 4, 7, 6][seed % 9],
    maxBlocks: 3,
    budgets: { response: 420, path: 8 + (seed % 9), answerReserve: 20 },
    temperature: 1.5,
    seed,
    ...overrides,
  }
}

/** All requests at once, then each trajectory's forward: packed with all the others, and alone. */
async function check(model: Model, requests: ThinkRequest[], maxStepTokens: number): Promise<Thought[]> {
  const thoughts = await thinkAll(model, requests, maxStepTokens)
  const layouts = thoughts.map((thought, k) => layoutTrajectory(thought.trajectory, requests[k].attention, { loss: 'sampled' }))
  const { temperature } = thoughts[0].trajectory
  const { batch, starts } = packLayouts(layouts)
  const together = await model.forward({ ...batch, temperature }, { keep: false })
  for (let k = 0; k < thoughts.length; k++) {
    const sampled = sampledLogprobs(thoughts[k].trajectory)
    expect([...layouts[k].sampledIndex].map((i) => together.logprobs[starts[k] + i])).toEqual(sampled)
    const alone = await model.forward({ ...packLayouts([layouts[k]]).batch, temperature }, { keep: false })
    // toEqual compares numbers with Object.is.
    expect([...layouts[k].sampledIndex].map((i) => alone.logprobs[i])).toEqual(sampled)
    expect(sampled.every((logprob) => logprob < 0 && Number.isFinite(logprob))).toBe(true)
  }
  return thoughts
}

describe.each(['structured', 'causal'] as const)('sampled and trained log-probabilities, %s attention', (attention) => {
  const seeds = Array.from({ length: 24 }, (_, k) => k + 1)
  const requests = seeds.map((seed) => request(seed, attention))
  let first: Thought[] | undefined

  it.each([
    { threads: 1, maxStepTokens: 512, beside: 24 },
    { threads: 2, maxStepTokens: 16, beside: 6 },
    { threads: 3, maxStepTokens: 40, beside: 1 },
  ])('are equal bit for bit: %o', async ({ threads, maxStepTokens, beside }) => {
    const thoughts = await withSmallModel(threads, largeWeights, async (model) => {
      const all: Thought[] = []
      for (let k = 0; k < requests.length; k += beside) all.push(...(await check(model, requests.slice(k, k + beside), maxStepTokens)))
      return all
    })
    // Threads, chunks and company change nothing, to the last bit.
    first ??= thoughts
    expect(thoughts).toEqual(first)
    const blocks = thoughts.map((thought) => thought.blocks.length)
    const paths = thoughts.flatMap((thought) => thought.blocks.map((block) => block.paths.length))
    expect(Math.max(...blocks)).toBe(3)
    expect(Math.max(...paths)).toBe(8)
    expect(paths.length).toBeGreaterThan(12)
  })

  it('differ where the layout is not the one of the sampling', async () => {
    // The comparison would be worth nothing if a wrong context went unnoticed.
    await withSmallModel(1, largeWeights, async (model) => {
      const scheduler = new Scheduler(model)
      const other = attention === 'structured' ? 'causal' : 'structured'
      const thoughts = await Promise.all(requests.map((each) => scheduler.think(each)))
      const forked = thoughts.filter((thought) => thought.blocks.some((block) => block.paths.length > 1))
      expect(forked.length).toBeGreaterThan(5)
      for (const { trajectory } of forked) {
        const layout = layoutTrajectory(trajectory, other, { loss: 'sampled' })
        const { temperature } = trajectory
        const { logprobs } = await model.forward({ ...packLayouts([layout]).batch, temperature }, { keep: false })
        const sampled = sampledLogprobs(trajectory)
        expect([...layout.sampledIndex].map((i) => logprobs[i])).not.toEqual(sampled)
      }
    })
  })

  it('are equal for other temperatures, cut-offs and plain decoding', async () => {
    await withSmallModel(2, largeWeights, async (model) => {
      for (const overrides of [
        { temperature: 0.7, topP: 0.9 },
        { temperature: 2, topK: 20 },
        { temperature: 0, budgets: { response: 60 } },
        { temperature: 1, mode: 'sequential' as const },
      ]) {
        await check(
          model,
          [1, 2, 3, 4, 5, 6].map((seed) => request(seed + 100, attention, overrides)),
          64,
        )
      }
    })
  })
})

describe.each(['structured', 'causal'] as const)('responses that share a prompt, %s attention', (attention) => {
  /** Groups of responses to prompts of 1, 2, 17 and 60 tokens. */
  async function groups(model: Model): Promise<{ thoughts: Thought[]; layouts: Layout[] }[]> {
    const scheduler = new Scheduler(model)
    const sampled = await Promise.all(
      [1, 2, 17, 60].map((length, g) => {
        const promptIds = Array.from({ length }, (_, k) => 9 + ((g * 31 + k * 7) % 55))
        return Promise.all([1, 2, 3, 4, 5, 6].map((seed) => scheduler.think(request(10 * g + seed, attention, { promptIds }))))
      }),
    )
    await scheduler.close()
    return sampled.map((thoughts) => ({
      thoughts,
      layouts: thoughts.map(({ trajectory }) => layoutTrajectory(trajectory, attention, { loss: 'sampled' })),
    }))
  }

  it.each([1, 3])('have the log-probabilities and entropies of separate packing, bit for bit: %i threads', async (threads) => {
    await withSmallModel(threads, largeWeights, async (model) => {
      const all = await groups(model)
      expect(all.flatMap(({ thoughts }) => thoughts).filter((thought) => thought.blocks.length > 0).length).toBeGreaterThan(10)
      expect(all.some(({ thoughts }) => thoughts.some(({ trajectory }) => trajectory.exclusionSets.length > 0))).toBe(true)
      const merged = all.map(({ layouts }) => sharePrompt(layouts))
      const shared = packLayouts(merged)
      const options = { keep: false, entropy: true }
      const together = await model.forward({ ...shared.batch, temperature: 1.5 }, options)
      for (const [g, { thoughts, layouts }] of all.entries()) {
        const at = [...merged[g].sampledIndex].map((i) => shared.starts[g] + i)
        const sampled = thoughts.flatMap(({ trajectory }) => sampledLogprobs(trajectory))
        expect(at.map((i) => together.logprobs[i])).toEqual(sampled)
        const { batch, starts } = packLayouts(layouts)
        const apart = await model.forward({ ...batch, temperature: 1.5 }, options)
        const own = layouts.flatMap((layout, k) => [...layout.sampledIndex].map((i) => starts[k] + i))
        expect(at.map((i) => together.entropies![i])).toEqual(own.map((i) => apart.entropies![i]))
      }
    })
  })

  it('have the gradients of separate packing, but for the order of sums', async () => {
    await withSmallModel(2, largeWeights, async (model) => {
      const all = await groups(model)
      const weight = (k: number): number => Math.sin(k * 12.9) / 100
      const gradients = async (layouts: Layout[]): Promise<Float32Array[]> => {
        const { batch, starts } = packLayouts(layouts)
        const { logprobs } = await model.forward({ ...batch, temperature: 1.5 })
        const weights = new Float32Array(logprobs.length)
        let k = 0
        layouts.forEach((layout, l) => {
          for (const i of layout.sampledIndex) weights[starts[l] + i] = weight(k++)
        })
        for (const { name } of model.parameters) model.write(name, model.read(name).fill(0), 'gradient')
        await model.backward(weights)
        return model.parameters.map(({ name }) => model.read(name, 'gradient'))
      }
      const apart = await gradients(all.flatMap(({ layouts }) => layouts))
      const together = await gradients(all.map(({ layouts }) => sharePrompt(layouts)))
      model.parameters.forEach(({ name }, p) => {
        const norm = Math.hypot(...apart[p])
        expect(norm, name).toBeGreaterThan(0)
        expect(Math.hypot(...apart[p].map((value, i) => value - together[p][i])) / norm, name).toBeLessThan(1e-5)
      })
    })
  })
})
