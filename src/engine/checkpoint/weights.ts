import { headName, isLeftover } from '../families/decoder.ts'
import { modelSpec } from '../families/index.ts'
import type { ModelConfig } from '../model-config.ts'
import type { TensorSpec } from '../spec.ts'
import { elementCount, type ModelSpec, parametersOf } from '../spec.ts'
import type { WeightReader, WeightSource } from '../types.ts'
import { configFile } from './files.ts'
import { problem, show } from './problem.ts'
import { openSafetensors, type TensorSource } from './safetensors.ts'

/** Sources of weights, and reading them tensor by tensor. */

/**
 * The weights of a Hugging Face folder: those that its configuration asks for, with their shapes, and no others. A tied table may stand
 * under the name of the head.
 */
export function folderWeights(folder: string, config: ModelConfig): WeightSource {
  const spec = modelSpec(config)
  return {
    specs: parametersOf(spec),
    async open() {
      const source = await openSafetensors(folder)
      const stored = (name: string) => (name === spec.head.name && !source.tensors.has(name) ? headName : name)
      try {
        checkTensors(source, spec, config, stored)
      } catch (error) {
        await source.close()
        throw error
      }
      return { read: (name) => source.read(stored(name)), stored: (name) => source.stored(stored(name)), close: source.close }
    },
  }
}

/**
 * The weights of `source` in the larger shapes of `specs`: rows of zeros follow those that it has. Padded as they are read, one tensor at a time.
 * Blocks stay: one of zero bytes holds zeros, whatever its type.
 */
export function grownWeights(source: WeightSource, specs: readonly TensorSpec[]): WeightSource {
  const counts = new Map(specs.map(({ name, shape }) => [name, elementCount(shape)]))
  const before = new Map(source.specs.map(({ name, shape }) => [name, elementCount(shape)]))
  /** `data` are the numbers of the tensor or their bytes. */
  const grown = <T extends Float32Array | Uint8Array>(name: string, data: T, make: (length: number) => T): T => {
    const [from, to] = [before.get(name), counts.get(name)]
    if (from === undefined || to === undefined || from === to) return data
    const larger = make((data.length / from) * to)
    larger.set(data)
    return larger
  }
  return {
    specs,
    ...(source.blockTypes && { blockTypes: source.blockTypes }),
    async open() {
      const reader = await source.open()
      return {
        read: async (name) => grown(name, await reader.read(name), (length) => new Float32Array(length)),
        ...(reader.readBlocks && {
          readBlocks: async (name: string) => {
            const blocks = await reader.readBlocks?.(name)
            return blocks && { ...blocks, bytes: grown(name, blocks.bytes, (length) => new Uint8Array(length)) }
          },
        }),
        close: () => reader.close(),
      }
    },
  }
}

/** How rows of a table are made of others. */
interface MeanRows {
  /** Names of the tensors, each (rows, width). */
  tables: ReadonlySet<string>
  /** Row → the rows that it is the mean of. */
  of: ReadonlyMap<number, readonly number[]>
  /** Each row is halfway between that mean and the mean of the first so many rows. Absent: it is the mean of its own. */
  towards?: number
}

/** The weights of `source` with rows of its tables in place of what it has there. Sums are float64, in the order of the rows. Other tensors keep their blocks. */
export function withMeanRows(source: WeightSource, { tables, of, towards }: MeanRows): WeightSource {
  const widths = new Map(source.specs.map(({ name, shape }) => [name, shape[1]]))
  const { blockTypes } = source
  return {
    specs: source.specs,
    ...(blockTypes && { blockTypes: new Map([...blockTypes].filter(([name]) => !tables.has(name))) }),
    async open() {
      const reader = await source.open()
      return {
        async read(name) {
          const data = await reader.read(name)
          if (!tables.has(name)) return data
          const width = widths.get(name)!
          const mean = (rows: Iterable<number>, count: number): Float64Array => {
            const sum = new Float64Array(width)
            for (const row of rows) for (let c = 0; c < width; c++) sum[c] += data[row * width + c] / count
            return sum
          }
          const centre = towards === undefined ? undefined : mean(Array(towards).keys(), towards)
          const made = [...of].map(([row, rows]) => {
            const own = mean(rows, rows.length)
            return [row, centre ? own.map((x, c) => (x + centre[c]) / 2) : own] as const
          })
          for (const [row, values] of made) data.set(values, row * width)
          return data
        },
        ...(reader.readBlocks && { readBlocks: async (name: string) => (tables.has(name) ? undefined : reader.readBlocks?.(name)) }),
        close: () => reader.close(),
      }
    },
  }
}

/**
 * Streams the weights of a model with these parameters, in their order, one tensor in memory at a time. What was opened is closed
 * however it ends.
 * @throws CheckpointError naming file, tensor, expected and found
 */
export async function* readWeights(
  source: { folder: string; weights: WeightSource },
  parameters: readonly TensorSpec[],
): AsyncGenerator<{ spec: TensorSpec; data: Float32Array }, void, void> {
  const reader = await openWeights(source, parameters)
  try {
    for (const spec of parameters) yield { spec, data: await reader.read(spec.name) }
  } finally {
    await reader.close()
  }
}

/**
 * Opens what has these parameters in these shapes.
 * @throws CheckpointError naming file, tensor, expected and found
 */
export async function openWeights(
  { folder, weights }: { folder: string; weights: WeightSource },
  parameters: readonly TensorSpec[],
): Promise<WeightReader> {
  const shapes = new Map(weights.specs.map(({ name, shape }) => [name, shape]))
  for (const { name, shape } of parameters) {
    const found = shapes.get(name)
    if (!sameShape(found, shape))
      throw problem({ file: folder, tensor: name }, `shape ${show(shape)}`, found ? show(found) : 'no such tensor')
  }
  return weights.open()
}

function sameShape(found: readonly number[] | undefined, wanted: readonly number[]): boolean {
  return found?.length === wanted.length && found.every((size, i) => size === wanted[i])
}

/** Checks that the tensors are those of the configuration, with their shapes. `stored` gives the name that the files have for one. */
function checkTensors(source: TensorSource, spec: ModelSpec, config: ModelConfig, stored: (name: string) => string): void {
  const parameters = parametersOf(spec)
  const first = source.files[0]
  for (const { name, shape } of parameters) {
    const info = source.tensors.get(stored(name))
    if (info === undefined) throw problem({ file: first, tensor: name }, `shape ${show(shape)}, as ${configFile} says`, 'no such tensor')
    if (!sameShape(info.shape, shape))
      throw problem({ file: info.file, tensor: name }, `shape ${show(shape)}, as ${configFile} says`, show(info.shape))
    if (info.dtype !== 'F32' && info.dtype !== 'BF16' && info.dtype !== 'F16')
      throw problem({ file: info.file, tensor: name, key: 'dtype' }, 'F32, BF16 or F16', info.dtype)
  }
  const known = new Set(parameters.map(({ name }) => name))
  for (const { name, file, shape } of source.tensors.values()) {
    if (known.has(name) || isLeftover(name, spec)) continue
    throw problem(
      { file, tensor: name },
      `only the tensors of a ${config.family} model as ${configFile} describes it`,
      `this one, ${show(shape)}`,
    )
  }
}
