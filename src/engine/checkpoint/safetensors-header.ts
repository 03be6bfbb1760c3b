import { isObject } from '../../json.ts'
import { noteChecksums, type Summed } from './checksums.ts'
import { own, parseJsonObject, refuseDuplicateKeys } from './files.ts'
import { FETCH_AGAIN, formatBytes, type Place, problem, show } from './problem.ts'

/**
 * The header of a safetensors file: 8 bytes with the length N (little endian), N bytes of JSON, then the data. Rules are
 * those of the reference implementation (github.com/huggingface/safetensors): the JSON begins with `{`, names are unique,
 * every tensor has exactly the bytes of its shape, and together they cover the data without overlap, hole or rest.
 */

/** Bytes of one number, of all types that safetensors 0.8 has. Only F32, BF16 and F16 can be read as weights; the others may stand in a file beside them. */
export const widths = {
  F4: 0.5,
  F6_E2M3: 0.75,
  F6_E3M2: 0.75,
  BOOL: 1,
  U8: 1,
  I8: 1,
  F8_E5M2: 1,
  F8_E4M3: 1,
  F8_E8M0: 1,
  F8_E4M3FNUZ: 1,
  F8_E5M2FNUZ: 1,
  U16: 2,
  I16: 2,
  F16: 2,
  BF16: 2,
  U32: 4,
  I32: 4,
  F32: 4,
  U64: 8,
  I64: 8,
  F64: 8,
  C64: 8,
} as const

type Dtype = keyof typeof widths

export interface TensorInfo extends Summed {
  dtype: Dtype
  shape: number[]
  /** First byte in the file. */
  offset: number
}

export const prefixBytes = 8
const headerLimit = 100_000_000

/** Length of the JSON from the first 8 bytes of a file of `fileSize` bytes. */
export function headerLength(file: string, prefix: Uint8Array, fileSize: number): number {
  const length = new DataView(prefix.buffer, prefix.byteOffset, prefixBytes).getBigUint64(0, true)
  const most = Math.min(headerLimit, fileSize - prefixBytes)
  if (length < 2n || length > BigInt(most)) throw problem({ file, key: 'header length' }, `2 to ${most} bytes`, `${length}`, FETCH_AGAIN)
  return Number(length)
}

function isSize(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}

/** Parses and checks the JSON part of a header; tensors come back in the order of their data. */
export function parseHeader(file: string, bytes: Uint8Array, fileSize: number): TensorInfo[] {
  if (bytes[0] !== 0x7b)
    throw problem({ file, key: 'header' }, 'JSON that begins with {', `byte 0x${bytes[0].toString(16).padStart(2, '0')}`, FETCH_AGAIN)
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    throw problem({ file, key: 'header' }, 'UTF-8 text', 'bytes that are not UTF-8', FETCH_AGAIN)
  }
  const header = parseJsonObject(text, `${file}: header`)
  refuseDuplicateKeys(text, `${file}: header`)
  const dataStart = prefixBytes + bytes.length
  const dataSize = fileSize - dataStart
  const tensors: TensorInfo[] = []
  for (const [name, entry] of Object.entries(header)) {
    if (name === '__metadata__') checkMetadata(file, entry)
    else tensors.push(parseEntry({ file, tensor: name }, name, entry, dataStart, dataSize))
  }
  checkCover(file, tensors, dataStart, dataSize)
  noteChecksums(file, own(header, '__metadata__'), tensors)
  return tensors
}

/** `__metadata__` of a header that {@link parseHeader} took. */
export function metadataOf(file: string, bytes: Uint8Array): Record<string, string> {
  const metadata = own(parseJsonObject(new TextDecoder().decode(bytes), `${file}: header`), '__metadata__')
  checkMetadata(file, metadata ?? null)
  return (metadata ?? {}) as Record<string, string>
}

/** The reference implementation reads null as no metadata. */
function checkMetadata(file: string, entry: unknown): void {
  if (entry === null) return
  if (!isObject(entry) || !Object.values(entry).every((value) => typeof value === 'string'))
    throw problem({ file, key: '__metadata__' }, 'an object of strings', show(entry))
}

function parseEntry(place: Place, name: string, entry: unknown, dataStart: number, dataSize: number): TensorInfo {
  if (!isObject(entry)) throw problem(place, 'an object with dtype, shape and data_offsets', show(entry))
  const dtype = own(entry, 'dtype')
  if (typeof dtype !== 'string' || !Object.hasOwn(widths, dtype))
    throw problem({ ...place, key: 'dtype' }, `one of ${Object.keys(widths).join(', ')}`, show(dtype))
  const shape = own(entry, 'shape')
  if (!Array.isArray(shape) || !shape.every(isSize)) throw problem({ ...place, key: 'shape' }, 'a list of sizes', show(shape))
  const offsets = own(entry, 'data_offsets')
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isSize) || offsets[0] > offsets[1])
    throw problem({ ...place, key: 'data_offsets' }, 'two byte offsets in ascending order', show(offsets))
  const [begin, end]: number[] = offsets
  if (end > dataSize) {
    const next = 'The file may be truncated: fetch it again.'
    throw problem({ ...place, key: 'data_offsets' }, `offsets within the ${dataSize} bytes of data`, show(offsets), next)
  }
  const count = shape.reduce((product: number, size: number) => product * size, 1)
  const bytes = count * widths[dtype as Dtype]
  if (!Number.isInteger(bytes)) throw problem({ ...place, key: 'shape' }, `a number of ${dtype} that fills its last byte`, show(shape))
  if (bytes !== end - begin)
    throw problem({ ...place, key: 'data_offsets' }, `${bytes} bytes (${dtype} ${show(shape)})`, `${end - begin} bytes (${show(offsets)})`)
  return { name, dtype: dtype as Dtype, shape, file: place.file, offset: dataStart + begin, count }
}

/** Sorts by offset and refuses overlaps, holes and a rest. */
function checkCover(file: string, tensors: TensorInfo[], dataStart: number, dataSize: number): void {
  const end = (tensor: TensorInfo) => tensor.offset + tensor.count * widths[tensor.dtype]
  // Empty tensors share their offset with the next one and must come first.
  tensors.sort((a, b) => a.offset - b.offset || end(a) - end(b))
  let covered = dataStart
  let previous = 'the header'
  for (const tensor of tensors) {
    if (tensor.offset !== covered) {
      const kind = tensor.offset < covered ? `overlaps ${previous}` : `leaves a hole after ${previous}`
      throw problem(
        { file, tensor: tensor.name, key: 'data_offsets' },
        `data that begins at byte ${covered - dataStart}`,
        `${tensor.offset - dataStart}, which ${kind}`,
      )
    }
    covered = end(tensor)
    previous = show(tensor.name)
  }
  if (covered !== dataStart + dataSize) {
    const rest = formatBytes(dataStart + dataSize - covered)
    throw problem({ file }, `a file of ${covered} bytes, as its header says`, `${dataStart + dataSize} bytes: ${rest} that no tensor owns`)
  }
}
