/** A path that settles its block ends its siblings: at the same token whatever else runs, trained as it was sampled. */

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { NonFiniteError } from '../../src/engine/errors.ts'
import { openEngine } from '../../src/engine/open.ts'
import type { Model, StepInput } from '../../src/engine/types.ts'
import { resolveLimits } from '../../src/thinking/budget.ts'
import { parseThinkingIds, TAGS } from '../../src/thinking/grammar.ts'
import { layoutTrajectory, packLayouts } from '../../src/thinking/layout.ts'
import { Scheduler } from '../../src/thinking/scheduler.ts'
import { settles } from '../../src/thinking/settle.ts'
import { tagTextOf } from '../../src/thinking/text-tags.ts'
import { responseIds, sampledLogprobs, trajectoryCounts } from '../../src/thinking/trajectory.ts'
import type { Settling, ThinkRequest, Thought } from '../../src/thinking/types.ts'
import { inProofs } from '../proofs.ts'
import { tokenizers } from '../tags/tokenizers.ts'
import { expectParity } from './context-parity.ts'
import { blocksOf, expectPrefix } from './settled.ts'
import { largeWeights, SMALL, thinkAll } from './small-model.ts'
import { FIRST_WORD, fixedScript, hash, randomScript, type Script, scribble, TOY_TAGS, ToyModel } from './toy-model.ts'

const T = TOY_TAGS
const MODES = ['structured', 'causal'] as const
const YES = 60

const NAMES = new Map([
  [T.path, TAGS.path],
  [T.pathEnd, TAGS.pathEnd],
])
const settledBy: Settling = {
  text: ' yes',
  read: (ids) => ids.map((id) => NAMES.get(id) ?? (id === YES ? ' yes' : ` ${id}`)).join(''),
}

/** A third of all words are a verdict. */
const often: Settling = {
  text: ' yes',
  read: (ids) => ids.map((id) => NAMES.get(id) ?? (id % 3 === 0 ? ' yes' : ' no')).join(''),
}

function request(overrides: Partial<ThinkRequest> = {}): ThinkRequest {
  return {
    ...{ promptIds: [20, 21], mode: 'parallel', attention: 'structured', tags: T, paths: 4, maxBlocks: 2 },
    ...{ budgets: { response: 200 }, temperature: 1, seed: 7, settledBy },
    ...overrides,
  }
}

const fixed = (paths: number[][]): Script =>
  fixedScript({ text: [10, T.parallel, 11, T.eos[0]], paths: [paths], summaries: [[40, T.summaryEnd]] })

describe('a path that settles its block', () => {
  const says = [
    [30, 31, 32, 33, 34, 35, T.pathEnd],
    [36, 37, YES, T.pathEnd],
    [38, T.pathEnd],
    [39, 41, 42, T.pathEnd],
  ]

  it.each(MODES)('ends those that still run, after as many tokens as it has, %s attention', async (attention) => {
    const toy = new ToyModel(fixed(says))
    const asked = request({ attention })
    const [thought] = await thinkAll(toy.model, [asked])
    const [{ paths }] = blocksOf(thought)
    // The settled one has four tokens of its own, and so have the siblings at most. The last ended in the same step by itself.
    expect(paths.map(({ ids }) => ids)).toEqual([
      [T.path, 30, 31, 32, 33, T.pathEnd],
      [T.path, 36, 37, YES, T.pathEnd],
      [T.path, 38, T.pathEnd],
      [T.path, 39, 41, 42, T.pathEnd],
    ])
    expect(paths.map(({ sampled }) => sampled.at(-1))).toEqual([false, true, true, true])
    expect(paths[0].sampled).toEqual([false, true, true, true, true, false])
    const share = Math.floor((200 - 50 - 2 - 4 - 28) / 4)
    expect(thought.blocks).toEqual([{ paths: [6, 5, 3, 5], summary: 3, stopped: { paths: [0], savedAtMost: share - 6 } }])
    // Nobody drew more than that.
    expect([...toy.draws.keys()].filter((key) => key.startsWith('7/1/'))).toHaveLength(4)
    expect(thought.ids).toEqual(responseIds(thought.trajectory).slice(0, -1))
    expectParity(thought, toy, attention, 7)
    // What teaches is what was drawn.
    const { targets, ids } = layoutTrajectory(thought.trajectory, attention, { loss: 'sampled' })
    const taught = [...targets].flatMap((target, i) => (target ? [ids[i + 1]] : []))
    expect(taught.filter((id) => id === T.pathEnd)).toHaveLength(3)
    expect(taught).toEqual(expect.arrayContaining([30, 31, 32, 33]))
  })

  it('is the first that ends so; the text elsewhere, another text, and a budget settle nothing', async () => {
    const later = [[30, YES, 31, T.pathEnd], [32, 33, 34, YES, T.pathEnd], [35, 36, 37, 38, 39, YES, T.pathEnd], []]
    const [thought] = await thinkAll(new ToyModel(fixed(later)).model, [request({ budgets: { response: 200, path: 12 } })])
    expect(thought.blocks[0]).toMatchObject({ paths: [5, 6, 7, 7], stopped: { paths: [2, 3], savedAtMost: 10 } })
    const never = [[YES, 30, T.pathEnd], [31, T.pathEnd], [], []]
    const endless = (): Script => {
      const says = fixed(never)
      // The budget of this one ends it behind its last " yes".
      return (context, sampling, attempt) => (sampling.stream === 3 ? YES : says(context, sampling, attempt))
    }
    const [plain] = await thinkAll(new ToyModel(endless()).model, [request({ settledBy: undefined, budgets: { response: 200, path: 12 } })])
    const [unsettled] = await thinkAll(new ToyModel(endless()).model, [request({ budgets: { response: 200, path: 12 } })])
    expect(unsettled).toEqual(plain)
    expect(unsettled.blocks[0].paths.at(-1)).toBe(12)
  })

  it('changes nothing where all are equal, as greedy ones are, nor where there is one path or none', async () => {
    const same = [says[1], says[1], says[1]]
    for (const overrides of [{ paths: 3, temperature: 0 }, { paths: 1 }, { mode: 'sequential' as const }]) {
      const run = (one: Partial<ThinkRequest>) => thinkAll(new ToyModel(fixed(same)).model, [request({ ...overrides, ...one })])
      const [thought] = await run({})
      expect([thought]).toEqual(await run({ settledBy: undefined }))
      expect(thought.blocks.every(({ stopped }) => stopped === undefined)).toBe(true)
    }
  })

  it.each([
    ['<Path>1 + 2 = 3 yes</Path>', ' yes', true],
    ['<Path>1 + 2 = 3 yes\n</Path>', ' yes', true],
    ['<Path>1 + 2 = 3 yes </Path>', ' yes  ', true],
    ['<Path> yes</Path>', ' yes', true],
    ['<Path>yes</Path>', ' yes', false],
    ['<Path>eyes</Path>', ' yes', false],
    ['<Path>yes, no</Path>', ' yes', false],
    ['<Path>.*</Path>', '.*', true],
    ['<Path>anything</Path>', '.*', false],
    ['<Path></Path>', 'Path>', false],
    ['<Path>a</Path> b</Path>', ' b', true],
  ])('%j by %j: %s', (said, text, expected) => {
    expect(settles({ text, read: () => said }, [])).toBe(expected)
  })
})

/** Paths often end in a verdict. */
const verdicts = (chances: { pathEnd: number; stray: number }): Script => {
  const random = randomScript({ parallel: 0.3, eos: 0.03, summaryEnd: 0.3, ...chances })
  return (context, sampling, attempt) => {
    const id = random(context, sampling, attempt)
    return sampling.stream > 0 && attempt === 0 && id >= FIRST_WORD && id % 4 === 0 ? YES : id
  }
}

const setting = fc.record({
  attention: fc.constantFrom(...MODES),
  paths: fc.integer({ min: 1, max: 8 }),
  response: fc.integer({ min: 100, max: 300 }),
  path: fc.option(fc.integer({ min: 3, max: 25 }), { nil: undefined }),
  criticalPath: fc.option(fc.integer({ min: 60, max: 120 }), { nil: undefined }),
  page: fc.integer({ min: 1, max: 12 }),
  seed: fc.nat(1e6),
  stray: fc.constantFrom(0, 0.15),
})

describe('random trees', () => {
  it('end as their first blocks would without, cut at the shortest that settles; budgets, counts, structure and context hold', async () => {
    let [stopped, blocks] = [0, 0]
    await fc.assert(
      fc.asyncProperty(setting, async ({ response, path, criticalPath, page, stray, ...each }) => {
        const budgets = { response, path, criticalPath, answerReserve: 5 }
        const asked = [0, 1, 2].map((n) => request({ ...each, seed: each.seed + n, budgets }))
        const script = verdicts({ pathEnd: 0.2, stray })
        const toy = new ToyModel(script, { page })
        const thoughts = await thinkAll(toy.model, asked, 16)
        const free = await thinkAll(
          new ToyModel(script, { page }).model,
          asked.map((one) => ({ ...one, settledBy: undefined })),
        )
        for (const [i, thought] of thoughts.entries()) {
          const limits = resolveLimits(asked[i], toy.config)
          const [first, whole] = [blocksOf(thought)[0], blocksOf(free[i])[0]]
          expect(first === undefined).toBe(whole === undefined)
          if (first) {
            expect(first.open).toEqual(whole.open)
            const settling = whole.paths.filter(({ ids, sampled }) => sampled.at(-1) && ids.at(-2) === YES)
            const n = Math.min(...settling.map(({ ids }) => ids.length - 1))
            for (const [k, one] of first.paths.entries()) expectPrefix(one, whole.paths[k], n)
          }
          const counts = trajectoryCounts(thought.trajectory)
          expect(thought.totalTokens).toBe(counts.total)
          expect(thought.criticalPathTokens).toBe(counts.criticalPath)
          expect(counts.total).toBeLessThanOrEqual(limits.response)
          expect(counts.criticalPath).toBeLessThanOrEqual(limits.criticalPath)
          expect(thought.blocks.map(({ stopped: _, ...block }) => block)).toEqual(counts.blocks)
          for (const block of blocksOf(thought)) for (const { ids } of block.paths) expect(ids.length).toBeLessThanOrEqual(limits.path)
          if (stray === 0) {
            const allow = ['empty-path', 'empty-summary', 'identical-paths'] as const
            expect(parseThinkingIds(responseIds(thought.trajectory), T, { minPaths: 1, allow }).violations).toEqual([])
          }
          expectParity(thought, toy, each.attention, asked[i].seed)
          blocks += thought.blocks.length
          stopped += thought.blocks.filter((block) => block.stopped).length
        }
      }),
      { numRuns: inProofs ? 400 : 20, seed: 5 },
    )
    expect(blocks).toBeGreaterThan(50)
    expect(stopped).toBeGreaterThan(15)
  })

  it('are the same in a crowd, in small steps and with guesses', async () => {
    const asked = Array.from({ length: 12 }, (_, seed) =>
      request({ seed, attention: MODES[seed % 2], paths: 2 + (seed % 6), settledBy: often }),
    )
    const random = verdicts({ pathEnd: 0.2, stray: 0 })
    // Mostly what comes follows from the last word, so that guesses are right.
    const script: Script = (context, sampling, attempt) => {
      const last = context[context.length - 1]
      return attempt === 0 && last.id >= FIRST_WORD && hash(sampling.seed, sampling.stream, last.position) % 4 > 0
        ? FIRST_WORD + ((last.id * 5) % 7)
        : random(context, sampling, attempt)
    }
    const alone: Thought[] = []
    for (const one of asked) alone.push(...(await thinkAll(new ToyModel(script).model, [one])))
    expect(alone.filter(({ blocks }) => blocks.some((block) => block.stopped)).length).toBeGreaterThan(3)
    expect(await thinkAll(new ToyModel(script).model, asked)).toEqual(alone)
    expect(await thinkAll(new ToyModel(script).model, asked, 16)).toEqual(alone)
    // Nothing that a listener has heard is taken back.
    const heard: number[] = []
    const scheduler = new Scheduler(new ToyModel(script).model)
    const stopped = alone.findIndex(({ blocks }) => blocks.some((block) => block.stopped))
    await scheduler.think(asked[stopped], undefined, ({ id }) => heard.push(id))
    await scheduler.close()
    expect(heard).toEqual(alone[stopped].ids)
    let accepted = 0
    for (const [i, one] of asked.entries()) {
      const [{ drafts, ...thought }] = await thinkAll(new ToyModel(script, { drafts: true }).model, [{ ...one, speculate: 7 }])
      expect(thought).toEqual(alone[i])
      accepted += drafts!.accepted
    }
    expect(accepted).toBeGreaterThan(20)
  })

  it('hold where tags are text, half-written ones too', async () => {
    let stopped = 0
    for (const [, make] of tokenizers.slice(0, inProofs ? undefined : 2)) {
      const tokenizer = make()
      const { piece } = tagTextOf(tokenizer)
      const none = { ...{ parallel: -1, parallelEnd: -1, path: -1, pathEnd: -1, summary: -1, summaryEnd: -1 }, newline: [], eos: [0] }
      const read = (ids: readonly number[]): string => ids.map(piece).join('')
      for (let seed = 1; seed <= (inProofs ? 40 : 4); seed++) {
        const attention = MODES[seed % 2]
        // Any last letter of half the alphabet settles.
        const own = { text: '!', read: (ids: readonly number[]) => read(ids).replace(/[a-m <](?=<\/Path>)/g, '!') }
        const asked = request({
          ...{ promptIds: tokenizer.encode('ab'), tags: none, tagText: tagTextOf(tokenizer), attention },
          ...{ paths: 3, budgets: { response: 400 }, seed, settledBy: own },
        })
        const toy = new ToyModel(scribble(tokenizer), { vocabSize: tokenizer.vocabSize })
        const [thought] = await thinkAll(toy.model, [asked])
        for (const { paths } of blocksOf(thought)) {
          for (const { ids } of paths) {
            expect(read(ids)).toMatch(/^<Path>.*<\/Path>$/s)
            expect(read(ids).split('</Path>')).toHaveLength(2)
          }
        }
        expect(thought.totalTokens).toBeLessThanOrEqual(400)
        expectParity(thought, toy, attention, seed)
        stopped += thought.blocks.filter((block) => block.stopped).length
      }
    }
    expect(stopped).toBeGreaterThan(2)
  })
})

describe('a block in lock step', () => {
  it('fails and frees everything where one of its paths fails, and ends where the request is aborted', async () => {
    const script = verdicts({ pathEnd: 0, stray: 0 })
    const faulty = new ToyModel(script)
    const step: Model['step'] = async (inputs) => {
      const outputs = await faulty.step(inputs)
      const bad = { id: -1, logprob: 0, error: new NonFiniteError('the logits are not finite.') }
      return outputs.map((output, k) => (inputs[k].sampling?.stream === 3 && inputs[k].positions[0] > 8 ? bad : output))
    }
    const model = new Proxy(faulty.model, {
      get: (target, key) => {
        const value = Reflect.get(target, key)
        return key === 'step' ? step : typeof value === 'function' ? value.bind(target) : value
      },
    })
    const asked = request({ promptIds: [20], seed: 3 })
    await expect(thinkAll(model, [asked])).rejects.toThrow(/path 2 of block 0/)
    expect(faulty.liveSequences).toBe(0)

    const controller = new AbortController()
    const onStep = (inputs: readonly StepInput[]): void => {
      if (inputs.some(({ sampling, positions }) => sampling?.stream === 2 && positions[0] > 10)) controller.abort(new Error('enough'))
    }
    const toy = new ToyModel(script, { onStep })
    const scheduler = new Scheduler(toy.model)
    await expect(scheduler.think(asked, controller.signal)).rejects.toThrow('enough')
    await scheduler.close()
    expect(toy.liveSequences).toBe(0)
  })
})

describe('with the real engine', () => {
  it.each(MODES)(
    'sampled and trained log-probabilities are equal bit for bit, with guesses and without, %s attention',
    async (attention) => {
      const asked = Array.from({ length: 8 }, (_, seed) =>
        request({
          seed,
          attention,
          paths: 2 + (seed % 6),
          temperature: 1.5,
          budgets: { response: 300 },
          settledBy: often,
        }),
      )
      let first: Thought[] | undefined
      for (const [threads, maxStepTokens] of [
        [1, 512],
        [2, 16],
      ]) {
        const engine = await openEngine({ device: 'cpu', precision: 'f32', threads })
        const model = await engine.create(SMALL, largeWeights, { cacheTokens: 1 << 14, train: false })
        const thoughts = await thinkAll(model, asked, maxStepTokens)
        first ??= thoughts
        expect(thoughts).toEqual(first)
        for (const one of asked.slice(0, inProofs ? 8 : 3)) {
          const [{ drafts, ...guessed }] = await thinkAll(model, [{ ...one, speculate: 7 }], maxStepTokens)
          expect(guessed).toEqual(thoughts[one.seed])
          expect(drafts!.drafted).toBeGreaterThan(0)
        }
        const layouts = thoughts.map(({ trajectory }) => layoutTrajectory(trajectory, attention, { loss: 'sampled' }))
        const { batch, starts } = packLayouts(layouts)
        const { logprobs } = await model.forward({ ...batch, temperature: 1.5 }, { keep: false })
        for (const [k, { trajectory }] of thoughts.entries()) {
          // toEqual compares numbers with Object.is.
          expect([...layouts[k].sampledIndex].map((i) => logprobs[starts[k] + i])).toEqual(sampledLogprobs(trajectory))
        }
        await engine.dispose()
      }
      const ended = first!.flatMap(({ blocks }) => blocks.flatMap(({ stopped }) => stopped?.paths ?? []))
      expect(ended.length).toBeGreaterThan(5)
    },
  )
})
