import { expect, it } from 'vitest'
import { counted, meansOf } from '../../../src/trainer/generate/tally.ts'

it('counts stand with the most frequent first, whatever order the texts came in', () => {
  expect(counted(['b', 'a', 'c', 'c'])).toEqual([
    ['c', 2],
    ['a', 1],
    ['b', 1],
  ])
  expect(counted(['c', 'a', 'c', 'b'])).toEqual(counted(['b', 'a', 'c', 'c']))
})

it('a mean is over the answers that have the metric', () => {
  expect(meansOf([{ metrics: { b: 1, a: 2 } }, { metrics: { b: 0 } }, { metrics: {} }])).toEqual([
    ['a', 2],
    ['b', 0.5],
  ])
  expect(meansOf([])).toEqual([])
})
