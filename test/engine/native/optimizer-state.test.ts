/** Moments of AdamW in fewer bits: what they take, that they train, and that a state brings them back bit for bit. */

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { randomWeights } from '../../../src/engine/checkpoint/init.ts'
import { openEngine } from '../../../src/engine/open.ts'
import type { Engine, Model, OptimizerState, TrainBatch } from '../../../src/engine/types.ts'
import { tiny } from '../conformance/engines.ts'

const length = 48
const batch: TrainBatch = {
  ids: Int32Array.from({ length }, (_, i) => (i * i) % tiny.vocabSize),
  positions: Int32Array.from({ length }, (_, i) => i),
  bounds: Int32Array.of(0, length),
}

let engine: Engine
beforeAll(async () => {
  engine = await openEngine({ threads: 2 })
})
afterAll(() => engine.dispose())

const create = (optimizerState?: OptimizerState) => engine.create(tiny, randomWeights(4), { optimizerState })

/** Steps towards the next token; returns the mean loss before each. */
async function train(model: Model, steps: number): Promise<number[]> {
  const losses: number[] = []
  for (let step = 0; step < steps; step++) {
    const { logprobs } = await model.forward(batch)
    losses.push(-logprobs.slice(0, -1).reduce((a, b) => a + b, 0) / (length - 1))
    await model.backward(Float32Array.from({ length }, (_, i) => (i < length - 1 ? -1 / (length - 1) : 0)))
    await model.update({ lr: 3e-3, weightDecay: 0.01, clip: 1 })
  }
  return losses
}

const numbers = (model: Model, kind: 'weight' | 'moment1' | 'moment2') => model.parameters.map(({ name }) => model.read(name, kind))

describe('the optimizer state', () => {
  it('takes 8, 4 and about 2 bytes a weight, as the plan says', async () => {
    const bytes = async (state: OptimizerState) => {
      const model = await create(state)
      return model.memoryPlan(length).moments / model.parameterCount
    }
    // Parts of a model begin on 16 numbers, and 256 share an exponent.
    expect(await bytes('f32')).toBeCloseTo(8, 0)
    expect(await bytes('bf16')).toBeCloseTo(4, 0)
    expect(await bytes('8bit')).toBeCloseTo(2, 0)
  })

  it.each(['bf16', '8bit'] as const)('in %s learns as in float32, and not the same bits', async (state) => {
    const exact = await train(await create(), 60)
    const packed = await train(await create(state), 60)
    expect(packed).not.toEqual(exact)
    expect(exact.at(-1)!).toBeLessThan(0.5 * exact[0])
    expect(Math.abs(packed.at(-1)! - exact.at(-1)!)).toBeLessThan(0.1 * exact[0])
  })

  it.each(['bf16', '8bit'] as const)(
    'in %s gives the same bits on any number of threads, and after it was read and written',
    async (state) => {
      const whole = await create(state)
      await train(whole, 9)
      const other = await openEngine({ threads: 1 })
      const first = await other.create(tiny, randomWeights(4), { optimizerState: state })
      await train(first, 5)
      const second = await create(state)
      for (const { name } of first.parameters) {
        for (const kind of ['weight', 'moment1', 'moment2'] as const) second.write(name, first.read(name, kind), kind)
      }
      second.updates = first.updates
      for (const kind of ['moment1', 'moment2'] as const) expect(numbers(second, kind)).toEqual(numbers(first, kind))
      await train(second, 4)
      for (const kind of ['weight', 'moment1', 'moment2'] as const) expect(numbers(second, kind)).toEqual(numbers(whole, kind))
      await other.dispose()
    },
  )
})
