/** Files of a checkpoint on their way to machines that have not got them, in pieces of Ray's object store: each machine fetches a piece once. */

import { open } from 'node:fs/promises'
import path from 'node:path'
import { checkpointFiles } from '../engine/checkpoint/identity.ts'
import type { Bridge } from './bridge.ts'
import type { Call } from './protocol.ts'

/** Bytes of a piece. */
const PIECE = 2 ** 28

export class Shipping {
  readonly #store: Pick<Bridge, 'put' | 'drop'>
  readonly #pieces = new Map<string, { users: number; put: Promise<void> }>()
  readonly #bytes: number

  constructor(store: Pick<Bridge, 'put' | 'drop'>, bytes = PIECE) {
    this.#store = store
    this.#bytes = bytes
  }

  /** Sends every file of a place. Returns how many bytes that were. */
  async ship(place: string, send: (call: Call, object: string) => Promise<unknown>): Promise<number> {
    let sent = 0
    for (const file of checkpointFiles(place)) {
      const handle = await open(file)
      try {
        const { size } = await handle.stat()
        for (let offset = 0; offset < size || offset === 0; offset += this.#bytes) {
          const length = Math.min(this.#bytes, size - offset)
          const read = async () => {
            const { buffer } = await handle.read(new Uint8Array(length), 0, length, offset)
            return buffer
          }
          const call: Call = { op: 'file', place, name: path.basename(file), offset }
          await this.#through(`${file} ${offset}`, read, (key) => send(call, key))
          sent += length
        }
      } finally {
        await handle.close()
      }
    }
    return sent
  }

  /** In the store as long as somebody sends it. */
  async #through(key: string, read: () => Promise<Uint8Array>, send: (key: string) => Promise<unknown>): Promise<void> {
    let piece = this.#pieces.get(key)
    if (!piece) {
      piece = { users: 0, put: read().then((bytes) => this.#store.put(key, [bytes])) }
      this.#pieces.set(key, piece)
    }
    piece.users++
    try {
      await piece.put
      await send(key)
    } finally {
      if (--piece.users === 0) {
        this.#pieces.delete(key)
        this.#store.drop(key)
      }
    }
  }
}
