import { setImmediate } from 'node:timers/promises'
import { CheckpointError } from '../errors.ts'
import { modelSpec } from '../families/index.ts'
import type { ModelSpec } from '../spec.ts'
import type { AdapterPart, Adapters, Loadable, WeightReader, WeightSource } from '../types.ts'
import { factorNames, tokenRowsName } from './parameters.ts'

/**
 * Adapters merged into their base, for engines that do not keep them apart and for files that have no place for them: W + scale · B A, and rows
 * of the embedding replaced. Sums are float64, rounded to float32 once.
 */

/** The same checkpoint with its adapters merged; itself where it has none. */
export function merged<C extends Loadable>(checkpoint: C): C {
  const { adapters, ...rest } = checkpoint
  if (adapters === undefined) return checkpoint
  return { ...(rest as C), weights: mergedWeights(checkpoint.weights, modelSpec(checkpoint.config), adapters) }
}

/** The weights of `base` with adapters merged into them as they are read, one tensor at a time. What they do not touch is read as it is, blocks too. */
export function mergedWeights(base: WeightSource, spec: ModelSpec, { parts, tokens = [], weights: source }: Adapters): WeightSource {
  if (source === undefined) throw new CheckpointError('Adapters without weights cannot be merged: they are made where training begins.')
  const byWeight = new Map(parts.map((part) => [part.weight, part]))
  const embedding = spec.embedding.weight.name
  const touches = (name: string) => byWeight.has(name) || (tokens.length > 0 && name === embedding)
  const { blockTypes } = base
  return {
    specs: base.specs,
    ...(blockTypes && { blockTypes: new Map([...blockTypes].filter(([name]) => !touches(name))) }),
    async open() {
      const reader = await base.open()
      let own: WeightReader
      try {
        own = await source.open()
      } catch (error) {
        await reader.close()
        throw error
      }
      return {
        async read(name) {
          const values = await reader.read(name)
          const part = byWeight.get(name)
          if (part) await addProduct(values, part, own)
          if (tokens.length > 0 && name === embedding) {
            const rows = await own.read(tokenRowsName(spec))
            const width = spec.hiddenSize
            for (const [i, id] of tokens.entries()) values.set(rows.subarray(i * width, (i + 1) * width), id * width)
          }
          return values
        },
        ...(reader.readBlocks && { readBlocks: async (name: string) => (touches(name) ? undefined : reader.readBlocks?.(name)) }),
        async close() {
          await own.close()
          await reader.close()
        },
      }
    },
  }
}

/** Multiplications between two turns of the event loop: some milliseconds. */
const turn = 2 ** 22

/** weight (out, in) += scale · B A */
async function addProduct(weight: Float32Array, { weight: name, rank, scale }: AdapterPart, source: WeightReader): Promise<void> {
  const { a, b } = factorNames(name)
  const [A, B] = [await source.read(a), await source.read(b)]
  const width = A.length / rank
  const sum = new Float64Array(width)
  let work = 0
  for (let row = 0; row * width < weight.length; row++) {
    sum.fill(0)
    for (let k = 0; k < rank; k++) {
      const factor = B[row * rank + k]
      for (let i = 0, at = k * width; i < width; i++, at++) sum[i] += factor * A[at]
    }
    for (let i = 0, at = row * width; i < width; i++, at++) weight[at] += scale * sum[i]
    work += rank * width
    if (work < turn) continue
    work = 0
    await setImmediate()
  }
  const wrong = weight.findIndex((value) => !Number.isFinite(value))
  if (wrong >= 0)
    throw new CheckpointError(`${name}: the merged weight is ${weight[wrong]} at index ${wrong}. The adapter is too large to merge.`)
}
