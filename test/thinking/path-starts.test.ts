/** Paths that begin apart: what the decoder writes at their beginning, its budgets, and that training sees what sampling saw. */

import { describe, expect, it } from 'vitest'
import { ConfigError } from '../../src/engine/errors.ts'
import { resolveLimits } from '../../src/thinking/budget.ts'
import { parseThinking } from '../../src/thinking/grammar.ts'
import { layoutTrajectory, packLayouts } from '../../src/thinking/layout.ts'
import { Scheduler } from '../../src/thinking/scheduler.ts'
import { sampledLogprobs } from '../../src/thinking/trajectory.ts'
import type { PathStart, ThinkRequest } from '../../src/thinking/types.ts'
import { expectParity } from './context-parity.ts'
import { largeWeights, thinkAll, withSmallModel } from './small-model.ts'
import { fixedScript, randomScript, TOY_TAGS, ToyModel } from './toy-model.ts'

const T = TOY_TAGS
const MODES = ['structured', 'causal'] as const
const STARTS: PathStart[] = [[50], [51, 52], [53]].map((ids) => ({ text: ids.join(' '), ids }))

const CHANCES = { parallel: 0.1, eos: 0.03, pathEnd: 0.2, summaryEnd: 0.3, stray: 0.05 }

const request = (overrides: Partial<ThinkRequest> = {}): ThinkRequest => ({
  promptIds: [20, 21],
  mode: 'parallel',
  attention: 'causal',
  tags: T,
  paths: 3,
  pathStarts: STARTS,
  maxBlocks: 2,
  budgets: { response: 100 },
  temperature: 1,
  seed: 7,
  ...overrides,
})

describe.each(MODES)('paths that begin apart, %s attention', (attention) => {
  it('begin with their starts, which are not sampled, and are joined with them', async () => {
    const says = [
      [30, T.pathEnd],
      [31, 31, T.pathEnd],
      [32, T.pathEnd],
    ]
    const toy = new ToyModel(fixedScript({ text: [T.parallel, 12, T.eos[0]], paths: [says], summaries: [[40, T.summaryEnd]] }))
    const scheduler = new Scheduler(toy.model, { maxStepTokens: 16 })
    const thought = await scheduler.think(request({ attention }))
    await scheduler.close()
    const paths = says.flatMap((said, k) => [T.path, ...STARTS[k].ids, ...said])
    expect(thought.ids).toEqual([T.parallel, ...paths, T.parallelEnd, 8, T.summary, 40, T.summaryEnd, 12])
    const block = thought.trajectory.segments[0]
    if (block.kind !== 'block') throw new Error('no block')
    expect(block.paths.map(({ sampled }) => sampled)).toEqual([
      [false, false, true, true],
      [false, false, false, true, true, true],
      [false, false, true, true],
    ])
    expect(thought.blocks).toEqual([{ paths: [4, 6, 4], summary: 3 }])
    expectParity(thought, toy, attention, 7)
  })

  it('see in training what they saw in sampling, whatever is said and wherever budgets bind', async () => {
    for (let seed = 1; seed <= 60; seed++) {
      const toy = new ToyModel(randomScript(CHANCES))
      const scheduler = new Scheduler(toy.model, { maxStepTokens: 16 })
      const budgets = { response: 60 + (seed % 60), path: 6 + (seed % 7), answerReserve: seed % 9 }
      const thought = await scheduler.think(request({ attention, seed, budgets, paths: 1 + (seed % 3) }))
      await scheduler.close()
      expectParity(thought, toy, attention, seed)
      for (const { paths } of thought.blocks) for (const length of paths) expect(length).toBeLessThanOrEqual(budgets.path)
      expect(thought.totalTokens).toBeLessThanOrEqual(budgets.response)
      expect([toy.liveSequences, toy.cacheFree]).toEqual([0, toy.cacheCapacity])
    }
  })

  it('have the log-probabilities of sampling in training, bit for bit, in the real engine', async () => {
    await withSmallModel(2, largeWeights, async (model) => {
      const requests = Array.from({ length: 24 }, (_, k) =>
        request({ attention, seed: k, temperature: 1.5, budgets: { response: 300, path: 9 + (k % 9), answerReserve: 20 } }),
      )
      const thoughts = await thinkAll(model, requests)
      let blocks = 0
      for (const { trajectory, blocks: own } of thoughts) {
        const layout = layoutTrajectory(trajectory, attention, { loss: 'sampled' })
        const { logprobs } = await model.forward({ ...packLayouts([layout]).batch, temperature: 1.5 }, { keep: false })
        expect([...layout.sampledIndex].map((i) => logprobs[i])).toEqual(sampledLogprobs(trajectory))
        blocks += own.length
      }
      expect(blocks).toBeGreaterThan(10)
    })
  })
})

describe('budgets of paths that begin apart', () => {
  const { config } = new ToyModel(fixedScript({ text: [], paths: [], summaries: [] })).model

  it('count the longest start in the smallest path', () => {
    expect(resolveLimits(request(), config).minPath).toBe(5)
    expect(resolveLimits(request({ pathStarts: undefined }), config).minPath).toBe(3)
  })

  it('refuse a path that has no room for its start, and ids that the model has not', () => {
    expect(() => resolveLimits(request({ budgets: { response: 100, path: 4 } }), config)).toThrow(ConfigError)
    const beyond = [{ text: 'x', ids: [64] }, ...STARTS]
    expect(() => resolveLimits(request({ pathStarts: beyond }), config)).toThrow(
      'id of a path start must be a whole number, 0 to 63. Got 64.',
    )
  })
})

describe('the grammar of paths that begin apart', () => {
  const rules = (text: string, pathStarts?: string[]) => parseThinking(text, { pathStarts }).violations.map(({ rule }) => rule)
  const block = (...paths: string[]) => `<Parallel>${paths.map((path) => `<Path>${path}</Path>`).join('')}</Parallel>\n<Summary>s</Summary>`

  it('compares paths without what they begin with', () => {
    expect(rules(block('A: x', 'B: x'), ['A: ', 'B: '])).toEqual(['identical-paths'])
    expect(rules(block('A: x', 'B: y'), ['A: ', 'B: '])).toEqual([])
    expect(rules(block('A: x', 'B: x'))).toEqual([])
    expect(rules(block('B: x', 'B: y'), ['A: ', 'B: '])).toEqual([])
    expect(rules(block('A: x', 'B: ', 'C: z'), ['A: ', 'B: '])).toEqual(['empty-path'])
    // More paths than starts, and an outline is none.
    expect(rules(block('A: x', 'B: y', 'x'), ['A: ', 'B: '])).toEqual(['identical-paths'])
    expect(rules(block('A: x', 'B: y').replace('<Path>', '<Outline>A: </Outline><Outline>B: </Outline><Path>'), ['A: ', 'B: '])).toEqual([])
  })
})
