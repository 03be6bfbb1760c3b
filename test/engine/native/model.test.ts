import { execFileSync } from 'node:child_process'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { randomWeights } from '../../../src/engine/checkpoint/init.ts'
import { ConfigError } from '../../../src/engine/errors.ts'
import type { ModelConfig } from '../../../src/engine/model-config.ts'
import { openEngine } from '../../../src/engine/open.ts'
import type { Engine, Model, TrainBatch } from '../../../src/engine/types.ts'

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

/** What every engine must do is in ../conformance; here is what only this one promises: bits, threads, recomputing. */
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
    process.env.PR1_CUDA = '/no/such/library.so'
    await expect(openEngine({ device: 'cuda' })).rejects.toThrow(/device: cuda needs the CUDA library, \/no\/such\/library\.so/)
    delete process.env.PR1_CUDA
    await expect(openEngine({ precision: 'fp8' as never })).rejects.toThrow(/f32, bf16, stored, int8, int4.*fp8/)
    await expect(openEngine({ threads: 0 })).rejects.toThrow(ConfigError)
    await expect(openEngine({ device: 'gpu' as 'cpu' })).rejects.toThrow(/auto, cpu, cuda, tfjs/)
    process.env.PR1_ISA = 'sse9'
    await expect(openEngine()).rejects.toThrow(
      /PR1_ISA=sse9.*known are amx-bf16, amx-int8, avx512-bf16, avx512, avx-vnni, avx2, neon, portable/,
    )
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
