/** Guesses change nothing but the number of steps: tokens, log-probabilities, exclusions and what every draw saw are those of decoding without. */

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { NonFiniteError } from '../../src/engine/errors.ts'
import { openEngine } from '../../src/engine/open.ts'
import type { Model, StepOutput } from '../../src/engine/types.ts'
import { resolveLimits, worstCasePages } from '../../src/thinking/budget.ts'
import { Scheduler, type SchedulerStats } from '../../src/thinking/scheduler.ts'
import { tagTextOf } from '../../src/thinking/text-tags.ts'
import type { ThinkRequest, Thought } from '../../src/thinking/types.ts'
import { inProofs } from '../proofs.ts'
import { tokenizers } from '../tags/tokenizers.ts'
import { largeWeights, SMALL } from './small-model.ts'
import { type Chances, FIRST_WORD, hash, randomScript, type Script, scribble, TOY_TAGS, ToyModel } from './toy-model.ts'

/** Speaks in refrains: mostly, what comes follows from the last word and the seed. */
function refrain(chances: Chances, words: number): Script {
  const random = randomScript(chances)
  return (context, sampling, attempt) => {
    const last = context[context.length - 1]
    const u = hash(sampling.seed, sampling.stream, last.position, context.length, attempt, 77) / 2 ** 32
    if (attempt === 0 && u < 0.8) return FIRST_WORD + (hash(sampling.seed, last.id) % words)
    return random(context, sampling, attempt)
  }
}

const script = refrain({ parallel: 0.35, eos: 0.02, pathEnd: 0.3, summaryEnd: 0.3, stray: 0.1 }, 7)

function request(overrides: Partial<ThinkRequest>): ThinkRequest {
  return {
    ...{ promptIds: [20, 21, 22, 20, 21], mode: 'parallel', attention: 'structured', tags: TOY_TAGS, paths: 3, maxBlocks: 4 },
    ...{ budgets: { response: 200 }, temperature: 1, seed: 7 },
    ...overrides,
  }
}

/** What may not differ. A toy's log-probability is a hash of what the draw saw and what was excluded. */
function said({ drafts: _, ...thought }: Thought): Omit<Thought, 'drafts'> {
  return thought
}

async function all(model: Model, requests: readonly ThinkRequest[]): Promise<{ thoughts: Thought[]; stats: SchedulerStats }> {
  const scheduler = new Scheduler(model, { maxStepTokens: 32 })
  const thoughts = await Promise.all(requests.map((one) => scheduler.think(one)))
  await scheduler.close()
  return { thoughts, stats: scheduler.stats }
}

function accepted(thoughts: readonly Thought[]): number {
  return thoughts.reduce((sum, { drafts }) => sum + (drafts?.accepted ?? 0), 0)
}

const setting = fc.record({
  mode: fc.constantFrom('parallel' as const, 'parallel' as const, 'sequential' as const),
  attention: fc.constantFrom('structured' as const, 'causal' as const),
  paths: fc.integer({ min: 1, max: 4 }),
  maxBlocks: fc.integer({ min: 0, max: 3 }),
  response: fc.integer({ min: 60, max: 240 }),
  path: fc.option(fc.integer({ min: 4, max: 30 }), { nil: undefined }),
  criticalPath: fc.option(fc.integer({ min: 50, max: 120 }), { nil: undefined }),
  thinks: fc.boolean(),
  speculate: fc.constantFrom('auto' as const, 1, 3, 7),
  page: fc.integer({ min: 1, max: 16 }),
  seed: fc.nat(1e6),
})

describe('guesses', () => {
  it('change no token, no log-probability and no context of a draw, within the room of the cache that was reserved', async () => {
    let [drafted, used, blocks] = [0, 0, 0]
    await fc.assert(
      fc.asyncProperty(setting, async ({ response, path, criticalPath, thinks, speculate, page, ...each }) => {
        const thinking = thinks ? { tokens: 40, open: true, exit: [30, 31], piece: () => '' } : undefined
        const asked = [0, 1, 2].map((n) =>
          request({ ...each, seed: each.seed + n, thinking, budgets: { response, path, criticalPath, answerReserve: 5 } }),
        )
        const plain = new ToyModel(script, { page })
        const expected = await all(plain.model, asked)
        const limits = resolveLimits(asked[0], plain.config)
        const cacheTokens = asked.length * worstCasePages(asked[0], limits, page) * page
        const toy = new ToyModel(script, { page, cacheTokens, drafts: true })
        const got = await all(
          toy.model,
          asked.map((one) => ({ ...one, speculate })),
        )
        expect(got.thoughts.map(said)).toEqual(expected.thoughts.map(said))
        expect(toy.liveSequences).toBe(0)
        expect(toy.cacheFree).toBe(toy.cacheCapacity)
        drafted += got.thoughts.reduce((sum, { drafts }) => sum + drafts!.drafted, 0)
        used += accepted(got.thoughts)
        blocks += got.thoughts.reduce((sum, one) => sum + one.blocks.length, 0)
        expect(got.stats.steps).toBeLessThanOrEqual(expected.stats.steps)
      }),
      { numRuns: inProofs ? 400 : 15, seed: 3 },
    )
    expect(blocks).toBeGreaterThan(10)
    expect(used).toBeGreaterThan(200)
    expect(drafted).toBeGreaterThan(used)
  })

  it('change nothing where tags are text', async () => {
    let used = 0
    const attentions = ['structured', 'causal'] as const
    for (const [k, [, make]] of tokenizers.slice(0, inProofs ? undefined : 2).entries()) {
      for (const [j, attention] of attentions.entries()) {
        const tokenizer = make()
        const none = { ...{ parallel: -1, parallelEnd: -1, path: -1, pathEnd: -1, summary: -1, summaryEnd: -1 }, newline: [], eos: [0] }
        const asked = [1, 2].map((n) =>
          request({
            ...{ promptIds: tokenizer.encode('ab'), tags: none, tagText: tagTextOf(tokenizer), attention },
            ...{ paths: 2, budgets: { response: 300 }, seed: 100 * k + 10 * j + n },
          }),
        )
        const options = { vocabSize: tokenizer.vocabSize }
        const plain = new ToyModel(scribble(tokenizer), options)
        const expected = await all(plain.model, asked)
        const toy = new ToyModel(scribble(tokenizer), { ...options, drafts: true })
        const got = await all(
          toy.model,
          asked.map((one) => ({ ...one, speculate: 5 })),
        )
        expect(got.thoughts.map(said)).toEqual(expected.thoughts.map(said))
        used += accepted(got.thoughts)
      }
    }
    expect(used).toBeGreaterThan(5)
  })

  it('are made from the prompt, from what was said and from other paths, save a step each that is right, and take no more room', async () => {
    const words = Array.from({ length: 24 }, (_, k) => FIRST_WORD + k)
    const repeat: Script = (context) => context[context.length - 24].id
    // The paths of the second block say what those of the first said, and nobody else does.
    const blocks: Script = (context, { stream, exclude }) => {
      if (stream === 0 && exclude?.includes(TOY_TAGS.eos[0])) return TOY_TAGS.summaryEnd
      if (stream === 0) return exclude ? TOY_TAGS.eos[0] : TOY_TAGS.parallel
      const said = context.length - 1 - context.findLastIndex(({ id }) => id === TOY_TAGS.path)
      return words[said] ?? TOY_TAGS.pathEnd
    }
    for (const [one, says, least] of [
      [request({ mode: 'sequential', promptIds: words, budgets: { response: 96 } }), repeat, 60],
      [request({ paths: 2, maxBlocks: 2, budgets: { response: 125, answerReserve: 0 } }), blocks, 30],
    ] as const) {
      const plain = new ToyModel(says)
      const [expected] = (await all(plain.model, [one])).thoughts
      const cacheTokens = worstCasePages(one, resolveLimits(one, plain.config), plain.cachePage) * plain.cachePage
      const toy = new ToyModel(says, { drafts: true, cacheTokens })
      const [got] = (await all(toy.model, [{ ...one, speculate: 7 }])).thoughts
      expect(said(got)).toEqual(expected)
      expect(got.drafts!.accepted).toBeGreaterThan(least)
      // Two paths take their steps together.
      expect(plain.steps - toy.steps).toBe(got.drafts!.accepted / (one.mode === 'parallel' ? 2 : 1))
    }
  })

  it('stop where they do not pay, and begin again where they do', async () => {
    // Pairs come again and are followed by something else, until the text begins to repeat itself.
    const script: Script = (context, { seed }) => {
      const n = context.length
      return n < 400 ? FIRST_WORD + (n % 2 === 0 ? hash(seed, n) % 50 : (n >> 1) % 2) : context[n - 40].id
    }
    const one = request({ mode: 'sequential', budgets: { response: 800 } })
    const run = async (speculate: 'auto' | number) => {
      const toy = new ToyModel(script, { drafts: true })
      const { thoughts } = await all(toy.model, [{ ...one, speculate }])
      return { ...thoughts[0].drafts!, steps: toy.steps }
    }
    const [auto, always] = [await run('auto'), await run(7)]
    expect(auto.drafted - auto.accepted).toBeLessThan((always.drafted - always.accepted) / 2)
    expect(auto.accepted).toBeGreaterThan(300)
  })

  it('are not made beside many sequences, nor for an engine that takes none', async () => {
    const asked = Array.from({ length: 12 }, (_, seed) => request({ seed, mode: 'sequential', speculate: 7, budgets: { response: 60 } }))
    const endless = refrain({ parallel: 0, eos: 0, pathEnd: 0, summaryEnd: 0, stray: 0 }, 5)
    const crowd = await all(new ToyModel(endless, { drafts: true }).model, asked)
    // The first step knows of no other sequence.
    for (const { drafts } of crowd.thoughts) expect(drafts!.drafted).toBeLessThanOrEqual(7)
    const without = await all(new ToyModel(endless).model, asked)
    expect(without.thoughts.map(({ drafts }) => drafts)).toEqual(asked.map(() => undefined))
    expect(crowd.thoughts.map(said)).toEqual(without.thoughts)
  })

  it('fail a request only where it fails without them', async () => {
    const says = refrain({ parallel: 0, eos: 0, pathEnd: 0, summaryEnd: 0, stray: 0 }, 5)
    const one = request({ mode: 'sequential', budgets: { response: 80 } })
    const [expected] = (await all(new ToyModel(says).model, [one])).thoughts
    const error = new NonFiniteError('the logits are not finite.')
    /** Logits behind a guess are not finite, and so are all of that input; `always`: at one position without guesses, too. */
    const faulty = (toy: ToyModel, always: boolean): Model => {
      const bad: StepOutput = { id: -1, logprob: 0, error }
      const step: Model['step'] = async (inputs) => {
        const outputs = await toy.step(inputs)
        return outputs.map((output, k) => {
          const { afterDrafts } = output
          if (afterDrafts) return { ...bad, afterDrafts: afterDrafts.map(() => bad) }
          return always && inputs[k].positions[0] === 50 ? bad : output
        })
      }
      return new Proxy(toy.model, {
        get: (target, key) => {
          const value = Reflect.get(target, key)
          return key === 'step' ? step : typeof value === 'function' ? value.bind(target) : value
        },
      })
    }
    const [got] = (await all(faulty(new ToyModel(says, { drafts: true }), false), [{ ...one, speculate: 7 }])).thoughts
    expect(said(got)).toEqual(expected)
    expect(got.drafts!.drafted).toBeGreaterThan(0)
    await expect(all(faulty(new ToyModel(says, { drafts: true }), true), [{ ...one, speculate: 7 }])).rejects.toThrow(NonFiniteError)
  })
})

describe.each(inProofs ? (['f32', 'bf16', 'int8', 'int4'] as const) : (['f32', 'int8'] as const))(
  'guesses with the real engine, %s',
  (precision) => {
    it('give the bits of decoding without', async () => {
      const engine = await openEngine({ device: 'cpu', precision, threads: 2 })
      const samplings: Partial<ThinkRequest>[] = [
        { temperature: 0 },
        { temperature: 1.5 },
        { temperature: 1, topK: 3 },
        { temperature: 1.2, topK: 12, topP: 0.6 },
      ]
      const asked = samplings.flatMap((sampling, k) =>
        (['structured', 'causal'] as const).flatMap((attention, j) => [
          request({ ...sampling, attention, seed: 10 * k + j, budgets: { response: 160 } }),
          request({ ...sampling, attention, mode: 'sequential', seed: 100 + 10 * k + j, budgets: { response: 120 } }),
        ]),
      )
      const model = await engine.create(SMALL, largeWeights, { cacheTokens: 1 << 13, train: false })
      let used = 0
      for (const group of [asked, ...asked.map((one) => [one])]) {
        // Many at once, then each alone, where guesses are made.
        const { thoughts } = await all(model, group)
        for (const speculate of inProofs ? (['auto', 2, 7] as const) : (['auto', 7] as const)) {
          const got = await all(
            model,
            group.map((one) => ({ ...one, speculate })),
          )
          expect(got.thoughts.map(said)).toEqual(thoughts)
          used += accepted(got.thoughts)
        }
      }
      expect(used).toBeGreaterThan(100)
      expect(model.cacheFree).toBe(model.cacheCapacity)
      await engine.dispose()
    })
  },
)
