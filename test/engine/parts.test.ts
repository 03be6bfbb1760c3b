import { describe, expect, it } from 'vitest'
import { randomWeights } from '../../src/engine/checkpoint/init.ts'
import { GradientTree, readWeights, takeGradient } from '../../src/engine/gradients.ts'
import type { ModelConfig } from '../../src/engine/model-config.ts'
import { openEngine } from '../../src/engine/open.ts'
import { Arrival, Departure, flatOrder, partsOf } from '../../src/engine/parts.ts'
import type { Model } from '../../src/engine/types.ts'
import { SMALL } from '../thinking/small-model.ts'

/** 2.5 M parameters: five parts. */
const PARTED: ModelConfig = { ...SMALL, hiddenSize: 256, layers: 5, intermediateSize: 512 }

async function withModels(configs: readonly ModelConfig[], use: (...models: Model[]) => Promise<void>): Promise<void> {
  const engine = await openEngine({ device: 'cpu', precision: 'f32', threads: 2 })
  try {
    await use(...(await Promise.all(configs.map((config, i) => engine.create(config, randomWeights(i + 1), {})))))
  } finally {
    await engine.dispose()
  }
}

async function forward(model: Model): Promise<void> {
  await model.forward({ ids: Int32Array.of(1, 2, 3, 4), positions: Int32Array.of(0, 1, 2, 3), bounds: Int32Array.of(0, 4) })
}
const SLOPES = Float32Array.of(1, -2, 0.5, 0)
const bits = (numbers: Float32Array) => Buffer.from(numbers.buffer, numbers.byteOffset, numbers.byteLength)

describe('a model as one array', () => {
  it.each([true, false])('begins with what a backward has done with first, tied embeddings: %s', (tiedEmbeddings) =>
    withModels([{ ...PARTED, tiedEmbeddings }], async (model) => {
      const names = flatOrder(model).map(({ name }) => name)
      expect([...names].sort()).toEqual(model.parameters.map(({ name }) => name).sort())
      expect(names[0]).toBe('model.norm.weight')
      if (!tiedEmbeddings) expect(names[1]).toBe('lm_head.weight')
      const layers = names.flatMap((name) => /layers\.(\d)/.exec(name)?.[1] ?? [])
      expect([...new Set(layers)]).toEqual(['4', '3', '2', '1', '0'])
      expect(names.at(-1)).toBe('model.embed_tokens.weight')
    }),
  )

  it('is cut into parts without gaps', () =>
    withModels([SMALL, PARTED], async (small, model) => {
      expect(partsOf(small)).toEqual([{ from: 0, to: small.parameterCount }])
      const parts = partsOf(model)
      expect(parts).toHaveLength(5)
      for (const [i, { from }] of parts.entries()) expect(from).toBe(i === 0 ? 0 : parts[i - 1].to)
      expect(parts.at(-1)!.to).toBe(model.parameterCount)
    }))
})

describe('Arrival', () => {
  it('puts each parameter once, when all of it is there, in whatever order parts come, and twice', () =>
    withModels([PARTED, PARTED], async (one, other) => {
      const whole = readWeights(one)
      const put: string[] = []
      const arrival = new Arrival(other, (name, values) => {
        put.push(name)
        other.write(name, values)
      })
      const take = (part: number) => {
        const { from, to } = partsOf(one)[part]
        arrival.take(part, whole.slice(from, to))
      }
      for (const part of [3, 1]) take(part)
      expect(put).toEqual([])
      take(0)
      expect(put.length).toBeGreaterThan(0)
      for (const part of [0, 4, 1]) take(part)
      expect(arrival.complete).toBe(false)
      take(2)
      take(2)
      expect(arrival.complete).toBe(true)
      expect(put).toEqual(flatOrder(one).map(({ name }) => name))
      expect(bits(readWeights(other)).equals(bits(whole))).toBe(true)
    }))

  it('refuses parts that the model has not got', () =>
    withModels([SMALL], async (model) => {
      const arrival = new Arrival(model, () => {})
      expect(() => arrival.take(0, new Float32Array(2))).toThrow(`Part 0 of 1 has ${model.parameterCount} numbers. Got 2.`)
      expect(() => arrival.take(1, new Float32Array(0))).toThrow('Part 1 of 1 has 0 numbers. Got 0.')
    }))
})

describe('Departure', () => {
  it.each([true, false])('sends parts while the backward goes on, to the bits of the whole, tied embeddings: %s', (tiedEmbeddings) =>
    withModels([{ ...PARTED, tiedEmbeddings }], async (model) => {
      // Three shards before the last one: two sums are added to it.
      const [tree, expected] = [new GradientTree(), new GradientTree()]
      for (let shard = 0; shard < 3; shard++) {
        await forward(model)
        await model.backward(SLOPES.map((slope) => slope * (shard + 1.3)))
        const gradient = takeGradient(model)
        tree.add(gradient.slice())
        expected.add(gradient)
      }
      await forward(model)
      await model.backward(SLOPES)
      expected.add(takeGradient(model))

      const sum = new Departure(model)
      const order: (number | string)[] = []
      const parts = Array.from({ length: sum.parts }, async (_, part) => {
        const numbers = await sum.part(part)
        order.push(part)
        return numbers
      })
      await forward(model)
      const behind = tree.sumsBehind()
      expect(behind).toHaveLength(2)
      const layers: number[] = []
      const reached = (layer: number) => {
        layers.push(layer)
        sum.reached(behind, layer)
      }
      await model.backward(SLOPES, undefined, { reached })
      order.push('done')
      sum.reached(behind)
      const whole = Buffer.concat((await Promise.all(parts)).map(bits))
      expect(layers).toEqual([4, 3, 2, 1])
      expect(whole.equals(bits(expected.sum()!))).toBe(true)
      // Behind the first layers only the last parts are left.
      const during = order.indexOf('done')
      expect(during).toBeGreaterThanOrEqual(2)
      expect(order.slice(0, during)).toEqual(Array.from({ length: during }, (_, part) => part))
      expect(bits(await sum.part(0)).equals(whole.subarray(0, 4 * partsOf(model)[0].to))).toBe(true)
      await expect(sum.part(99)).rejects.toThrow(/has no part 99/)
    }),
  )

  it('tells whoever waits for a part that it fails', () =>
    withModels([PARTED], async (model) => {
      const sum = new Departure(model)
      const waiting = sum.part(1)
      sum.fail(new Error('It is gone.'))
      await expect(waiting).rejects.toThrow('It is gone.')
      await expect(sum.part(1)).rejects.toThrow('It is gone.')
    }))
})

it('goes on with a backward only while nothing came between', () =>
  withModels([SMALL], async (model) => {
    await forward(model)
    let told = 0
    const backward = model.backward(SLOPES, undefined, {
      reached: () => {
        told++
        model.write('model.norm.weight', model.read('model.norm.weight'))
      },
    })
    await expect(backward).rejects.toThrow(/backward needs the activations of a forward/)
    expect(told).toBe(1)
  }))
