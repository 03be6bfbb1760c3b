/**
 * The numbers of a model as one array, and that array in parts on its way between processes. Parameters lie in the order in which a backward has
 * done with their gradients: what is behind the layers, the last layer, those before it, and the embedding at the end. So a gradient can leave while the
 * backward goes on, part by part from the first to the last.
 */

import type { TensorSpec } from './spec.ts'
import { elementCount } from './spec.ts'
import type { Model } from './types.ts'

/** Numbers `from` … `to` − 1. */
export interface Part {
  from: number
  to: number
}

/** Numbers of a part: few enough that a part is sent while the next one is made ready, many enough for the cost of a message. */
const LEAST = 2 ** 19
const MOST = 2 ** 22
const USUAL_PARTS = 32

export function flatOrder({ parameters }: Pick<Model, 'parameters'>): TensorSpec[] {
  // Two infinities have no difference.
  return [...parameters].sort((a, b) => layerOf(b) - layerOf(a) || 0)
}

/** Equal for models of one shape, so both sides know them. */
export function partsOf({ parameterCount }: Pick<Model, 'parameterCount'>): Part[] {
  const size = Math.min(MOST, Math.max(LEAST, Math.ceil(parameterCount / USUAL_PARTS)))
  const count = Math.ceil(parameterCount / size)
  return Array.from({ length: count }, (_, i) => ({ from: i * size, to: Math.min(parameterCount, (i + 1) * size) }))
}

/** The array of a model that arrives in parts, in any order, perhaps twice. Hears of each parameter whose numbers are there. */
export class Arrival {
  readonly #parts: readonly Part[]
  readonly #whole: Float32Array
  readonly #there: boolean[]
  /** Parts from the first on that are there without a gap, and parameters that were put. */
  #next = 0
  readonly #waiting: { name: string; from: number; to: number }[]
  readonly #put: (name: string, values: Float32Array) => void

  constructor(model: Pick<Model, 'parameters' | 'parameterCount'>, put: (name: string, values: Float32Array) => void) {
    this.#parts = partsOf(model)
    this.#whole = new Float32Array(model.parameterCount)
    this.#there = this.#parts.map(() => false)
    this.#waiting = placesOf(model)
    this.#put = put
  }

  take(part: number, values: Float32Array): void {
    const { from, to } = this.#parts[part] ?? { from: 0, to: 0 }
    if (to - from !== values.length || to === from) {
      throw new RangeError(`Part ${part} of ${this.#parts.length} has ${to - from} numbers. Got ${values.length}.`)
    }
    if (this.#there[part]) return
    this.#there[part] = true
    this.#whole.set(values, from)
    while (this.#there[this.#next]) this.#next++
    const filled = this.#next === 0 ? 0 : this.#parts[this.#next - 1].to
    while (this.#waiting.length > 0 && this.#waiting[0].to <= filled) {
      const { name, from, to } = this.#waiting.shift()!
      this.#put(name, this.#whole.subarray(from, to))
    }
  }

  get complete(): boolean {
    return this.#next === this.#parts.length
  }
}

/** The gradient of a model that leaves in parts while the last backward is under way. */
export class Departure {
  readonly #model: Pick<Model, 'read'>
  readonly #whole: Float32Array
  readonly #waiting: { name: string; layer: number; from: number; to: number }[]
  readonly #parts: (Part & Leaving)[]
  /** Parts that have left, and numbers that are final. */
  #gone = 0
  #filled = 0

  constructor(model: Pick<Model, 'parameters' | 'parameterCount' | 'read'>) {
    this.#model = model
    this.#whole = new Float32Array(model.parameterCount)
    this.#waiting = placesOf(model)
    this.#parts = partsOf(model).map((part) => ({ ...part, ...leaving() }))
  }

  get parts(): number {
    return this.#parts.length
  }

  /** The numbers of a part, once they are final. It may be asked for before, and again. */
  part(index: number): Promise<Float32Array> {
    const part = this.#parts[index]
    if (!part) return Promise.reject(new RangeError(`A gradient of ${this.parts} parts has no part ${index}.`))
    return part.left
  }

  /** Gradients down to this layer are final but for `behind`, what {@link GradientTree.sumsBehind} says is to be added. Default: all are. */
  reached(behind: readonly Float32Array[], layer = Number.NEGATIVE_INFINITY): void {
    while (this.#waiting.length > 0 && this.#waiting[0].layer >= layer) {
      const { name, from, to } = this.#waiting.shift()!
      const own = this.#whole.subarray(from, to)
      own.set(this.#model.read(name, 'gradient'))
      for (const sum of behind) for (let i = 0; i < own.length; i++) own[i] += sum[from + i]
      this.#filled = to
    }
    for (; this.#gone < this.#parts.length && this.#parts[this.#gone].to <= this.#filled; this.#gone++) {
      const { from, to, resolve } = this.#parts[this.#gone]
      resolve(this.#whole.subarray(from, to))
    }
  }

  fail(error: unknown): void {
    for (const { reject } of this.#parts.slice(this.#gone)) reject(error)
    this.#gone = this.#parts.length
  }
}

interface Leaving {
  left: Promise<Float32Array>
  resolve(values: Float32Array): void
  reject(error: unknown): void
}

function leaving(): Leaving {
  let settle: Pick<Leaving, 'resolve' | 'reject'>
  const left = new Promise<Float32Array>((resolve, reject) => {
    settle = { resolve, reject }
  })
  // Nobody may ask for what fails.
  left.catch(() => {})
  return { left, ...settle! }
}

function placesOf(model: Pick<Model, 'parameters'>): { name: string; layer: number; from: number; to: number }[] {
  let at = 0
  return flatOrder(model).map((parameter) => {
    const from = at
    at += elementCount(parameter.shape)
    return { name: parameter.name, layer: layerOf(parameter), from, to: at }
  })
}

/** Of a parameter, by its Hugging Face name. A backward begins with those behind all layers. −1: final at its end. */
function layerOf({ name }: TensorSpec): number {
  if (name === 'lm_head.weight' || name === 'model.norm.weight') return Number.POSITIVE_INFINITY
  const found = /(?:^|\.)layers\.(\d+)\./.exec(name)
  return found ? Number(found[1]) : -1
}
