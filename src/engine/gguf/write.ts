import { diskOps, type FileOps, type FileWriter, writeFileAtomic } from '../checkpoint/atomic.ts'
import { problem, show } from '../checkpoint/problem.ts'
import { elementCount } from '../spec.ts'
import { firstOverflow, quantize, type WrittenType } from './quantize.ts'
import { type BlockType, blockBytes, blockTypes, type ValueType, valueTypes } from './types.ts'

/**
 * Writing of a GGUF file, version 3, in pieces: magic, version, counts, metadata, the table of tensors, then their data, each from a
 * multiple of 32 bytes on.
 */

/** Metadata as it is written. Numbers have to say how wide they are: llama.cpp refuses a key of another type. */
export type WrittenValue = string | boolean | { uint32: number } | { float32: number } | readonly string[] | Int32Array | Float32Array

export interface TensorToWrite {
  name: string
  /** As Hugging Face has it: a matrix is (out, in). The file counts dimensions from the innermost on. */
  shape: readonly number[]
  type: WrittenType
  /** Row-major. Called when its turn comes, so that one tensor at a time is in memory. */
  data: () => Promise<Float32Array>
}

export interface GgufContent {
  metadata: ReadonlyMap<string, WrittenValue>
  tensors: readonly TensorToWrite[]
}

const version = 3
const alignment = 32
/** Numbers converted at a time: between two pieces the event loop gets its turn. Whole blocks of every type. */
const piece = 2 ** 20
/** ggml keeps names in 64 bytes with a zero at their end. */
const longestName = 63

/**
 * Writes the file in place of what had its name. At any moment, also after a kill, the previous file or the new one is whole.
 * @throws CheckpointError naming the tensor whose numbers the type cannot hold; an error of the system where the disk fails
 */
export async function writeGguf(file: string, content: GgufContent, ops: FileOps = diskOps): Promise<void> {
  const header = encodeHeader(file, content)
  await writeFileAtomic(
    file,
    async (writer) => {
      await writer.write(padded(header))
      for (const tensor of content.tensors) await writeTensor(writer, file, tensor)
    },
    ops,
  )
}

function dataBytes({ type, shape }: Pick<TensorToWrite, 'type' | 'shape'>): number {
  return blockBytes(type, elementCount(shape))
}

function aligned(bytes: number): number {
  return Math.ceil(bytes / alignment) * alignment
}

function padded(bytes: Uint8Array): Uint8Array {
  const full = new Uint8Array(aligned(bytes.length))
  full.set(bytes)
  return full
}

async function writeTensor(writer: FileWriter, file: string, tensor: TensorToWrite): Promise<void> {
  const { name, type, shape } = tensor
  const place = { file, tensor: name }
  const values = await tensor.data()
  const count = elementCount(shape)
  if (values.length !== count) throw problem(place, `${count} numbers (shape ${show(shape)})`, `${values.length}`)
  for (let at = 0; at < count; at += piece) {
    const part = values.subarray(at, at + piece)
    const bytes = quantize(type, part)
    const bad = firstOverflow(type, part, bytes)
    if (bad >= 0) {
      const next = type === 'F32' ? undefined : 'Use a type of more range: bf16 or f32.'
      throw problem(place, `finite numbers in ${type}`, `${part[bad]} at index ${at + bad}`, next)
    }
    await writer.write(bytes)
  }
  const rest = aligned(dataBytes(tensor)) - dataBytes(tensor)
  if (rest > 0) await writer.write(new Uint8Array(rest))
}

function encodeHeader(file: string, { metadata, tensors }: GgufContent): Uint8Array {
  const parts = [Buffer.from('GGUF'), uint32(version), uint64(tensors.length), uint64(metadata.size)]
  for (const [key, value] of metadata) parts.push(text(key), ...encodeValue(value))
  let offset = 0
  const names = new Set<string>()
  for (const tensor of tensors) {
    const { name, shape, type } = tensor
    checkTensor(file, tensor, names)
    const inwards = [...shape].reverse()
    parts.push(text(name), uint32(inwards.length), ...inwards.map(uint64), uint32(blockTypes[type].id), uint64(offset))
    offset += aligned(dataBytes(tensor))
  }
  return Buffer.concat(parts)
}

function checkTensor(file: string, { name, shape, type }: TensorToWrite, names: Set<string>): void {
  const place = { file, tensor: name }
  if (names.has(name)) throw problem(place, 'every name once', 'it twice')
  names.add(name)
  const length = Buffer.byteLength(name)
  if (length === 0 || length > longestName) throw problem(place, `a name of 1 to ${longestName} bytes`, `${length}`)
  const columns = shape.at(-1) ?? 0
  if (!fits(type, columns)) throw problem(place, `rows of a multiple of ${blockTypes[type].elements} numbers for ${type}`, show(shape))
}

/** Whether a row of so many numbers is whole blocks. */
export function fits(type: BlockType, columns: number): boolean {
  return columns > 0 && columns % blockTypes[type].elements === 0
}

function encodeValue(value: WrittenValue): Buffer[] {
  const typed = (type: ValueType, ...bytes: Buffer[]) => [uint32(valueTypes[type]), ...bytes]
  const array = (type: ValueType, length: number, ...bytes: Buffer[]) => typed('array', uint32(valueTypes[type]), uint64(length), ...bytes)
  if (typeof value === 'string') return typed('string', text(value))
  if (typeof value === 'boolean') return typed('bool', Buffer.of(value ? 1 : 0))
  if (value instanceof Int32Array) return array('int32', value.length, Buffer.from(value.buffer, value.byteOffset, value.byteLength))
  if (value instanceof Float32Array) return array('float32', value.length, Buffer.from(value.buffer, value.byteOffset, value.byteLength))
  if ('uint32' in value) return typed('uint32', uint32(value.uint32))
  if ('float32' in value) return typed('float32', Buffer.from(Float32Array.of(value.float32).buffer))
  return array('string', value.length, ...value.map(text))
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return bytes
}

function uint64(value: number): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64LE(BigInt(value))
  return bytes
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value)
  return Buffer.concat([uint64(bytes.length), bytes])
}
