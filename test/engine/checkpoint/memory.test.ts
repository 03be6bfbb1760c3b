import { describe, expect, it } from 'vitest'
import { checkMemory, gpuCache, gpuCacheBytesPerToken, gpuStepTokens } from '../../../src/engine/checkpoint/memory.ts'
import { ConfigError } from '../../../src/engine/errors.ts'
import { modelSpec } from '../../../src/engine/families/index.ts'
import { NativeEngine } from '../../../src/engine/native/engine.ts'
import { tinyCheckpoint, tinyConfig } from './build.ts'

const spec = modelSpec(tinyConfig)
// 2 layers x 1 head x 4 numbers, key and value, float32
const perToken = 64

describe('a KV cache that is asked for', () => {
  it('must fit beside the weights', () => {
    const available = 2 ** 20
    const check = (cacheTokens?: number) => () => checkMemory(spec, 'model', { available, cacheTokens })
    expect(check()).not.toThrow()
    expect(check(1000)).not.toThrow()
    expect(check(available / perToken)).toThrow(ConfigError)
    expect(check(available / perToken)).toThrow(
      /Got cacheTokens: 16384, which takes 1\.0 MiB of 10\d\d\.\d KiB free\. Use 16\d\d\d or less/,
    )
  })

  it('is checked before anything is allocated, to decode and to train', async () => {
    const engine = new NativeEngine({ threads: 1 })
    try {
      const folder = await tinyCheckpoint()
      for (const train of [false, true]) {
        await expect(engine.load(folder, { cacheTokens: 2 ** 48, train })).rejects.toThrow(/Got cacheTokens: 281474976710656/)
      }
    } finally {
      await engine.dispose()
    }
  })
})

describe('a GPU', () => {
  // Qwen3-4B: 4.02e9 weights, 36 layers, 8 key/value heads of 128.
  const large = modelSpec({
    family: 'qwen3',
    ...{ vocabSize: 151936, hiddenSize: 2560, layers: 36, heads: 32, kvHeads: 8, headDim: 128, intermediateSize: 9728 },
    ...{ rmsNormEps: 1e-6, rope: { theta: 1e6 }, tiedEmbeddings: true, maxPositions: 40960 },
  })
  const check = (gib: number, options: Parameters<typeof checkMemory>[2]) => () =>
    checkMemory(large, 'a 4B model', { available: gib * 2 ** 30, gpu: 'a GPU', packed: 2, ...options })

  it('is counted by its own memory, and what would fit is named', () => {
    // 20 bytes a weight to train: 74.9 GiB of 4.02e9.
    expect(check(79, { train: true })).not.toThrow()
    expect(check(74, { train: true })).toThrow(
      'it needs 15.0 GiB as float32 and 7.5 GiB packed for products (+ 52.4 GiB to train), found 74.0 GiB free on a GPU. ' +
        'With optimizerState: bf16 it needs 59.9 GiB in all. Adapters (lora) need far less, and train with device: cpu. Or use a smaller model, or a GPU with more memory.',
    )
    expect(check(55, { train: true })).toThrow('With optimizerState: 8bit it needs 52.4 GiB in all.')
    expect(check(50, { train: true })).toThrow(/free on a GPU\. Adapters .* Use a smaller model/)
    expect(check(55, { train: true, optimizerState: '8bit' })).not.toThrow()
    expect(check(20, {})).toThrow(/free on a GPU\. Use a smaller model, or a GPU with more memory\.$/)
  })

  it('gets a cache and steps from what the model leaves', () => {
    const perToken = 36 * 8 * 128 * 2 * 2
    expect(gpuCacheBytesPerToken(large)).toBe(perToken)
    expect(gpuCacheBytesPerToken({ ...large, headDim: 80 })).toBe(perToken)
    expect(gpuCacheBytesPerToken({ ...large, headDim: 32 })).toBe(perToken / 2)
    const room = check(79, {})() as number
    expect(room).toBeCloseTo(79 * 2 ** 30 - 6 * 4.022468096e9, -3)
    expect(gpuCache(large, room, false)).toBe(Math.floor(room / 2 / perToken / 16) * 16)
    expect(gpuCache(large, room, false)).toBeGreaterThan(200_000)
    expect(gpuCache(large, room, true)).toBe(Math.floor(room / 4 / perToken / 16) * 16)
    expect(gpuCache(large, 1e6, false)).toBe(1024)
    expect(gpuCache(spec, room, false)).toBe(2 ** 20)
    expect([room, 6e9, 1e6].map((bytes) => gpuStepTokens(large, bytes))).toEqual([4096, 1024, 512])
  })

  it('refuses a cache by what it takes in bfloat16', () => {
    expect(check(79, { cacheTokens: 300_000 })).not.toThrow()
    expect(check(79, { cacheTokens: 500_000 })).toThrow(
      /Got cacheTokens: 500000, which takes 68\.7 GiB of 56\.5 GiB free on a GPU\. Use 41\d\d\d\d or less/,
    )
  })
})
