import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ConfigError } from '../../src/engine/errors.ts'
import { mostBlocks, resolveLimits, worstCasePages } from '../../src/thinking/budget.ts'
import { parseThinkingIds } from '../../src/thinking/grammar.ts'
import type { HeardToken } from '../../src/thinking/reading-order.ts'
import { Scheduler } from '../../src/thinking/scheduler.ts'
import { responseIds, runsOf, trajectoryCounts } from '../../src/thinking/trajectory.ts'
import type { Block, ThinkRequest, Thought } from '../../src/thinking/types.ts'
import { expectParity } from './context-parity.ts'
import { OUTLINED, outlinedScript, outlinedRequest as request, saying } from './outlined.ts'
import { type Script, TOY_TAGS, ToyModel, type ToyOptions } from './toy-model.ts'

const T = OUTLINED
const MODES = ['structured', 'causal'] as const

async function think(
  script: Script,
  overrides: Partial<ThinkRequest> = {},
  options: ToyOptions = {},
): Promise<{ thought: Thought; toy: ToyModel }> {
  const toy = new ToyModel(script, options)
  const scheduler = new Scheduler(toy.model, { maxStepTokens: 16 })
  const thought = await scheduler.think(request(overrides))
  await scheduler.close()
  expect(toy.liveSequences).toBe(0)
  expect(toy.cacheFree).toBe(toy.cacheCapacity)
  return { thought, toy }
}

function blockOf({ trajectory }: Thought): Block {
  const block = trajectory.segments.find((segment) => segment.kind === 'block')
  if (block?.kind !== 'block') throw new Error('no block')
  return block
}

const end = T.outlineEnd
/** Two outlines, then enough; a summary and an end. */
const parent = [10, T.parallel, 30, 31, end, T.outline, 32, end, T.path, 40, T.summaryEnd, 11, T.eos[0]]
const paths = [
  [
    [50, T.pathEnd],
    [51, 52, 53, T.pathEnd],
  ],
]

describe.each(MODES)('a block with outlines, %s attention', (attention) => {
  it('has a path for every outline, and the model decides how many', async () => {
    const { thought, toy } = await think(saying(parent, paths), { attention, paths: 5 })
    const outlines = [T.outline, 30, 31, end, T.outline, 32, end]
    const said = [T.path, 50, T.pathEnd, T.path, 51, 52, 53, T.pathEnd]
    expect(thought.ids).toEqual([10, T.parallel, ...outlines, ...said, T.parallelEnd, 8, T.summary, 40, T.summaryEnd, 11])
    expect(thought.blocks).toEqual([{ outlines: [4, 3], paths: [3, 5], summary: 3 }])
    expect(thought.totalTokens).toBe(thought.ids.length + 1)
    // Outlines are on the longest chain, all of them.
    expect(thought.criticalPathTokens).toBe(thought.totalTokens - 3)
    expectParity(thought, toy, attention, 7)
  })

  it('is heard in reading order while it is written', async () => {
    const scheduler = new Scheduler(new ToyModel(saying(parent, paths)).model)
    const heard: HeardToken[] = []
    const { ids, trajectory } = await scheduler.think(request({ attention }), undefined, (token) => heard.push(token))
    expect(heard.map(({ id }) => id)).toEqual(ids)
    const runs = runsOf(trajectory)
    expect(heard.map(({ sampled }) => sampled)).toEqual(runs.flatMap(({ sampled }) => sampled).slice(0, ids.length))
    expect(heard.map(({ logprob }) => logprob)).toEqual(runs.flatMap(({ logprobs }) => logprobs).slice(0, ids.length))
    await scheduler.close()
  })

  it('marks what the model sampled: each further <Outline>, and the <Path> that says enough', async () => {
    const { thought } = await think(saying(parent, paths), { attention })
    const block = blockOf(thought)
    expect(block.outlines!.map(({ sampled }) => sampled)).toEqual([
      [false, true, true, true],
      [true, true, true],
    ])
    expect(block.paths.map(({ sampled }) => sampled[0])).toEqual([true, false])
    const { exclusionSets } = thought.trajectory
    for (const run of [...block.outlines!, block.paths[0]]) {
      for (const [k, set] of run.exclusions.entries()) if (run.sampled[k]) expect(exclusionSets[set]).toEqual([T.parallel, T.eos[0]])
    }
  })

  it('reads nothing again under structured attention, and all paths under causal', async () => {
    const { thought, toy } = await think(saying(parent, paths), { attention })
    const once = 2 + thought.totalTokens - 1
    // All but each `</Path>`, which the parent alone reads.
    expect(toy.fedTokens).toBe(attention === 'structured' ? once : once + 2 + 4)
  })

  it('goes on as the only path does where the model names one', async () => {
    const says = [T.parallel, 30, end, T.path, 40, T.summaryEnd, T.eos[0]]
    const { thought, toy } = await think(saying(says, paths), { attention })
    expect(thought.blocks).toEqual([{ outlines: [3], paths: [3], summary: 3 }])
    expectParity(thought, toy, attention, 7)
    // One path has seen all that stands before it: nothing is read twice.
    expect(toy.fedTokens).toBe(2 + thought.totalTokens - 1)
  })

  it('drops what the model says instead of a tag, and writes <Path>', async () => {
    for (const junk of [33, T.pathEnd, T.outlineEnd, T.summary, T.parallelEnd]) {
      const says = [T.parallel, 30, end, T.outline, 31, end, junk, 40, T.summaryEnd, T.eos[0]]
      const { thought, toy } = await think(saying(says, paths), { attention })
      expect(thought.ids.slice(0, 9)).toEqual([T.parallel, T.outline, 30, end, T.outline, 31, end, T.path, 50])
      expect(blockOf(thought).paths.map(({ sampled }) => sampled[0])).toEqual([false, false])
      expectParity(thought, toy, attention, 7)
    }
  })

  it('ends at the most paths without asking', async () => {
    const says = [T.parallel, 30, end, T.outline, 31, end, 40, T.summaryEnd, T.eos[0]]
    const { thought, toy } = await think(saying(says, paths), { attention, paths: 2 })
    expect(thought.blocks).toEqual([{ outlines: [3, 3], paths: [3, 5], summary: 3 }])
    expect(blockOf(thought).paths[0].sampled[0]).toBe(false)
    expectParity(thought, toy, attention, 7)
  })

  it('closes outlines that never end, and the paths get what is left', async () => {
    const { thought, toy } = await think(saying([T.parallel], [], 34), {
      attention,
      paths: 4,
      budgets: { response: 90, answerReserve: 10 },
    })
    const block = blockOf(thought)
    const [limits, shares] = [resolveLimits(request({ paths: 4 }), toy.config), block.outlines!.map(({ ids }) => ids.length)]
    // What is said behind the first is no tag, so there is one.
    const left = 90 - 10 - 1 - limits.closing
    expect(shares).toEqual([3 + Math.floor((left - 6 * 4 - 1) / 8)])
    expect([block.outlines![0].ids.at(-1), block.outlines![0].sampled.at(-1)]).toEqual([end, false])
    expect(thought.totalTokens).toBe(90)
    expectParity(thought, toy, attention, 7)
  })

  it('takes tags inside an outline as text, and the grammar names them', async () => {
    for (const [inside, rule] of [
      [T.path, 'path-in-outline'],
      [T.outline, 'nested-outline'],
      [T.summary, 'summary-in-block'],
      [T.pathEnd, 'stray-close'],
    ] as const) {
      const says = [T.parallel, 30, inside, end, T.outline, 31, end, T.path, 40, T.summaryEnd, T.eos[0]]
      const { thought, toy } = await think(saying(says, paths), { attention })
      expect(thought.blocks[0].outlines).toEqual([4, 3])
      expect(parseThinkingIds(thought.ids, T).violations.map((found) => found.rule)).toContain(rule)
      expectParity(thought, toy, attention, 7)
    }
  })

  it('never opens a block nor ends in an outline', async () => {
    const seen: number[] = []
    const stubborn: Script = (context, sampling, attempt) => {
      const last = context[context.length - 1].id
      if (last !== T.outline) return saying(parent, paths)(context, sampling, attempt)
      seen.push(attempt)
      return [T.parallel, T.eos[0], 30][attempt]
    }
    const { thought } = await think(
      (context, sampling, attempt) => (context.length === 2 ? T.parallel : stubborn(context, sampling, attempt)),
      {
        attention,
        budgets: { response: 60, path: 5 },
      },
    )
    expect(seen.slice(0, 3)).toEqual([0, 1, 2])
    expect(thought.ids.slice(0, 3)).toEqual([T.parallel, T.outline, 30])
  })
})

const setting = fc
  .record({
    attention: fc.constantFrom(...MODES),
    paths: fc.integer({ min: 1, max: 6 }),
    maxBlocks: fc.integer({ min: 0, max: 4 }),
    prompt: fc.integer({ min: 1, max: 30 }),
    answerReserve: fc.integer({ min: 0, max: 20 }),
    response: fc.integer({ min: 0, max: 220 }),
    criticalPath: fc.option(fc.integer({ min: 0, max: 90 }), { nil: undefined }),
    path: fc.option(fc.integer({ min: 3, max: 20 }), { nil: undefined }),
    block: fc.option(fc.integer({ min: 0, max: 90 }), { nil: undefined }),
    seed: fc.integer({ min: 0, max: 1 << 30 }),
    page: fc.integer({ min: 1, max: 20 }),
    stray: fc.constantFrom(0, 0, 0.2),
    drafts: fc.boolean(),
  })
  .map((s) => {
    const minBlock = 1 + 6 * s.paths + 4 + 1
    const minCritical = 1 + 3 * s.paths + 3 + 4 + 1
    return {
      ...{ page: s.page, stray: s.stray, drafts: s.drafts },
      asked: request({
        ...{ attention: s.attention, paths: s.paths, maxBlocks: s.maxBlocks, seed: s.seed },
        promptIds: Array.from({ length: s.prompt }, (_, k) => 9 + (k % 50)),
        ...(s.drafts && { speculate: 5 }),
        budgets: {
          response: minBlock + s.answerReserve + s.response,
          answerReserve: s.answerReserve,
          path: s.path,
          block: s.block === undefined ? undefined : minBlock + s.block,
          criticalPath: s.criticalPath === undefined ? undefined : minCritical + s.answerReserve + s.criticalPath,
        },
      }),
    }
  })

const chances = { parallel: 0.2, eos: 0.03, pathEnd: 0.15, summaryEnd: 0.2, outlineEnd: 0.3, more: 0.85, enough: 0.1 }

describe('random trees with outlines', () => {
  it('keep every budget, need no more room than reserved, parse strictly and have context parity', async () => {
    const counts = new Map<number, number>()
    await fc.assert(
      fc.asyncProperty(setting, async ({ asked, page, stray, drafts }) => {
        const limits = resolveLimits(asked, new ToyModel(() => 0).config)
        const cacheTokens = worstCasePages(asked, limits, page) * page
        const { thought, toy } = await think(outlinedScript({ ...chances, stray }), asked, { page, cacheTokens, drafts })
        let [total, critical] = [0, 0]
        for (const segment of thought.trajectory.segments) {
          if (segment.kind === 'text') {
            total += segment.tokens.ids.length
            critical += segment.tokens.ids.length
            continue
          }
          const outlines = segment.outlines!.map(({ ids }) => ids.length)
          const lengths = segment.paths.map(({ ids }) => ids.length)
          counts.set(lengths.length, (counts.get(lengths.length) ?? 0) + 1)
          expect(outlines).toHaveLength(lengths.length)
          expect(lengths.length).toBeGreaterThan(0)
          expect(lengths.length).toBeLessThanOrEqual(limits.paths)
          const own = 1 + segment.close.ids.length + outlines.reduce((a, b) => a + b, 0)
          const sum = lengths.reduce((a, b) => a + b, 0)
          expect(Math.max(...lengths)).toBeLessThanOrEqual(limits.path)
          expect(own + sum).toBeLessThanOrEqual(limits.block)
          total += own + sum
          critical += own + Math.max(...lengths)
          expect(limits.response - total).toBeGreaterThanOrEqual(limits.answerReserve)
          expect(limits.criticalPath - critical).toBeGreaterThanOrEqual(limits.answerReserve)
          // Whoever was cut had the chance to say something.
          for (const run of [...segment.outlines!, ...segment.paths]) {
            expect(run.ids.length).toBeGreaterThanOrEqual(run.sampled.at(-1) ? 2 : 3)
          }
        }
        expect(total).toBeLessThanOrEqual(limits.response)
        expect(critical).toBeLessThanOrEqual(limits.criticalPath)
        expect([thought.totalTokens, thought.criticalPathTokens]).toEqual([total, critical])
        expect(thought.blocks).toEqual(trajectoryCounts(thought.trajectory).blocks)
        expect(thought.blocks.length).toBeLessThanOrEqual(mostBlocks(limits))
        if (thought.finishReason === 'length') expect(total === limits.response || critical === limits.criticalPath).toBe(true)
        if (stray === 0) {
          const { tree, violations } = parseThinkingIds(responseIds(thought.trajectory), T, {
            minPaths: 1,
            outlines: true,
            allow: ['empty-path', 'empty-summary', 'empty-outline', 'identical-paths', 'identical-outlines'],
          })
          expect(violations).toEqual([])
          expect(tree.parts.map(({ kind }) => kind)).toEqual(thought.trajectory.segments.map(({ kind }) => kind))
        }
        if (!drafts) expectParity(thought, toy, asked.attention, asked.seed)
      }),
      { numRuns: 200, seed: 11 },
    )
    for (const paths of [1, 2, 3, 4, 5]) expect(counts.get(paths) ?? 0, `${paths} paths`).toBeGreaterThan(3)
  })

  it('are those of decoding without guesses', async () => {
    let drafted = 0
    await fc.assert(
      fc.asyncProperty(setting, async ({ asked, page }) => {
        const script = outlinedScript({ ...chances, stray: 0.05 })
        const { thought: expected } = await think(script, { ...asked, speculate: undefined }, { page })
        const { drafts, ...thought } = (await think(script, { ...asked, speculate: 7 }, { page, drafts: true })).thought
        drafted += drafts!.drafted
        expect(thought).toEqual(expected)
      }),
      { numRuns: 30, seed: 12 },
    )
    expect(drafted).toBeGreaterThan(20)
  })
})

describe('settings with outlines', () => {
  const { config } = new ToyModel(() => 0)

  it('need the two tags as tokens, and room for as many outlines and paths as are allowed', () => {
    expect(() => resolveLimits(request({ tags: TOY_TAGS }), config)).toThrow(/Outlines need two tags of their own.*leave outlines out/)
    expect(() => resolveLimits(request({ tags: { ...T, outline: T.path } }), config)).toThrow(/eight tags need eight different ids/)
    expect(() => resolveLimits(request({ tags: { ...T, outlineEnd: 64 } }), config)).toThrow(ConfigError)
    expect(() => resolveLimits(request({ budgets: { response: 26, answerReserve: 3 } }), config)).toThrow(
      /one block of 3 paths with outlines and 3 tokens.*27 or more. Got 26/,
    )
    expect(() => resolveLimits(request({ budgets: { response: 90, criticalPath: 20, answerReserve: 3 } }), config)).toThrow(
      /budgets.criticalPath must hold.*21 or more. Got 20/,
    )
    expect(resolveLimits(request({ budgets: { response: 27, criticalPath: 21, answerReserve: 3 } }), config).paths).toBe(3)
  })

  it('are of no account in sequential mode, where outlines are text that is counted as it reads', async () => {
    const says = [T.parallel, T.outline, 30, end, T.outline, 31, end, T.path, 50, T.pathEnd, T.path, 51, T.pathEnd, T.parallelEnd, 8]
    const script = saying([...says, T.summary, 40, T.summaryEnd, T.eos[0]])
    const { thought } = await think(script, { mode: 'sequential', outlines: undefined })
    expect(thought.blocks).toEqual([{ outlines: [3, 3], paths: [3, 3], summary: 3 }])
    expect(thought.criticalPathTokens).toBe(thought.totalTokens)
  })

  it('change no thought without outlines, whether the tokens are there or not', async () => {
    const script = outlinedScript({ ...chances, stray: 0 })
    for (const attention of MODES) {
      for (let seed = 0; seed < 8; seed++) {
        const without = (tags: ThinkRequest['tags']) => think(script, { attention, seed, tags, outlines: undefined })
        const [{ thought }, { thought: plain }] = [await without(T), await without(TOY_TAGS)]
        expect(thought).toEqual(plain)
      }
    }
  })
})
