import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { sample, uniform } from '../../../src/engine/tfjs/sampling.ts'

const row = { temperature: 1, topK: 0, topP: 1, seed: 1, stream: 0, position: 0 }

/** Top-k and top-p as their definitions say, over all ids sorted at once. */
function allowed(weights: Float32Array, topK: number, topP: number): Set<number> {
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  const order = [...weights.keys()].sort((a, b) => weights[b] - weights[a] || a - b).filter((id) => weights[id] > 0)
  const kept = new Set<number>()
  let mass = 0
  for (const id of order) {
    if (kept.size > 0 && ((topK > 0 && kept.size >= topK) || (topP < 1 && mass >= Math.fround(topP) * total))) break
    kept.add(id)
    mass += weights[id]
  }
  return kept
}

describe('sampling', () => {
  it('draws in proportion to the weights', () => {
    const weights = Float32Array.of(0.5, 0, 1, 0.25)
    const counts = [0, 0, 0, 0]
    const n = 20_000
    for (let position = 0; position < n; position++) counts[sample(weights.slice(), { ...row, position })]++
    expect(counts[1]).toBe(0)
    for (const [id, weight] of weights.entries()) expect(Math.abs(counts[id] / n - weight / 1.75)).toBeLessThan(0.015)
  })

  it('keeps what top-k and top-p keep, ties by the lowest id, and nothing else', () => {
    const weight = fc.constantFrom(0, 0.125, 0.25, 0.5, 0.75, 1)
    fc.assert(
      fc.property(
        fc.array(weight, { minLength: 2, maxLength: 12 }),
        fc.nat(13),
        fc.constantFrom(0.1, 0.5, 0.9, 1),
        (values, topK, topP) => {
          fc.pre(values.some((value) => value > 0))
          const weights = Float32Array.from(values)
          const kept = allowed(weights, topK, topP)
          const drawn = new Set<number>()
          for (let position = 0; position < 400; position++) drawn.add(sample(weights.slice(), { ...row, topK, topP, position }))
          for (const id of drawn) expect(kept.has(id)).toBe(true)
          // Each kept id has at least a hundredth of the mass: 400 draws miss one in fewer than 2 cases of 100.
          expect(drawn.size).toBeGreaterThanOrEqual(Math.min(kept.size, 2))
        },
      ),
      { numRuns: 60, seed: 3 },
    )
  })

  it('is keyed by seed, stream and position, each with all its bits', () => {
    const keys = [0, 1, -1, 2 ** 32, 2 ** 40, -(2 ** 40)].flatMap((seed) =>
      [0, 1, 2 ** 31 - 1].flatMap((stream) => [0, 1, 70_000].map((position) => ({ seed, stream, position }))),
    )
    const draws = keys.map(uniform)
    expect(new Set(draws).size).toBe(keys.length)
    expect(draws.every((draw) => draw > 0 && draw < 1)).toBe(true)
  })

  it('says that there is nothing to draw from weights that are not numbers', () => {
    expect(sample(new Float32Array(4).fill(Number.NaN), row)).toBe(-1)
  })
})
