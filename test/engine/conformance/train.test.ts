/** Training: gradients that native writes by hand and tf derives, AdamW, accumulation, skipped updates, and runs that stay together. */

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { familyNames } from '../../../src/engine/families/names.ts'
import type { ModelConfig } from '../../../src/engine/model-config.ts'
import type { Engine, Model, TrainBatch } from '../../../src/engine/types.ts'
import { seededRandom } from '../../../src/random.ts'
import { withFeatures } from '../families/features.ts'
import {
  batchOf,
  candidates,
  copyState,
  expectSameBits,
  judges,
  lively,
  norm,
  relativeDistance,
  tinies,
  tiny,
  weightsFor,
} from './engines.ts'

/** Whole numbers below a limit, from a seed. */
function random(seed: number): (below: number) => number {
  const next = seededRandom(seed)
  return (below) => Math.floor(next() * below)
}

/** A model of random shape: every family with its features, tied or not, groups of query heads of 1 to 3. */
function randomConfig(seed: number): ModelConfig {
  const pick = random(seed)
  const family = familyNames[seed % familyNames.length]
  const kvHeads = 1 + pick(3)
  return withFeatures({
    family,
    vocabSize: 11 + pick(40),
    hiddenSize: 8 + pick(20),
    layers: 1 + pick(3),
    heads: kvHeads * (1 + pick(3)),
    kvHeads,
    headDim: 2 * (2 + pick(5)),
    intermediateSize: 8 + pick(30),
    rmsNormEps: 1e-6,
    rope: { theta: 10000 },
    tiedEmbeddings: pick(2) === 0,
    maxPositions: 128,
  })
}

/** Packed sequences of random lengths, each a random tree: nested blocks whose paths do not see their siblings. */
function randomBatch(seed: number, { vocabSize }: ModelConfig): TrainBatch {
  const pick = random(seed + 1000)
  const levels = 2
  const ids: number[] = []
  const positions: number[] = []
  const hidden: number[] = []
  const bounds = [0]
  /** Half-open ranges that the tokens laid now must not see. */
  const run = (count: number, from: number, hide: readonly number[]) => {
    for (let i = 0; i < count; i++) {
      ids.push(pick(vocabSize))
      positions.push(from + i)
      hidden.push(...hide, ...Array(levels * 2 - hide.length).fill(0))
    }
    return from + count
  }
  const block = (from: number, depth: number, hide: readonly number[]): number => {
    const start = ids.length
    let end = from
    for (let path = 0, n = 1 + pick(3); path < n; path++) {
      const own = ids.length > start ? [...hide, start, ids.length] : hide
      let at = run(1 + pick(4), from, own)
      if (depth > 0 && pick(2) === 0) at = run(1 + pick(2), block(at, depth - 1, own), own)
      end = Math.max(end, at)
    }
    return end
  }
  for (let s = 0, n = 1 + pick(3); s < n; s++) {
    let at = run(1 + pick(4), 0, [])
    for (let b = pick(3); b > 0; b--) at = run(1 + pick(3), block(at, 1, []), [])
    run(1, at, [])
    bounds.push(ids.length)
  }
  return {
    ids: Int32Array.from(ids),
    positions: Int32Array.from(positions),
    bounds: Int32Array.from(bounds),
    hidden: Int32Array.from(hidden),
    hiddenLevels: levels,
    targets: Uint8Array.from(ids, () => (pick(4) > 0 ? 1 : 0)),
    exclusion: Int32Array.from(ids, (_, i) => (i + 1 < ids.length && ids[i + 1] > 1 && pick(3) === 0 ? 0 : -1)),
    exclusionSets: [[0, 1]],
    temperature: [1, 0.7, 1.4][pick(3)],
  }
}

describe.each(judges)('native and $name', (judge) => {
  let engines: Engine[]
  beforeAll(async () => {
    engines = [await candidates[0].open(), await judge.open()]
  })
  afterAll(() => Promise.all(engines.map((engine) => engine.dispose())))

  const seeds = Array.from({ length: judge.slow ? 6 : 24 }, (_, i) => i + 1)
  it.each(seeds)('agree on log-probabilities, entropies and every gradient of a random model and tree, seed %i', async (seed) => {
    const config = randomConfig(seed)
    const batch = randomBatch(seed, config)
    const weights = weightsFor(batch)
    const results = []
    for (const engine of engines) {
      const model = await engine.create(config, lively(seed))
      const { logprobs, entropies } = await model.forward(batch, { entropy: true })
      // Every other model learns from entropies, too.
      await model.backward(weights, seed % 2 === 0 ? weightsFor(batch).map((weight, i) => weight * Math.cos(i)) : undefined)
      const gradients = new Map(model.parameters.map(({ name }) => [name, model.read(name, 'gradient')]))
      results.push({ logprobs, entropies: entropies!, gradients })
      await model.dispose()
    }
    const [native, other] = results
    for (const [i, expected] of native.logprobs.entries()) {
      expect(Math.abs(other.logprobs[i] - expected), `logprob ${i}`).toBeLessThan(1e-4)
      expect(Math.abs(other.entropies[i] - native.entropies[i]), `entropy ${i}`).toBeLessThan(1e-4)
    }
    expect([...native.gradients.keys()].sort()).toEqual([...other.gradients.keys()].sort())
    const whole = Math.sqrt([...native.gradients.values()].reduce((sum, gradient) => sum + norm(gradient) ** 2, 0))
    expect(whole).toBeGreaterThan(0)
    for (const [name, gradient] of native.gradients) {
      expect(relativeDistance(other.gradients.get(name)!, gradient, 1e-3 * whole), name).toBeLessThan(1e-3)
    }
  })

  it('stay together over 50 steps of training', async () => {
    const models: Model[] = []
    for (const engine of engines) models.push(await engine.create(tiny, lively(11)))
    const batch = batchOf([12, 7])
    const weights = new Float32Array(batch.ids.length).fill(-1 / 17)
    const losses: number[][] = []
    for (let step = 0; step < 50; step++) {
      const both = []
      for (const model of models) {
        const { logprobs } = await model.forward(batch)
        await model.backward(weights)
        await model.update({ lr: 1e-3, weightDecay: 0.01, clip: 1 })
        both.push(-logprobs.reduce((a, b) => a + b, 0) / 17)
      }
      losses.push(both)
      expect(Math.abs(both[0] - both[1]) / both[0], `loss of step ${step}`).toBeLessThan(1e-3)
    }
    expect(losses.at(-1)![0]).toBeLessThan(losses[0][0] / 2)
    for (const { name } of models[0].parameters) {
      expect(relativeDistance(models[1].read(name), models[0].read(name)), name).toBeLessThan(1e-2)
    }
    expect(models.map(({ updates }) => updates)).toEqual([50, 50])
    for (const model of models) await model.dispose()
  })

  it('go on with a run that the other began, moments included', async () => {
    const batch = batchOf([9, 6])
    const weights = weightsFor(batch)
    const steps = async (model: Model, n: number) => {
      for (let i = 0; i < n; i++) {
        await model.forward(batch)
        await model.backward(weights)
        await model.update({ lr: 1e-2, weightDecay: 0.1 })
      }
    }
    for (const [from, to] of [engines, [...engines].reverse()]) {
      const straight = await to.create(tiny, lively(13))
      const begun = await from.create(tiny, lively(13))
      const resumed = await to.create(tiny, lively(99))
      await steps(straight, 6)
      await steps(begun, 3)
      copyState(begun, resumed)
      await steps(resumed, 3)
      expect(resumed.updates).toBe(6)
      for (const { name } of straight.parameters) {
        expect(relativeDistance(resumed.read(name), straight.read(name)), name).toBeLessThan(1e-3)
      }
      for (const model of [straight, begun, resumed]) await model.dispose()
    }
  })
})

describe.each(candidates)('training: $name', (candidate) => {
  let engine: Engine
  beforeAll(async () => {
    engine = await candidate.open()
  })
  afterAll(() => engine.dispose())

  const differentiated = tinies.filter(([family]) => !candidate.slow || family === 'gemma3_text')
  it.each(differentiated)('computes the gradient of the loss: finite differences through a whole %s', async (_, tinyOfFamily) => {
    const config: ModelConfig = { ...tinyOfFamily, tiedEmbeddings: true }
    const model = await engine.create(config, lively(8))
    const batch: TrainBatch = { ...batchOf([6, 8]), exclusion: new Int32Array(14).map((_, i) => (i % 3 === 0 ? 0 : -1)), temperature: 0.8 }
    batch.exclusionSets = [[40, 39]]
    for (let i = 0; i < 14; i++) if (batch.ids[i] >= 39) batch.ids[i] = 1
    const weights = weightsFor(batch)
    // Where a token has no weight of its own its entropy may have one.
    const entropyWeights = weights.map((weight, i) => (i % 4 === 1 ? 0 : 1 - weight))
    for (const i of [2, 9]) weights[i] = 0
    const loss = async () => {
      const { logprobs, entropies } = await model.forward(batch, { keep: false, entropy: true })
      return logprobs.reduce((sum, l, i) => sum + l * weights[i] + entropies![i] * entropyWeights[i], 0)
    }
    await model.forward(batch, { entropy: true })
    await model.backward(weights, entropyWeights)
    for (const { name } of model.parameters) {
      const gradient = model.read(name, 'gradient')
      const values = model.read(name)
      // Along the gradient the slope is its norm: one number that is far above float32 noise.
      const size = norm(gradient)
      if (size < 1e-5) continue
      const h = 2e-3 / Math.max(1, size)
      const along = (sign: number) => values.map((v, i) => v + (sign * h * gradient[i]) / size)
      model.write(name, along(1))
      const up = await loss()
      model.write(name, along(-1))
      const down = await loss()
      model.write(name, values)
      expect(Math.abs((up - down) / (2 * h) - size), name).toBeLessThan(2e-4 + 0.02 * size)
    }
    await model.dispose()
  })

  it('accumulates micro-batches to the gradient of one batch', async () => {
    const lengths = [9, 4, 11]
    const [whole, parts] = [await engine.create(tiny, lively(6)), await engine.create(tiny, lively(6))]
    const batch = batchOf(lengths)
    const weights = weightsFor(batch)
    await whole.forward(batch)
    await whole.backward(weights)
    for (let s = 0, at = 0; s < lengths.length; at += lengths[s++]) {
      const end = at + lengths[s]
      const bounds = Int32Array.of(0, lengths[s])
      await parts.forward({ ids: batch.ids.slice(at, end), positions: batch.positions.slice(at, end), bounds })
      await parts.backward(weights.slice(at, end))
    }
    for (const { name } of whole.parameters) {
      const [found, expected] = [parts.read(name, 'gradient'), whole.read(name, 'gradient')]
      if (candidate.exact) expectSameBits(found, expected, name)
      else expect(relativeDistance(found, expected), name).toBeLessThan(1e-4)
    }
    for (const model of [whole, parts]) await model.dispose()
  })

  it('moves gradients between models: written and gone on from, and added', async () => {
    const lengths = [9, 4, 11]
    const batch = batchOf(lengths)
    const weights = weightsFor(batch)
    const half = (from: number, to: number): [TrainBatch, Float32Array] => {
      const [first, end] = [batch.bounds[from], batch.bounds[to]]
      const bounds = batch.bounds.slice(from, to + 1).map((at) => at - first)
      return [{ ids: batch.ids.slice(first, end), positions: batch.positions.slice(first, end), bounds }, weights.slice(first, end)]
    }
    const train = async (model: Model, [part, slopes]: [TrainBatch, Float32Array]) => {
      await model.forward(part)
      await model.backward(slopes)
    }
    const [whole, one, two, sum] = await Promise.all([1, 2, 3, 4].map(() => engine.create(tiny, lively(6))))
    await train(whole, [batch, weights])
    await train(one, half(0, 1))
    await train(two, half(1, 3))
    const names = whole.parameters.map(({ name }) => name)
    const same = (found: Float32Array, expected: Float32Array, what: string): void => {
      if (candidate.name === 'tfjs, TensorFlow') expect(relativeDistance(found, expected), what).toBeLessThan(1e-4)
      else expectSameBits(found, expected, what)
    }
    for (const name of names) {
      const [a, b] = [one, two].map((model) => model.read(name, 'gradient'))
      sum.accumulate(name, a)
      expectSameBits(sum.read(name, 'gradient'), a, `${name}, added to nothing`)
      sum.accumulate(name, b)
      const expected = a.map((value, i) => value + b[i])
      expectSameBits(sum.read(name, 'gradient'), expected, `${name}, added`)
      expect(relativeDistance(expected, whole.read(name, 'gradient')), name).toBeLessThan(1e-4)
    }
    // Sums run in token order and start from what the gradient holds: the second half goes on where the first one ended.
    for (const name of names) two.write(name, one.read(name, 'gradient'), 'gradient')
    await train(two, half(1, 3))
    for (const name of names) {
      const [found, expected] = [two.read(name, 'gradient'), whole.read(name, 'gradient')]
      if (candidate.exact) expectSameBits(found, expected, name)
      else expect(relativeDistance(found, expected), name).toBeLessThan(1e-4)
    }
    // What was written is what an update takes.
    for (const name of names) sum.write(name, two.read(name, 'gradient'), 'gradient')
    const options = { lr: 1e-2, clip: 0.5 }
    expect(await sum.update(options)).toEqual(await two.update(options))
    for (const name of names) {
      same(sum.read(name), two.read(name), name)
      expect(norm(sum.read(name, 'gradient')), `${name}, after an update`).toBe(0)
    }
    for (const model of [whole, one, two, sum]) await model.dispose()
  })

  it('skips an update whose gradient is not finite and goes on afterwards', async () => {
    const model = await engine.create(tiny, lively(9))
    const batch = batchOf([8])
    const before = model.read('model.norm.weight')
    await model.forward(batch)
    await model.backward(new Float32Array(8).fill(Number.POSITIVE_INFINITY))
    expect(await model.update({ lr: 1 })).toMatchObject({ skipped: true })
    expectSameBits(model.read('model.norm.weight'), before, 'weights')
    expect(model.updates).toBe(0)
    await model.forward(batch)
    await model.backward(weightsFor(batch))
    const { gradNorm, skipped } = await model.update({ lr: 1e-3 })
    expect(skipped).toBe(false)
    expect(gradNorm).toBeGreaterThan(0)
    expect(model.updates).toBe(1)
    await model.dispose()
  })

  it('repeats a run bit for bit from the same seed, also when resumed in the middle', async () => {
    const batch = batchOf([10, 5])
    const weights = weightsFor(batch)
    const steps = async (model: Model, n: number) => {
      for (let i = 0; i < n; i++) {
        await model.forward(batch)
        await model.backward(weights)
        await model.update({ lr: 1e-2, clip: 0.5 })
      }
      return model
    }
    const straight = await steps(await engine.create(tiny, lively(4)), 4)
    const half = await steps(await engine.create(tiny, lively(4)), 2)
    const resumed = await engine.create(tiny, lively(5))
    copyState(half, resumed)
    await steps(resumed, 2)
    for (const { name } of straight.parameters) {
      const [found, expected] = [resumed.read(name), straight.read(name)]
      // TensorFlow's threads may add up in another order from run to run.
      if (candidate.name === 'tfjs, TensorFlow') expect(relativeDistance(found, expected), name).toBeLessThan(1e-4)
      else expectSameBits(found, expected, name)
    }
    for (const model of [straight, half, resumed]) await model.dispose()
  })
})
