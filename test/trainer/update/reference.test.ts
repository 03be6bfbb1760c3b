import { writeFileSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { linearWeights } from '../../../src/engine/adapters/parameters.ts'
import { diskOps } from '../../../src/engine/checkpoint/atomic.ts'
import { CheckpointError, NonFiniteError } from '../../../src/engine/errors.ts'
import { modelSpec } from '../../../src/engine/families/index.ts'
import { openEngine } from '../../../src/engine/open.ts'
import type { Engine, Model } from '../../../src/engine/types.ts'
import { layoutTrajectory } from '../../../src/thinking/layout.ts'
import { trajectoryFromIds } from '../../../src/thinking/trajectory.ts'
import { score } from '../../../src/trainer/update/micro-batches.ts'
import { ReferencePolicy } from '../../../src/trainer/update/reference.ts'
import { batchOf, expectSameBits, lively, tiny, weightsFor } from '../../engine/conformance/engines.ts'
import { TOY_TAGS } from '../../thinking/toy-model.ts'
import { newFolder } from '../runs.ts'

let engine: Engine
/** Of the tests under way. */
let model: Model
beforeAll(async () => {
  engine = await openEngine({ device: 'cpu', threads: 1 })
})
afterAll(() => engine.dispose())

const parts = linearWeights(modelSpec(tiny)).map(({ name }) => ({ weight: name, rank: 2, scale: 0.5 }))

const packing = { microBatchTokens: 8, sharesPrompts: true }
const samples = [[30, 31], [32], [33, 34, 35]].map((response) => ({
  layout: layoutTrajectory(trajectoryFromIds([20, 21, 22], response, TOY_TAGS), 'structured', { loss: 'sampled' as const }),
  temperature: 0.8,
}))

const weights = (): Float32Array[] => model.parameters.map(({ name }) => model.read(name))

async function train(): Promise<void> {
  const batch = batchOf([9, 6])
  await model.forward(batch)
  await model.backward(weightsFor(batch))
  await model.update({ lr: 1e-2 })
}

function expectSame(found: readonly Float32Array[], expected: readonly Float32Array[], what: string): void {
  expect(found).toHaveLength(expected.length)
  for (const [i, values] of found.entries()) expectSameBits(values, expected[i], `${what} ${i}`)
}

describe.each([
  ['a whole model', undefined],
  ['adapters and rows of tags beside a frozen model', { parts, tokens: [20, 31], seed: 3 }],
])('the reference policy of %s', (_, adapters) => {
  beforeAll(async () => {
    model = await engine.create(tiny, lively(5), { adapters, train: true })
  })

  it('scores as the policy did when it was taken, to the bit, and leaves the policy as it is', async () => {
    const before = await score(model, samples, packing)
    expect(before.map(({ length }) => length)).toEqual([2, 1, 3])
    const reference = ReferencePolicy.of(model)
    expectSame(await reference.score(samples, packing), before, 'sample')
    await train()
    const [now, after] = [weights(), await score(model, samples, packing)]
    expect(after[2][0]).not.toBe(before[2][0])
    expectSame(await reference.score(samples, packing), before, 'sample')
    expectSame(weights(), now, 'parameter')
    expectSame(await score(model, samples, packing), after, 'sample')
  })

  it('follows the policy, whole or by a share', async () => {
    const [whole, half] = [ReferencePolicy.of(model), ReferencePolicy.of(model)]
    const [before, old] = [weights(), await score(model, samples, packing)]
    await train()
    const now = weights()
    half.follow(0.5)
    const mixed = before.map((values, p) => values.map((value, i) => 0.5 * now[p][i] + 0.5 * value))
    const folder = newFolder()
    await mkdir(path.join(folder, 'trainer'))
    await half.save(folder, diskOps)
    const restored = await ReferencePolicy.restore(model, folder)
    const scored = await half.score(samples, packing)
    expectSame(await restored!.score(samples, packing), scored, 'sample')
    expect(scored[0][0]).not.toBe(old[0][0])
    for (const [i, { name }] of model.parameters.entries()) model.write(name, mixed[i])
    expectSame(await score(model, samples, packing), scored, 'sample')
    for (const [i, { name }] of model.parameters.entries()) model.write(name, now[i])
    whole.follow(1)
    expectSame(await whole.score(samples, packing), await score(model, samples, packing), 'sample')
  })

  it('is not there in a state that has none, and names a damaged one', async () => {
    const folder = newFolder()
    expect(await ReferencePolicy.restore(model, folder)).toBeUndefined()
    await mkdir(path.join(folder, 'trainer'))
    const file = path.join(folder, 'trainer', 'reference.safetensors')
    const { name } = model.parameters[3]
    // By hand: the trainer writes no such numbers.
    let end = 0
    const header = Object.fromEntries(
      model.parameters.map(({ name, shape }) => {
        const begin = end
        end += 4 * shape.reduce((a, b) => a * b, 1)
        return [name, { dtype: 'F32', shape, data_offsets: [begin, end] }]
      }),
    )
    const json = Buffer.from(JSON.stringify(header))
    const length = Buffer.alloc(8)
    length.writeBigUInt64LE(BigInt(json.length))
    const data = new Float32Array(end / 4)
    data[header[name].data_offsets[0] / 4 + 1] = Number.NaN
    writeFileSync(file, Buffer.concat([length, json, Buffer.from(data.buffer)]))
    const damaged = ReferencePolicy.restore(model, folder)
    await expect(damaged).rejects.toThrow(CheckpointError)
    await expect(damaged).rejects.toThrow(`${file}: tensor "${name}": expected finite numbers, found NaN at index 1`)
    writeFileSync(file, 'no tensors')
    await expect(ReferencePolicy.restore(model, folder)).rejects.toThrow(CheckpointError)
  })

  it('says that it is the reference whose numbers are none, and gives the policy back', async () => {
    const { name } = model.parameters[0]
    const good = model.read(name)
    model.write(
      name,
      good.map(() => Number.NaN),
    )
    const reference = ReferencePolicy.of(model)
    model.write(name, good)
    const before = weights()
    await expect(reference.score(samples, packing)).rejects.toThrow(NonFiniteError)
    await expect(reference.score(samples, packing)).rejects.toThrow(/^The reference policy of the KL gives no finite log-probabilities\. /)
    expectSame(weights(), before, 'parameter')
  })

  it('holds one copy of the weights', () => {
    const trained = model.parameters.reduce((sum, { name }) => sum + model.read(name).length, 0)
    expect(ReferencePolicy.bytes(model)).toBe(4 * trained)
  })
})
