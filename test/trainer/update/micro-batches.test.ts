import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { NonFiniteError } from '../../../src/engine/errors.ts'
import type { ForwardOptions, Model, TrainBatch } from '../../../src/engine/types.ts'
import { layoutTrajectory } from '../../../src/thinking/layout.ts'
import { sampledLogprobs, trajectoryFromIds } from '../../../src/thinking/trajectory.ts'
import { dapo } from '../../../src/trainer/losses/dapo.ts'
import { likelihood } from '../../../src/trainer/losses/likelihood.ts'
import type { Loss, LossSample, Update } from '../../../src/trainer/losses/loss.ts'
import { accumulate, type UpdateSample } from '../../../src/trainer/update/micro-batches.ts'
import { TOY_TAGS } from '../../thinking/toy-model.ts'

/** What a token's log-probability is to the model below: a number that names the token and its place. */
const named = (ids: ArrayLike<number>, positions: ArrayLike<number>, i: number): number => ids[i + 1] + positions[i] / 64

/** Answers a forward with names and keeps what the backward says of each. */
function recorder() {
  const forwards: { tokens: number; options?: ForwardOptions; temperature?: number }[] = []
  /** [name, slope] of every token with a slope, in the order of the packed indices. */
  const slopes: [number, number][] = []
  let last: TrainBatch
  const model = {
    async forward(batch: TrainBatch, options?: ForwardOptions) {
      last = batch
      forwards.push({ tokens: batch.ids.length, options, temperature: batch.temperature })
      const logprobs = Float32Array.from(batch.ids, (_, i) => (batch.targets![i] ? named(batch.ids, batch.positions, i) : 0))
      return { logprobs, entropies: options?.entropy ? logprobs.map((logprob) => logprob * 2) : undefined }
    },
    async backward(weights: Float32Array) {
      weights.forEach((weight, i) => {
        if (weight !== 0) slopes.push([named(last.ids, last.positions, i), weight])
      })
    },
  }
  return { model: model as unknown as Model, forwards, slopes }
}

/** Its slope is the advantage of the token's sample; keeps what it was given. */
function echo(entropy: boolean) {
  const given: { sample: LossSample; update: Update }[] = []
  const loss: Loss = {
    entropy,
    terms(sample, update) {
      given.push({ sample, update })
      return {
        slopes: new Float64Array(sample.logprobs.length).fill(sample.advantage),
        metrics: { loss: Float64Array.from(sample.logprobs) },
      }
    },
  }
  return { loss, given }
}

function sample(prompt: number[], response: number[], advantage: number, temperature = 1): UpdateSample {
  const trajectory = trajectoryFromIds(prompt, response, TOY_TAGS)
  const layout = layoutTrajectory(trajectory, 'structured', { loss: 'sampled' })
  return { layout, temperature, sampled: sampledLogprobs(trajectory).map((_, i) => -i), advantage }
}

/** Two groups and one alone. */
const samples = [
  sample([20, 21, 22], [30, 31], 1),
  sample([20, 21, 22], [32], 2),
  sample([20, 21, 22], [33, 34, 35], 3),
  sample([24, 25], [36, 37], 4),
  sample([24, 25], [38], 5),
  sample([26], [39], 6),
]
const names = samples.map(({ layout: { ids, positions, sampledIndex } }) => [...sampledIndex].map((i) => named(ids, positions, i)))

describe('accumulate', () => {
  it('gives every sample its own tokens and puts its slopes back where they belong, however the update is cut', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 40 }), fc.boolean(), async (microBatchTokens, sharesPrompts) => {
        const { model, slopes } = recorder()
        const { loss, given } = echo(true)
        const tally = await accumulate(model, samples, loss, { microBatchTokens, sharesPrompts })
        expect(given.map(({ sample }) => [...sample.logprobs])).toEqual(names)
        expect(given.map(({ sample }) => [...sample.entropies])).toEqual(names.map((own) => own.map((name) => name * 2)))
        expect(given.map(({ sample }) => sample.sampled)).toEqual(samples.map(({ sampled }) => sampled))
        expect(given.every(({ update }) => update.tokens === 10 && update.samples === 6)).toBe(true)
        expect(slopes).toEqual(names.flatMap((own, k) => own.map((name) => [name, samples[k].advantage])))
        expect(tally.lossTokens).toBe(10)
      }),
    )
  })

  it.each([
    ['log-probability of minus infinity', likelihood(), 1, Number.NEGATIVE_INFINITY],
    ['advantage that is no number', dapo({ clipLow: 0.2, clipHigh: 0.2, dualClip: 3 }), Number.NaN, 0],
  ])('ends at a %s, before anything is learnt of it', async (_, loss, advantage, logprob) => {
    const { model, slopes } = recorder()
    const forward = async (batch: TrainBatch) => ({ logprobs: new Float32Array(batch.ids.length).fill(logprob) })
    const one = sample([20], [30], advantage)
    const ended = accumulate({ ...model, forward } as unknown as Model, [one], loss, { microBatchTokens: 8, sharesPrompts: false })
    await expect(ended).rejects.toThrow(NonFiniteError)
    expect(slopes).toEqual([])
  })

  it('packs a prompt once for neighbours where that is allowed, within the budget', async () => {
    const tokens = async (microBatchTokens: number, sharesPrompts: boolean) => {
      const { model, forwards } = recorder()
      const tally = await accumulate(model, samples, echo(false).loss, { microBatchTokens, sharesPrompts })
      expect(tally.packedTokens).toBe(forwards.reduce((sum, forward) => sum + forward.tokens, 0))
      return forwards.map((forward) => forward.tokens)
    }
    // 2 + 3 + 2 + 4 of the first prompt, 1 + 3 + 2 of the second, 1 + 1.
    expect(await tokens(100, true)).toEqual([11 + 6 + 2])
    expect(await tokens(100, false)).toEqual([5 + 4 + 6 + 4 + 3 + 2])
    expect(await tokens(8, true)).toEqual([7, 6, 8])
    expect(await tokens(1, true)).toEqual([5, 4, 6, 4, 3, 2])
  })

  it('finds the tokens of high entropy in the whole update, and what a micro-batch holds in it alone', async () => {
    const told = async (microBatchTokens: number) => {
      const { model } = recorder()
      const { loss, given } = echo(true)
      await accumulate(model, samples, { ...loss, topEntropy: 0.3 }, { microBatchTokens, sharesPrompts: false })
      return given.map(({ update }) => update)
    }
    const [whole, cut] = [await told(100), await told(1)]
    // Entropies are twice the names: the three highest of ten, as the quantile 0.7 lies between the third and the fourth.
    const highest = names
      .flat()
      .map((name) => name * 2)
      .sort((a, b) => b - a)
    for (const { highEntropy } of [...whole, ...cut]) {
      expect(highEntropy!.tokens).toBe(3)
      expect(highEntropy!.least).toBeGreaterThan(highest[3])
      expect(highEntropy!.least).toBeLessThanOrEqual(highest[2])
    }
    expect(whole.map(({ microBatch }) => microBatch)).toEqual(samples.map(() => ({ tokens: 10, count: 1 })))
    expect(cut.map(({ microBatch }) => microBatch)).toEqual(names.map(({ length }) => ({ tokens: length, count: 6 })))
  })

  it('packs no masked sample, and counts it', async () => {
    const { model, slopes, forwards } = recorder()
    const { loss, given } = echo(false)
    const some = samples.map((sample, i) => ({ ...sample, masked: i === 2 }))
    const tally = await accumulate(model, some, loss, { microBatchTokens: 100, sharesPrompts: false })
    expect(given.map(({ sample }) => sample.advantage)).toEqual([1, 2, 4, 5, 6])
    expect(given.every(({ update }) => update.samples === 6 && update.tokens === 7)).toBe(true)
    expect([slopes.length, tally.lossTokens, forwards[0].tokens]).toEqual([7, 7, 18])
  })

  it('takes log-probabilities at the temperature of the samples, and asks for entropies where the loss does', async () => {
    const { model, forwards } = recorder()
    const mixed = [sample([20], [30], 1, 0.5), sample([20], [31], 1, 0.5), sample([20], [32], 1, 1)]
    const { loss, given } = echo(false)
    await accumulate(model, mixed, loss, { microBatchTokens: 100, sharesPrompts: true })
    expect(forwards.map(({ temperature, options }) => [temperature, options])).toEqual([
      [0.5, { entropy: false }],
      [1, { entropy: false }],
    ])
    expect(given[0].sample.entropies).toHaveLength(0)
  })
})
