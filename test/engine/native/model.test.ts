import { execFileSync } from 'node:child_process'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { randomWeights } from '../../../src/engine/checkpoint/init.ts'
import { CacheFullError, ConfigError, UnavailableError } from '../../../src/engine/errors.ts'
import { openEngine } from '../../../src/engine/open.ts'
import type { Engine, Model, ModelConfig, TrainBatch } from '../../../src/engine/types.ts'

const config: ModelConfig = {
  family: 'qwen3',
  vocabSize: 67,
  hiddenSize: 40,
  layers: 3,
  heads: 4,
  kvHeads: 2,
  headDim: 16,
  intermediateSize: 72,
  rmsNormEps: 1e-6,
  rope: { theta: 10000 },
  tiedEmbeddings: false,
  qkvBias: false,
  qkNorm: true,
  maxPositions: 512,
}

/** Sequences of the given lengths; ids and lengths are all that differ. */
function batchOf(lengths: number[], offset = 0): TrainBatch {
  const bounds = [0]
  for (const n of lengths) bounds.push(bounds.at(-1)! + n)
  const total = bounds.at(-1)!
  const ids = new Int32Array(total)
  const positions = new Int32Array(total)
  lengths.forEach((n, s) => {
    for (let i = 0; i < n; i++) {
      ids[bounds[s] + i] = (i * 31 + (s + offset) * 17 + ((i * i) % 7)) % config.vocabSize
      positions[bounds[s] + i] = i
    }
  })
  return { ids, positions, bounds: Int32Array.from(bounds) }
}

const weightsFor = (batch: TrainBatch) => Float32Array.from(batch.ids, (_, i) => Math.sin(i + 1) / batch.ids.length)

function gradients(model: Model): Map<string, Float32Array> {
  return new Map(model.parameters.map((spec) => [spec.name, model.read(spec.name, 'gradient')]))
}

function expectSameBits(a: Float32Array, b: Float32Array, what: string): void {
  expect(Buffer.compare(Buffer.from(a.buffer, a.byteOffset, a.byteLength), Buffer.from(b.buffer, b.byteOffset, b.byteLength)), what).toBe(0)
}

describe('native model', () => {
  let engine: Engine
  beforeAll(async () => {
    engine = await openEngine({ threads: 2 })
  })
  afterAll(() => engine.dispose())

  it('gives a token the same bits in any batch, on any number of threads', async () => {
    const lengths = [5, 37, 2, 90, 13]
    const together = batchOf(lengths)
    const reference = await (await engine.create(config, randomWeights(3))).forward(together, { entropy: true })
    for (const threads of [1, 3]) {
      const other = await openEngine({ threads })
      const model = await other.create(config, randomWeights(3))
      let at = 0
      for (const [s, n] of lengths.entries()) {
        const alone = await model.forward(batchOf([n], s), { keep: false, entropy: true })
        expectSameBits(alone.logprobs, reference.logprobs.slice(at, at + n), `logprobs of sequence ${s}`)
        expectSameBits(alone.entropies!, reference.entropies!.slice(at, at + n), `entropies of sequence ${s}`)
        at += n
      }
      await other.dispose()
    }
  })

  it.each([
    ['two threads against one', { threads: 1 }, {}],
    ['recomputed activations', { threads: 2 }, { recompute: true }],
  ])('gradients and updates have the same bits: %s', async (_, engineOptions, loadOptions) => {
    const other = await openEngine(engineOptions)
    const models = [await engine.create(config, randomWeights(5)), await other.create(config, randomWeights(5), loadOptions)]
    const batch = batchOf([40, 61, 7])
    for (let step = 0; step < 2; step++) {
      const results = []
      for (const model of models) {
        await model.forward(batch)
        await model.backward(weightsFor(batch))
        const g = gradients(model)
        results.push({ g, update: await model.update({ lr: 1e-2, weightDecay: 0.1, clip: 0.01 }) })
      }
      for (const [name, g] of results[0].g) expectSameBits(g, results[1].g.get(name)!, name)
      expect(results[0].update).toEqual(results[1].update)
    }
    for (const spec of models[0].parameters) expectSameBits(models[0].read(spec.name), models[1].read(spec.name), spec.name)
    await other.dispose()
  })

  it('accumulates micro-batches to the bits of one batch', async () => {
    const lengths = [30, 12, 55, 9]
    const whole = await engine.create(config, randomWeights(6))
    const parts = await engine.create(config, randomWeights(6))
    const batch = batchOf(lengths)
    const weights = weightsFor(batch)
    await whole.forward(batch)
    await whole.backward(weights)
    let at = 0
    for (const [s, n] of lengths.entries()) {
      await parts.forward(batchOf([n], s))
      await parts.backward(weights.slice(at, at + n))
      at += n
    }
    const expected = gradients(whole)
    for (const [name, g] of gradients(parts)) expectSameBits(g, expected.get(name)!, name)
  })

  it('computes the gradient of the loss: finite differences through the whole model', async () => {
    const model = await engine.create({ ...config, family: 'qwen2', tiedEmbeddings: true, qkNorm: false, qkvBias: true }, randomWeights(8))
    const batch: TrainBatch = {
      ...batchOf([9, 14]),
      exclusion: new Int32Array(23).map((_, i) => (i % 3 === 0 ? 0 : -1)),
      exclusionSets: [[66, 65]],
      temperature: 0.8,
    }
    for (let i = 0; i < 23; i++) if (batch.ids[i] >= 65) batch.ids[i] = 1
    const weights = weightsFor(batch)
    const loss = async () => {
      const { logprobs } = await model.forward(batch, { keep: false })
      return logprobs.reduce((sum, l, i) => sum + l * weights[i], 0)
    }
    await model.forward(batch)
    await model.backward(weights)
    for (const spec of model.parameters) {
      const gradient = model.read(spec.name, 'gradient')
      const values = model.read(spec.name)
      // Along the gradient the slope is its norm: one number that is far above float32 noise.
      const norm = Math.sqrt(gradient.reduce((sum, g) => sum + g * g, 0))
      if (norm < 1e-5) continue
      const h = 2e-3 / Math.max(1, norm)
      const along = (sign: number) => values.map((v, i) => v + (sign * h * gradient[i]) / norm)
      model.write(spec.name, along(1))
      const up = await loss()
      model.write(spec.name, along(-1))
      const down = await loss()
      model.write(spec.name, values)
      expect(Math.abs((up - down) / (2 * h) - norm), spec.name).toBeLessThan(2e-4 + 0.02 * norm)
    }
  })

  it('skips an update whose gradient is not finite and goes on afterwards', async () => {
    const model = await engine.create(config, randomWeights(9))
    const batch = batchOf([20])
    const before = model.read('model.norm.weight')
    await model.forward(batch)
    await model.backward(new Float32Array(20).fill(Number.POSITIVE_INFINITY))
    expect(await model.update({ lr: 1 })).toMatchObject({ skipped: true })
    expectSameBits(model.read('model.norm.weight'), before, 'weights')
    expect(model.updates).toBe(0)
    await model.forward(batch)
    await model.backward(weightsFor(batch))
    const { gradNorm, skipped } = await model.update({ lr: 1e-3 })
    expect(skipped).toBe(false)
    expect(gradNorm).toBeGreaterThan(0)
  })

  it('refuses a cache overflow before any effect', async () => {
    const model = await engine.create(config, randomWeights(1), { cacheTokens: 64 })
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
  })

  it('joins what the children hold, in order, without computing anything again', async () => {
    const model = await engine.create(config, randomWeights(2))
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
    for (const [t, end] of [
      [5, 5],
      [6, 5],
      [7, 7],
      [8, 7],
    ]) {
      hidden.set([3, end], t * 2)
    }
    const { logprobs } = await model.forward({
      ids: Int32Array.from([1, 2, 3, 10, 20, 11, 21, 12, 22, 5, id]),
      positions: Int32Array.from([0, 1, 2, 3, 4, 3, 4, 3, 4, 5, 6]),
      bounds: Int32Array.from([0, 11]),
      hidden,
      hiddenLevels: 1,
    })
    expect(Object.is(logprobs[9], logprob)).toBe(true)
  })

  it('draws the same tokens whatever else is in the batch', async () => {
    const model = await engine.create(config, randomWeights(2))
    const run = async (companions: number) => {
      const all = Array.from({ length: companions + 1 }, () => model.create())
      await model.step(all.map((sequence, i) => ({ sequence, ids: [1, 2, 3 + i], positions: [0, 1, 2] })))
      const drawn = []
      for (let t = 0, last = all.map(() => 7); t < 20; t++) {
        const out = await model.step(
          all.map((sequence, i) => ({
            sequence,
            ids: [last[i]],
            positions: [3 + t],
            sampling: { temperature: 1.3, topK: 20, topP: 0.9, seed: 42, stream: i, exclude: [3, 4] },
          })),
        )
        last = out.map((o) => o.id)
        drawn.push(out[0])
      }
      for (const s of all) model.free(s)
      return drawn
    }
    expect(await run(6)).toEqual(await run(0))
  })

  it.each<[string, Partial<TrainBatch>, RegExp]>([
    ['an id outside the vocabulary', { ids: Int32Array.from([1, 67, 2]) }, /id 67 at index 1.*vocabulary of 67/],
    ['a negative position', { positions: Int32Array.from([0, -1, 2]) }, /Position -1 at index 1/],
    ['bounds that do not end with T', { bounds: Int32Array.from([0, 2]) }, /bounds must start with 0 and end/],
    ['an empty sequence', { bounds: Int32Array.from([0, 2, 2, 3]) }, /sequence 1 is empty/],
    ['a token that hides itself', { hidden: Int32Array.from([0, 0, 0, 0, 1, 3]), hiddenLevels: 1 }, /Hidden range \[1, 3\) of token 2/],
    ['a hidden array of the wrong size', { hidden: new Int32Array(4), hiddenLevels: 1 }, /hidden must hold 6/],
    ['an excluded target', { exclusion: Int32Array.from([0, -1, -1]), exclusionSets: [[2]] }, /target but was excluded/],
    ['a temperature of 0', { temperature: 0 }, /temperature of a forward must be above 0/],
  ])('refuses %s', async (_, change, message) => {
    const model = await engine.create(config, randomWeights(1))
    const batch = { ids: Int32Array.from([1, 2, 3]), positions: Int32Array.from([0, 1, 2]), bounds: Int32Array.from([0, 3]), ...change }
    await expect(model.forward(batch)).rejects.toThrow(ConfigError)
    await expect(model.forward(batch)).rejects.toThrow(message)
  })

  it('refuses backward without a forward, wrong weights and dead handles', async () => {
    const model = await engine.create(config, randomWeights(1))
    await expect(model.backward(new Float32Array(3))).rejects.toThrow(/expected 0, got 3/)
    await model.forward(batchOf([3]), { keep: false })
    await expect(model.backward(new Float32Array(3))).rejects.toThrow(/keep: true/)
    expect(() => model.free(99)).toThrow(/Sequence 99 does not exist/)
    expect(() => model.read('model.layers.9.mlp.up_proj.weight')).toThrow(/no parameter/)
    const sequence = model.create()
    const input = { sequence, ids: [1], positions: [0] }
    await expect(model.step([input, input])).rejects.toThrow(/listed twice/)
    await model.dispose()
    await expect(model.forward(batchOf([3]))).rejects.toThrow(UnavailableError)
  })

  it('runs off the event loop and can be disposed in the middle of work', async () => {
    const other = await openEngine({ threads: 1 })
    const model = await other.create({ ...config, layers: 12, hiddenSize: 128, intermediateSize: 512 }, randomWeights(1))
    const work = model.forward(batchOf(Array(32).fill(128)))
    let turns = 0
    const ticking = setInterval(() => turns++, 1)
    await new Promise((resolve) => setTimeout(resolve, 30))
    const settled = work.then(
      () => 'finished',
      (error: Error) => error.message,
    )
    await other.dispose()
    clearInterval(ticking)
    expect(turns).toBeGreaterThan(0)
    expect(['finished', 'The model was disposed while it was working.']).toContain(await settled)
  })

  it('keeps memory steady over many creates, forks, joins and frees', async () => {
    const model = await engine.create(config, randomWeights(1), { cacheTokens: 4096 })
    const cycle = async () => {
      const parent = model.create()
      await model.step([{ sequence: parent, ids: [1, 2], positions: [0, 1] }])
      const children = model.fork(parent, 4)
      await model.step(children.map((sequence) => ({ sequence, ids: [3], positions: [2] })))
      model.join(parent, children)
      model.free(parent)
    }
    for (let i = 0; i < 200; i++) await cycle()
    const before = process.memoryUsage().rss
    for (let i = 0; i < 800; i++) await cycle()
    expect(model.cacheFree).toBe(4096)
    expect(process.memoryUsage().rss - before).toBeLessThan(64 * 2 ** 20)
  })

  it('refuses what it cannot do, and says what it can', async () => {
    await expect(openEngine({ device: 'cuda' })).rejects.toThrow(/device: cuda is not built into this version/)
    await expect(openEngine({ precision: 'bf16' })).rejects.toThrow(UnavailableError)
    await expect(openEngine({ threads: 0 })).rejects.toThrow(ConfigError)
    await expect(openEngine({ device: 'gpu' as 'cpu' })).rejects.toThrow(/auto, cpu, cuda, tfjs/)
    process.env.PR1_ISA = 'sse9'
    await expect(openEngine()).rejects.toThrow(/PR1_ISA=sse9.*known are avx512, avx2, neon, portable/)
    delete process.env.PR1_ISA
  })

  it('lets the process end with an engine open and work under way', () => {
    const script = `
      import { openEngine } from './src/engine/open.ts'
      import { randomWeights } from './src/engine/checkpoint/init.ts'
      void (async () => {
        const engine = await openEngine()
        const model = await engine.create(${JSON.stringify({ ...config, layers: 8, hiddenSize: 128 })}, randomWeights(1))
        const n = 4096
        void model.forward({ ids: new Int32Array(n), positions: new Int32Array(n).map((_, i) => i % 128), bounds: Int32Array.from({ length: 33 }, (_, i) => i * 128) })
        setTimeout(() => { console.log('leaving'); process.exit(0) }, 20)
      })()
    `
    const out = execFileSync(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
      encoding: 'utf8',
      timeout: 60_000,
    })
    expect(out).toContain('leaving')
  })
})
