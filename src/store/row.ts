/** A row of the table of samples, and whether it is whole. */

import { createHash } from 'node:crypto'

export interface SampleRow {
  key: string
  value: Uint8Array
}

/** First 16 bytes of SHA-256 over key and value. */
export function checksumOf({ key, value }: SampleRow): Buffer {
  return createHash('sha256').update(key).update(value).digest().subarray(0, 16)
}

/** The row that was written, undefined where what was read is another. */
export function wholeRow({ key, value, checksum }: Record<string, unknown>): SampleRow | undefined {
  if (typeof key !== 'string' || !(value instanceof Uint8Array) || !(checksum instanceof Uint8Array)) return undefined
  return checksumOf({ key, value }).equals(checksum) ? { key, value } : undefined
}
