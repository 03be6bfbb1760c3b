import { closeSync, openSync } from 'node:fs'
import { fileProblem, statFile } from '../checkpoint/files.ts'
import { formatBytes, problem, show } from '../checkpoint/problem.ts'
import { elementCount } from '../spec.ts'
import { Cursor, safe } from './cursor.ts'
import { GgufMetadata } from './metadata.ts'
import {
  type BlockType,
  blockBytes,
  blockType,
  blockTypeNames,
  blockTypes,
  type GgufValue,
  typeLabel,
  type ValueType,
  valueTypes,
} from './types.ts'

/**
 * The header of a GGUF file of version 2 or 3: keys with values, then the table of tensors. Rules are those of ggml's reader
 * (ggml/src/gguf.cpp): names are unique, tensors lie one behind the other in the order of the table, each at a multiple of the alignment,
 * and the file ends with the last one. A file is untrusted: it is checked before anything is made of its numbers.
 */

export interface GgufTensor {
  /** In the file, e.g. `blk.0.attn_q.weight`. */
  name: string
  file: string
  type: BlockType
  /** Row-major, a row last: (out, in) for a linear layer, as Hugging Face has it. The file names the row first. */
  shape: number[]
  /** Numbers in it. */
  count: number
  /** Of its first byte in the file, and how many they are. */
  offset: number
  bytes: number
}

export interface GgufHeader {
  metadata: GgufMetadata
  tensors: ReadonlyMap<string, GgufTensor>
}

/** Bounds of what a file may say: several times what the largest model has. */
const mostKeys = 2 ** 14
const mostTensors = 2 ** 17
const longestKey = 2 ** 16 - 1
const longestName = 64
const mostStrings = 2 ** 22

/** The least that an entry takes: an empty key and a byte; a name, one size, type and offset. */
const keyBytes = 13
const entryBytes = 32

const magic = 0x46554747

/**
 * Reads the header of one file. Data of tensors are not read.
 * @throws CheckpointError naming file, field, expected and found
 */
export function readHeader(file: string): GgufHeader {
  const size = statFile(file)?.size
  if (size === undefined) throw problem({ file }, 'a GGUF file', 'no such file')
  let descriptor: number
  try {
    descriptor = openSync(file, 'r')
  } catch (error) {
    throw fileProblem(file, error)
  }
  try {
    return parse(new Cursor(file, descriptor, size))
  } finally {
    closeSync(descriptor)
  }
}

function parse(cursor: Cursor): GgufHeader {
  const { file } = cursor
  if (cursor.size < 24) throw problem({ file }, 'a GGUF file', cursor.size === 0 ? 'an empty file' : `a file of ${cursor.size} bytes`)
  const found = cursor.u32()
  if (found !== magic) throw problem({ file }, 'a GGUF file', `other bytes at its beginning (0x${found.toString(16).padStart(8, '0')})`)
  cursor.field = 'version'
  const version = cursor.u32()
  if (version !== 2 && version !== 3) {
    const bigEndian = version !== 0 && (version & 0xffff) === 0
    throw cursor.fail('version 2 or 3, little endian', bigEndian ? 'a big-endian file' : `version ${version}`, 'Convert the model again.')
  }
  cursor.field = 'tensor_count'
  const tensorCount = cursor.count(mostTensors, 'a number of tensors')
  cursor.field = 'metadata_kv_count'
  const keyCount = cursor.count(mostKeys, 'a number of keys')
  cursor.need(keyCount, keyBytes)
  const values = new Map<string, GgufValue>()
  for (let i = 0; i < keyCount; i++) {
    cursor.field = `key ${i}`
    const key = cursor.text(longestKey)
    cursor.field = key
    if (values.has(key)) throw cursor.fail('every key once', 'it twice')
    values.set(key, readValue(cursor))
  }
  const metadata = new GgufMetadata(file, values)
  return { metadata, tensors: readTensors(cursor, tensorCount, alignmentOf(metadata)) }
}

/** Where each tensor may begin: multiples of it, counted from the beginning of the data. */
function alignmentOf(metadata: GgufMetadata): number {
  const key = 'general.alignment'
  const alignment = metadata.count(key) ?? 32
  if (alignment < 1 || alignment > 2 ** 20 || (alignment & (alignment - 1)) !== 0) throw metadata.fail(key, 'a power of 2, at most 2^20')
  return alignment
}

const typeNames = new Map(Object.entries(valueTypes).map(([name, id]) => [id as number, name as ValueType]))

const arrays = {
  ...{ uint8: Uint8Array, int8: Int8Array, uint16: Uint16Array, int16: Int16Array, uint32: Uint32Array, int32: Int32Array },
  ...{ uint64: BigUint64Array, int64: BigInt64Array, float32: Float32Array, float64: Float64Array, bool: Uint8Array },
}

function readType(cursor: Cursor): ValueType {
  const id = cursor.u32()
  const type = typeNames.get(id)
  if (type === undefined) throw cursor.fail(`a type of value, 0 to ${typeNames.size - 1}`, `${id}`)
  return type
}

function readValue(cursor: Cursor): GgufValue {
  const type = readType(cursor)
  if (type === 'string') return cursor.text()
  if (type === 'array') return readArray(cursor)
  const value = cursor.one(new arrays[type](1))
  if (typeof value === 'bigint') return safe(value)
  return type === 'bool' ? toBoolean(cursor, value) : value
}

function toBoolean(cursor: Cursor, value: number): boolean {
  if (value > 1) throw cursor.fail('a bool, 0 or 1', `${value}`)
  return value === 1
}

function readArray(cursor: Cursor): GgufValue {
  const type = readType(cursor)
  if (type === 'array') throw cursor.fail('an array of texts or numbers', 'an array of arrays')
  const length = cursor.count(Number.MAX_SAFE_INTEGER, 'a length')
  if (type !== 'string') {
    cursor.need(length, arrays[type].BYTES_PER_ELEMENT)
    const values = cursor.fill(new arrays[type](length))
    if (type === 'bool') for (const value of values) toBoolean(cursor, Number(value))
    return values
  }
  cursor.need(length, 8)
  if (length > mostStrings) throw cursor.fail(`at most ${mostStrings} texts`, `${length}`)
  const texts: string[] = []
  for (cursor.index = 0; cursor.index < length; cursor.index++) texts.push(cursor.text())
  cursor.index = undefined
  return texts
}

function readTensors(cursor: Cursor, count: number, alignment: number): Map<string, GgufTensor> {
  cursor.field = 'tensor_count'
  cursor.need(count, entryBytes)
  const tensors = new Map<string, GgufTensor>()
  for (let i = 0; i < count; i++) {
    cursor.field = `tensor ${i}`
    const tensor = readTensor(cursor)
    if (tensors.has(tensor.name)) throw cursor.fail('every tensor once', 'it twice')
    tensors.set(tensor.name, tensor)
  }
  const padded = (at: number) => Math.ceil(at / alignment) * alignment
  const start = padded(cursor.position)
  let end = 0
  for (const tensor of tensors.values()) {
    const place = { file: cursor.file, tensor: tensor.name, key: 'offset' }
    if (tensor.offset !== padded(end)) throw problem(place, `${padded(end)}, behind the tensor before it`, `${tensor.offset}`)
    end = tensor.offset + tensor.bytes
    tensor.offset += start
    if (start + end <= cursor.size) continue
    throw problem(
      place,
      `${formatBytes(tensor.bytes)} at offset ${tensor.offset}`,
      `a file of ${cursor.size} bytes`,
      'It is cut: fetch it again.',
    )
  }
  const rest = cursor.size - (tensors.size === 0 ? padded(cursor.position) : start + padded(end))
  if (rest > 0) throw problem({ file: cursor.file }, 'the end of the file behind the last tensor', `${rest} bytes more`)
  return tensors
}

/** Its offset is that from the beginning of the data. */
function readTensor(cursor: Cursor): GgufTensor {
  const name = cursor.text(longestName)
  cursor.field = `tensor ${show(name)}`
  const dimensions = cursor.u32()
  if (dimensions < 1 || dimensions > 4) throw cursor.fail('1 to 4 sizes', `${dimensions}`)
  const shape = Array.from({ length: dimensions }, () => cursor.count(2 ** 32, 'a size')).reverse()
  const id = cursor.u32()
  const type = blockType(id)
  if (type === undefined) {
    const next = 'Use a file with other types, such as Q8_0, Q4_K_M or F16.'
    throw cursor.fail(`one of the types ${blockTypeNames.join(', ')}`, typeLabel(id), next)
  }
  const count = elementCount(shape)
  const row = shape[dimensions - 1]
  if (shape.includes(0) || !Number.isSafeInteger(count)) throw cursor.fail('sizes above 0 that a file can hold', show(shape))
  if (row % blockTypes[type].elements !== 0)
    throw cursor.fail(`rows of whole blocks of ${blockTypes[type].elements} (${type})`, `rows of ${row}`)
  const offset = cursor.u64()
  if (typeof offset === 'bigint') throw cursor.fail('an offset in the file', `${offset}`)
  return { name, file: cursor.file, type, shape, count, offset, bytes: blockBytes(type, count) }
}
