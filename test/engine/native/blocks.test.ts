/** Weights in blocks, through the whole engine: every type that GGUF files are read in, and what int8 and int4 quantise to. */

import { afterAll, describe, expect, it } from 'vitest'
import { CheckpointError, NoTrainingError } from '../../../src/engine/errors.ts'
import { modelSpec } from '../../../src/engine/families/index.ts'
import { dequantize } from '../../../src/engine/gguf/dequantize.ts'
import { quantize } from '../../../src/engine/gguf/quantize.ts'
import { type BlockType, blockBytes, blockTypeNames, blockTypes } from '../../../src/engine/gguf/types.ts'
import type { ModelConfig } from '../../../src/engine/model-config.ts'
import type { NativeModel } from '../../../src/engine/native/model.ts'
import { openEngine } from '../../../src/engine/open.ts'
import { elementCount, parametersOf } from '../../../src/engine/spec.ts'
import type { Engine, EngineOptions, Loadable, Model } from '../../../src/engine/types.ts'
import { seededRandom } from '../../../src/random.ts'
import { batchOf, drawnAndScored, expectSameBits, lively, relativeDistance, tiny, weightsFor } from '../conformance/engines.ts'

/** Rows of whole blocks of 256, a vocabulary that is no multiple of 16, biases. */
const config: ModelConfig = {
  ...{ ...tiny, family: 'qwen2', vocabSize: 83, hiddenSize: 256, headDim: 64, heads: 4, kvHeads: 1, intermediateSize: 256 },
  layers: 1,
}
const open: Engine[] = []
// It would be a precision that was asked for.
delete process.env.PR1_PRECISION
afterAll(() => Promise.all(open.map((engine) => engine.dispose())))

async function engineWith(options: EngineOptions): Promise<Engine> {
  const engine = await openEngine({ device: 'cpu', threads: 2, ...options })
  open.push(engine)
  return engine
}

/** Blocks of random bits; scales are float16 between 2^-15 and 2^-8. */
function randomBlocks(type: BlockType, count: number, random: () => number): Uint8Array {
  const bytes = Uint8Array.from({ length: blockBytes(type, count) }, () => random() * 256)
  const scale = (at: number) => {
    bytes[at] = (bytes[at] & 0x83) | ((type === 'F32' || type === 'BF16' ? 0x3c : 4 * Math.floor(random() * 7)) & 0x7c)
  }
  const { bytes: size }: { bytes: number } = blockTypes[type]
  for (let at = 0; at < bytes.length; at += size) {
    if (type === 'F32') scale(at + 3)
    else if (type === 'Q6_K') scale(at + 209)
    else scale(at + 1)
    if (/_1$|[45]_K/.test(type)) scale(at + 3)
  }
  return bytes
}

/** A checkpoint whose matrices take these types in turn; `plain`: the same numbers without their blocks. */
function checkpoint(types: readonly BlockType[], size = config): { stored: Loadable; plain: Loadable } {
  const specs = parametersOf(modelSpec(size))
  const random = seededRandom(5)
  const blocks = new Map(
    specs.flatMap(({ name, shape }, i) => {
      const type = types[i % types.length]
      return shape.length === 2 ? [[name, { type, bytes: randomBlocks(type, elementCount(shape), random) }] as const] : []
    }),
  )
  const read = async (name: string): Promise<Float32Array> => {
    const spec = specs.find((one) => one.name === name)!
    const held = blocks.get(name)
    if (!held) return lively(3)(spec)
    const values = new Float32Array(elementCount(spec.shape))
    dequantize(held.type, held.bytes, values)
    return values
  }
  const close = async () => {}
  const blockTypes = new Map([...blocks].map(([name, { type }]) => [name, type]))
  return {
    stored: {
      folder: 'stored',
      config: size,
      weights: { specs, blockTypes, open: async () => ({ read, readBlocks: async (name) => blocks.get(name), close }) },
    },
    plain: { folder: 'plain', config: size, weights: { specs, open: async () => ({ read, close }) } },
  }
}

const lengths = [33, 7, 20]
const batch = batchOf(lengths, config.vocabSize)

async function expectOneArithmetic(model: Model): Promise<Float32Array> {
  const { logprobs } = await model.forward(batch)
  let at = 0
  for (const n of lengths) {
    const ids = batch.ids.slice(at, at + n)
    const alone = await model.forward({ ids, positions: Int32Array.from(ids.keys()), bounds: Int32Array.of(0, n) })
    expectSameBits(alone.logprobs, logprobs.slice(at, at + n), 'a sequence alone')
    at += n
  }
  const [drawn, scored] = await drawnAndScored(model)
  expectSameBits(drawn, scored, 'decoded and scored')
  return logprobs
}

describe('weights in blocks', () => {
  const mixtures: BlockType[][] = [
    ...blockTypeNames.filter((type) => type !== 'F32').map((type) => [type]),
    ['Q4_K', 'Q6_K', 'F32', 'Q5_0'],
  ]

  it.each(mixtures.map((types) => ({ types, name: types.join() })))(
    '$name: the bits of float32 weights of the same numbers, in any batch',
    async ({ types }) => {
      const { stored, plain } = checkpoint(types)
      const engine = await engineWith({ precision: 'stored' })
      expect(engine.infoFor(stored)).toMatchObject({ precision: 'blocks', reason: expect.stringContaining(`${types[0]}`) })
      const model = await engine.load(stored)
      const float32 = await (await engineWith({ precision: 'f32', threads: 1 })).load(plain)
      const logprobs = await expectOneArithmetic(model)
      expectSameBits(logprobs, (await float32.forward(batch, { keep: false })).logprobs, 'float32')
      for (const { name } of model.parameters) expectSameBits(model.read(name), float32.read(name), name)
      expect(model.memoryPlan(0).weights).toBeLessThan(float32.memoryPlan(0).weights / 1.9)
    },
  )

  it.each(mixtures.map((types) => ({ types, name: types.join() })))(
    '$name: auto rounds rows to 8 bits where the CPU multiplies bytes, near the exact ones, in any batch',
    async ({ types }) => {
      const { stored } = checkpoint(types)
      const engine = await engineWith({})
      const { precision, reason } = engine.infoFor(stored)
      expect(reason).toContain(precision === 'blocks-int8' ? '8-bit rows' : 'float32 rows')
      const logprobs = await expectOneArithmetic(await engine.load(stored))
      const exact = await (await engineWith({ precision: 'stored' })).load(stored)
      const distance = relativeDistance(logprobs, (await exact.forward(batch, { keep: false })).logprobs)
      expect(distance).toBeLessThan(0.03)
      if (precision === 'blocks-int8' && types.some((type) => /^Q/.test(type))) expect(distance).toBeGreaterThan(1e-6)
    },
  )

  it('are read as float32 where a precision is asked for, or to train', async () => {
    const { stored } = checkpoint(['Q4_1'])
    const engine = await engineWith({ precision: 'f32' })
    expect(engine.infoFor(stored).precision).toBe('f32')
    const model = await (await engineWith({})).load(stored, { train: true })
    await model.forward(batch)
    await model.backward(weightsFor(batch))
    expect((await model.update({ lr: 1e-3 })).skipped).toBe(false)
  })

  it('do not train', async () => {
    const model = await (await engineWith({})).load(checkpoint(['Q4_1']).stored)
    await model.forward(batch)
    await expect(model.backward(weightsFor(batch))).rejects.toThrow(NoTrainingError)
    const name = 'model.layers.0.mlp.up_proj.weight'
    expect(() => model.write(name, new Float32Array(256 * 256))).toThrow(/held in Q4_1 blocks.*precision/)
  })

  it.each(mixtures.map((types) => ({ types, name: types.join() })))(
    '$name: adapters beside them train with the bits of float32 weights of the same numbers',
    async ({ types }) => {
      const { stored, plain } = checkpoint(types)
      const weights = ['self_attn.k_proj', 'self_attn.o_proj', 'mlp.up_proj', 'mlp.down_proj'].map(
        (part) => `model.layers.0.${part}.weight`,
      )
      const adapters = { parts: weights.map((weight, i) => ({ weight, rank: 3 + i, scale: 2 })), tokens: [5, 82] }
      const models = [
        await (await engineWith({ precision: 'stored' })).load(stored, { train: true, adapters }),
        await (await engineWith({ precision: 'f32', threads: 1 })).load(plain, { train: true, adapters }),
      ]
      expect((models[0] as NativeModel).held?.get(weights[0])).toBeDefined()
      for (let step = 0; step < 2; step++) {
        const [held, float32] = await Promise.all(models.map((model) => model.forward(batch)))
        expectSameBits(held.logprobs, float32.logprobs, `step ${step}`)
        await Promise.all(models.map((model) => model.backward(weightsFor(batch))))
        for (const { name } of models[0].parameters)
          expectSameBits(models[0].read(name, 'gradient'), models[1].read(name, 'gradient'), `${name}, step ${step}`)
        await Promise.all(models.map((model) => model.update({ lr: 1e-2 })))
      }
      await expectOneArithmetic(models[0])
      expect(models[0].memoryPlan(64).gradients).toBeLessThan(4 * models[0].parameterCount + 64 * models[0].parameters.length)
      await Promise.all(models.map((model) => model.dispose()))
    },
  )

  it('take adapters with rows in 8 bits, and samples are scored with the same bits', async () => {
    const { stored } = checkpoint(['Q4_1', 'Q8_0'])
    const adapters = { parts: [{ weight: 'model.layers.0.mlp.up_proj.weight', rank: 4, scale: 2 }], tokens: [5] }
    const engine = await engineWith({})
    expect(engine.infoFor(stored, { adapters }).reason).toContain('only adapters train')
    const model = await engine.load(stored, { train: true, adapters })
    await model.forward(batch)
    await model.backward(weightsFor(batch))
    expect((await model.update({ lr: 1e-2 })).gradNorm).toBeGreaterThan(0)
    await expectOneArithmetic(model)
  })

  it('that do not fit are refused: another type, too few bytes, a scale that is not finite', async () => {
    const model = (await (await engineWith({})).load(checkpoint(['Q4_1']).stored)) as NativeModel
    const name = 'model.layers.0.mlp.up_proj.weight'
    const bytes = new Uint8Array(blockBytes('Q4_1', 256 * 256))
    expect(() => model.writeBlocks(name, { type: 'Q4_0', bytes })).toThrow(/expected Q4_1 blocks.*Q4_0/)
    expect(() => model.writeBlocks(name, { type: 'Q4_1', bytes: bytes.subarray(20) })).toThrow(/bytes of Q4_1 blocks/)
    expect(() => model.writeBlocks('model.norm.weight', { type: 'Q4_1', bytes })).toThrow(/float32/)
    bytes[20 * 77 + 3] = 0x7c
    expect(() => model.writeBlocks(name, { type: 'Q4_1', bytes })).toThrow(CheckpointError)
  })
})

/** The numbers that `pr1-export` writes for them. */
function exported(type: 'Q8_0' | 'Q4_0', values: Float32Array): Float32Array {
  const out = new Float32Array(values.length)
  dequantize(type, quantize(type, values), out)
  return out
}

describe.each([
  ['int8', 'Q8_0', 0.03],
  ['int4', 'Q4_0', 0.2],
] as const)('precision: %s', (precision, type, bound) => {
  it(`holds ${type} blocks near the numbers given, and bfloat16 where rows are no whole blocks`, async () => {
    const engine = await engineWith({ precision })
    expect(engine.info).toMatchObject({ precision, reason: expect.stringContaining(type) })
    for (const size of [config, { ...config, hiddenSize: 72 }]) {
      const model = await engine.create(size, lively(3))
      const exact = await (await engineWith({ precision: 'f32' })).create(size, lively(3))
      const logprobs = await expectOneArithmetic(model)
      const distance = relativeDistance(logprobs, (await exact.forward(batch)).logprobs)
      expect(distance).toBeLessThan(bound)
      expect(distance).toBeGreaterThan(1e-6)
    }
  })

  it('holds the numbers that pr1-export writes, to the bit', async () => {
    const model = await (await engineWith({ precision })).create(config, lively(3))
    const matrices = model.parameters.filter(({ shape }) => shape.length === 2)
    expect(matrices.length).toBeGreaterThan(7)
    for (const spec of matrices) expectSameBits(model.read(spec.name), exported(type, lively(3)(spec)), spec.name)
  })
})
