/** The wire format of protocol buffers, as far as boards need it (protobuf.dev/programming-guides/encoding). */

/** A field of a message: its number and its bytes on the wire. */
export type Field = Uint8Array

const VARINT = 0
const FIXED64 = 1
const BYTES = 2
const FIXED32 = 5

/** Non-negative, below 2^53. */
export function varint(value: number): Uint8Array {
  const bytes: number[] = []
  let rest = value
  do {
    const low = rest % 128
    rest = Math.floor(rest / 128)
    bytes.push(rest > 0 ? low | 128 : low)
  } while (rest > 0)
  return Uint8Array.from(bytes)
}

export const concat = (...parts: readonly Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts))

const key = (number: number, wire: number): Uint8Array => varint(number * 8 + wire)

export const integer = (number: number, value: number): Field => concat(key(number, VARINT), varint(value))

/** Of a message, or of text in UTF-8. */
export function bytes(number: number, value: Uint8Array | string): Field {
  const data = typeof value === 'string' ? new TextEncoder().encode(value) : value
  return concat(key(number, BYTES), varint(data.length), data)
}

export function double(number: number, value: number): Field {
  const data = new Uint8Array(8)
  new DataView(data.buffer).setFloat64(0, value, true)
  return concat(key(number, FIXED64), data)
}

export function float(number: number, value: number): Field {
  const data = new Uint8Array(4)
  new DataView(data.buffer).setFloat32(0, value, true)
  return concat(key(number, FIXED32), data)
}

/** The fields of a message by number: bytes, or an integer. Of a repeated one the last. Throws RangeError where the bytes are no message. */
export function fieldsOf(message: Uint8Array): Map<number, Uint8Array | number> {
  const found = new Map<number, Uint8Array | number>()
  let at = 0
  const take = (length: number): Uint8Array => {
    if (at + length > message.length) throw new RangeError('a field ends behind its message')
    at += length
    return message.subarray(at - length, at)
  }
  const next = (): number => {
    let value = 0
    for (let scale = 1; ; scale *= 128) {
      const [byte] = take(1)
      value += (byte & 127) * scale
      if (byte < 128) return value
      if (scale > 2 ** 63) throw new RangeError('an integer is longer than 64 bits')
    }
  }
  while (at < message.length) {
    const head = next()
    const [number, wire] = [Math.floor(head / 8), head % 8]
    if (wire === VARINT) found.set(number, next())
    else if (wire === FIXED64) found.set(number, take(8))
    else if (wire === FIXED32) found.set(number, take(4))
    else if (wire === BYTES) found.set(number, take(next()))
    else throw new RangeError(`a field has wire type ${wire}`)
  }
  return found
}
