import { describe, expect, it } from 'vitest'
import { informativeShare } from '../../../src/trainer/doctor/informative.ts'

/** Share of all groups of `size` that differ, one by one. */
function counted(classes: readonly string[], size: number): number {
  let groups = 0
  let differing = 0
  const choose = (from: number, chosen: string[]): void => {
    if (chosen.length === size) {
      groups++
      if (new Set(chosen).size > 1) differing++
      return
    }
    for (let i = from; i < classes.length; i++) choose(i + 1, [...chosen, classes[i]])
  }
  choose(0, [])
  return differing / groups
}

describe('informativeShare', () => {
  it.each([['aaabbbcc'], ['aaaaaaab'], ['abcdefgh'], ['aaaaaaaa']])('is the share of all groups of %s that differ', (text) => {
    const classes = [...text]
    for (const size of [2, 4, 7, 8]) expect(informativeShare(classes, size)).toBeCloseTo(counted(classes, size), 12)
  })
})
