import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fillNormal, randomWeights } from '../../../src/engine/checkpoint/init.ts'
import { ConfigError } from '../../../src/engine/errors.ts'
import { modelSpec } from '../../../src/engine/families/index.ts'
import { type Initial, parametersOf } from '../../../src/engine/spec.ts'
import { philox } from '../../../src/random.ts'
import { tinyConfig } from './build.ts'

describe('fillNormal', () => {
  const sample = new Float32Array(200_000)
  fillNormal(sample, 1, 'x')

  it('is standard normal', () => {
    const moment = (power: number) => sample.reduce((sum, x) => sum + x ** power, 0) / sample.length
    expect(moment(1)).toBeCloseTo(0, 1.9)
    expect(moment(2)).toBeCloseTo(1, 1.7)
    expect(moment(3)).toBeCloseTo(0, 1.5)
    expect(Math.abs(moment(4) - 3)).toBeLessThan(0.1)
    // Φ(1) − Φ(−1)
    expect(sample.filter((x) => Math.abs(x) < 1).length / sample.length).toBeCloseTo(0.6827, 2)
    const neighbours = sample.reduce((sum, x, i) => sum + x * (sample[i + 1] ?? 0), 0) / sample.length
    expect(neighbours).toBeCloseTo(0, 1.9)
  })

  it('agrees with Box and Muller computed by Math', () => {
    const block = 12345
    const name = Buffer.from('2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881', 'hex') // sha256('x')
    const words = philox([block, 0, name.readUInt32LE(0), name.readUInt32LE(4)], [1, 0])
    const radius = Math.sqrt(-2 * Math.log((words[0] + 1) / 2 ** 32))
    expect(sample[block * 4]).toBeCloseTo(radius * Math.cos((2 * Math.PI * words[1]) / 2 ** 32), 6)
    expect(sample[block * 4 + 1]).toBeCloseTo(radius * Math.sin((2 * Math.PI * words[1]) / 2 ** 32), 6)
  })

  it('depends on seed, name and index only', () => {
    const numbers = (seed: number, name: string, length: number) => {
      const target = new Float32Array(length)
      fillNormal(target, seed, name)
      return [...target]
    }
    fc.assert(
      fc.property(fc.maxSafeInteger(), fc.string(), fc.integer({ min: 0, max: 9 }), (seed, name, length) => {
        expect(numbers(seed, name, 10).slice(0, length)).toEqual(numbers(seed, name, length))
        expect(numbers(seed, `${name}'`, 10)).not.toEqual(numbers(seed, name, 10))
        expect(numbers(seed === 0 ? 1 : 0, name, 10)).not.toEqual(numbers(seed, name, 10))
      }),
    )
    // Seeds that agree in the low 32 bits differ.
    expect(numbers(1, 'x', 4)).not.toEqual(numbers(1 + 2 ** 32, 'x', 4))
  })

  it('is the same everywhere', () => {
    const bits = new Uint32Array(sample.buffer, 0, 6)
    expect([...bits].map((word) => word.toString(16))).toMatchInlineSnapshot(`
      [
        "bf12b035",
        "bf46d3b1",
        "bef80d79",
        "3ead344e",
        "bef872c5",
        "bf8ce3a4",
      ]
    `)
  })
})

describe('randomWeights', () => {
  const weights = randomWeights(7, { layers: 8 })
  const deviation = (initial: Initial, make = weights) => {
    const data = make({ name: 'x', shape: [100, 200], initial })
    return Math.sqrt(data.reduce((sum, x) => sum + x * x, 0) / data.length)
  }

  it('scales by kind of tensor', () => {
    expect(deviation('normal')).toBeCloseTo(0.02, 3)
    expect(deviation('residual')).toBeCloseTo(0.005, 3)
    expect(deviation('residual', randomWeights(7))).toBeCloseTo(0.02, 3)
    for (const parameter of parametersOf(modelSpec({ ...tinyConfig, family: 'qwen2' }))) {
      const { name, shape } = parameter
      const data = weights(parameter)
      expect(data).toHaveLength(shape.reduce((a, b) => a * b, 1))
      if (name.includes('norm')) expect(new Set(data)).toEqual(new Set([1]))
      else if (name.endsWith('bias')) expect(new Set(data)).toEqual(new Set([0]))
      else expect(data.every((x) => Number.isFinite(x) && x !== 0)).toBe(true)
    }
  })

  it('refuses a seed that is no whole number', () => {
    expect(() => randomWeights(0.5)).toThrow(ConfigError)
  })
})
