import { crc32 } from 'node:zlib'
import { own } from './files.ts'
import { problem, show } from './problem.ts'

/**
 * Checksums of the tensors in a safetensors file that this package wrote. `__metadata__` says `writer: parallel-r1`, and its
 * `crc32` has eight hex digits for every tensor that has data, in the order of the data: the CRC-32 of name, dtype and shape, then of
 * the bytes. One without the other is damage. A file of another writer has neither and is read as it is.
 *
 * CRC-32 finds every burst of up to 32 bits and misses one in 2^32 of all else. It guards against disks, not against intent.
 */

const writer = 'parallel-r1'
const digits = 8

interface Tensor {
  name: string
  dtype: string
  shape: readonly number[]
}

/** A tensor that lies in a file. */
export interface Summed {
  name: string
  /** The file that holds it. */
  file: string
  /** Numbers. */
  count: number
  /** CRC-32 that its data must have, where the writer left one. */
  checksum?: number
}

/** Checksum of a tensor before its first byte; `crc32(bytes, checksum)` goes on with it. */
export function startChecksum({ name, dtype, shape }: Tensor): number {
  return crc32(`${name}\0${dtype}\0${shape.join()}\0`)
}

export function hexChecksum(checksum: number): string {
  return checksum.toString(16).padStart(digits, '0')
}

/** What `__metadata__` says of tensors with these checksums. */
export function checksumMetadata(checksums: readonly number[]): Record<string, string> {
  return { writer, crc32: checksums.map(hexChecksum).join('') }
}

/** Notes the checksum of every tensor of a header. `tensors` are in the order of their data. */
export function noteChecksums(file: string, metadata: unknown, tensors: readonly Summed[]): void {
  const said = (key: string) => (metadata === undefined ? undefined : own(metadata as Record<string, unknown>, key))
  const ours = said('writer') === writer
  const list = said('crc32')
  if (!ours && list === undefined) return
  const place = { file, key: '__metadata__' }
  if (!ours || typeof list !== 'string')
    throw problem(place, `writer: ${writer} and crc32, or neither`, `${list ? 'crc32' : 'writer'} alone`, damaged)
  const full = tensors.filter(({ count }) => count > 0)
  if (list.length !== full.length * digits || !/^[0-9a-f]*$/.test(list))
    throw problem(place, `crc32 of ${full.length} tensors, ${digits} hex digits each`, show(list), damaged)
  for (const [i, info] of full.entries()) info.checksum = Number.parseInt(list.slice(i * digits, (i + 1) * digits), 16)
}

export const damaged = 'The file is damaged: fetch or write it again.'

/** @throws CheckpointError where the data of a tensor are not those that were written */
export function compareChecksum({ file, name, checksum }: Summed, found: number): void {
  if (checksum === undefined || checksum === found) return
  const next = `${damaged} If a tool changed it on purpose, let it leave out writer and crc32 of __metadata__.`
  throw problem({ file, tensor: name }, `data with the checksum ${hexChecksum(checksum)}`, hexChecksum(found), next)
}
