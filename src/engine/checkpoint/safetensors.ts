import { closeSync, openSync, readSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import path from 'node:path'
import { crc32 } from 'node:zlib'
import { isObject } from '../../json.ts'
import { CheckpointError } from '../errors.ts'
import { elementCount } from '../spec.ts'
import type { StoredNumbers, WeightReader } from '../types.ts'
import { diskOps, type FileOps } from './atomic.ts'
import { checksumMetadata, compareChecksum, startChecksum } from './checksums.ts'
import { otherWeights } from './elsewhere.ts'
import { fileProblem, own, parseJsonObject, readTextIfPresent, refuseDuplicateKeys, statFile } from './files.ts'
import { narrowBfloat16, widenBfloat16, widenFloat16 } from './floats.ts'
import { formatBytes, problem, show } from './problem.ts'
import { headerLength, metadataOf, parseHeader, prefixBytes, type TensorInfo, widths } from './safetensors-header.ts'

/** Reading and writing of safetensors files, in pieces: no file is held in memory as a whole. */

export const singleFile = 'model.safetensors'
export const indexFile = 'model.safetensors.index.json'

/** Numbers converted at a time (16 MiB of float32): between two pieces the event loop gets its turn. */
const piece = 2 ** 22

/** Open safetensors files. `read` throws `CheckpointError` on a NaN or infinity, a dtype that is no float, a file that changed. */
export interface TensorSource extends WeightReader {
  readonly tensors: ReadonlyMap<string, TensorInfo>
  /** Files that hold the tensors: one, or the shards. */
  readonly files: readonly string[]
  /**
   * Reads everything and returns a checksum of the headers, which stands for all of it. Throws `CheckpointError` naming the tensor that
   * has no checksum, or not the data that were written.
   */
  verify(): Promise<number>
  stored(name: string): StoredNumbers
  /** Whether two tensors of equal shape hold equal numbers. Reads no further than the first piece that differs. */
  sameNumbers(name: string, other: string): Promise<boolean>
}

/** Names of the files that hold a folder's weights: one, or the index and its shards. Where there is neither, those that one would look for. */
export function weightFiles(folder: string): string[] {
  if (statFile(path.join(folder, singleFile)) !== undefined) return [singleFile]
  const index = path.join(folder, indexFile)
  const text = readTextIfPresent(index)
  return text === undefined ? [singleFile, indexFile] : [indexFile, ...shardsOf(parseIndex(index, text))]
}

/** Opens the weights of a Hugging Face folder: `model.safetensors`, else the shards that its index names. All headers are checked. */
export async function openSafetensors(folder: string): Promise<TensorSource> {
  const single = path.join(folder, singleFile)
  if (statFile(single) !== undefined) return openFiles([single])
  const index = path.join(folder, indexFile)
  const text = readTextIfPresent(index)
  if (text === undefined) {
    const other = otherWeights(folder)
    throw problem({ file: folder }, `${singleFile} or ${indexFile}`, other?.what ?? 'neither', other?.next)
  }
  const shardOf = parseIndex(index, text)
  const shards = shardsOf(shardOf).map((shard) => path.join(folder, shard))
  for (const shard of shards)
    if (statFile(shard) === undefined) throw problem({ file: shard }, `a shard that ${indexFile} names`, 'no such file')
  const source = await openFiles(shards)
  try {
    for (const [name, shard] of shardOf) {
      const file = path.join(folder, shard)
      const info = source.tensors.get(name)
      if (info?.file !== file)
        throw problem(
          { file, tensor: name },
          `the tensor here, as ${indexFile} says`,
          info === undefined ? 'it nowhere' : `it in ${info.file}`,
        )
    }
  } catch (error) {
    await source.close()
    throw error
  }
  return source
}

/** Opens one safetensors file of any name. */
export function openSafetensorsFile(file: string): Promise<TensorSource> {
  return openFiles([file])
}

/** `__metadata__` of a file whose header is sound, empty where there is none. */
export function readMetadata(file: string): Readonly<Record<string, string>> {
  const size = statFile(file)?.size ?? 0
  const descriptor = openSync(file, 'r')
  try {
    const prefix = new Uint8Array(prefixBytes)
    readSync(descriptor, prefix, 0, prefixBytes, 0)
    const header = new Uint8Array(headerLength(file, prefix, size))
    readSync(descriptor, header, 0, header.length, prefixBytes)
    return metadataOf(file, header)
  } finally {
    closeSync(descriptor)
  }
}

/** tensor → file name of its shard */
function parseIndex(index: string, text: string): Map<string, string> {
  const json = parseJsonObject(text, index)
  refuseDuplicateKeys(text, index)
  const map = own(json, 'weight_map')
  if (!isObject(map)) throw problem({ file: index, key: 'weight_map' }, 'an object', show(map))
  const shardOf = new Map<string, string>()
  for (const [name, shard] of Object.entries(map)) {
    // A plain name only: the index must not lead out of the folder, nor to a file that is no shard (itself, for one).
    if (typeof shard !== 'string' || !/^[\w-][\w.-]*\.safetensors$/.test(shard) || shard.length > 255)
      throw problem(
        { file: index, tensor: name, key: 'weight_map' },
        'the plain name of a .safetensors file in the same folder',
        show(shard),
      )
    shardOf.set(name, shard)
  }
  if (shardOf.size === 0) throw problem({ file: index, key: 'weight_map' }, 'at least one tensor', 'none')
  return shardOf
}

function shardsOf(shardOf: ReadonlyMap<string, string>): string[] {
  return [...new Set(shardOf.values())].sort()
}

async function openFiles(files: string[]): Promise<TensorSource> {
  const handles = new Map<string, FileHandle>()
  const close = async () => {
    for (const handle of handles.values()) await handle.close()
    handles.clear()
  }
  const tensors = new Map<string, TensorInfo>()
  let headers = 0
  try {
    for (const file of files) {
      const size = statFile(file)?.size
      if (size === undefined) throw problem({ file }, 'a safetensors file', 'no such file')
      if (size < prefixBytes) throw problem({ file }, 'a safetensors file', size === 0 ? 'an empty file' : `a file of ${size} bytes`)
      const handle = await open(file, 'r')
      handles.set(file, handle)
      const prefix = await readFully(handle, new Uint8Array(prefixBytes), 0, file)
      const header = await readFully(handle, new Uint8Array(headerLength(file, prefix, size)), prefixBytes, file)
      headers = crc32(header, crc32(prefix, headers))
      for (const info of parseHeader(file, header, size)) {
        const other = tensors.get(info.name)
        if (other !== undefined) throw problem({ file, tensor: info.name }, 'every tensor once', `it in ${other.file} too`)
        tensors.set(info.name, info)
      }
    }
  } catch (error) {
    await close()
    throw files.length === 1 ? fileProblem(files[0], error) : fileProblem(path.dirname(files[0]), error)
  }
  const find = (name: string): [FileHandle, TensorInfo] => {
    const info = tensors.get(name)
    const handle = info && handles.get(info.file)
    if (info === undefined || handle === undefined)
      throw problem({ file: files[0], tensor: name }, 'a tensor of this name', info === undefined ? 'none' : 'a source that is closed')
    return [handle, info]
  }
  const read = async (name: string) => readTensor(...find(name))
  const stored = (name: string): StoredNumbers => {
    const [{ fd }, info] = find(name)
    const { offset, checksum } = info
    return {
      descriptor: fd,
      offset,
      type: floatType(info),
      ...(checksum !== undefined && { checksum: { start: startChecksum(info), end: checksum } }),
    }
  }
  const sameNumbers = async (name: string, other: string) => {
    const [one, two] = [name, other].map((each) => {
      const [handle, info] = find(each)
      const buffer = new Float32Array(Math.min(piece, info.count))
      return readFloats(handle, info, (_, length) => buffer.subarray(0, length))
    })
    for (let [a, b] = [await one.next(), await two.next()]; !a.done && !b.done; [a, b] = [await one.next(), await two.next()]) {
      const right = b.value
      if (a.value.some((value, i) => value !== right[i])) return false
    }
    return true
  }
  const verify = async () => {
    const longest = [...tensors.values()].reduce((most, { count, dtype }) => Math.max(most, Math.min(piece, count) * widths[dtype]), 0)
    const buffer = new Uint8Array(longest)
    for (const info of tensors.values()) {
      if (info.count > 0 && info.checksum === undefined) throw problem({ file: info.file, tensor: info.name }, 'a checksum', 'none')
      const pieces = readPieces(handles.get(info.file)!, info, (_, length) => buffer.subarray(0, length * widths[info.dtype]))
      while (!(await pieces.next()).done);
    }
    return headers
  }
  return { tensors, files, read, stored, verify, sameNumbers, close }
}

async function readFully(handle: FileHandle, target: Uint8Array, position: number, file: string): Promise<Uint8Array> {
  for (let at = 0; at < target.length; ) {
    const { bytesRead } = await handle.read(target, at, target.length - at, position + at)
    if (bytesRead === 0) throw problem({ file }, `${target.length} bytes at offset ${position}`, `the end of the file after ${at}`)
    at += bytesRead
  }
  return target
}

const widen = { BF16: widenBfloat16, F16: widenFloat16 }

async function readTensor(handle: FileHandle, info: TensorInfo): Promise<Float32Array> {
  const { name, file, count } = info
  const place = { file, tensor: name }
  let values: Float32Array
  try {
    values = new Float32Array(count)
  } catch {
    throw problem(place, 'room in memory', `none for ${formatBytes(count * 4)}`)
  }
  let finite = true
  for await (const part of readFloats(handle, info, (at, length) => values.subarray(at, at + length))) finite &&= allFinite(part)
  if (!finite) {
    const first = values.findIndex((value) => !Number.isFinite(value))
    const bad = values.reduce((sum, value) => sum + (Number.isFinite(value) ? 0 : 1), 0)
    throw problem(place, 'finite numbers', `${values[first]} at index ${first} (${bad} of ${count} are not finite)`)
  }
  return values
}

function floatType({ file, name, dtype }: TensorInfo): StoredNumbers['type'] {
  if (dtype === 'F32' || dtype === 'BF16' || dtype === 'F16') return dtype
  throw problem({ file, tensor: name, key: 'dtype' }, 'F32, BF16 or F16', dtype)
}

/** Reads a tensor of floats piece by piece into the arrays that `target` gives, as float32, and yields them. */
async function* readFloats(
  handle: FileHandle,
  info: TensorInfo,
  target: (at: number, length: number) => Float32Array,
): AsyncGenerator<Float32Array, void, void> {
  const { count } = info
  const dtype = floatType(info)
  const narrow = new Uint16Array(dtype === 'F32' ? 0 : Math.min(piece, count))
  const raw = (at: number, length: number) => (dtype === 'F32' ? target(at, length) : narrow.subarray(0, length))
  for await (const { at, length } of readPieces(handle, info, raw)) {
    const part = target(at, length)
    if (dtype !== 'F32') widen[dtype](narrow.subarray(0, length), part)
    yield part
  }
}

/**
 * Reads the data of a tensor piece by piece into the arrays that `target` gives, and yields which numbers were read. After the
 * last piece the data are those that were written, where the file has a checksum.
 */
async function* readPieces(
  handle: FileHandle,
  info: TensorInfo,
  target: (at: number, length: number) => ArrayBufferView,
): AsyncGenerator<{ at: number; length: number }, void, void> {
  const { file, dtype, count, offset } = info
  let checksum = startChecksum(info)
  for (let at = 0; at < count; at += piece) {
    const length = Math.min(piece, count - at)
    const { buffer, byteOffset, byteLength } = target(at, length)
    const bytes = new Uint8Array(buffer, byteOffset, byteLength)
    try {
      await readFully(handle, bytes, offset + at * widths[dtype], file)
    } catch (error) {
      throw fileProblem(file, error)
    }
    if (info.checksum !== undefined) checksum = crc32(bytes, checksum)
    yield { at, length }
  }
  if (count > 0) compareChecksum(info, checksum)
}

/** A product with 0 is 0 for every finite number and NaN for every other: four sums are faster than a test of each. */
function allFinite(values: Float32Array): boolean {
  let [a, b, c, d] = [0, 0, 0, 0]
  let i = 0
  for (; i + 3 < values.length; i += 4) {
    a += values[i] * 0
    b += values[i + 1] * 0
    c += values[i + 2] * 0
    d += values[i + 3] * 0
  }
  for (; i < values.length; i++) a += values[i] * 0
  return a + b + c + d === 0
}

export interface TensorToWrite {
  name: string
  shape: readonly number[]
  /** Row-major. A function is called when its turn comes, so that one tensor at a time is in memory. */
  data: Float32Array | (() => Float32Array | Promise<Float32Array>)
}

/**
 * Writes a new file with these tensors in this order and their checksums, flushed to the disk.
 * @throws CheckpointError naming the tensor when a value is not finite or the data does not fit the shape
 */
export async function writeSafetensors(
  file: string,
  tensors: Iterable<TensorToWrite>,
  dtype: 'float32' | 'bfloat16',
  ops: FileOps = diskOps,
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> {
  const list = [...tensors]
  const checksums: number[] = list.filter(({ shape }) => elementCount(shape) > 0).map(() => 0)
  const writer = await ops.create(file)
  try {
    await writer.write(encodeHeader(file, list, dtype, checksums, metadata))
    checksums.length = 0
    for (const tensor of list) {
      const data = typeof tensor.data === 'function' ? await tensor.data() : tensor.data
      const place = { file, tensor: tensor.name }
      const count = elementCount(tensor.shape)
      if (data.length !== count) throw problem(place, `${count} numbers (shape ${show(tensor.shape)})`, `${data.length}`)
      let checksum = startChecksum({ ...tensor, dtype: dtypes[dtype] })
      for (let at = 0; at < count; at += piece) {
        const bytes = encodePiece(data, at, dtype, place)
        checksum = crc32(bytes, checksum)
        await writer.write(bytes)
      }
      if (count > 0) checksums.push(checksum)
    }
    // The same length, so the data stay where they are.
    await writer.rewriteStart(encodeHeader(file, list, dtype, checksums, metadata))
  } finally {
    await writer.close()
  }
}

const dtypes = { float32: 'F32', bfloat16: 'BF16' } as const

function encodeHeader(
  file: string,
  tensors: readonly TensorToWrite[],
  dtype: 'float32' | 'bfloat16',
  checksums: readonly number[],
  metadata: Readonly<Record<string, string>>,
): Uint8Array {
  // transformers wants the format.
  const entries: [string, unknown][] = [['__metadata__', { format: 'pt', ...metadata, ...checksumMetadata(checksums) }]]
  const seen = new Set(['__metadata__'])
  let offset = 0
  for (const { name, shape } of tensors) {
    if (seen.has(name)) throw problem({ file, tensor: name }, 'every name once', 'it twice')
    seen.add(name)
    const end = offset + elementCount(shape) * widths[dtypes[dtype]]
    entries.push([name, { dtype: dtypes[dtype], shape, data_offsets: [offset, end] }])
    offset = end
  }
  // Through entries, since a tensor may be called __proto__.
  const json = Buffer.from(`{${entries.map(([name, entry]) => `${JSON.stringify(name)}:${JSON.stringify(entry)}`).join(',')}}`)
  // Padded with spaces so that the data begins at a multiple of 8.
  const length = Math.ceil(json.length / 8) * 8
  const bytes = new Uint8Array(prefixBytes + length).fill(0x20)
  new DataView(bytes.buffer).setBigUint64(0, BigInt(length), true)
  bytes.set(json, prefixBytes)
  return bytes
}

function encodePiece(data: Float32Array, at: number, dtype: 'float32' | 'bfloat16', place: { file: string; tensor: string }): Uint8Array {
  const part = data.subarray(at, at + piece)
  const narrow = new Uint16Array(dtype === 'bfloat16' ? part.length : 0)
  narrowBfloat16(dtype === 'bfloat16' ? part : part.subarray(0, 0), narrow)
  for (let i = 0; i < part.length; i++) {
    if (Number.isFinite(part[i]) && (dtype === 'float32' || (narrow[i] & 0x7f80) !== 0x7f80)) continue
    const next = 'It was not saved: such weights could not be loaded again.'
    throw new CheckpointError(`${problem(place, `finite numbers in ${dtype}`, `${part[i]} at index ${at + i}`).message} ${next}`)
  }
  const bytes = dtype === 'float32' ? part : narrow
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
