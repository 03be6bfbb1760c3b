import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { addGradient, GradientTree, takeGradient } from '../../src/engine/gradients.ts'
import { largeWeights, withSmallModel } from '../thinking/small-model.ts'

/** The sum of parts `from` to `end` as the docstring says it: the left half is the largest power of two below their number. */
function recursive(parts: readonly number[]): number {
  if (parts.length === 1) return Math.fround(parts[0])
  let half = 1
  while (half * 2 < parts.length) half *= 2
  return Math.fround(recursive(parts.slice(0, half)) + recursive(parts.slice(half)))
}

const numbers = fc.array(fc.float({ noNaN: true, min: -1000, max: 1000 }), { minLength: 1, maxLength: 40 })

describe('GradientTree', () => {
  it('adds along a binary tree, each sum rounded to float32', () => {
    fc.assert(
      fc.property(numbers, (parts) => {
        const tree = new GradientTree()
        for (const part of parts) tree.add(Float32Array.of(part))
        expect(tree.sum()![0]).toBe(recursive(parts))
      }),
    )
  })

  it('does not depend on who adds up which of its nodes', () => {
    fc.assert(
      fc.property(numbers, fc.integer({ min: 0, max: 5 }), (parts, power) => {
        const size = 2 ** power
        const tree = new GradientTree()
        for (let at = 0; at < parts.length; at += size) {
          const own = new GradientTree()
          const some = parts.slice(at, at + size)
          for (const part of some) own.add(Float32Array.of(part))
          tree.add(own.sum()!, some.length)
        }
        expect(tree.sum()![0]).toBe(recursive(parts))
      }),
    )
  })

  it('says what is behind a last part that lies elsewhere', () => {
    fc.assert(
      fc.property(numbers, (parts) => {
        const tree = new GradientTree()
        for (const part of parts.slice(0, -1)) tree.add(Float32Array.of(part))
        const last = Float32Array.of(parts.at(-1)!)
        for (const [sum] of tree.sumsBehind()) last[0] += sum
        expect(last[0]).toBe(recursive(parts))
      }),
    )
  })

  it('has no sum of nothing, and refuses gradients of other models', () => {
    const tree = new GradientTree()
    expect(tree.sum()).toBeUndefined()
    tree.add(new Float32Array(2))
    expect(() => tree.add(new Float32Array(3))).toThrow('Gradients of one model have one length. Got 2 and 3 numbers.')
  })
})

it('takes the gradient of a model as one array and leaves zeros; added, it is there again', () =>
  withSmallModel(2, largeWeights, async (model) => {
    await model.forward({ ids: Int32Array.of(1, 2, 3, 4), positions: Int32Array.of(0, 1, 2, 3), bounds: Int32Array.of(0, 4) })
    await model.backward(Float32Array.of(1, -2, 0.5, 0))
    const before = model.parameters.map(({ name }) => model.read(name, 'gradient'))
    const gradient = takeGradient(model)
    expect(gradient).toHaveLength(model.parameterCount)
    expect(gradient.some((value) => value !== 0)).toBe(true)
    expect(takeGradient(model).every((value) => value === 0)).toBe(true)
    addGradient(model, gradient)
    expect(model.parameters.map(({ name }) => model.read(name, 'gradient'))).toEqual(before)
    expect(() => addGradient(model, gradient.subarray(1))).toThrow(RangeError)
  }))
