import { describe, expect, it } from 'vitest'
import { checkMemory } from '../../../src/engine/checkpoint/memory.ts'
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
