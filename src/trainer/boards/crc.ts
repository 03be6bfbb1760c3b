/** Cyclic redundancy checks of 32 bits, with reflected bits. */

/** Castagnoli's polynomial: TFRecord. */
export const CASTAGNOLI = tableOf(0x82f63b78)
/** That of zlib: wandb. */
export const IEEE = tableOf(0xedb88320)

function tableOf(polynomial: number): Uint32Array {
  return Uint32Array.from({ length: 256 }, (_, byte) => {
    let value = byte
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ polynomial : value >>> 1
    return value
  })
}

/** An unsigned integer. */
export function crc32(table: Uint32Array, ...parts: readonly Uint8Array[]): number {
  let crc = 0xffffffff
  for (const part of parts) for (const byte of part) crc = table[(crc ^ byte) & 255] ^ (crc >>> 8)
  return (crc ^ 0xffffffff) >>> 0
}
