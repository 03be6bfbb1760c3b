/** Context parity of outlines with the real engine: what sampling returned and what `forward` returns are the same float, bit for bit. */

import { describe, expect, it } from 'vitest'
import { layoutTrajectory, packLayouts } from '../../src/thinking/layout.ts'
import { sharePrompt } from '../../src/thinking/shared-prompt.ts'
import { sampledLogprobs } from '../../src/thinking/trajectory.ts'
import type { AttentionMode, ThinkRequest, Thought, TokenRun } from '../../src/thinking/types.ts'
import { outlinedRequest, outlinedWeights, OUTLINED as T } from './outlined.ts'
import { thinkAll, withSmallModel } from './small-model.ts'

const request = (seed: number, attention: AttentionMode, overrides: Partial<ThinkRequest> = {}): ThinkRequest =>
  outlinedRequest({
    promptIds: [...Array.from({ length: (seed * 13) % 45 }, (_, k) => 9 + ((seed * 31 + k * 7) % 53)), T.summaryEnd],
    attention,
    paths: 2 + (seed % 7),
    maxBlocks: 3,
    budgets: { response: 420, path: 8 + (seed % 9), answerReserve: 20 },
    temperature: 1,
    seed,
    ...overrides,
  })

describe.each(['structured', 'causal'] as const)('sampled and trained log-probabilities with outlines, %s attention', (attention) => {
  const seeds = Array.from({ length: 40 }, (_, k) => k + 1)
  let first: Thought[] | undefined

  it.each([
    { threads: 1, maxStepTokens: 512, beside: 40 },
    { threads: 2, maxStepTokens: 40, beside: 5 },
  ])('are equal bit for bit: %o', async ({ threads, maxStepTokens, beside }) => {
    await withSmallModel(threads, outlinedWeights, async (model) => {
      const requests = seeds.map((seed) => request(seed, attention))
      const thoughts: Thought[] = []
      for (let k = 0; k < requests.length; k += beside)
        thoughts.push(...(await thinkAll(model, requests.slice(k, k + beside), maxStepTokens)))
      const layouts = thoughts.map(({ trajectory }) => layoutTrajectory(trajectory, attention, { loss: 'sampled' }))
      const { batch, starts } = packLayouts(layouts)
      const together = await model.forward({ ...batch, temperature: 1 }, { keep: false })
      for (const [k, { trajectory }] of thoughts.entries()) {
        const sampled = sampledLogprobs(trajectory)
        expect(sampled.every((logprob) => logprob < 0 && Number.isFinite(logprob))).toBe(true)
        // toEqual compares numbers with Object.is.
        expect([...layouts[k].sampledIndex].map((i) => together.logprobs[starts[k] + i])).toEqual(sampled)
        const alone = await model.forward({ ...packLayouts([layouts[k]]).batch, temperature: 1 }, { keep: false })
        expect([...layouts[k].sampledIndex].map((i) => alone.logprobs[i])).toEqual(sampled)
      }
      first ??= thoughts
      expect(thoughts).toEqual(first)
      const blocks = thoughts.flatMap((thought) => thought.blocks)
      expect(blocks.filter(({ outlines }) => outlines!.length > 1).length).toBeGreaterThan(10)
      expect(new Set(blocks.map(({ paths }) => paths.length)).size).toBeGreaterThan(2)
      // Some plans were ended by the model.
      const ended = thoughts.flatMap(({ trajectory }) => trajectory.segments.filter((s) => s.kind === 'block' && s.paths[0].sampled[0]))
      expect(ended.length).toBeGreaterThan(5)
    })
  })

  it('are equal behind one prompt for all responses to it', async () => {
    await withSmallModel(2, outlinedWeights, async (model) => {
      const promptIds = [...Array.from({ length: 17 }, (_, k) => 9 + ((31 + k * 7) % 53)), T.summaryEnd]
      const thoughts = await thinkAll(
        model,
        seeds.slice(0, 16).map((seed) => request(seed, attention, { promptIds })),
        512,
      )
      const merged = sharePrompt(thoughts.map(({ trajectory }) => layoutTrajectory(trajectory, attention, { loss: 'sampled' })))
      expect(merged.hiddenLevels).toBe(3)
      const { logprobs } = await model.forward({ ...packLayouts([merged]).batch, temperature: 1 }, { keep: false })
      const sampled = thoughts.flatMap(({ trajectory }) => sampledLogprobs(trajectory))
      expect([...merged.sampledIndex].map((i) => logprobs[i])).toEqual(sampled)
    })
  })

  it('differ where a path is laid out as if it had seen all outlines', async () => {
    // The comparison would be worth nothing if a wrong context went unnoticed.
    await withSmallModel(1, outlinedWeights, async (model) => {
      const thoughts = await thinkAll(
        model,
        seeds.map((seed) => request(seed, attention)),
        512,
      )
      const several = thoughts.filter(({ blocks }) => blocks.some(({ outlines }) => outlines!.length > 1))
      expect(several.length).toBeGreaterThan(5)
      for (const { trajectory } of several) {
        const segments = trajectory.segments.map((segment) =>
          segment.kind === 'text' || !segment.outlines
            ? segment
            : { ...segment, outlines: undefined, open: joined([segment.open, ...segment.outlines]) },
        )
        const layout = layoutTrajectory({ ...trajectory, segments }, attention, { loss: 'sampled' })
        const { logprobs } = await model.forward({ ...packLayouts([layout]).batch, temperature: 1 }, { keep: false })
        expect([...layout.sampledIndex].map((i) => logprobs[i])).not.toEqual(sampledLogprobs(trajectory))
      }
    })
  })
})

function joined(runs: readonly TokenRun[]): TokenRun {
  return {
    ids: runs.flatMap(({ ids }) => ids),
    sampled: runs.flatMap(({ sampled }) => sampled),
    logprobs: runs.flatMap(({ logprobs }) => logprobs),
    exclusions: runs.flatMap(({ exclusions }) => exclusions),
  }
}
