/** Frames between processes: u32 LE header bytes | u64 LE payload bytes | header, a JSON object in UTF-8 | payload, raw bytes. */

import type { Readable, Writable } from 'node:stream'
import { isObject, type JsonObject } from '../json.ts'
import { ClusterError } from './errors.ts'

const PREFIX_BYTES = 12
export const MAX_HEADER_BYTES = 64 * 2 ** 20

export type FrameHeader = JsonObject

export interface Frame {
  header: FrameHeader
  /** In memory of its own, from its first byte: a view of numbers is aligned. */
  payload: Uint8Array
}

/** The frames of a stream until it ends. Throws ClusterError where it ends inside a frame, or holds something else. */
export async function* readFrames(stream: Readable): AsyncGenerator<Frame, void, undefined> {
  const bytes = new ByteReader(stream)
  for (;;) {
    const prefix = await bytes.take(PREFIX_BYTES, 'prefix')
    if (!prefix) return
    const view = new DataView(prefix.buffer)
    const [headerBytes, payloadBytes] = [view.getUint32(0, true), view.getBigUint64(4, true)]
    if (headerBytes > MAX_HEADER_BYTES || payloadBytes > BigInt(Number.MAX_SAFE_INTEGER))
      throw new ClusterError(
        `A frame has at most ${MAX_HEADER_BYTES} bytes of header. Got ${headerBytes}, and ${payloadBytes} of payload: this is no frame. Does the other side print to its standard output?`,
      )
    const header = parse(await bytes.take(headerBytes, 'header'))
    yield { header, payload: (await bytes.take(Number(payloadBytes), 'payload')) ?? new Uint8Array() }
  }
}

function parse(bytes: Uint8Array | undefined): FrameHeader {
  let header: unknown
  try {
    header = JSON.parse(Buffer.from(bytes ?? []).toString())
  } catch (error) {
    throw new ClusterError(`The header of a frame is JSON. Got what is not: ${(error as Error).message}`)
  }
  if (!isObject(header)) throw new ClusterError(`The header of a frame is a JSON object. Got ${JSON.stringify(header).slice(0, 100)}`)
  return header
}

class ByteReader {
  private readonly chunks: AsyncIterator<Uint8Array>
  private chunk: Uint8Array = new Uint8Array()

  constructor(stream: Readable) {
    this.chunks = stream[Symbol.asyncIterator]()
  }

  /** Undefined where the stream ends before the first byte of a prefix. */
  async take(size: number, part: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const bytes = Buffer.allocUnsafeSlow(size)
    let got = 0
    while (got < size) {
      if (this.chunk.length === 0) {
        const { value, done } = await this.chunks.next()
        if (done && got === 0 && part === 'prefix') return undefined
        if (done) throw new ClusterError(`The stream ended inside the ${part} of a frame. Got ${got} of ${size} bytes.`)
        this.chunk = value
      }
      const next = this.chunk.subarray(0, size - got)
      bytes.set(next, got)
      got += next.length
      this.chunk = this.chunk.subarray(next.length)
    }
    return bytes
  }
}

/** Writes one frame, and resolves when the stream has handed all of it on: `payload` may change then. Frames of several callers don't mix. */
export async function writeFrame(stream: Writable, header: FrameHeader, payload: Uint8Array | readonly Uint8Array[] = []): Promise<void> {
  const parts = payload instanceof Uint8Array ? [payload] : payload
  const text = Buffer.from(JSON.stringify(header))
  if (text.length > MAX_HEADER_BYTES)
    throw new ClusterError(`The header of a frame has at most ${MAX_HEADER_BYTES} bytes. Got ${text.length}. Send it as the payload.`)
  const prefix = Buffer.alloc(PREFIX_BYTES)
  prefix.writeUInt32LE(text.length, 0)
  prefix.writeBigUInt64LE(BigInt(parts.reduce((sum, part) => sum + part.byteLength, 0)), 4)
  const chunks = [Buffer.concat([prefix, text]), ...parts.filter((part) => part.byteLength > 0)]
  // In one turn of the event loop: nobody else writes between the parts.
  await new Promise<void>((resolve, reject) => {
    stream.cork()
    for (const [i, chunk] of chunks.entries())
      stream.write(chunk, i === chunks.length - 1 ? (error) => (error ? reject(error) : resolve()) : undefined)
    stream.uncork()
  })
}
