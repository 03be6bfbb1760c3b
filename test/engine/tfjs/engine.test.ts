/** What is special about this engine: the worker, its memory, its errors, and which backend runs. */

import { execFileSync } from 'node:child_process'
import { afterEach, describe, expect, it } from 'vitest'
import { randomWeights } from '../../../src/engine/checkpoint/init.ts'
import { ConfigError, UnavailableError } from '../../../src/engine/errors.ts'
import { openEngine } from '../../../src/engine/open.ts'
import { addonIsBuilt, gpuDriverIsThere } from '../../../src/engine/tfjs/backend.ts'
import { Host } from '../../../src/engine/tfjs/host.ts'
import { inProofs } from '../../proofs.ts'
import { batchOf, lively, openTfjs, tiny, weightsFor } from '../conformance/engines.ts'

const backends = addonIsBuilt() ? (['javascript', 'tensorflow'] as const) : (['javascript'] as const)

afterEach(() => {
  delete process.env.PR1_TFJS
})

describe.each(backends)('the worker, on %s', (backend) => {
  it('leaves the event loop free, and is stopped in the middle of work', async () => {
    const engine = await openTfjs(backend)
    const wide = { ...tiny, layers: 12, hiddenSize: 128, intermediateSize: 512 }
    const model = await engine.create(wide, randomWeights(1))
    const work = model.forward(batchOf(Array(backend === 'javascript' ? 4 : 32).fill(96))).then(
      () => 'finished',
      (error: Error) => error.message,
    )
    let turns = 0
    const ticking = setInterval(() => turns++, 1)
    await new Promise((resolve) => setTimeout(resolve, 50))
    await engine.dispose()
    clearInterval(ticking)
    expect(turns).toBeGreaterThan(3)
    expect(['finished', 'The model was disposed while it was working.']).toContain(await work)
  })

  it('keeps the number of tensors steady over hundreds of steps of decoding, and over updates', async () => {
    const engine = await openTfjs(backend)
    const model = await engine.create({ ...tiny, layers: 1, hiddenSize: 8, intermediateSize: 8, headDim: 4 }, lively(1), {
      cacheTokens: 1024,
    })
    const cycle = async (steps: number) => {
      const parent = model.create()
      await model.step([{ sequence: parent, ids: [1, 2], positions: [0, 1] }])
      for (let position = 2; position < steps + 2; position += 4) {
        const children = model.fork(parent, 2)
        for (let i = 0; i < 3; i++) {
          const sampling = { temperature: 1, topP: 0.9, seed: i, stream: 0, exclude: [3] }
          await model.step(children.map((sequence) => ({ sequence, ids: [3 + i], positions: [position + i], sampling })))
        }
        if (position % 8 === 2) model.join(parent, children)
        else for (const child of children) model.free(child)
        await model.step([{ sequence: parent, ids: [5], positions: [position] }])
      }
      model.free(parent)
    }
    const train = async (rounds: number) => {
      const batch = batchOf([5, 3])
      for (let i = 0; i < rounds; i++) {
        await model.forward(batch, { entropy: true })
        await model.backward(weightsFor(batch))
        await model.update({ lr: 1e-3 })
        await model.forward(batch, { keep: false })
      }
    }
    await cycle(100)
    await train(1)
    const before = await engine.memory()
    for (let i = 0; i < (inProofs ? 10 : 2); i++) await cycle(100)
    await train(inProofs ? 20 : 5)
    const after = await engine.memory()
    expect(after.numTensors).toBe(before.numTensors)
    expect(model.cacheFree).toBe(model.cacheCapacity)
    await model.dispose()
    expect((await engine.memory()).numTensors).toBe(0)
    await engine.dispose()
  })

  it('hands errors over as what they were', async () => {
    const host = new Host()
    const error = await host.call('setUpdates', 7, 1).catch((reason) => reason)
    expect(error).toBeInstanceOf(UnavailableError)
    expect(error.message).toBe('The model was disposed.')
    await host.close()
  })

  it('can be opened again, and several engines live side by side', async () => {
    const engines = [await openTfjs(backend), await openTfjs(backend)]
    const batch = batchOf([6])
    const results: Float32Array[] = []
    for (const engine of [...engines, ...engines]) {
      const model = await engine.create(tiny, lively(3))
      results.push((await model.forward(batch, { keep: false })).logprobs)
    }
    await engines[0].dispose()
    engines[0] = await openTfjs(backend)
    for (const engine of engines) {
      const model = await engine.create(tiny, lively(3))
      results.push((await model.forward(batch, { keep: false })).logprobs)
      await engine.dispose()
    }
    for (const logprobs of results) expect(logprobs).toEqual(results[0])
  })

  it('lets the process end by itself, with an engine open', () => {
    const script = `
      import { openEngine } from './src/engine/open.ts'
      import { randomWeights } from './src/engine/checkpoint/init.ts'
      void (async () => {
        const engine = await openEngine({ device: 'tfjs' })
        const model = await engine.create(${JSON.stringify(tiny)}, randomWeights(1))
        const { logprobs } = await model.forward({ ids: Int32Array.of(1, 2), positions: Int32Array.of(0, 1), bounds: Int32Array.of(0, 2) })
        console.log(engine.info.isa, logprobs[0] < 0)
      })()
    `
    const out = execFileSync(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
      encoding: 'utf8',
      timeout: 100_000,
      env: { ...process.env, PR1_TFJS: backend },
    })
    expect(out).toMatch(new RegExp(`${backend}.* true`))
  })
})

describe('device: tfjs', () => {
  it('says which backend runs and why', async () => {
    const engine = await openEngine({ device: 'tfjs' })
    const { device, precision, isa, reason } = engine.info
    await engine.dispose()
    expect([device, precision]).toEqual(['tfjs', 'f32'])
    if (addonIsBuilt()) {
      expect(isa).toMatch(/^tensorflow-(cpu|gpu)$/)
      expect(reason).toMatch(/^TensorFlow \d+\.\d+\.\d+ (with its CPU kernels|on a GPU)/)
    } else {
      expect(isa).toBe('javascript')
      expect(reason).toMatch(/plain JavaScript.*because @tensorflow\/tfjs-node-gpu is not installed here or its addon is not built/)
    }
  })

  it.skipIf(addonIsBuilt())('refuses to be forced onto an addon that is not there, with the way to it', async () => {
    process.env.PR1_TFJS = 'tensorflow'
    await expect(openEngine({ device: 'tfjs' })).rejects.toThrow(/PR1_TFJS=tensorflow: .*docs\/tfjs\.md/)
  })

  it('refuses what it cannot do, and says what it can', async () => {
    await expect(openEngine({ device: 'tfjs', precision: 'bf16' })).rejects.toThrow(UnavailableError)
    await expect(openEngine({ device: 'tfjs', threads: 0 })).rejects.toThrow(ConfigError)
    process.env.PR1_TFJS = 'webgl'
    await expect(openEngine({ device: 'tfjs' })).rejects.toThrow(/PR1_TFJS must be one of auto, tensorflow, javascript. Got webgl/)
  })

  it.skipIf(gpuDriverIsThere())('is not what auto takes where there is no GPU', async () => {
    const engine = await openEngine()
    expect(engine.info.device).toBe('cpu')
    await engine.dispose()
  })
})
