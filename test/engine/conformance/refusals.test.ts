/** What every engine refuses, in the same words and with the same errors. */

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ConfigError, UnavailableError } from '../../../src/engine/errors.ts'
import type { Engine, TrainBatch } from '../../../src/engine/types.ts'
import { batchOf, candidates, lively, tiny } from './engines.ts'

describe.each(candidates)('refusals: $name', ({ open }) => {
  let engine: Engine
  beforeAll(async () => {
    engine = await open()
  })
  afterAll(() => engine.dispose())

  it.each<[string, Partial<TrainBatch>, RegExp]>([
    ['an id outside the vocabulary', { ids: Int32Array.from([1, 41, 2]) }, /id 41 at index 1.*vocabulary of 41/],
    ['a negative position', { positions: Int32Array.from([0, -1, 2]) }, /Position -1 at index 1/],
    ['bounds that do not end with T', { bounds: Int32Array.from([0, 2]) }, /bounds must start with 0 and end/],
    ['an empty sequence', { bounds: Int32Array.from([0, 2, 2, 3]) }, /sequence 1 is empty/],
    ['a token that hides itself', { hidden: Int32Array.from([0, 0, 0, 0, 1, 3]), hiddenLevels: 1 }, /Hidden range \[1, 3\) of token 2/],
    ['a hidden array of the wrong size', { hidden: new Int32Array(4), hiddenLevels: 1 }, /hidden must hold 6/],
    ['an excluded target', { exclusion: Int32Array.from([0, -1, -1]), exclusionSets: [[2]] }, /target but was excluded/],
    [
      'an exclusion set that is not there',
      { exclusion: Int32Array.from([1, -1, -1]), exclusionSets: [[7]] },
      /exclusion set 1 does not exist/,
    ],
    ['a temperature of 0', { temperature: 0 }, /temperature of a forward must be above 0/],
  ])('%s', async (_, change, message) => {
    const model = await engine.create(tiny, lively(1))
    const batch = { ids: Int32Array.from([1, 2, 3]), positions: Int32Array.from([0, 1, 2]), bounds: Int32Array.from([0, 3]), ...change }
    await expect(model.forward(batch)).rejects.toThrow(ConfigError)
    await expect(model.forward(batch)).rejects.toThrow(message)
    await model.dispose()
  })

  it('backward without a forward, wrong weights and dead handles', async () => {
    const model = await engine.create(tiny, lively(1))
    await expect(model.backward(new Float32Array(3))).rejects.toThrow(/expected 0, got 3/)
    await model.forward(batchOf([3]), { keep: false })
    await expect(model.backward(new Float32Array(3))).rejects.toThrow(/keep: true/)
    await model.forward(batchOf([3]))
    const one = new Float32Array(3).fill(1)
    await expect(model.backward(one, one)).rejects.toThrow('got entropyWeights, and the last forward gave no entropies')
    await model.backward(one)
    await expect(model.backward(new Float32Array(3))).rejects.toThrow(/keep: true/)
    await expect(model.update({ lr: Number.NaN })).rejects.toThrow(/lr is out of range/)
    expect(() => model.free(99)).toThrow(/Sequence 99 does not exist/)
    expect(() => model.fork(model.create(), 0)).toThrow(/fork needs a count of 1 or more/)
    expect(() => model.read('model.layers.9.mlp.up_proj.weight')).toThrow(/no parameter/)
    expect(() => model.write('model.norm.weight', new Float32Array(3))).toThrow(/model.norm.weight holds 24 values. Got 3/)
    const sequence = model.create()
    const input = { sequence, ids: [1], positions: [0] }
    await expect(model.step([input, input])).rejects.toThrow(/listed twice/)
    await expect(model.step([{ ...input, positions: [0, 1] }])).rejects.toThrow(/1 ids and 2 positions/)
    await expect(model.step([{ ...input, ids: [], positions: [] }])).rejects.toThrow(/at least one token/)
    await expect(model.step([{ ...input, sampling: { temperature: -1, seed: 0, stream: 0 } }])).rejects.toThrow(
      /temperature must be 0 or above/,
    )
    expect(await model.step([])).toEqual([])
    const parent = model.create()
    const [child] = model.fork(parent, 1)
    expect(() => model.join(parent, [child, child])).toThrow(/twice/)
    await model.dispose()
    await model.dispose()
    await expect(model.forward(batchOf([3]))).rejects.toThrow(UnavailableError)
    expect(() => model.read('model.norm.weight')).toThrow(UnavailableError)
  })

  it('models after the engine is gone, and wrong options', async () => {
    const other = await open()
    const model = await other.create(tiny, lively(1))
    await other.dispose()
    await other.dispose()
    await expect(model.forward(batchOf([3]))).rejects.toThrow(UnavailableError)
    await expect(other.create(tiny, lively(1))).rejects.toThrow(/The engine was disposed/)
    await expect(engine.create({ ...tiny, headDim: 7 }, lively(1))).rejects.toThrow(/headDim/)
    await expect(engine.create(tiny, lively(1), { cacheTokens: 1.5 })).rejects.toThrow(/cacheTokens must be a whole number/)
    await expect(engine.load('no/such/folder')).rejects.toThrow(/no\/such\/folder/)
  })
})

describe('all engines', () => {
  it('say what is wrong in the same words', async () => {
    const said: string[][] = []
    for (const { open } of candidates) {
      const engine = await open()
      const model = await engine.create(tiny, lively(1), { cacheTokens: 40 })
      const [a, b] = [model.create(), model.create()]
      await model.step([
        { sequence: a, ids: [1], positions: [0] },
        { sequence: b, ids: [2], positions: [0] },
      ])
      const batch: TrainBatch = { ...batchOf([3]) }
      const input = { sequence: a, ids: [1], positions: [1] }
      const sampling = { temperature: 1, seed: 0, stream: 0 }
      const many = Array.from({ length: 30 }, (_, i) => i)
      const messages: string[] = []
      const refused = async (call: () => unknown): Promise<void> => {
        const error = await Promise.resolve()
          .then(call)
          .then(
            () => undefined,
            (reason: Error) => reason,
          )
        messages.push(`${error?.name}: ${error?.message}`)
      }
      await refused(() => model.free(99))
      await refused(() => model.fork(a, 1.5))
      await refused(() => model.join(a, [b]))
      await refused(() => model.join(a, [a]))
      await refused(() => model.step([{ ...input, ids: [tiny.vocabSize] }]))
      await refused(() => model.step([{ ...input, ids: [0.5] }]))
      await refused(() => model.step([{ ...input, positions: [tiny.maxPositions] }]))
      await refused(() => model.step([{ ...input, positions: [] }]))
      await refused(() => model.step([{ ...input, sampling: { ...sampling, exclude: [-1] } }]))
      await refused(() => model.step([{ ...input, sampling: { ...sampling, temperature: Number.NaN } }]))
      await refused(() => model.step([{ sequence: a, ids: many, positions: many }]))
      await refused(() => model.forward({ ...batch, ids: [1, 2, 3] as never }))
      await refused(() => model.forward({ ...batch, targets: new Int32Array(3) as never }))
      await refused(() => model.forward({ ...batch, targets: new Uint8Array(2) }))
      await refused(() => model.forward({ ...batch, hidden: new Int32Array(0), hiddenLevels: -1 }))
      await refused(() => model.forward({ ...batch, exclusion: new Int32Array(3), exclusionSets: [[tiny.vocabSize]] }))
      await refused(() => model.backward(new Float32Array(1)))
      await refused(() => model.backward([] as never))
      await refused(() => model.update({ lr: -1 }))
      await refused(() => model.update({} as never))
      await refused(() => model.read('none'))
      await refused(() => model.write('model.norm.weight', new Float32Array(1), 'gradient'))
      await refused(() => model.accumulate('model.norm.weight', new Float32Array(1)))
      await refused(() => model.accumulate('model.norm.weight', new Float64Array(tiny.hiddenSize) as never))
      expect([model.length(a), model.length(b), model.cacheFree]).toEqual([1, 1, 0])
      await model.dispose()
      await refused(() => model.step([input]))
      await refused(() => model.accumulate('model.norm.weight', new Float32Array(tiny.hiddenSize)))
      expect(messages.filter((message) => message.startsWith('undefined'))).toEqual([])
      said.push(messages)
      await engine.dispose()
    }
    expect(said.length).toBeGreaterThan(1)
    for (const other of said.slice(1)) expect(other).toEqual(said[0])
  })
})
