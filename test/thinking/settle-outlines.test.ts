/** A path that settles its block where every path has an outline. */

import { describe, expect, it } from 'vitest'
import type { InitialWeights } from '../../src/engine/types.ts'
import { TAGS } from '../../src/thinking/grammar.ts'
import { layoutTrajectory, packLayouts } from '../../src/thinking/layout.ts'
import { sampledLogprobs } from '../../src/thinking/trajectory.ts'
import type { Settling, ThinkRequest, Thought } from '../../src/thinking/types.ts'
import { inProofs } from '../proofs.ts'
import { expectParity } from './context-parity.ts'
import { OUTLINED, outlinedScript, outlinedWeights, outlinedRequest as request, saying } from './outlined.ts'
import { blocksOf, expectPrefix } from './settled.ts'
import { SMALL, thinkAll, withSmallModel } from './small-model.ts'
import { ToyModel } from './toy-model.ts'

const T = OUTLINED
const MODES = ['structured', 'causal'] as const

/** Paths whose last token is such a verdict settle. */
const settling = (isVerdict: (id: number) => boolean): Settling => ({
  text: ' yes',
  read: (ids) => `${TAGS.path}${ids.slice(1, -1).map((id) => (isVerdict(id) ? ' yes' : ' no'))}${TAGS.pathEnd}`,
})

/** Weights with which paths of a model that nobody trained end by themselves: their end is nearly as the end of an outline. */
const weights: InitialWeights = (spec) => {
  const values = outlinedWeights(spec)
  if (spec.name !== 'model.embed_tokens.weight') return values
  const { hiddenSize } = SMALL
  const [end, like] = [T.pathEnd, T.outlineEnd].map((id) => values.subarray(id * hiddenSize, (id + 1) * hiddenSize))
  end.set(end.map((value, c) => 1.3 * like[c] + value))
  return values
}

describe.each(MODES)('a block with outlines, %s attention', (attention) => {
  it('ends the paths that still run; who drew <Path>, and which outlines a path saw, changes nothing', async () => {
    const end = T.outlineEnd
    const outlines = [30, end, T.outline, 31, end, T.outline, 32, 33, end]
    const paths = [
      [50, 51, 52, 53, T.pathEnd],
      [54, 60, T.pathEnd],
      [55, 56, 57, 58, T.pathEnd],
    ]
    const parent = [10, T.parallel, ...outlines, T.path, 40, T.summaryEnd, 11, T.eos[0]]
    const toy = new ToyModel(saying(parent, [paths]))
    const asked = request({ attention, paths: 5, settledBy: settling((id) => id === 60) })
    const [thought] = await thinkAll(toy.model, [asked], 16)
    const [block] = blocksOf(thought)
    expect(block.outlines!.map(({ ids }) => ids)).toEqual([
      [T.outline, 30, end],
      [T.outline, 31, end],
      [T.outline, 32, 33, end],
    ])
    expect(block.paths.map(({ ids }) => ids)).toEqual([
      [T.path, 50, 51, 52, T.pathEnd],
      [T.path, 54, 60, T.pathEnd],
      [T.path, 55, 56, 57, T.pathEnd],
    ])
    // The first tag of the first is the parent's draw: no more outlines.
    expect(block.paths.map(({ sampled }) => [sampled[0], sampled.at(-1)])).toEqual([
      [true, false],
      [false, true],
      [false, false],
    ])
    expect(thought.blocks[0]).toMatchObject({ outlines: [3, 3, 4], paths: [5, 4, 5], stopped: { paths: [0, 2] } })
    expectParity(thought, toy, attention, asked.seed)
  })

  it('is cut at the shortest path that settles it, whatever is drawn', async () => {
    const script = outlinedScript({
      ...{ parallel: 0.3, eos: 0.03, pathEnd: 0.2, summaryEnd: 0.3, stray: 0 },
      outlineEnd: 0.5,
      more: 0.6,
      enough: 0.3,
    })
    const asked = Array.from({ length: inProofs ? 400 : 40 }, (_, seed) =>
      request({ seed, attention, paths: 2 + (seed % 6), budgets: { response: 220 }, settledBy: settling((id) => id % 3 === 0) }),
    )
    const toy = new ToyModel(script)
    const thoughts = await thinkAll(toy.model, asked, 16)
    const free = await thinkAll(
      new ToyModel(script).model,
      asked.map((one) => ({ ...one, settledBy: undefined })),
    )
    let stopped = 0
    for (const [i, thought] of thoughts.entries()) {
      expectParity(thought, toy, attention, asked[i].seed)
      const [block, whole] = [blocksOf(thought)[0], blocksOf(free[i])[0]]
      expect(block?.outlines).toEqual(whole?.outlines)
      if (!block) continue
      const settled = whole.paths.filter(({ ids, sampled }) => sampled.at(-1) && ids.length > 2 && ids[ids.length - 2] % 3 === 0)
      const n = Math.min(...settled.map(({ ids }) => ids.length - 1))
      for (const [k, path] of block.paths.entries()) expectPrefix(path, whole.paths[k], n)
      if (thought.blocks[0].stopped) stopped++
    }
    expect(stopped).toBeGreaterThan(5)
  })

  it('has log-probabilities that training sees bit for bit', async () => {
    const asked = Array.from({ length: 24 }, (_, k): ThinkRequest => {
      const promptIds = [...Array.from({ length: k }, (_, i) => 9 + ((k * 31 + i * 7) % 53)), T.summaryEnd]
      const budgets = { response: 600, path: 40, answerReserve: 20 }
      return request({ promptIds, attention, paths: 2 + (k % 6), budgets, seed: k, settledBy: settling(() => true) })
    })
    let first: Thought[] | undefined
    for (const [threads, maxStepTokens] of [
      [1, 512],
      [2, 40],
    ]) {
      await withSmallModel(threads, weights, async (model) => {
        const thoughts = await thinkAll(model, asked, maxStepTokens)
        first ??= thoughts
        expect(thoughts).toEqual(first)
        const layouts = thoughts.map(({ trajectory }) => layoutTrajectory(trajectory, attention, { loss: 'sampled' }))
        const { batch, starts } = packLayouts(layouts)
        const { logprobs } = await model.forward({ ...batch, temperature: 1 }, { keep: false })
        for (const [k, { trajectory }] of thoughts.entries()) {
          // toEqual compares numbers with Object.is.
          expect([...layouts[k].sampledIndex].map((i) => logprobs[starts[k] + i])).toEqual(sampledLogprobs(trajectory))
        }
      })
    }
    const blocks = first!.flatMap((thought) => thought.blocks).filter(({ outlines }) => outlines!.length > 1)
    expect(blocks.flatMap(({ stopped }) => stopped?.paths ?? []).length).toBeGreaterThan(5)
  })
})
