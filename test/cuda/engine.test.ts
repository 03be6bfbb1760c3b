import { existsSync } from 'node:fs'
import path from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { randomWeights } from '../../src/engine/checkpoint/init.ts'
import { gpuCacheBytesPerToken } from '../../src/engine/checkpoint/memory.ts'
import { OutOfMemoryError, UnavailableError } from '../../src/engine/errors.ts'
import { modelSpec } from '../../src/engine/families/index.ts'
import type { ModelConfig } from '../../src/engine/model-config.ts'
import type { NativeEngineHandle } from '../../src/engine/native/binding.ts'
import { openEngine } from '../../src/engine/open.ts'
import type { Engine, EngineOptions, Model, StepOutput, TrainBatch } from '../../src/engine/types.ts'
import { inProofs } from '../proofs.ts'
import { emulatedLibrary, fakeCublasLt, root } from './build.ts'

const config: ModelConfig = {
  family: 'qwen3',
  vocabSize: 61,
  hiddenSize: 40,
  layers: 2,
  heads: 4,
  kvHeads: 2,
  headDim: 16,
  intermediateSize: 72,
  rmsNormEps: 1e-6,
  rope: { theta: 10000 },
  tiedEmbeddings: false,
  maxPositions: 512,
}
const families: ModelConfig[] = [config, { ...config, family: 'qwen2', tiedEmbeddings: true }]

function batchOf(lengths: number[], round = 0): TrainBatch {
  const bounds = [0]
  for (const n of lengths) bounds.push(bounds.at(-1)! + n)
  const ids = lengths.flatMap((n, s) =>
    Array.from({ length: n }, (_, i) => (i * 31 + s * 17 + round * 5 + ((i * i) % 7)) % config.vocabSize),
  )
  const positions = lengths.flatMap((n) => Array.from({ length: n }, (_, i) => i))
  return { ids: Int32Array.from(ids), positions: Int32Array.from(positions), bounds: Int32Array.from(bounds) }
}

const saved = { ...process.env }
afterEach(() => {
  process.env.PR1_CUDA = saved.PR1_CUDA
  if (saved.PR1_CUDA === undefined) delete process.env.PR1_CUDA
  for (const name of ['PR1_EMULATE_MEMORY', 'PR1_EMULATE_FAIL', 'PR1_CUDA_GRAPHS', 'PR1_CUDA_SYNC', 'PR1_FAKE_CUBLASLT'])
    delete process.env[name]
})

describe('device: cuda where it cannot be', () => {
  it.each([
    ['a library that is not there', path.join(root, 'no-such-library.so'), /needs the CUDA library.*build:cuda/],
    ['a file that is no library', path.join(root, 'package.json'), /cannot be used: .*package\.json/],
  ])('is refused with a reason: %s', async (_, library, reason) => {
    process.env.PR1_CUDA = library
    await expect(openEngine({ device: 'cuda' })).rejects.toThrow(UnavailableError)
    await expect(openEngine({ device: 'cuda' })).rejects.toThrow(reason)
    if (!existsSync(library)) return
    const engine = await openEngine({ threads: 1 })
    expect(engine.info.device).toBe('cpu')
    expect(engine.info.reason).toMatch(/CUDA is not used: /)
    await engine.dispose()
  })

  it('refuses float32, and numerics it does not know', async () => {
    await expect(openEngine({ device: 'cuda', precision: 'f32' })).rejects.toThrow(/precision: f32 is not available on device: cuda/)
    process.env.PR1_CUDA = path.join(root, 'package.json')
    await expect(openEngine({ device: 'cuda', numerics: 'loose' as 'fast' })).rejects.toThrow(/numerics must be exact or fast. Got loose/)
  })
})

// The library takes longer to compile than the tests to run.
describe.runIf(inProofs && process.platform === 'linux' && process.arch === 'x64')('the model over the CUDA ops, emulated', () => {
  let cuda: Engine
  let cpu: Engine
  beforeAll(async () => {
    process.env.PR1_CUDA = emulatedLibrary()
    process.env.PR1_CUBLASLT = 'off'
    cuda = await openEngine({ device: 'cuda' })
    cpu = await openEngine({ device: 'cpu', threads: 1 })
  })
  beforeEach(() => {
    process.env.PR1_CUDA = emulatedLibrary()
  })
  afterAll(async () => {
    await cuda.dispose()
    await cpu.dispose()
    delete process.env.PR1_CUBLASLT
  })

  it('says what it is', () => {
    expect(cuda.info).toMatchObject({ device: 'cuda', precision: 'bf16' })
    expect(cuda.info.reason).toMatch(/bfloat16 products with float32 sums, exact numerics/)
  })

  it('trains beside the CPU', async () => {
    for (const shape of families) {
      const [a, b] = [await cuda.create(shape, randomWeights(4), { recompute: true }), await cpu.create(shape, randomWeights(4))]
      for (let step = 0; step < 6; step++) {
        const batch = batchOf([40, 25], step)
        const weights = new Float32Array(65).fill(-1 / 65)
        const results: { loss: number; norm: number }[] = []
        for (const model of [a, b]) {
          const { logprobs } = await model.forward(batch)
          await model.backward(weights)
          const { gradNorm } = await model.update({ lr: 3e-3, clip: 1 })
          results.push({ loss: -logprobs.reduce((sum, l) => sum + l, 0) / 65, norm: gradNorm })
        }
        expect(Math.abs(results[0].loss - results[1].loss), `loss of step ${step}`).toBeLessThan(0.01)
        expect(Math.abs(results[0].norm / results[1].norm - 1), `gradient norm of step ${step}`).toBeLessThan(0.03)
      }
      await a.dispose()
      await b.dispose()
    }
  })

  it('draws nothing from logits that are not finite, names the layer, and leaves the others and the cache as they are', async () => {
    const model = await cuda.create(config, randomWeights(6), { cacheTokens: 1024 })
    const run = async (word: number): Promise<StepOutput[]> => {
      const sequences = [model.create(), model.create()]
      const outputs: StepOutput[] = []
      for (let position = 0; position < 24; position++) {
        const inputs = sequences.map((sequence, k) => ({
          sequence,
          ids: [position % 5 === 3 && k === 0 ? word : 9 + k],
          positions: [position],
          sampling: { temperature: position % 2, seed: k, stream: 0, exclude: [position] },
        }))
        outputs.push(...(await model.step(inputs)))
      }
      for (const sequence of sequences) model.free(sequence)
      return outputs
    }
    const clean = await run(8)
    const table = model.read('model.embed_tokens.weight')
    table[7 * config.hiddenSize + 2] = Number.NaN
    model.write('model.embed_tokens.weight', table)
    const mixed = await run(7)
    expect(mixed.filter(({ error }) => error)).toHaveLength(21)
    expect(mixed[6].error?.message).toMatch(/position 3 of sequence \d+ are not finite.* in the embedding.*at 282 of model\.embed_tokens/)
    expect(mixed.filter((_, k) => k % 2 === 1)).toEqual(clean.filter((_, k) => k % 2 === 1))
    expect(await run(8)).toEqual(clean)

    model.write('model.layers.1.mlp.down_proj.weight', model.read('model.layers.1.mlp.down_proj.weight').fill(Number.POSITIVE_INFINITY))
    for (const keep of [true, false]) await expect(model.forward(batchOf([5, 3]), { keep })).rejects.toThrow(/output of layer 1 \(of 2/)
    await model.dispose()
  })

  /** Scores one sequence of the tree as a training batch does. */
  async function scored(model: Model, ids: number[], at: number): Promise<number> {
    const { logprobs } = await model.forward(
      { ids: Int32Array.from(ids), positions: Int32Array.from(ids, (_, i) => i), bounds: Int32Array.of(0, ids.length) },
      { keep: false },
    )
    return logprobs[at]
  }

  it('decodes what forward scores, bit for bit: prompts in pieces, forks, a join, recorded steps', async () => {
    const model = await cuda.create(config, randomWeights(7), { cacheTokens: 2048 })
    const prompt = Array.from({ length: 83 }, (_, i) => (i * 13 + 5) % config.vocabSize)
    const parent = model.create()
    for (const [from, to] of [
      [0, 50],
      [50, 51],
      [51, 83],
    ]) {
      const ids = prompt.slice(from, to)
      await model.step([{ sequence: parent, ids, positions: ids.map((_, i) => from + i) }])
    }
    const children = model.fork(parent, 3)
    const paths = children.map((_, i) => [3 + i])
    const logprobs: number[][] = children.map(() => [])
    for (let round = 0; round < 6; round++) {
      const outputs = await model.step(
        children.map((sequence, i) => ({
          sequence,
          ids: [paths[i].at(-1)!],
          positions: [82 + paths[i].length],
          sampling: { temperature: 1, seed: 5, stream: i },
        })),
      )
      for (const [i, { id, logprob }] of outputs.entries()) {
        paths[i].push(id)
        logprobs[i].push(logprob)
      }
    }
    const before = []
    for (const [i, path] of paths.entries()) {
      const ids = [...prompt, ...path]
      for (let j = 0; j < 6; j++) before.push([await scored(model, ids, 83 + j), logprobs[i][j]])
    }
    for (const [forward, decoded] of before) expect(Object.is(forward, decoded), `${forward} and ${decoded}`).toBe(true)
    const other = model.create()
    await model.step([{ sequence: other, ids: [1, 2, 3], positions: [0, 1, 2] }])
    model.join(parent, children)
    expect(model.length(parent)).toBe(83 + 18)
    model.free(parent)
    model.free(other)
    expect(model.cacheFree).toBe(model.cacheCapacity)
    await model.dispose()
  })

  it('decodes bit for bit where steps of several sizes, and of several tokens a path, share recordings', async () => {
    const model = await cuda.create(config, randomWeights(9), { cacheTokens: 2048 })
    const prompt = Array.from({ length: 20 }, (_, i) => (i * 7 + 2) % config.vocabSize)
    const parent = model.create()
    await model.step([{ sequence: parent, ids: prompt, positions: prompt.map((_, i) => i) }])
    const paths = model.fork(parent, 5).map((sequence, i) => ({ sequence, ids: [...prompt, 10 + i], fed: prompt.length }))
    const drawn: { ids: number[]; at: number; logprob: number }[] = []
    // Paths of a step, and tokens of the first: two given ones and the last drawn. Each kind of step comes often enough to be replayed.
    for (const [active, given] of [5, 5, 5, 3, 3, 4, 3, 5, 4].flatMap((n, i) => [[n, 0], ...(i % 2 ? [] : [[n, 2]])])) {
      const inputs = paths.slice(0, active).map((path, i) => {
        if (i === 0) for (let k = 0; k < given; k++) path.ids.push((path.ids.length * 5 + k) % config.vocabSize)
        const ids = path.ids.slice(path.fed)
        const positions = ids.map((_, k) => path.fed + k)
        path.fed = path.ids.length
        return { sequence: path.sequence, ids, positions, sampling: { temperature: 1, seed: 3, stream: i } }
      })
      for (const [i, { id, logprob }] of (await model.step(inputs)).entries()) {
        const path = paths[i]
        path.ids.push(id)
        drawn.push({ ids: path.ids, at: path.ids.length - 2, logprob })
      }
    }
    for (const { ids, at, logprob } of drawn) {
      const forward = await scored(model, ids, at)
      expect(Object.is(forward, logprob), `${forward} and ${logprob} of ${ids.length} tokens at ${at}`).toBe(true)
    }
    await model.dispose()
  })

  it('survives a thousand create, fork, join and free', async () => {
    const model = await cuda.create(config, randomWeights(7), { cacheTokens: 512 })
    for (let i = 0; i < 1000; i++) {
      const parent = model.create()
      if (i % 250 === 0) await model.step([{ sequence: parent, ids: [1, 2], positions: [0, 1] }])
      model.join(parent, model.fork(parent, 1 + (i % 5)))
      model.free(parent)
    }
    expect(model.cacheFree).toBe(model.cacheCapacity)
    await model.dispose()
  })

  it('trains with moments in fewer bits, which can be read and put back', async () => {
    const ends: number[] = []
    for (const optimizerState of ['f32', 'bf16', '8bit'] as const) {
      const model = await cuda.create(config, randomWeights(4), { optimizerState })
      const twin = await cpu.create(config, randomWeights(4), { optimizerState })
      let loss = 0
      for (let step = 0; step < 3; step++) {
        for (const each of [twin, model]) {
          const { logprobs } = await each.forward(batchOf([40, 25], step))
          await each.backward(new Float32Array(65).fill(-1 / 65))
          await each.update({ lr: 3e-3, clip: 1 })
          loss = -logprobs.reduce((sum, l) => sum + l, 0) / 65
        }
      }
      ends.push(loss)
      for (const what of ['moment1', 'moment2'] as const) {
        const name = 'model.layers.1.self_attn.k_proj.weight'
        const [mine, its] = [model.read(name, what), twin.read(name, what)]
        const norm = (x: Float32Array) => Math.sqrt(x.reduce((sum, v) => sum + v * v, 0))
        expect(norm(mine.map((v, i) => v - its[i])) / norm(its), `${optimizerState} ${what}`).toBeLessThan(0.15)
        const swapped = mine.map((_, i) => mine[mine.length - 1 - i])
        const beside = model.read('model.layers.1.self_attn.v_proj.weight', what)
        model.write(name, mine, what)
        expect(model.read(name, what)).toEqual(mine)
        expect(model.read('model.layers.1.self_attn.v_proj.weight', what)).toEqual(beside)
        model.write(name, swapped, what)
        if (optimizerState === 'f32') expect(model.read(name, what)).toEqual(swapped)
      }
      await model.dispose()
      await twin.dispose()
    }
    for (const loss of ends) expect(Math.abs(loss - ends[0])).toBeLessThan(0.02)
  })

  it('plans what a step of training takes on the device', async () => {
    const shape = { ...config, vocabSize: 999, hiddenSize: 64, intermediateSize: 224, layers: 2 }
    for (const recompute of [false, true]) {
      const engine = await openEngine({ device: 'cuda' })
      const before = engine.deviceMemory!()!.used
      const model = await engine.create(shape, randomWeights(4), { recompute, cacheTokens: 2048 })
      const lengths = [150, 106]
      await model.forward(batchOf(lengths))
      await model.backward(new Float32Array(256).fill(-1 / 256))
      await model.update({ lr: 1e-3, clip: 1 })
      const sequence = model.create()
      await model.step([{ sequence, ids: [1, 2, 3], positions: [0, 1, 2] }])
      // Small arrays of a pass lie in blocks of a mebibyte, and a step's inputs and results are few.
      const [used, planned] = [engine.deviceMemory!()!.used - before, model.memoryPlan(256).total]
      expect(used, `${used} bytes are used, ${planned} planned`).toBeLessThan(1.02 * planned + 2 ** 20)
      expect(used, `${used} bytes are used, ${planned} planned`).toBeGreaterThan(0.85 * planned)
      await engine.dispose()
    }
  })

  it('takes a cache and steps from the memory that is free on the device', async () => {
    process.env.PR1_EMULATE_MEMORY = `${300 * 2 ** 20}`
    const engine = await openEngine({ device: 'cuda' })
    const { name, total, free, used } = engine.deviceMemory!()!
    expect(name).toBe('emulated on the host')
    expect(total).toBe(300 * 2 ** 20)
    expect(free + used).toBeLessThanOrEqual(total)
    const perToken = gpuCacheBytesPerToken(modelSpec(config))
    const first = await engine.create(config, randomWeights(4), { train: false })
    const share = (model: Model) => (model.cacheCapacity * perToken) / free
    expect(share(first)).toBeGreaterThan(0.48)
    expect(share(first)).toBeLessThan(0.5)
    expect(first.memoryPlan(0).cache).toBe(first.cacheCapacity * perToken)
    // What the first was promised is not there for the second, though nothing has been allocated.
    const second = await engine.create(config, randomWeights(4))
    expect(share(second)).toBeGreaterThan(0.11)
    expect(share(second)).toBeLessThan(0.13)
    const sequence = first.create()
    await first.step([{ sequence, ids: [1], positions: [0] }])
    expect(first.stepTokens).toBe(4096)
    await expect(engine.create(config, randomWeights(4), { cacheTokens: 10 ** 7 })).rejects.toThrow(
      /free on emulated on the host\. Use \d+ or less/,
    )
    await engine.dispose()
  })

  /** An engine opened with what the environment says now. */
  async function opened<T>(options: EngineOptions, use: (engine: Engine) => Promise<T>): Promise<T> {
    const engine = await openEngine({ device: 'cuda', ...options })
    try {
      return await use(engine)
    } finally {
      await engine.dispose()
    }
  }

  it('names kernels and their shapes where one fails, and the one where each is waited for', async () => {
    const forward = (engine: Engine) => engine.create(config, randomWeights(2)).then((model) => model.forward(batchOf([9, 5])))
    await opened({}, async (engine) => {
      process.env.PR1_EMULATE_FAIL = 'score_logits'
      await expect(forward(engine)).rejects.toThrow(
        /^CUDA: an illegal memory access was encountered \(emulated\): one of the \d+ kernels launched since the last wait failed, the latest first: score_logits\(61, 0\) in 12 blocks of \d+ threads; .*PR1_CUDA_SYNC=on/,
      )
      process.env.PR1_EMULATE_FAIL = 'launch:gated_elements'
      await expect(forward(engine)).rejects.toThrow(
        /^CUDA: invalid argument \(emulated\): the kernel gated_elements\(\d+, 14, 72\) in \d+ blocks of 256 threads could not be launched\.$/,
      )
    })
    delete process.env.PR1_EMULATE_FAIL
    process.env.PR1_CUDA_SYNC = 'on'
    await opened({}, async (engine) => {
      expect(engine.info.reason).toMatch(/PR1_CUDA_SYNC: each kernel is waited for/)
      process.env.PR1_EMULATE_FAIL = 'gemm_few'
      await expect(forward(engine)).rejects.toThrow(
        /^CUDA: an illegal memory access was encountered \(emulated\): the kernel gemm_few<\d>\(128, 14, \d+\) in \d+ blocks of \d+ threads with \d+ bytes shared failed, or a copy beside it\.$/,
      )
    })
    delete process.env.PR1_CUDA_SYNC
    delete process.env.PR1_EMULATE_FAIL
    // What is read once for the process is read again.
    await opened({}, async (engine) => expect(engine.info.reason).not.toMatch(/PR1_CUDA_SYNC/))
  })

  it('decodes without CUDA graphs where they are switched off, with the same bits', async () => {
    const decode = async (engine: Engine): Promise<StepOutput[]> => {
      const model = await engine.create(config, randomWeights(7), { cacheTokens: 512 })
      const sequences = [model.create(), model.create()]
      const outputs: StepOutput[] = []
      for (let position = 0; position < 5; position++) {
        const sampling = { temperature: 1, seed: 5, stream: 0 }
        outputs.push(
          ...(await model.step(sequences.map((sequence, k) => ({ sequence, ids: [k + position], positions: [position], sampling })))),
        )
      }
      return outputs
    }
    const recorded = await opened({}, decode)
    process.env.PR1_EMULATE_FAIL = 'cudaStreamBeginCapture'
    await expect(opened({}, decode)).rejects.toThrow(/cudaStreamBeginCapture failed/)
    process.env.PR1_CUDA_GRAPHS = 'off'
    const plain = await opened({}, (engine) => {
      expect(engine.info.reason).toMatch(/, no CUDA graphs$/)
      return decode(engine)
    })
    expect(plain).toEqual(recorded)
    process.env.PR1_CUDA_GRAPHS = 'no'
    await expect(openEngine({ device: 'cuda' })).rejects.toThrow(/PR1_CUDA_GRAPHS must be on or off\. Got no\. Unset it for on\./)
  })

  it('counts the products of cuBLASLt, and takes it for none where it fails', async () => {
    process.env.PR1_CUBLASLT = fakeCublasLt()
    // The addon's engine says what was computed so far.
    const gpu = (engine: Engine) => (engine as unknown as { handle: NativeEngineHandle }).handle.gpu!
    const train = async (engine: Engine): Promise<number> => {
      const model = await engine.create(config, randomWeights(4))
      for (const lengths of [[40, 45], [70]]) {
        await model.forward(batchOf(lengths))
        await model.backward(new Float32Array(lengths.reduce((a, b) => a + b)).fill(-1 / 65))
      }
      return (await model.update({ lr: 3e-3 })).gradNorm
    }
    try {
      const norm = await opened({}, async (engine) => {
        expect(engine.info.reason).toMatch(/, backward products by cuBLASLt 13\.5 from .*fake_cublaslt\.so$/)
        const norm = await train(engine)
        // One to try it, then two batches: inputs of four matrices of two layers and of the head, weights of the two that have more than 64 outputs.
        expect(gpu(engine)).toMatchObject({ computed: 1 + 2 * (2 * 4 + 1 + 2 * 2), refused: 0, lastRefusal: '' })
        return norm
      })
      for (const [told, reason] of [
        ['wrong', /own tensor-core kernels \(.*fake_cublaslt\.so gave a wrong product\)/],
        [
          'matmul',
          /own tensor-core kernels \(.* refused a product, 128 x 128 x 128: cublasLtMatmul gave status 15, CUBLAS_STATUS_NOT_SUPPORTED\)/,
        ],
        ['create', /own tensor-core kernels \(.* could not be initialised: it gave status 1/],
      ] as const) {
        process.env.PR1_FAKE_CUBLASLT = told
        await opened({}, async (engine) => {
          expect(engine.info.reason).toMatch(reason)
          expect(Math.abs((await train(engine)) / norm - 1)).toBeLessThan(1e-4)
        })
      }
      delete process.env.PR1_FAKE_CUBLASLT
      await opened({}, async (engine) => {
        process.env.PR1_FAKE_CUBLASLT = 'matmul'
        expect(Math.abs((await train(engine)) / norm - 1)).toBeLessThan(1e-4)
        expect(gpu(engine)).toMatchObject({ computed: 1, refused: 26, lastRefusal: expect.stringMatching(/cublasLtMatmul gave status 15/) })
      })
    } finally {
      process.env.PR1_CUBLASLT = 'off'
    }
  })

  it('names the plan where memory is short, and goes on', async () => {
    const model = await cuda.create(config, randomWeights(2))
    process.env.PR1_EMULATE_MEMORY = '2e6'
    const failed = model.forward(batchOf([200, 200, 200]))
    await expect(failed).rejects.toThrow(OutOfMemoryError)
    await expect(model.forward(batchOf([200, 200, 200]))).rejects.toThrow(
      /MiB more were asked for.*The plan for 600 tokens: weights .*activations/,
    )
    delete process.env.PR1_EMULATE_MEMORY
    const { logprobs } = await model.forward(batchOf([9, 5]))
    expect(logprobs.every(Number.isFinite)).toBe(true)
    await model.backward(new Float32Array(14).fill(-1))
    expect((await model.update({ lr: 1e-3 })).skipped).toBe(false)
    await model.dispose()
  })
})
