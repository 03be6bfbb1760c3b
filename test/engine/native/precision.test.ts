/** Products in float32 and bfloat16 and with 8-bit weights, on every instruction set of this CPU. */

import { cpus } from 'node:os'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ConfigError, NoTrainingError, UnavailableError } from '../../../src/engine/errors.ts'
import type { ModelConfig } from '../../../src/engine/model-config.ts'
import { loadAddon } from '../../../src/engine/native/binding.ts'
import { openEngine } from '../../../src/engine/open.ts'
import type { Engine, Model } from '../../../src/engine/types.ts'
import { batchOf, expectSameBits, lively, openNative, relativeDistance, tiny, weightsFor } from '../conformance/engines.ts'

const addon = loadAddon()
/** Sets named after what they add to another, which 8-bit rows alone use. */
const byteSets = (
  [
    ['amx-int8', 'avx512'],
    ['avx-vnni', 'avx2'],
  ] as const
).filter(([isa]) => addon.instructionSets.includes(isa))
const isas = addon.instructionSets.filter((isa) => !byteSets.some(([added]) => added === isa))
const config: ModelConfig = { ...tiny, hiddenSize: 56, headDim: 16, intermediateSize: 90, vocabSize: 101 }
const batch = batchOf([33, 7, 20], config.vocabSize)
const open: Engine[] = []
afterAll(() => Promise.all(open.map((engine) => engine.dispose())))

async function modelOn(isa: string, precision: 'f32' | 'bf16' | 'int8', threads = 2): Promise<Model> {
  const engine = await openNative(isa, precision, threads)
  open.push(engine)
  return engine.create(config, lively(3))
}

/** One forward, backward and update: log-probabilities, the gradients, the weights after it. */
async function step(model: Model) {
  const { logprobs } = await model.forward(batch)
  await model.backward(weightsFor(batch))
  const gradients = new Map(model.parameters.map(({ name }) => [name, model.read(name, 'gradient')]))
  await model.update({ lr: 1e-3, clip: 1 })
  return { logprobs, gradients }
}

describe.each(isas)('%s', (isa) => {
  let exact: Awaited<ReturnType<typeof step>>
  beforeAll(async () => {
    exact = await step(await modelOn(isa, 'f32'))
  })

  it('bf16: near float32 in log-probabilities and gradients, not equal, the same on any number of threads', async () => {
    const one = await step(await modelOn(isa, 'bf16', 1))
    const three = await step(await modelOn(isa, 'bf16', 3))
    expectSameBits(one.logprobs, three.logprobs, 'log-probabilities')
    expect(relativeDistance(one.logprobs, exact.logprobs)).toBeLessThan(0.02)
    expect(relativeDistance(one.logprobs, exact.logprobs)).toBeGreaterThan(1e-6)
    for (const [name, gradient] of exact.gradients) {
      expectSameBits(one.gradients.get(name)!, three.gradients.get(name)!, name)
      expect(relativeDistance(one.gradients.get(name)!, gradient), name).toBeLessThan(0.08)
    }
  })

  it('int8: scores near float32, does not train', async () => {
    const model = await modelOn(isa, 'int8')
    const { logprobs } = await model.forward(batch)
    expect(relativeDistance(logprobs, exact.logprobs)).toBeLessThan(0.05)
    expect(relativeDistance(logprobs, exact.logprobs)).toBeGreaterThan(1e-6)
    await expect(model.backward(weightsFor(batch))).rejects.toThrow(NoTrainingError)
    const { name, shape } = model.parameters[0]
    const values = new Float32Array(shape[0] * shape[1])
    expect(() => model.accumulate(name, values)).toThrow(NoTrainingError)
    expect(() => model.write(name, values, 'gradient')).toThrow(NoTrainingError)
    await expect(model.update({ lr: 1 })).rejects.toThrow(/int8.*bf16 or f32/)
    await expect(open.at(-1)!.create(config, lively(3), { train: true })).rejects.toThrow(NoTrainingError)
  })
})

it('float32 gives the same bits on all vector instruction sets', async () => {
  const sets = isas.filter((isa) => isa !== 'portable')
  const results = await Promise.all(sets.map(async (isa) => step(await modelOn(isa, 'f32'))))
  for (const { logprobs, gradients } of results) {
    expectSameBits(logprobs, results[0].logprobs, 'log-probabilities')
    for (const [name, gradient] of gradients) expectSameBits(gradient, results[0].gradients.get(name)!, name)
  }
})

it('amx-bf16 gives the bits of the matrix units on every instruction set', async () => {
  const bases = isas.filter((isa) => !isa.includes('-')).map((isa) => `amx-bf16:${isa}`)
  const [first, ...others] = await Promise.all(['amx-bf16', ...bases].map(async (isa) => step(await modelOn(isa, 'bf16'))))
  // `portable` rounds its float32 twice, so only the vector sets are equal in what is no product.
  for (const { logprobs, gradients } of others.slice(0, -1)) {
    expectSameBits(logprobs, first.logprobs, 'log-probabilities')
    for (const [name, gradient] of gradients) expectSameBits(gradient, first.gradients.get(name)!, name)
  }
})

describe('8-bit rows', () => {
  const wide: ModelConfig = { ...config, hiddenSize: 96, headDim: 32, intermediateSize: 832, vocabSize: 160 }

  /** Log-probabilities of packed sequences, and of tokens decoded side by side. */
  async function outcome(isa: string, precision: 'int8' | 'int4') {
    const engine = await openNative(isa, precision)
    open.push(engine)
    const model = await engine.create(wide, lively(3), { cacheTokens: 512 })
    const { logprobs } = await model.forward(batch)
    const sequences = Array.from({ length: 19 }, () => model.create())
    const drawn: number[] = []
    for (const [at, ids] of [[1, 2, 3], [4], [5]].entries()) {
      const positions = ids.map((_, i) => (at ? at + 2 : 0) + i)
      const step = sequences.map((sequence, stream) => ({ sequence, ids, positions, sampling: { temperature: 1, seed: 1, stream } }))
      for (const { id, logprob } of await model.step(step)) drawn.push(id, logprob)
    }
    return { rounded: engine.info.reason.includes('8-bit rows'), logprobs, drawn: Float32Array.from(drawn) }
  }

  // Vectors of one width each, with a kernel of their own for bytes.
  const vectors = ['avx512', 'avx2'].filter((isa) => addon.instructionSets.includes(isa))
  it.skipIf(process.arch !== 'x64').each(['int8', 'int4'] as const)('%s: the same bits whatever multiplies them', async (precision) => {
    const all = await Promise.all([...vectors, ...byteSets.map(([isa]) => isa)].map((isa) => outcome(isa, precision)))
    const [first, ...others] = all.filter(({ rounded }) => rounded)
    for (const other of others) {
      expectSameBits(other.logprobs, first.logprobs, 'log-probabilities')
      expectSameBits(other.drawn, first.drawn, 'drawn tokens')
    }
    expect(new Set(first.drawn).size).toBeGreaterThan(19)
  })

  it.skipIf(process.env.PR1_ISA)('take the set of the widest vectors that has more for them, and float32 has nothing of it', async () => {
    const widest = addon.bestInstructionSet('f32')
    for (const [precision, isa] of [
      ['int8', byteSets.find(([, base]) => base === widest)?.[0] ?? widest],
      ['f32', widest],
    ] as const) {
      const engine = await openEngine({ device: 'cpu', precision })
      open.push(engine)
      expect(engine.info.isa).toBe(isa)
    }
  })
})

describe('what auto takes', () => {
  async function infoWith(environment: Record<string, string | undefined>) {
    const before = { ...process.env }
    Object.assign(process.env, environment)
    for (const [key, value] of Object.entries(environment)) if (value === undefined) delete process.env[key]
    try {
      const engine = await openEngine({ device: 'cpu', threads: 1 })
      open.push(engine)
      return engine.info
    } finally {
      process.env = before
    }
  }

  it('is bf16 exactly where its products are the fastest, and says so', async () => {
    const info = await infoWith({ PR1_PRECISION: undefined, PR1_ISA: undefined })
    const best = addon.bestInstructionSet('bf16')
    expect(info).toMatchObject(best.endsWith('bf16') ? { precision: 'bf16', isa: best } : { precision: 'f32' })
    expect(info.reason).toMatch(best.endsWith('bf16') ? /the fastest of this CPU/ : /no faster/)
    expect((await infoWith({ PR1_PRECISION: undefined, PR1_ISA: 'portable' })).precision).toBe('f32')
    if (isas.includes('amx-bf16')) expect(best).toBe('amx-bf16')
    expect(isas).toContain(addon.bestInstructionSet('f32'))
  })

  it.skipIf(!/Intel/.test(cpus()[0].model))('never is a set that multiplies bfloat16 at half the rate of float32', () => {
    expect(addon.bestInstructionSet('bf16')).not.toBe('avx512-bf16')
  })

  it('is what PR1_PRECISION says; a word that it does not know is an error', async () => {
    expect(await infoWith({ PR1_PRECISION: 'int8' })).toMatchObject({ precision: 'int8' })
    await expect(infoWith({ PR1_PRECISION: 'fp8' })).rejects.toThrow(ConfigError)
    await expect(infoWith({ PR1_ISA: 'avx1024' })).rejects.toThrow(UnavailableError)
  })
})
