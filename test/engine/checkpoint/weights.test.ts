import { readdirSync, readlinkSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { openCheckpoint } from '../../../src/engine/checkpoint/folder.ts'
import { folderWeights, grownWeights, readWeights } from '../../../src/engine/checkpoint/weights.ts'
import { CheckpointError } from '../../../src/engine/errors.ts'
import { modelSpec } from '../../../src/engine/families/index.ts'
import { openEngine } from '../../../src/engine/open.ts'
import { parametersOf } from '../../../src/engine/spec.ts'
import type { WeightSource } from '../../../src/engine/types.ts'
import { tensorsOf, tinyCheckpoint, tinyConfig } from './build.ts'

const grown = { ...tinyConfig, vocabSize: tinyConfig.vocabSize + 7 }

/** Files of a folder that this process holds open. */
function openFiles(folder: string): number {
  return readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith(folder)
    } catch {
      return false
    }
  }).length
}

/** Counts what is open and read; what was given before is spoilt when the next is read. */
function watched(source: WeightSource) {
  const log = { opened: 0, closed: 0, read: [] as string[] }
  const weights: WeightSource = {
    specs: source.specs,
    async open() {
      log.opened++
      const reader = await source.open()
      let last = new Float32Array(0)
      return {
        async read(name) {
          log.read.push(name)
          last.fill(Number.NaN)
          last = (await reader.read(name)) as Float32Array<ArrayBuffer>
          return last
        },
        async close() {
          log.closed++
          await reader.close()
        },
      }
    },
  }
  return { log, weights }
}

describe('weights of a folder', () => {
  it.skipIf(process.platform !== 'linux')('hold no file open before they are read, and none after, however reading ends', async () => {
    const folder = await tinyCheckpoint()
    const checkpoint = await openCheckpoint(folder)
    expect(openFiles(folder)).toBe(0)
    for await (const { spec } of readWeights(checkpoint, checkpoint.weights.specs)) {
      expect(spec.name).toBe('model.embed_tokens.weight')
      expect(openFiles(folder)).toBe(1)
      break
    }
    expect(openFiles(folder)).toBe(0)
    await tensorsOf(checkpoint)
    expect(openFiles(folder)).toBe(0)
    await expect(folderWeights(folder, { ...tinyConfig, hiddenSize: 16 }).open()).rejects.toThrow(CheckpointError)
    expect(openFiles(folder)).toBe(0)
  })

  it('are refused for another model before anything is opened, with the tensor', async () => {
    const checkpoint = await openCheckpoint(await tinyCheckpoint())
    const { log, weights } = watched(checkpoint.weights)
    const first = (config: typeof tinyConfig) => readWeights({ ...checkpoint, weights }, parametersOf(modelSpec(config))).next()
    await expect(first(grown)).rejects.toThrow(/embed_tokens.weight": expected shape \[307,8\], found \[300,8\]/)
    await expect(first({ ...tinyConfig, layers: 3 })).rejects.toThrow(/layers\.2\..*no such tensor/)
    expect(log.opened).toBe(0)
  })
})

describe('grown weights', () => {
  it('have rows of zeros below those of the source and are otherwise the same', async () => {
    const checkpoint = await openCheckpoint(await tinyCheckpoint())
    const before = await tensorsOf(checkpoint)
    const after = await tensorsOf({ ...checkpoint, weights: grownWeights(checkpoint.weights, parametersOf(modelSpec(grown))) })
    expect([...after.keys()]).toEqual([...before.keys()])
    for (const [name, data] of before) {
      expect(after.get(name)!.subarray(0, data.length)).toEqual(data)
      const more = after.get(name)!.subarray(data.length)
      expect(more).toEqual(new Float32Array(name === 'model.embed_tokens.weight' ? 7 * tinyConfig.hiddenSize : 0))
    }
  })

  it('are read into a model one tensor at a time: what was read before is no longer needed', async () => {
    const checkpoint = await openCheckpoint(await tinyCheckpoint())
    const before = await tensorsOf(checkpoint)
    const inner = watched(checkpoint.weights)
    const outer = watched(grownWeights(inner.weights, parametersOf(modelSpec(grown))))
    const engine = await openEngine({ device: 'cpu', precision: 'f32', threads: 1 })
    try {
      const model = await engine.load({ ...checkpoint, config: grown, weights: outer.weights })
      const names = parametersOf(modelSpec(grown)).map(({ name }) => name)
      for (const { log } of [inner, outer]) expect(log).toEqual({ opened: 1, closed: 1, read: names })
      for (const name of names) expect(model.read(name).subarray(0, before.get(name)!.length), name).toEqual(before.get(name))
    } finally {
      await engine.dispose()
    }
  })

  it('are closed when one cannot be read', async () => {
    const checkpoint = await openCheckpoint(await tinyCheckpoint())
    const { log, weights } = watched(checkpoint.weights)
    const failing: WeightSource = {
      specs: weights.specs,
      async open() {
        const reader = await weights.open()
        return {
          ...reader,
          read: (name) => (name.endsWith('o_proj.weight') ? Promise.reject(new Error('disk on fire')) : reader.read(name)),
        }
      },
    }
    await expect(tensorsOf({ ...checkpoint, weights: failing })).rejects.toThrow('disk on fire')
    expect(log).toMatchObject({ opened: 1, closed: 1 })
  })
})
