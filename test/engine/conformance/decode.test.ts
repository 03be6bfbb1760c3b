/** Decoding: the same tree as a training batch gives the same numbers, draws depend on nothing but their key, forks share, joins append. */

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { CacheFullError } from '../../../src/engine/errors.ts'
import type { Engine, Sampling } from '../../../src/engine/types.ts'
import { layoutTrajectory, packLayouts } from '../../../src/thinking/layout.ts'
import { localThinker } from '../../../src/thinking/thinker.ts'
import { sampledLogprobs } from '../../../src/thinking/trajectory.ts'
import type { ThinkRequest } from '../../../src/thinking/types.ts'
import { inProofs } from '../../proofs.ts'
import { TOY_TAGS } from '../../thinking/toy-model.ts'
import { candidates, expectEqual, lively, precisions, tinies, tiny } from './engines.ts'

describe.each([...candidates, ...precisions])('decoding: $name', (candidate) => {
  let engine: Engine
  beforeAll(async () => {
    engine = await candidate.open()
  })
  afterAll(() => engine.dispose())

  const trees = tinies
    .filter(([family]) => inProofs || (candidates.includes(candidate) && !candidate.slow) || ['qwen3', 'gemma3_text'].includes(family))
    .flatMap(([family, config]) => (['structured', 'causal'] as const).map((attention) => ({ family, attention, config })))
  it.each(trees)(
    'scores what it sampled as forward does, on random trees of $family in $attention attention',
    async ({ attention, config }) => {
      const model = await engine.create(config, lively(3), { cacheTokens: 4096 })
      const requests = Array.from(
        { length: candidate.slow ? 3 : 8 },
        (_, k): ThinkRequest => ({
          // The third is long enough to be prefilled in chunks.
          promptIds: [9 + k, 11, ((k * 7) % 30) + 9, ...Array(k === 2 ? 40 : 0).fill(12)],
          mode: 'parallel',
          attention,
          tags: TOY_TAGS,
          paths: [3, 2, 5, 1][k % 4],
          maxBlocks: 2,
          budgets: { response: 90, path: 8 + (k % 5), answerReserve: 10 },
          temperature: 1.5,
          seed: k + 1,
        }),
      )
      // Small steps, so that prompts come in chunks beside other sequences.
      const thinker = localThinker(model, { maxStepTokens: 16 })
      const thoughts = await Promise.all(requests.map((request) => thinker.think(request)))
      await thinker.close()
      expect(model.cacheFree).toBe(model.cacheCapacity)
      const layouts = thoughts.map(({ trajectory }) => layoutTrajectory(trajectory, attention, { loss: 'sampled' }))
      const { batch, starts } = packLayouts(layouts)
      const { logprobs } = await model.forward({ ...batch, temperature: 1.5 }, { keep: false })
      for (const [k, { trajectory }] of thoughts.entries()) {
        const sampled = sampledLogprobs(trajectory)
        const scored = [...layouts[k].sampledIndex].map((i) => logprobs[starts[k] + i])
        expectEqual(Float32Array.from(scored), Float32Array.from(sampled), candidate, `request ${k}`)
      }
      expect(Math.max(...thoughts.flatMap(({ blocks }) => blocks.map(({ paths }) => paths.length)))).toBeGreaterThan(1)
      await model.dispose()
    },
  )

  it('joins what the children hold, in order, and frees them', async () => {
    const model = await engine.create(tiny, lively(2), { cacheTokens: 256 })
    const parent = model.create()
    await model.step([{ sequence: parent, ids: [1, 2, 3], positions: [0, 1, 2] }])
    const children = model.fork(parent, 3)
    await model.step(children.map((sequence, i) => ({ sequence, ids: [10 + i, 20 + i], positions: [3, 4] })))
    model.join(parent, children)
    expect(model.length(parent)).toBe(9)
    expect(() => model.length(children[0])).toThrow(/freed, joined or never created/)
    const [{ logprob, id }] = await model.step([
      { sequence: parent, ids: [5], positions: [5], sampling: { temperature: 1, seed: 4, stream: 0 } },
    ])
    // The same tree as a training batch: siblings hidden, positions overlapping.
    const hidden = new Int32Array(11 * 2)
    hidden.set([3, 5], 5 * 2)
    hidden.set([3, 5], 6 * 2)
    hidden.set([3, 7], 7 * 2)
    hidden.set([3, 7], 8 * 2)
    const { logprobs } = await model.forward({
      ids: Int32Array.from([1, 2, 3, 10, 20, 11, 21, 12, 22, 5, id]),
      positions: Int32Array.from([0, 1, 2, 3, 4, 3, 4, 3, 4, 5, 6]),
      bounds: Int32Array.from([0, 11]),
      hidden,
      hiddenLevels: 1,
    })
    expectEqual(Float32Array.of(logprob), logprobs.slice(9, 10), candidate, 'log-probability after the join')
    const stranger = model.create()
    expect(() => model.join(parent, [stranger])).toThrow(/does not start with the parent's tokens/)
    model.free(stranger)
    model.free(parent)
    expect(model.cacheFree).toBe(256)
    await model.dispose()
  })

  it('draws the same tokens whatever else is in the batch', async () => {
    const model = await engine.create(tiny, lively(2), { cacheTokens: 1024 })
    const run = async (companions: number) => {
      const all = Array.from({ length: companions + 1 }, () => model.create())
      await model.step(all.map((sequence, i) => ({ sequence, ids: [1, 2, 3 + i], positions: [0, 1, 2] })))
      const drawn: number[] = []
      for (let t = 0, last = all.map(() => 7); t < 20; t++) {
        const sampling = (stream: number): Sampling => ({ temperature: 1.3, topK: 20, topP: 0.9, seed: 42, stream, exclude: [3, 4] })
        const out = await model.step(all.map((sequence, i) => ({ sequence, ids: [last[i]], positions: [3 + t], sampling: sampling(i) })))
        last = out.map(({ id }) => id)
        drawn.push(last[0])
        expect(last.some((id) => id === 3 || id === 4)).toBe(false)
      }
      for (const sequence of all) model.free(sequence)
      return drawn
    }
    const alone = await run(0)
    expect(await run(5)).toEqual(alone)
    expect(new Set(alone).size).toBeGreaterThan(5)
    await model.dispose()
  })

  it('draws after guesses what it draws without them, and goes on as if wrong ones had never been there', async () => {
    const model = await engine.create(tiny, lively(2), { cacheTokens: 1024 })
    const sampling: Sampling = { temperature: 1.3, topK: 20, topP: 0.9, seed: 42, stream: 3, exclude: [3, 4] }
    const inputOf = (sequence: number, at: number, ids: number[]) => ({ sequence, ids, positions: ids.map((_, i) => at + i), sampling })
    if (model.draftRowCost === undefined) {
      const sequence = model.create()
      await expect(model.step([{ ...inputOf(sequence, 0, [1, 2]), drafts: 1 }])).rejects.toThrow(/1 drafts, and this engine takes none/)
      return
    }
    const begin = async () => {
      const sequence = model.create()
      await model.step([{ sequence, ids: [1, 2, 3], positions: [0, 1, 2] }])
      return sequence
    }
    const plain = await begin()
    const expected: { id: number; logprob: number }[] = []
    for (let t = 0; t < 60; t++) expected.push((await model.step([inputOf(plain, 3 + t, [expected.at(-1)?.id ?? 7])]))[0])
    expect(new Set(expected.map(({ id }) => id)).size).toBeGreaterThan(5)

    const [guessing, other] = [await begin(), await begin()]
    const got: typeof expected = []
    for (let step = 0, beside = 5; got.length < 50; step++) {
      const [t, drafts] = [got.length, [0, 1, 3, 7, 5][step % 5]]
      const right = Math.min(drafts, [0, 1, 2, 9][step % 4])
      // The first wrong guess is any other id, those behind it too.
      const guesses = Array.from({ length: drafts }, (_, k) => (expected[t + k].id + (k < right ? 0 : 1 + k)) % tiny.vocabSize)
      const [output, companion] = await model.step([
        { ...inputOf(guessing, 3 + t, [got.at(-1)?.id ?? 7, ...guesses]), drafts },
        inputOf(other, 3 + step, [beside]),
      ])
      beside = companion.id
      const { afterDrafts = [], ...first } = output
      expect(afterDrafts).toHaveLength(drafts)
      got.push(first, ...afterDrafts.slice(0, right))
      model.truncate(guessing, drafts - right)
      expect(model.length(guessing)).toBe(3 + got.length)
    }
    expect(got).toEqual(expected.slice(0, got.length))
    const [last, id] = [got.length - 1, got[got.length - 1].id]
    for (const [wrong, message] of [
      [{ ...inputOf(other, 100, [1]), drafts: 1 }, /0 to 0 may be drafts. Got 1/],
      [{ ...inputOf(other, 100, [1, 2]), drafts: -1 }, /0 to 1 may be drafts. Got -1/],
      [{ ...inputOf(other, 100, [1, 2]), sampling: undefined, drafts: 1 }, /1 drafts and no sampling/],
    ] as const) {
      await expect(model.step([wrong])).rejects.toThrow(message)
    }
    // A fork keeps what its parent takes back.
    const [child] = model.fork(guessing, 1)
    model.truncate(guessing, 20)
    await model.step([inputOf(guessing, 0, Array(30).fill(9))])
    expect((await model.step([inputOf(child, 4 + last, [id])]))[0]).toEqual(expected[last + 1])
    for (const sequence of [plain, guessing, other, child]) model.free(sequence)
    expect(model.cacheFree).toBe(model.cacheCapacity)
    await model.dispose()
  })

  it('refuses a cache overflow before any effect', async () => {
    const model = await engine.create(tiny, lively(1), { cacheTokens: 64 })
    const a = model.create()
    const prompt = Array.from({ length: 40 }, (_, i) => i)
    await model.step([{ sequence: a, ids: prompt, positions: prompt }])
    const [b] = model.fork(a, 1)
    await expect(model.step([{ sequence: b, ids: prompt, positions: prompt }])).rejects.toThrow(CacheFullError)
    expect(model.length(b)).toBe(40)
    model.free(a)
    model.free(b)
    expect(model.cacheFree).toBe(64)
    const c = model.create()
    await model.step([{ sequence: c, ids: prompt, positions: prompt }])
    expect(model.length(c)).toBe(40)
    await model.dispose()
  })
})

describe('all engines', () => {
  it('draw the same tokens from the same weights and seeds', async () => {
    const results: { name: string; ids: number[]; logprobs: Float32Array }[] = []
    for (const candidate of candidates) {
      const engine = await candidate.open()
      const model = await engine.create(tiny, lively(7), { cacheTokens: 1024 })
      // A different kind of sampling in each sequence of one batch; safe integers of both signs as seeds.
      const kinds: Omit<Sampling, 'stream'>[] = [
        { temperature: 0, seed: 1 },
        { temperature: 1, seed: -5 },
        { temperature: 0.7, topP: 0.8, seed: 2 ** 40 + 3 },
        { temperature: 2, topK: 5, seed: 9 },
        { temperature: 1.2, topK: 12, topP: 0.95, exclude: [0, 40], seed: 77 },
      ]
      const sequences = kinds.map(() => model.create())
      const ids: number[] = []
      const logprobs: number[] = []
      for (let t = 0, last = kinds.map((_, i) => i + 1); t < 16; t++) {
        const out = await model.step(
          sequences.map((sequence, i) => ({ sequence, ids: [last[i]], positions: [t], sampling: { ...kinds[i], stream: i * 1000 } })),
        )
        last = out.map(({ id }) => id)
        ids.push(...last)
        logprobs.push(...out.map(({ logprob }) => logprob))
      }
      results.push({ name: candidate.name, ids, logprobs: Float32Array.from(logprobs) })
      await engine.dispose()
    }
    const [reference, ...others] = results
    for (const { name, ids, logprobs } of others) {
      expect(ids, name).toEqual(reference.ids)
      expectEqual(logprobs, reference.logprobs, { ...candidates[0], exact: false }, name)
    }
  })

  it('agree on the next token of long contexts that are prefilled in one piece', async () => {
    const ids = Array.from({ length: 200 }, (_, i) => (i * 7 + ((i * i) % 11)) % tiny.vocabSize)
    const found: { id: number; logprob: number }[] = []
    for (const { open } of candidates) {
      const engine = await open()
      const model = await engine.create(tiny, lively(5), { cacheTokens: 512 })
      const sequence = model.create()
      const positions = ids.map((_, i) => i)
      const [out] = await model.step([{ sequence, ids, positions, sampling: { temperature: 0, seed: 0, stream: 0 } }])
      found.push(out)
      await engine.dispose()
    }
    for (const { id, logprob } of found) {
      expect(id).toBe(found[0].id)
      expect(Math.abs(logprob - found[0].logprob)).toBeLessThan(1e-4)
    }
  })
})
