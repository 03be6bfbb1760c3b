import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { Tally } from '../../../src/trainer/losses/loss.ts'
import { afterUpdate, coefficientNow, type EntropyControl, firstControl, hasBonus } from '../../../src/trainer/update/entropy-bonus.ts'

const options = { entropyBonus: 0.02, entropyTarget: 0.5, entropyBonusStep: 0.01, entropyBonusMax: 0.04 }

/** An update of tokens with these entropies, all but the last of them counted. */
function updateWith(...entropies: number[]): Tally {
  const tally = new Tally()
  const counted = Float64Array.from(entropies, (_, j) => (j < entropies.length - 1 ? 1 : 0))
  const metrics = { counted, countedEntropy: counted.map((one, j) => one * entropies[j]) }
  tally.add({ slopes: new Float64Array(entropies.length), metrics })
  return tally
}

describe('the entropy bonus', () => {
  it('stays without a target', () => {
    const fixed = { ...options, entropyTarget: undefined }
    expect(coefficientNow(firstControl(fixed), fixed)).toBe(0.02)
    expect(afterUpdate(firstControl(fixed), updateWith(9, 9), fixed)).toEqual({ coefficient: 0.02 })
    expect([hasBonus(fixed), hasBonus({ ...fixed, entropyBonus: 0 }), hasBonus({ ...options, entropyBonus: 0 })]).toEqual([
      true,
      false,
      true,
    ])
  })

  it('grows at and below the target, shrinks above it, and acts only after an update at or below', () => {
    const seen: [acts: number, then: number][] = []
    let control: EntropyControl = firstControl(options)
    for (const entropy of [0.5, 0.1, 0.1, 0.9, 0.9, 0.9, 0.9, 0.9, 0.2]) {
      const acts = coefficientNow(control, options)
      control = afterUpdate(control, updateWith(entropy, entropy, 99), options)
      seen.push([acts, Number(control.coefficient.toFixed(6))])
    }
    expect(seen).toEqual([
      [0, 0.03],
      [0.03, 0.04],
      [0.04, 0.04],
      [0.04, 0.03],
      [0, 0.02],
      [0, 0.01],
      [0, 0],
      [0, 0],
      [0, 0.01],
    ])
  })

  it('moves as TRL moves it (test/fixtures/make_losses.py)', () => {
    const { adaptive } = JSON.parse(readFileSync(new URL('../../fixtures/losses.json', import.meta.url), 'utf8'))
    const { first, target, step, max, updates } = adaptive
    const options = { entropyBonus: first, entropyTarget: target, entropyBonusStep: step, entropyBonusMax: max }
    let control: EntropyControl = firstControl(options)
    for (const { entropy, applied, coefficient } of updates) {
      expect(coefficientNow(control, options)).toBeCloseTo(applied, 12)
      control = afterUpdate(control, updateWith(entropy, 0), options)
      expect(control.coefficient).toBeCloseTo(coefficient, 12)
    }
    expect(new Set(updates.map(({ applied }: { applied: number }) => applied > 0))).toEqual(new Set([false, true]))
  })

  it('keeps its place where an update had no token', () => {
    const control = { coefficient: 0.03, entropy: 0.1 }
    expect(afterUpdate(control, new Tally(), options)).toBe(control)
  })
})
