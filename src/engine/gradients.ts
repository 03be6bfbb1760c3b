/**
 * The gradient of a model as one array, and sums of such arrays along a binary tree. A sum of float32 numbers depends on its order: with a fixed
 * tree it is the same bits whoever computes which of its parts.
 */

import { flatOrder } from './parts.ts'
import { elementCount } from './spec.ts'
import type { Model } from './types.ts'

/** What computing a gradient asks of a model. */
export type Differentiable = Pick<Model, 'forward' | 'backward'>

type Holder = Pick<Model, 'parameters' | 'read' | 'write' | 'accumulate'>

/** The gradients of all parameters as one array (parts.ts). The model's own are zeros after it. */
export function takeGradient(model: Holder): Float32Array {
  const gradient = joined(flatOrder(model).map(({ name }) => model.read(name, 'gradient')))
  clearGradient(model)
  return gradient
}

export function clearGradient(model: Holder): void {
  for (const { name, shape } of model.parameters) model.write(name, new Float32Array(elementCount(shape)), 'gradient')
}

/** Adds what {@link takeGradient} gave. */
export function addGradient(model: Holder, gradient: Float32Array): void {
  const parameters = flatOrder(model)
  const count = parameters.reduce((sum, { shape }) => sum + elementCount(shape), 0)
  if (count !== gradient.length) throw new RangeError(`A model of ${count} parameters was given ${gradient.length} numbers.`)
  let at = 0
  for (const { name, shape } of parameters) {
    const end = at + elementCount(shape)
    model.accumulate(name, gradient.subarray(at, end))
    at = end
  }
}

/** The weights of all parameters as one array (parts.ts). */
export function readWeights(model: Holder): Float32Array {
  return joined(flatOrder(model).map(({ name }) => model.read(name)))
}

/**
 * Adds gradients as they come, from the first part to the last: two neighbours of equal size become one. So parts 0 to 6 add up as
 * ((0+1)+(2+3)) + ((4+5)+6), and it does not matter who adds 4 to 6. It holds log2 of the number of parts at most.
 */
export class GradientTree {
  readonly #sums: { parts: number; gradient: Float32Array }[] = []

  /** `parts`: how many the gradient is the sum of, along a tree like this one. Keeps the array, and changes it. */
  add(gradient: Float32Array, parts = 1): void {
    this.#sums.push({ parts, gradient })
    while (this.#sums.length > 1 && this.#sums.at(-1)!.parts === this.#sums.at(-2)!.parts) this.#merge()
  }

  /** The sum of all; undefined where there was none. */
  sum(): Float32Array | undefined {
    while (this.#sums.length > 1) this.#merge()
    return this.#sums.pop()?.gradient
  }

  /** What is to be added, one after the other, to a last part that was not given: its neighbour first. The tree is empty after it. */
  sumsBehind(): Float32Array[] {
    const sums = this.#sums.splice(0)
    return sums.reverse().map(({ gradient }) => gradient)
  }

  #merge(): void {
    const right = this.#sums.pop()!
    const left = this.#sums.at(-1)!
    const { gradient } = left
    if (gradient.length !== right.gradient.length) {
      throw new RangeError(`Gradients of one model have one length. Got ${gradient.length} and ${right.gradient.length} numbers.`)
    }
    for (let i = 0; i < gradient.length; i++) gradient[i] += right.gradient[i]
    left.parts += right.parts
  }
}

function joined(parts: readonly Float32Array[]): Float32Array {
  const whole = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}
