/** Rows that nobody asks for are not computed: what is asked for has the bits that it has beside all others. */

import { describe, expect, it } from 'vitest'
import { linearWeights } from '../../../src/engine/adapters/parameters.ts'
import { modelSpec } from '../../../src/engine/families/index.ts'
import { familyNames } from '../../../src/engine/families/names.ts'
import { loadAddon } from '../../../src/engine/native/binding.ts'
import { openEngine } from '../../../src/engine/open.ts'
import type { Engine, Model, TrainBatch } from '../../../src/engine/types.ts'
import { lively, openNative, tiny } from '../conformance/engines.ts'
import { withFeatures } from '../families/features.ts'

const VOCAB = tiny.vocabSize

/** A stem with branches that do not see one another, as long as a few blocks of 16 tokens, then a sequence without any. */
function branches(): TrainBatch {
  const ids: number[] = []
  const positions: number[] = []
  const hidden: number[] = []
  const lay = (count: number, from: number, unseen: readonly [number, number]) => {
    for (let i = 0; i < count; i++) {
      ids.push((ids.length * 31 + from) % VOCAB)
      positions.push(from + i)
      hidden.push(...unseen)
    }
  }
  lay(21, 0, [0, 0])
  for (const length of [40, 9, 33, 1, 27]) lay(length, 21, ids.length > 21 ? [21, ids.length] : [0, 0])
  const first = ids.length
  lay(37, 0, [0, 0])
  return {
    ids: Int32Array.from(ids),
    positions: Int32Array.from(positions),
    bounds: Int32Array.of(0, first, ids.length),
    hidden: Int32Array.from(hidden),
    hiddenLevels: 1,
  }
}

const batch = branches()
/** So small that no sum notices, and not 0: every row has a gradient. */
const HARDLY = 1e-44

interface Asked {
  what: string
  /** Whose next token is scored, and with which weight. */
  weight(token: number): number
}

const asked: Asked[] = [
  { what: 'a branch and some of another', weight: (i) => ((i >= 21 && i < 61) || (i > 70 && i < 90 && i % 3 === 0) ? Math.sin(i + 1) : 0) },
  { what: 'one token', weight: (i) => (i === 77 ? 1.5 : 0) },
  { what: 'the second sequence', weight: (i) => (i >= 131 ? Math.cos(i) : 0) },
  { what: 'nothing', weight: () => 0 },
]

/** Log-probabilities and gradients; everything is computed where each token is asked for and has a weight. */
async function learnt(model: Model, { weight }: Asked, everything: boolean) {
  // Scored are more tokens than those that teach.
  const targets = batch.ids.map((_, i) => (weight(i) !== 0 || i % 4 === 1 ? 1 : 0))
  const { logprobs, entropies } = await model.forward(everything ? batch : { ...batch, targets: Uint8Array.from(targets) }, {
    entropy: true,
  })
  const slopes = Float32Array.from(batch.ids, (_, i) => weight(i) / 100 || (everything ? HARDLY : 0))
  await model.backward(slopes, slopes)
  const gradients = new Map(model.parameters.map(({ name }) => [name, model.read(name, 'gradient')]))
  for (const [name, gradient] of gradients) model.write(name, new Float32Array(gradient.length), 'gradient')
  const scored = [...targets.keys()].filter((i) => targets[i] === 1 && !batch.bounds.includes(i + 1))
  return { logprobs: scored.map((i) => logprobs[i]), entropies: scored.map((i) => entropies![i]), gradients }
}

async function expectSame(model: Model): Promise<void> {
  for (const one of asked) {
    const some = await learnt(model, one, false)
    const all = await learnt(model, one, true)
    expect(some.logprobs, one.what).toEqual(all.logprobs)
    expect(some.entropies, one.what).toEqual(all.entropies)
    let moved = false
    for (const [name, gradient] of some.gradients) {
      const whole = all.gradients.get(name)!
      const at = gradient.findIndex((value, i) => value !== whole[i] && Math.abs(value - whole[i]) > 1e-30)
      expect(at, `${one.what}: ${name} is ${gradient[at]} and not ${whole[at]} at ${at}`).toBe(-1)
      moved ||= gradient.some((value) => Math.abs(value) > 1e-12)
    }
    expect(moved, one.what).toBe(one.what !== 'nothing')
  }
}

async function opened(engine: Engine, use: (engine: Engine) => Promise<void>): Promise<void> {
  try {
    await use(engine)
  } finally {
    await engine.dispose()
  }
}

describe.each(familyNames)('%s', (family) => {
  const config = withFeatures({ ...tiny, family, layers: 3 })

  it.each([false, true])('has the same bits, recompute: %s', async (recompute) => {
    await opened(await openEngine({ device: 'cpu', precision: 'f32', threads: 2 }), async (engine) =>
      expectSame(await engine.create(config, lively(2), { recompute })),
    )
  })
})

it('has the same bits with adapters that train', async () => {
  await opened(await openEngine({ device: 'cpu', precision: 'f32', threads: 2 }), async (engine) => {
    const parts = linearWeights(modelSpec(tiny)).map(({ name: weight }) => ({ weight, rank: 3, scale: 0.5 }))
    const model = await engine.create(tiny, lively(2), { adapters: { parts, tokens: [3, 7, 40], seed: 9 } })
    for (const { name, shape } of model.parameters) {
      model.write(
        name,
        Float32Array.from({ length: shape[0] * shape[1] }, (_, i) => 0.3 * Math.sin(1.7 * i)),
      )
    }
    await expectSame(model)
  })
})

const isas = loadAddon().instructionSets.filter((isa) => isa !== 'amx-int8' && isa !== 'avx-vnni')
it.each(isas)('has the same bits in bf16 on %s, where gradients add tokens in groups', async (isa) => {
  await opened(await openNative(isa, 'bf16'), async (engine) => expectSame(await engine.create(tiny, lively(2))))
})
