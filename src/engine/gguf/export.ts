import { existsSync } from 'node:fs'
import { open } from 'node:fs/promises'
import path from 'node:path'
import { diskOps, type FileOps } from '../checkpoint/atomic.ts'
import { fileProblem, parallelInfoFile } from '../checkpoint/files.ts'
import type { Checkpoint } from '../checkpoint/folder.ts'
import { problem, saveProblem } from '../checkpoint/problem.ts'
import { modelSpec } from '../families/index.ts'
import type { ModelConfig } from '../model-config.ts'
import { parametersOf } from '../spec.ts'
import type { WeightReader } from '../types.ts'
import { architectureMetadata, type Metadata, ropeFactors } from './export-config.ts'
import { tokenizerMetadata } from './export-tokenizer.ts'
import { architectures, ggufName, pairedHeads, reorderRows, storedOffset } from './names.ts'
import type { WrittenType } from './quantize.ts'
import { fits, type GgufContent, type TensorToWrite, writeGguf } from './write.ts'

/** A checkpoint as one GGUF file for llama.cpp and all that is built on it. */

/** Types of a file: the number that `general.file_type` has for it, and the type of its matrices. */
const fileTypes = {
  f32: { id: 0, matrices: 'F32' },
  f16: { id: 1, matrices: 'F16' },
  bf16: { id: 32, matrices: 'BF16' },
  q8_0: { id: 7, matrices: 'Q8_0' },
  q4_0: { id: 2, matrices: 'Q4_0' },
} as const satisfies Record<string, { id: number; matrices: WrittenType }>

export type GgufFileType = keyof typeof fileTypes

export const ggufFileTypes = Object.keys(fileTypes) as readonly GgufFileType[]

interface ExportOptions {
  type: GgufFileType
  /** `general.name`. */
  name: string
  /** `tokenizer.ggml.pre` where llama.cpp has none that cuts as the tokenizer does. */
  pre?: string
  /** Hears of every tensor, before it is read. */
  onTensor?: (done: number, total: number) => void
  ops?: FileOps
}

interface Exported {
  /** What llama.cpp does not do as this package does, a sentence each. */
  notes: string[]
}

/**
 * Writes a checkpoint as GGUF, one tensor in memory at a time. The file appears whole or not at all.
 * @throws CheckpointError naming what llama.cpp cannot compute, what the type cannot hold, or what the disk did
 */
export async function exportGguf(checkpoint: Checkpoint, file: string, options: ExportOptions): Promise<Exported> {
  const { ops = diskOps } = options
  const { metadata, notes } = metadataOf(checkpoint, options)
  await refuseForeignFile(file)
  await checkpoint.identity.confirm()
  const reader = await checkpoint.weights.open()
  try {
    const tensors = tensorsOf(checkpoint.config, reader, options)
    const content: GgufContent = { metadata, tensors }
    await writeGguf(file, content, ops)
    return { notes }
  } catch (error) {
    throw saveProblem(file, 'the GGUF file', error, existsSync(file) ? 'The previous file' : undefined)
  } finally {
    await reader.close()
  }
}

function metadataOf(checkpoint: Checkpoint, { type, name, pre }: ExportOptions): { metadata: Metadata; notes: string[] } {
  const { config, parallel, folder } = checkpoint
  const tokenizer = tokenizerMetadata(checkpoint, pre)
  const metadata: Metadata = new Map([
    ['general.architecture', architectures[config.family]],
    ['general.type', 'model'],
    ['general.name', name],
    ['general.file_type', { uint32: fileTypes[type].id }],
    ['general.quantization_version', { uint32: 2 }],
    ...architectureMetadata(config, folder),
    ...tokenizer.metadata,
  ])
  // llama.cpp passes over keys that it does not know. This package reads it again.
  if (parallel !== undefined) metadata.set(parallelInfoFile, JSON.stringify(parallel))
  const notes = [...tokenizer.notes]
  if (parallel?.attention === 'structured')
    notes.push('llama.cpp reads text in order, and the paths of this model do not see each other: inside a block it answers otherwise.')
  return { metadata, notes }
}

/** Every tensor of the file. Rows of q and k, and the norms of gemma3, come in llama.cpp's form. */
function tensorsOf(config: ModelConfig, reader: WeightReader, { type, onTensor }: ExportOptions): TensorToWrite[] {
  const spec = modelSpec(config)
  const parameters = parametersOf(spec)
  const tensors = parameters.map(({ name, shape }, i): TensorToWrite => {
    const written = ggufName(config.family, name)
    if (written === undefined) throw problem({ file: config.family, tensor: name }, 'a parameter that llama.cpp has', 'none')
    return {
      ...{ name: written, shape, type: typeOf(fileTypes[type].matrices, shape, name === spec.head.name) },
      async data() {
        onTensor?.(i, parameters.length)
        const data = await reader.read(name)
        const heads = pairedHeads(config, name)
        if (heads > 0) reorderRows(data, heads, config.headDim, 'pairs')
        const offset = storedOffset(config, name)
        if (offset !== 0) for (let k = 0; k < data.length; k++) data[k] += offset
        return data
      },
    }
  })
  const factors = ropeFactors(config)
  if (factors === undefined) return tensors
  return [...tensors, { name: 'rope_freqs.weight', shape: [factors.length], type: 'F32', data: async () => factors }]
}

/** As llama.cpp's tools choose: norms and biases as they are; the head, which four bits harm most, in eight; rows that are no whole blocks in 16 bits. */
function typeOf(matrices: WrittenType, shape: readonly number[], isHead: boolean): WrittenType {
  if (shape.length < 2) return 'F32'
  const wanted = matrices === 'Q4_0' && isHead ? 'Q8_0' : matrices
  return fits(wanted, shape[shape.length - 1]) ? wanted : 'F16'
}

/** A name that was mistyped must not cost another file. */
async function refuseForeignFile(file: string): Promise<void> {
  if (!existsSync(file)) return
  try {
    const handle = await open(file, 'r')
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(4), 0, 4, 0).finally(() => handle.close())
    if (buffer.subarray(0, bytesRead).toString('latin1') === 'GGUF') return
  } catch (error) {
    throw fileProblem(file, error)
  }
  throw problem({ file }, 'a GGUF file to replace, or a new name', 'another file', `Name a new one, such as ${path.basename(file)}.gguf.`)
}
