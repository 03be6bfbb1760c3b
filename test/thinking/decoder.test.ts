import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ConfigError } from '../../src/engine/errors.ts'
import { mostBlocks, resolveLimits } from '../../src/thinking/budget.ts'
import { parseThinkingIds } from '../../src/thinking/grammar.ts'
import { layoutTrajectory } from '../../src/thinking/layout.ts'
import { Scheduler } from '../../src/thinking/scheduler.ts'
import { responseIds, runsOf, trajectoryCounts } from '../../src/thinking/trajectory.ts'
import type { ThinkRequest, Thought } from '../../src/thinking/types.ts'
import { expectParity } from './context-parity.ts'
import { fixedScript, randomScript, type Script, TOY_TAGS, ToyModel, type ToyOptions } from './toy-model.ts'

const T = TOY_TAGS
const MODES = ['structured', 'causal'] as const

function request(overrides: Partial<ThinkRequest> = {}): ThinkRequest {
  return {
    promptIds: [20, 21],
    mode: 'parallel',
    attention: 'structured',
    tags: T,
    paths: 2,
    maxBlocks: 2,
    budgets: { response: 100 },
    temperature: 1,
    seed: 7,
    ...overrides,
  }
}

async function think(
  script: Script,
  overrides: Partial<ThinkRequest> = {},
  options: ToyOptions = {},
): Promise<{ thought: Thought; toy: ToyModel }> {
  const toy = new ToyModel(script, options)
  const scheduler = new Scheduler(toy.model, { maxStepTokens: 16 })
  const thought = await scheduler.think(request(overrides))
  expect(toy.liveSequences).toBe(0)
  expect(toy.cacheFree).toBe(toy.cacheCapacity)
  await scheduler.close()
  return { thought, toy }
}

describe('the six defects of the reference', () => {
  it('1: any number of paths from 1 to 16', async () => {
    for (const attention of MODES) {
      for (const paths of [1, 2, 3, 8, 16]) {
        const says = Array.from({ length: paths }, (_, k) => [...Array.from({ length: (k % 4) + 1 }, () => 30 + k), T.pathEnd])
        const script = fixedScript({ text: [10, T.parallel, 11, T.eos[0]], paths: [says], summaries: [[40, T.summaryEnd]] })
        const { thought, toy } = await think(script, { paths, attention, budgets: { response: 200 } })
        const block = says.flatMap((path) => [T.path, ...path])
        expect(thought.ids).toEqual([10, T.parallel, ...block, T.parallelEnd, 8, T.summary, 40, T.summaryEnd, 11])
        expect(thought.blocks).toEqual([{ paths: says.map((path) => path.length + 1), summary: 3 }])
        expectParity(thought, toy, attention, 7)
        // Structured positions advance by the longest path; `z` of the design follows at the critical path's length.
        const layout = layoutTrajectory(thought.trajectory, attention, { loss: 'sampled' })
        const last = layout.positions[[...layout.ids].lastIndexOf(T.eos[0])]
        expect(last).toBe(attention === 'structured' ? 1 + thought.criticalPathTokens : 1 + thought.totalTokens)
      }
    }
  })

  it('2: after the last block <Parallel> is excluded and decoding goes on to the answer', async () => {
    const path = [30, T.pathEnd]
    const other = [31, T.pathEnd]
    const script = fixedScript({
      text: [T.parallel, T.parallel, T.parallel, 12, T.eos[0]],
      paths: [
        [path, other],
        [path, other],
      ],
      summaries: [
        [40, T.summaryEnd],
        [41, T.summaryEnd],
      ],
    })
    const { thought } = await think(script, { maxBlocks: 2 })
    expect(thought.finishReason).toBe('stop')
    expect(thought.blocks).toHaveLength(2)
    expect(thought.ids.slice(-1)).toEqual([12])
    const last = thought.trajectory.segments.at(-1)
    if (last?.kind !== 'text') throw new Error('no answer')
    expect(last.tokens.ids).toEqual([12, T.eos[0]])
    expect(last.tokens.exclusions.map((set) => thought.trajectory.exclusionSets[set])).toEqual([[T.parallel], [T.parallel]])
  })

  it('3: budgets close open tags and the answer keeps its reserve', async () => {
    // Paths and summary never end by themselves.
    const script = fixedScript({ text: [T.parallel, 12, 13, T.eos[0]], paths: [[[], []]], summaries: [[]] })
    const { thought } = await think(script, { budgets: { response: 60, answerReserve: 10 } })
    expect(thought.finishReason).toBe('stop')
    const block = thought.trajectory.segments[0]
    if (block.kind !== 'block') throw new Error('no block')
    for (const path of block.paths) expect([path.ids.at(-1), path.sampled.at(-1)]).toEqual([T.pathEnd, false])
    expect([block.close.ids.at(-1), block.close.sampled.at(-1)]).toEqual([T.summaryEnd, false])
    expect(block.paths[0].ids.length).toBe(block.paths[1].ids.length)
    expect(block.paths[0].ids.length).toBeGreaterThan(10)
    // The block took everything but the reserve; the answer came out of the reserve.
    expect(trajectoryCounts(thought.trajectory).total - 3).toBe(50)
    expect(thought.ids.slice(-2)).toEqual([12, 13])
  })

  it('4: the join computes nothing again under structured attention, and only siblings under causal', async () => {
    const paths = [
      [30, 31, 32, T.pathEnd],
      [33, T.pathEnd],
      [34, 35, T.pathEnd],
    ]
    const says = { text: [10, T.parallel, 11, T.eos[0]], paths: [paths], summaries: [[40, T.summaryEnd]] }
    for (const attention of MODES) {
      const { thought, toy } = await think(fixedScript(says), { paths: 3, attention })
      // Each token of prompt and response is fed once, but for the sampled end; causal path 2 … N twice, but for `</Path>`.
      const once = 2 + thought.totalTokens - 1
      expect(toy.fedTokens).toBe(attention === 'structured' ? once : once + 2 + 3)
    }
  })

  it('5: injected tokens carry no loss', async () => {
    for (const attention of MODES) {
      const script = fixedScript({ text: [T.parallel, 12, T.eos[0]], paths: [[[30, T.pathEnd], []]], summaries: [[]] })
      const { thought } = await think(script, { attention, budgets: { response: 60, path: 6 } })
      const layout = layoutTrajectory(thought.trajectory, attention, { loss: 'sampled' })
      const targets = [...layout.targets].flatMap((target, i) => (target ? [layout.ids[i + 1]] : []))
      for (const tag of [T.path, T.parallelEnd, T.newline[0], T.summary, T.summaryEnd]) expect(targets).not.toContain(tag)
      // Path 1 closed itself, path 2 was closed.
      expect(targets.filter((id) => id === T.pathEnd)).toHaveLength(1)
      for (const run of runsOf(thought.trajectory))
        expect(run.logprobs.filter((logprob, k) => !run.sampled[k] && logprob !== 0)).toEqual([])
    }
  })

  it('6: every token is trained in the context it was sampled in', async () => {
    for (const attention of MODES) {
      const script = fixedScript({
        text: [10, T.parallel, 11, T.parallel, 12, T.eos[0]],
        paths: [
          [
            [30, 31, T.pathEnd],
            [32, T.pathEnd],
          ],
          [
            [33, T.pathEnd],
            [34, 35, 36, T.pathEnd],
          ],
        ],
        summaries: [
          [40, T.summaryEnd],
          [41, 42, T.summaryEnd],
        ],
      })
      const { thought, toy } = await think(script, { attention })
      expect(thought.finishReason).toBe('stop')
      expectParity(thought, toy, attention, 7)
    }
  })
})

interface Setting {
  overrides: Partial<ThinkRequest>
  stray: number
  page: number
}

/** Settings from the smallest that are valid upwards. */
const setting: fc.Arbitrary<Setting> = fc
  .record({
    attention: fc.constantFrom(...MODES),
    paths: fc.oneof({ weight: 3, arbitrary: fc.integer({ min: 1, max: 4 }) }, { weight: 1, arbitrary: fc.integer({ min: 5, max: 16 }) }),
    maxBlocks: fc.integer({ min: 0, max: 4 }),
    prompt: fc.integer({ min: 1, max: 40 }),
    answerReserve: fc.integer({ min: 0, max: 20 }),
    response: fc.integer({ min: 0, max: 150 }),
    criticalPath: fc.option(fc.integer({ min: 0, max: 60 }), { nil: undefined }),
    path: fc.option(fc.integer({ min: 3, max: 20 }), { nil: undefined }),
    block: fc.option(fc.integer({ min: 0, max: 60 }), { nil: undefined }),
    seed: fc.integer({ min: 0, max: 1 << 30 }),
    page: fc.integer({ min: 1, max: 20 }),
    newline: fc.constantFrom([8], [8, 9, 8]),
  })
  .map((s) => {
    const closing = 3 + s.newline.length
    const minBlock = 1 + 3 * s.paths + closing + 1
    return {
      page: s.page,
      stray: 0,
      overrides: {
        attention: s.attention,
        paths: s.paths,
        maxBlocks: s.maxBlocks,
        seed: s.seed,
        tags: { ...T, newline: s.newline },
        promptIds: Array.from({ length: s.prompt }, (_, k) => 2 + (k % 50)),
        budgets: {
          response: minBlock + s.answerReserve + s.response,
          answerReserve: s.answerReserve,
          path: s.path,
          block: s.block === undefined ? undefined : minBlock + s.block,
          criticalPath: s.criticalPath === undefined ? undefined : 5 + closing + s.answerReserve + s.criticalPath,
        },
      },
    }
  })

async function random({ overrides, stray, page }: Setting): Promise<{ thought: Thought; toy: ToyModel; asked: ThinkRequest }> {
  const script = randomScript({ parallel: 0.2, eos: 0.03, pathEnd: 0.15, summaryEnd: 0.2, stray })
  const { thought, toy } = await think(script, overrides, { page })
  return { thought, toy, asked: request(overrides) }
}

function expectBudgets(thought: Thought, asked: ThinkRequest): void {
  const limits = resolveLimits(asked, new ToyModel(() => 0).config)
  let total = 0
  let critical = 0
  const newline = asked.tags.newline.length
  for (const segment of thought.trajectory.segments) {
    if (segment.kind === 'text') {
      total += segment.tokens.ids.length
      critical += segment.tokens.ids.length
      continue
    }
    const lengths = segment.paths.map((path) => path.ids.length)
    const own = 1 + segment.close.ids.length
    const sum = lengths.reduce((a, b) => a + b, 0)
    expect(lengths).toHaveLength(limits.paths)
    expect(Math.max(...lengths)).toBeLessThanOrEqual(limits.path)
    expect(sum + own).toBeLessThanOrEqual(limits.block)
    total += sum + own
    critical += Math.max(...lengths) + own
    // What a block leaves is the answer's.
    expect(limits.response - total).toBeGreaterThanOrEqual(limits.answerReserve)
    expect(limits.criticalPath - critical).toBeGreaterThanOrEqual(limits.answerReserve)
    // A path or summary that was cut had the chance to say something.
    for (const path of segment.paths) expect(path.ids.length).toBeGreaterThanOrEqual(path.sampled.at(-1) ? 2 : 3)
    expect(segment.close.ids.length).toBeGreaterThanOrEqual(2 + newline + (segment.close.sampled.at(-1) ? 1 : 2))
    // Shares are equal: who was cut got as much as the longest.
    for (const path of segment.paths) if (!path.sampled.at(-1)) expect(path.ids.length).toBe(Math.max(...lengths))
  }
  expect(total).toBeLessThanOrEqual(limits.response)
  expect(critical).toBeLessThanOrEqual(limits.criticalPath)
  expect([thought.totalTokens, thought.criticalPathTokens]).toEqual([total, critical])
  expect(thought.blocks.length).toBeLessThanOrEqual(mostBlocks(limits))
  // Nothing ends early but by an end id.
  if (thought.finishReason === 'length') expect(total === limits.response || critical === limits.criticalPath).toBe(true)
}

describe('random trees', () => {
  it('parse strictly, keep every budget, count right, and have context parity', async () => {
    let blocks = 0
    await fc.assert(
      fc.asyncProperty(setting, async (each) => {
        const { thought, toy, asked } = await random(each)
        blocks += thought.blocks.length
        expectBudgets(thought, asked)
        const response = responseIds(thought.trajectory)
        expect(thought.ids).toEqual(response.slice(0, thought.finishReason === 'stop' ? -1 : undefined))
        // Chance writes empty and equal paths; the shape must be right all the same.
        const { tree, violations } = parseThinkingIds(response, asked.tags, {
          minPaths: 1,
          allow: ['empty-path', 'empty-summary', 'identical-paths'],
        })
        expect(violations).toEqual([])
        expect(tree.parts.map(({ kind }) => kind)).toEqual(thought.trajectory.segments.map(({ kind }) => kind))
        expect(thought.blocks).toEqual(trajectoryCounts(thought.trajectory, 1 + asked.tags.newline.length).blocks)
        expectParity(thought, toy, asked.attention, asked.seed)
      }),
      { numRuns: 400 },
    )
    // 300 or so by chance.
    expect(blocks).toBeGreaterThan(150)
  })

  it('keep budgets and parity when the model writes tags anywhere', async () => {
    await fc.assert(
      fc.asyncProperty(setting, async (each) => {
        const { thought, toy, asked } = await random({ ...each, stray: 0.2 })
        expectBudgets(thought, asked)
        expectParity(thought, toy, asked.attention, asked.seed)
      }),
      { numRuns: 200 },
    )
  })
})

describe('sequential mode', () => {
  it('decodes plainly: no fork, no exclusion, nothing injected, blocks counted as they read', async () => {
    const says = [10, T.parallel, T.path, 30, T.pathEnd, T.path, 31, 32, T.pathEnd, T.parallelEnd, 8, T.summary, 40, T.summaryEnd, T.eos[0]]
    const { thought, toy } = await think(fixedScript({ text: says }), { mode: 'sequential' })
    expect(responseIds(thought.trajectory)).toEqual(says)
    expect(thought.trajectory.exclusionSets).toEqual([])
    expect(thought.blocks).toEqual([{ paths: [3, 4], summary: 3 }])
    expect([thought.totalTokens, thought.criticalPathTokens]).toEqual([says.length, says.length])
    for (const attention of MODES) expectParity(thought, toy, attention, 7)
  })

  it('ends at the smaller of response and critical path', async () => {
    const { thought } = await think(() => 10, { mode: 'sequential', budgets: { response: 30, criticalPath: 12 } })
    expect([thought.ids.length, thought.finishReason]).toEqual([12, 'length'])
  })
})

describe('streams', () => {
  it('gives every path of every block its own, and never reuses a draw', async () => {
    const seen = new Set<number>()
    const { toy } = await think(
      (context, sampling, attempt) => {
        seen.add(sampling.stream)
        return randomScript({ parallel: 0.5, eos: 0, pathEnd: 0.5, summaryEnd: 0.5, stray: 0 })(context, sampling, attempt)
      },
      { paths: 3, maxBlocks: 2, budgets: { response: 200 } },
    )
    expect([...seen].sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 17, 18, 19])
    expect(toy.draws.size).toBeGreaterThan(20)
  })
})

describe('settings are checked up front', () => {
  const config = new ToyModel(() => 0, { maxPositions: 120 }).config
  const cases: [string, Partial<ThinkRequest>, RegExp][] = [
    ['paths', { paths: 17 }, /paths must be a whole number, 1 to 16. Got 17/],
    ['paths 0', { paths: 0 }, /1 to 16. Got 0/],
    ['maxBlocks', { maxBlocks: -1 }, /maxBlocks must be a whole number, 0 or more. Got -1/],
    [
      'a response too short for a block',
      { budgets: { response: 14, answerReserve: 4 } },
      /budgets.response must hold one block of 2 paths.*16 or more. Got 14/,
    ],
    [
      'a critical path too short',
      { budgets: { response: 60, criticalPath: 12, answerReserve: 4 } },
      /budgets.criticalPath must hold.*13 or more. Got 12/,
    ],
    ['a path too short', { budgets: { response: 60, path: 2 } }, /budgets.path must be a whole number, 3 or more. Got 2/],
    ['a block too short', { budgets: { response: 60, block: 11 } }, /budgets.block must be a whole number, 12 or more. Got 11/],
    ['a reserve below zero', { budgets: { response: 60, answerReserve: -1 } }, /answerReserve.*Got -1/],
    ['too many positions', { budgets: { response: 119 } }, /120 positions of the model. Got 2 prompt tokens and a budget of 119/],
    ['a tag beyond the vocabulary', { tags: { ...T, path: 64 } }, /0 to 63. Got 64/],
    ['one id for two tags', { tags: { ...T, path: 5 } }, /six different ids/],
    ['no prompt', { promptIds: [] }, /prompt needs at least one token/],
  ]
  it.each(cases)('%s', (_name, overrides, message) => {
    expect(() => resolveLimits(request(overrides), config)).toThrow(message)
    expect(() => resolveLimits(request(overrides), config)).toThrow(ConfigError)
  })

  it('takes the smallest settings, and structured positions by their critical path', () => {
    expect(
      resolveLimits(request({ budgets: { response: 12, answerReserve: 0, path: 3, block: 12, criticalPath: 9 } }), config),
    ).toMatchObject({ path: 3 })
    expect(resolveLimits(request({ maxBlocks: 0, budgets: { response: 1 } }), config).answerReserve).toBe(0)
    expect(resolveLimits(request({ budgets: { response: 400, criticalPath: 118 } }), config).answerReserve).toBe(29)
    expect(() => resolveLimits(request({ attention: 'causal', budgets: { response: 400, criticalPath: 118 } }), config)).toThrow(
      /positions/,
    )
  })
})
