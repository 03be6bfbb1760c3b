import { type FileHandle, open } from 'node:fs/promises'
import { fileProblem } from '../checkpoint/files.ts'
import { formatBytes, problem, show } from '../checkpoint/problem.ts'
import { modelSpec } from '../families/index.ts'
import type { ModelConfig } from '../model-config.ts'
import type { TensorSpec } from '../spec.ts'
import { parametersOf } from '../spec.ts'
import type { WeightReader, WeightSource } from '../types.ts'
import { ropeFactorsName } from './config.ts'
import { dequantize, firstNotFinite } from './dequantize.ts'
import type { GgufHeader, GgufTensor } from './header.ts'
import { ggufName, huggingFaceName, pairedHeads, reorderRows, storedOffset } from './names.ts'
import { type BlockType, blockBytes, blockTypes } from './types.ts'

/** The weights of a GGUF file, tensor by tensor, under the names and in the order of Hugging Face. No more than one tensor is in memory. */

/** Numbers made of blocks at a time, whole blocks of every type: between two pieces the event loop gets its turn. */
const piece = 2 ** 20

/**
 * The weights that the configuration asks for, and no others.
 * @param confirm throws where the files are no longer those of the header
 * @throws CheckpointError naming file, tensor, expected and found
 */
export function ggufWeights(header: GgufHeader, config: ModelConfig, confirm: () => Promise<void>): WeightSource {
  const specs = parametersOf(modelSpec(config))
  checkTensors(header, config)
  return {
    specs,
    blockTypes: storedTypes(header, config, specs),
    async open() {
      const handles = new Map<string, FileHandle>()
      const close = async () => {
        for (const handle of handles.values()) await handle.close()
        handles.clear()
      }
      try {
        for (const { file } of header.tensors.values()) if (!handles.has(file)) handles.set(file, await openFile(file))
        await confirm()
      } catch (error) {
        await close()
        throw error
      }
      return reader(header, config, handles, close)
    },
  }
}

/** Types of the tensors that are read as they are stored. */
function storedTypes({ tensors }: GgufHeader, config: ModelConfig, specs: readonly TensorSpec[]): Map<string, BlockType> {
  const types = new Map<string, BlockType>()
  for (const { name } of specs) {
    const tensor = tensors.get(ggufName(config.family, name) ?? '')
    if (tensor && storedOffset(config, name) === 0) types.set(name, tensor.type)
  }
  return types
}

async function openFile(file: string): Promise<FileHandle> {
  try {
    return await open(file, 'r')
  } catch (error) {
    throw fileProblem(file, error)
  }
}

function reader(
  { metadata, tensors }: GgufHeader,
  config: ModelConfig,
  handles: ReadonlyMap<string, FileHandle>,
  close: () => Promise<void>,
): WeightReader {
  const find = (name: string): { tensor: GgufTensor; handle: FileHandle } => {
    const tensor = tensors.get(ggufName(config.family, name) ?? '')
    const handle = tensor && handles.get(tensor.file)
    if (tensor === undefined || handle === undefined)
      throw problem({ file: metadata.file, tensor: name }, 'a tensor of this name', tensor === undefined ? 'none' : 'a file that is closed')
    return { tensor, handle }
  }
  const ordered = <T extends Float32Array | Uint8Array>(name: string, rows: T): T => {
    const heads = pairedHeads(config, name)
    if (heads > 0) reorderRows(rows, heads, config.headDim, 'halves')
    return rows
  }
  return {
    async read(name) {
      const { tensor, handle } = find(name)
      const values = ordered(name, await readNumbers(handle, tensor))
      const offset = storedOffset(config, name)
      if (offset !== 0) for (let i = 0; i < values.length; i++) values[i] -= offset
      return values
    },
    async readBlocks(name) {
      if (storedOffset(config, name) !== 0) return undefined
      const { tensor, handle } = find(name)
      const bytes = allocate(tensor, tensor.bytes, Uint8Array)
      await readBytes(handle, tensor, 0, bytes)
      checkFinite(tensor, 0, bytes)
      return { type: tensor.type, bytes: ordered(name, bytes) }
    },
    close,
  }
}

/** Numbers of a small tensor, outside of any model. */
export async function readTensor(tensor: GgufTensor): Promise<Float32Array> {
  const handle = await openFile(tensor.file)
  try {
    return await readNumbers(handle, tensor)
  } finally {
    await handle.close()
  }
}

async function readNumbers(handle: FileHandle, tensor: GgufTensor): Promise<Float32Array> {
  const { type, count } = tensor
  const values = allocate(tensor, count, Float32Array)
  const buffer = new Uint8Array(blockBytes(type, Math.min(count, piece)))
  for (let at = 0; at < count; at += piece) {
    const length = Math.min(piece, count - at)
    const bytes = buffer.subarray(0, blockBytes(type, length))
    await readBytes(handle, tensor, blockBytes(type, at), bytes)
    checkFinite(tensor, at, bytes)
    dequantize(type, bytes, values.subarray(at, at + length))
  }
  return values
}

function allocate<T>(tensor: GgufTensor, length: number, kind: new (length: number) => T): T {
  try {
    return new kind(length)
  } catch {
    throw problem({ file: tensor.file, tensor: tensor.name }, 'room in memory', `none for ${formatBytes(tensor.count * 4)}`)
  }
}

async function readBytes(handle: FileHandle, { file, name, offset }: GgufTensor, from: number, target: Uint8Array): Promise<void> {
  try {
    for (let at = 0; at < target.length; ) {
      const { bytesRead } = await handle.read(target, at, target.length - at, offset + from + at)
      if (bytesRead === 0) throw problem({ file, tensor: name }, `${target.length} bytes at offset ${offset + from}`, 'the end of the file')
      at += bytesRead
    }
  } catch (error) {
    throw fileProblem(file, error)
  }
}

/** @param at index of the first number of these bytes */
function checkFinite({ file, name, type }: GgufTensor, at: number, bytes: Uint8Array): void {
  const wrong = firstNotFinite(type, bytes)
  if (wrong < 0) return
  const block: Record<string, number> = blockTypes[type]
  const found = block.elements === 1 ? `one that is not at index ${at + wrong}` : `a block with a scale that is not, at index ${at + wrong}`
  throw problem({ file, tensor: name }, 'finite numbers', found)
}

/** Types in which a norm or a bias is stored: they are short, and what is lost there is lost everywhere. */
const plainTypes: readonly BlockType[] = ['F32', 'F16', 'BF16']

/** Checks that the tensors are those of the configuration, with their shapes. */
function checkTensors({ metadata, tensors }: GgufHeader, config: ModelConfig): void {
  const architecture = metadata.string('general.architecture')
  const parameters = new Map(parametersOf(modelSpec(config)).map(({ name, shape }) => [name, shape]))
  for (const [name, shape] of parameters) {
    const stored = ggufName(config.family, name) ?? name
    const tensor = tensors.get(stored)
    const expected = `shape ${show(shape)}, as the keys ${architecture}.* say`
    if (tensor === undefined) throw problem({ file: metadata.file, tensor: stored }, expected, 'no such tensor')
    const place = { file: tensor.file, tensor: stored }
    if (show(tensor.shape) !== show(shape)) throw problem(place, expected, show(tensor.shape))
    if (shape.length === 1 && !plainTypes.includes(tensor.type))
      throw problem({ ...place, key: 'type' }, plainTypes.join(', '), tensor.type)
  }
  for (const { name, file, shape } of tensors.values()) {
    if (name === ropeFactorsName || parameters.has(huggingFaceName(config.family, name) ?? '')) continue
    throw problem(
      { file, tensor: name },
      `only the tensors of a ${config.family} model as its metadata describe it`,
      `this one, ${show(shape)}`,
    )
  }
}
