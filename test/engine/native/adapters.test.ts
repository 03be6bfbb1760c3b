/** Low-rank adapters beside frozen weights: what they compute, what trains, and what stays as it was. */

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { factorNames, linearWeights, tokenRowsName } from '../../../src/engine/adapters/parameters.ts'
import { NoAdaptersError } from '../../../src/engine/errors.ts'
import { modelSpec } from '../../../src/engine/families/index.ts'
import type { ModelConfig } from '../../../src/engine/model-config.ts'
import { openEngine } from '../../../src/engine/open.ts'
import type { Adapters, Engine, EngineOptions, InitialWeights, Model, TrainBatch } from '../../../src/engine/types.ts'
import {
  batchOf,
  drawnAndScored,
  expectSameBits,
  lively,
  openNative,
  products,
  relativeDistance,
  tinies,
  tiny,
  weightsFor,
} from '../conformance/engines.ts'

const open: Engine[] = []
afterAll(() => Promise.all(open.map((engine) => engine.dispose())))
async function engineWith(options: EngineOptions): Promise<Engine> {
  const engine = await openEngine({ device: 'cpu', threads: 2, ...options })
  open.push(engine)
  return engine
}

const tokens = [3, 7, 40]

/** Ranks 1 to 4 and odd scales beside all linear layers but some. */
function adaptersOf(config: ModelConfig, withTokens = true): Adapters {
  const parts = linearWeights(modelSpec(config)).flatMap(({ name }, i) =>
    i % 5 === 3 ? [] : [{ weight: name, rank: 1 + (i % 4), scale: 0.5 + (i % 3) }],
  )
  return { parts, ...(withTokens && { tokens }), seed: 9 }
}

const wave = (length: number, seed: number, size: number) => Float32Array.from({ length }, (_, i) => size * Math.sin(seed + 1.7 * i))

/** Gives every factor and row numbers that matter. */
function enliven(model: Model): void {
  for (const [i, { name, shape }] of model.parameters.entries()) model.write(name, wave(shape[0] * shape[1], i, 0.4))
}

/** W + scale · B A, in float64, and rows in their places. */
function merged(config: ModelConfig, weights: InitialWeights, { parts, tokens = [] }: Adapters, model: Model): InitialWeights {
  const spec = modelSpec(config)
  return (parameter) => {
    const values = weights(parameter)
    if (parameter.name === spec.embedding.weight.name && tokens.length > 0) {
      const rows = model.read(tokenRowsName(spec))
      for (const [i, id] of tokens.entries())
        values.set(rows.subarray(i * spec.hiddenSize, (i + 1) * spec.hiddenSize), id * spec.hiddenSize)
    }
    const part = parts.find(({ weight }) => weight === parameter.name)
    if (!part) return values
    const [a, b] = [model.read(factorNames(part.weight).a), model.read(factorNames(part.weight).b)]
    const [out, inner] = parameter.shape
    for (let o = 0; o < out; o++) {
      for (let i = 0; i < inner; i++) {
        let sum = 0
        for (let r = 0; r < part.rank; r++) sum += b[o * part.rank + r] * a[r * inner + i]
        values[o * inner + i] += part.scale * sum
      }
    }
    return values
  }
}

/** What the gradient G (out, in) of the merged weight says of those of A and B: dA = s Bᵀ G, dB = s G Aᵀ. */
function throughMerge(gradient: Float32Array, a: Float32Array, b: Float32Array, rank: number, scale: number) {
  const [out, inner] = [b.length / rank, a.length / rank]
  const [da, db] = [new Float32Array(a.length), new Float32Array(b.length)]
  for (let r = 0; r < rank; r++) {
    for (let o = 0; o < out; o++) {
      for (let i = 0; i < inner; i++) {
        da[r * inner + i] += scale * b[o * rank + r] * gradient[o * inner + i]
        db[o * rank + r] += scale * gradient[o * inner + i] * a[r * inner + i]
      }
    }
  }
  return { da, db }
}

const batch: TrainBatch = { ...batchOf([33, 7, 20]), temperature: 0.8 }

async function gradients(model: Model, on = batch, entropyWeights?: Float32Array): Promise<Map<string, Float32Array>> {
  await model.forward(on, { entropy: entropyWeights !== undefined })
  await model.backward(weightsFor(on), entropyWeights)
  return new Map(model.parameters.map(({ name }) => [name, model.read(name, 'gradient')]))
}

describe('in float32', () => {
  let engine: Engine
  beforeAll(async () => {
    engine = await engineWith({ precision: 'f32' })
  })

  const shapes = tinies.flatMap(([family, config]) =>
    [true, false].map((tiedEmbeddings) => ({
      name: `${family}, ${tiedEmbeddings ? 'tied' : 'untied'}`,
      config: { ...config, tiedEmbeddings, hiddenSize: 25, intermediateSize: 35 },
    })),
  )
  it.each(shapes)('$name: log-probabilities and gradients are those of the merged model', async ({ config }) => {
    const adapters = adaptersOf(config)
    const spec = modelSpec(config)
    const model = await engine.create(config, lively(3), { adapters })
    enliven(model)
    const whole = await engine.create(config, merged(config, lively(3), adapters, model))
    const [found, expected] = [await model.forward(batch, { entropy: true }), await whole.forward(batch, { entropy: true })]
    expect(relativeDistance(found.logprobs, expected.logprobs)).toBeLessThan(2e-6)
    expect(relativeDistance(found.entropies!, expected.entropies!)).toBeLessThan(2e-6)
    const [own, of] = [await gradients(model), await gradients(whole)]
    for (const { weight, rank, scale } of adapters.parts) {
      const { a, b } = factorNames(weight)
      const { da, db } = throughMerge(of.get(weight)!, model.read(a), model.read(b), rank, scale)
      expect(relativeDistance(own.get(a)!, da), a).toBeLessThan(2e-5)
      expect(relativeDistance(own.get(b)!, db), b).toBeLessThan(2e-5)
    }
    const table = of.get(spec.embedding.weight.name)!
    const rows = Float32Array.from(tokens.flatMap((id) => [...table.subarray(id * spec.hiddenSize, (id + 1) * spec.hiddenSize)]))
    expect(relativeDistance(own.get(tokenRowsName(spec))!, rows)).toBeLessThan(2e-5)
    await Promise.all([model.dispose(), whole.dispose()])
  })

  it.each([true, false])('gradients are central differences of the loss, tied: %s', async (tiedEmbeddings) => {
    const config = { ...tiny, tiedEmbeddings }
    const model = await engine.create(config, lively(3), { adapters: adaptersOf(config) })
    enliven(model)
    const weights = weightsFor(batch)
    const entropyWeights = weights.map((weight) => -weight / 2)
    const loss = async () => {
      const { logprobs, entropies } = await model.forward(batch, { keep: false, entropy: true })
      return logprobs.reduce((sum, logprob, i) => sum + weights[i] * logprob + entropyWeights[i] * entropies![i], 0)
    }
    const found = await gradients(model, batch, entropyWeights)
    const h = 3e-3
    for (const [i, { name, shape }] of model.parameters.entries()) {
      // Along one direction a parameter: float32 sums drown the difference of a single number.
      const values = model.read(name)
      const direction = wave(shape[0] * shape[1], 5 + i, 1)
      const moved = async (step: number) => {
        model.write(
          name,
          values.map((value, k) => value + step * direction[k]),
        )
        return loss()
      }
      const difference = ((await moved(h)) - (await moved(-h))) / (2 * h)
      model.write(name, values)
      const along = found.get(name)!.reduce((sum, value, k) => sum + value * direction[k], 0)
      expect(Math.abs(along - difference), `${name}: ${along} and ${difference}`).toBeLessThan(2e-3 + 0.02 * Math.abs(difference))
    }
  })

  it('begin as PEFT begins them: A within ±1/√in, B zero, rows as they are, so that the model is its base to the bit', async () => {
    const adapters = adaptersOf(tiny)
    const [model, base] = [await engine.create(tiny, lively(3), { adapters }), await engine.create(tiny, lively(3))]
    const [{ logprobs }, expected] = [await model.forward(batch), await base.forward(batch)]
    expectSameBits(logprobs, expected.logprobs, 'before training')
    for (const { name, shape } of model.parameters) {
      const values = model.read(name)
      const largest = Math.max(...values.map(Math.abs))
      if (name.endsWith('lora_B.weight')) expect(largest, name).toBe(0)
      if (!name.endsWith('lora_A.weight')) continue
      expect(largest, name).toBeLessThanOrEqual(1 / Math.sqrt(shape[1]))
      expect(largest, name).toBeGreaterThan(0.6 / Math.sqrt(shape[1]))
    }
    const other = await engine.create(tiny, lively(3), { adapters: { ...adapters, seed: 10 } })
    expect(other.read(model.parameters[0].name)).not.toEqual(model.read(model.parameters[0].name))
  })

  it('train alone, and the base is still there as the reference policy', async () => {
    const adapters = adaptersOf(tiny)
    const [model, base] = [await engine.create(tiny, lively(3), { adapters }), await engine.create(tiny, lively(3))]
    let last = Number.NEGATIVE_INFINITY
    for (let step = 0; step < 8; step++) {
      const { logprobs } = await model.forward(batch)
      const mean = logprobs.reduce((sum, logprob) => sum + logprob, 0) / logprobs.length
      expect(mean).toBeGreaterThan(last)
      last = mean
      await model.backward(new Float32Array(logprobs.length).fill(-1 / logprobs.length))
      expect((await model.update({ lr: 1e-2 })).skipped).toBe(false)
    }
    const expected = await base.forward(batch)
    const reference = await model.forward(batch, { base: true })
    expectSameBits(reference.logprobs, expected.logprobs, 'without adapters')
    await expect(model.backward(weightsFor(batch))).rejects.toThrow(/backward needs the activations/)
    await expect(base.forward(batch, { base: true })).rejects.toThrow(/Load it with adapters/)
    expect(() => model.read('model.norm.weight')).toThrow(/no parameter model.norm.weight/)
  })

  it('give the same bits whatever is recomputed, and however many threads', async () => {
    const adapters = adaptersOf(tiny)
    const alone = await engineWith({ precision: 'f32', threads: 1 })
    const models = [
      await engine.create(tiny, lively(3), { adapters }),
      await engine.create(tiny, lively(3), { adapters, recompute: true }),
      await alone.create(tiny, lively(3), { adapters }),
    ]
    const long = batchOf([300, 290])
    for (const model of models) enliven(model)
    const [first, ...others] = await Promise.all(models.map((model) => gradients(model, long)))
    for (const other of others) for (const [name, values] of first) expectSameBits(other.get(name)!, values, name)
  })

  it('are refused by name where they do not fit', async () => {
    const create = (adapters: Adapters) => engine.create(tiny, lively(3), { adapters })
    const weight = 'model.layers.0.mlp.up_proj.weight'
    await expect(create({ parts: [{ weight: 'lm_head.weight', rank: 2, scale: 1 }] })).rejects.toThrow(/lm_head.weight.*the head left out/)
    await expect(create({ parts: [{ weight, rank: 0, scale: 1 }] })).rejects.toThrow(/rank of 1 or more/)
    await expect(create({ parts: [1, 2].map((rank) => ({ weight, rank, scale: 1 })) })).rejects.toThrow(/every weight once/)
    await expect(create({ parts: [], tokens: [4, 3] })).rejects.toThrow(/ascending. Got 3/)
    await expect(create({ parts: [], tokens: [41] })).rejects.toThrow(/below 41/)
  })

  it('count in the memory plan: gradients and moments are theirs alone', async () => {
    const adapters = adaptersOf(tiny)
    const [model, full] = [await engine.create(tiny, lively(3), { adapters }), await engine.create(tiny, lively(3))]
    const numbers = model.parameterCount
    const [plan, whole] = [model.memoryPlan(64), full.memoryPlan(64)]
    // Matrices begin on 16 floats.
    const aligned = 4 * (numbers + 16 * model.parameters.length)
    expect(plan.gradients).toBeGreaterThanOrEqual(4 * numbers)
    expect(plan.gradients).toBeLessThan(aligned)
    expect(plan.moments).toBe(2 * plan.gradients)
    expect(plan.adapters).toBeGreaterThan(plan.gradients)
    expect(plan.weights).toBeLessThan(whole.weights)
    expect(plan.total).toBe(plan.weights + plan.adapters! + plan.gradients + plan.moments + plan.cache + plan.activations)
    expect(full.memoryPlan(64)).not.toHaveProperty('adapters')
  })
})

describe.each(products)('$isa, $precision', ({ isa, precision }) => {
  let engine: Engine
  beforeAll(async () => {
    engine = await openNative(isa, precision)
  })
  afterAll(() => engine.dispose())

  it.each([true, false])('sampled and scored are one arithmetic in any batch, tied: %s', async (tiedEmbeddings) => {
    const config = { ...tiny, tiedEmbeddings, hiddenSize: 32, intermediateSize: 64 }
    const model = await engine.create(config, lively(3), { adapters: adaptersOf(config) })
    enliven(model)
    const [drawn, scored] = await drawnAndScored(model)
    expectSameBits(drawn, scored, 'decoded and scored')
    const { logprobs } = await model.forward(batch)
    const alone = await model.forward({ ...batchOf([33]), temperature: 0.8 })
    expectSameBits(alone.logprobs, logprobs.slice(0, 33), 'a sequence alone')
    await model.dispose()
  })

  it('trains beside weights that stay as they are', async () => {
    const config = { ...tiny, tiedEmbeddings: true, hiddenSize: 32, intermediateSize: 64 }
    const model = await engine.create(config, lively(3), { adapters: adaptersOf(config) })
    const before = (await model.forward(batch, { base: true })).logprobs
    const means: number[] = []
    for (let step = 0; step < 6; step++) {
      const { logprobs } = await model.forward(batch)
      means.push(logprobs.reduce((sum, logprob) => sum + logprob, 0) / logprobs.length)
      await model.backward(new Float32Array(logprobs.length).fill(-1 / logprobs.length))
      await model.update({ lr: 1e-2 })
    }
    expect(means.at(-1)).toBeGreaterThan(means[0] + 0.1)
    expectSameBits((await model.forward(batch, { base: true })).logprobs, before, 'the base')
    await model.dispose()
  })
})

it('gradients over a bfloat16 base are those over float32 masters of the same numbers', async () => {
  const engine = await engineWith({ precision: 'bf16' })
  const config = { ...tiny, hiddenSize: 25, intermediateSize: 35 }
  const adapters = adaptersOf(config)
  const model = await engine.create(config, lively(3), { adapters })
  enliven(model)
  const whole = await (await engineWith({ precision: 'f32' })).create(config, lively(3), { adapters })
  enliven(whole)
  const [found, expected] = [await gradients(model), await gradients(whole)]
  for (const [name, values] of expected) expect(relativeDistance(found.get(name)!, values), name).toBeLessThan(0.08)
})

it('are refused by tfjs', async () => {
  const engine = await openEngine({ device: 'tfjs' })
  await expect(engine.create(tiny, lively(3), { adapters: adaptersOf(tiny) })).rejects.toThrow(NoAdaptersError)
  await engine.dispose()
})
