/** In which blocks the matrices of a model are held, without a float32 copy. Norms and biases are float32 always. */

import { type BlockType, blockBytes, blockTypes } from '../gguf/types.ts'
import { elementCount, type ModelSpec, type ParameterSpec, parametersOf } from '../spec.ts'

/** Type of every matrix by its name. */
export type Held = ReadonlyMap<string, BlockType>

/** What the precisions that quantise as they load are called in ggml. */
export const quantizedTypes = { int8: 'Q8_0', int4: 'Q4_0' } as const satisfies Record<string, BlockType>

/** Types that float32 numbers are turned into here; blocks of the others are taken as they are. */
export const writableTypes: ReadonlySet<BlockType> = new Set(['F32', 'BF16', 'Q8_0', 'Q4_0'])

function matricesOf(spec: ModelSpec): ParameterSpec[] {
  return parametersOf(spec).filter(({ shape }) => shape.length === 2)
}

/** Blocks to quantise to; a matrix whose rows are no whole blocks is held in bfloat16. */
export function quantizedTo(spec: ModelSpec, precision: keyof typeof quantizedTypes): Held {
  const type = quantizedTypes[precision]
  const fits = ({ shape }: ParameterSpec) => shape[1] % blockTypes[type].elements === 0
  return new Map(matricesOf(spec).map((matrix) => [matrix.name, fits(matrix) ? type : 'BF16']))
}

/** The blocks that a source stores; undefined where it stores float32 only. */
export function asStored(spec: ModelSpec, stored: ReadonlyMap<string, BlockType> | undefined): Held | undefined {
  const held = new Map(matricesOf(spec).map(({ name }) => [name, stored?.get(name) ?? 'F32']))
  return [...held.values()].every((type) => type === 'F32') ? undefined : held
}

/** Bytes of all parameters. Panels of 16 rows are filled up. */
export function heldBytes(spec: ModelSpec, held: Held): number {
  return parametersOf(spec).reduce((sum, { name, shape }) => {
    const type = held.get(name)
    return sum + (type ? blockBytes(type, Math.ceil(shape[0] / 16) * 16 * shape[1]) : 4 * elementCount(shape))
  }, 0)
}

/** `Q4_1 and Q8_0 blocks`: the types, the one of most numbers first. */
export function describeHeld(spec: ModelSpec, held: Held): string {
  const counts = new Map<BlockType, number>()
  for (const { name, shape } of matricesOf(spec)) {
    const type = held.get(name)!
    counts.set(type, (counts.get(type) ?? 0) + elementCount(shape))
  }
  const names = [...counts].sort(([, a], [, b]) => b - a).map(([type]) => type)
  return `${[names.slice(0, -1).join(', '), names.at(-1)].filter(Boolean).join(' and ')} blocks`
}
