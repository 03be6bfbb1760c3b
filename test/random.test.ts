import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { derivedSeed, permutation, philox, requestSeed, seededRandom } from '../src/random.ts'

it('draws the numbers it always drew: runs that go on and stored samples rely on them', () => {
  expect(derivedSeed(7, 'rollout', 'rl', 3, 1, 2)).toBe(1806068368859319)
  expect([...permutation(6, 7, 'base', 'epoch', 0)]).toEqual([5, 2, 0, 4, 3, 1])
  expect(requestSeed(5, 1, [1, 2, 3])).toBe(1600330728646382)
  const random = seededRandom(1)
  expect([random(), random()]).toEqual([0.6270739405881613, 0.002735721180215478])
})

describe('philox', () => {
  // Known answers of the Random123 distribution (philox4x32, 10 rounds).
  it.each([
    [
      [0, 0, 0, 0],
      [0, 0],
      [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8],
    ],
    [
      [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff],
      [0xffffffff, 0xffffffff],
      [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd],
    ],
    [
      [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
      [0xa4093822, 0x299f31d0],
      [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
    ],
  ])('of %j with key %j', (counter, key, words) => {
    expect(philox(counter as [number, number, number, number], key as [number, number])).toEqual(words)
  })
})

describe('derivedSeed and permutation', () => {
  it('are functions of the address', () => {
    expect(derivedSeed(1, 'a', 2)).toBe(derivedSeed(1, 'a', 2))
    expect(new Set([derivedSeed(1, 'a', 2), derivedSeed(1, 'a', 3), derivedSeed(2, 'a', 2), derivedSeed(1, 'a2')]).size).toBe(4)
    expect(Number.isSafeInteger(derivedSeed('x'))).toBe(true)
  })

  it('permutes', () => {
    const order = permutation(200, 7, 'x')
    expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: 200 }, (_, i) => i))
    expect([...order]).not.toEqual([...permutation(200, 8, 'x')])
  })
})

describe('requestSeed', () => {
  it('is a safe integer that depends on seed, repeat and prompt only', () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), fc.nat(100), fc.array(fc.nat(200_000), { minLength: 1 }), (seed, repeat, prompt) => {
        const got = requestSeed(seed, repeat, prompt)
        expect(Number.isSafeInteger(got)).toBe(true)
        expect(got).toBeGreaterThanOrEqual(0)
        expect(requestSeed(seed, repeat, [...prompt])).toBe(got)
        expect(requestSeed(seed, repeat + 1, prompt)).not.toBe(got)
        expect(requestSeed(seed, repeat, [...prompt, 1])).not.toBe(got)
      }),
    )
  })

  it('does not collide on a grid of near inputs', () => {
    const seen = new Set<number>()
    for (let seed = -5; seed < 20; seed++) {
      for (let repeat = 0; repeat < 40; repeat++) for (let id = 0; id < 40; id++) seen.add(requestSeed(seed, repeat, [id, 40 - id]))
    }
    expect(seen.size).toBe(25 * 40 * 40)
  })
})
