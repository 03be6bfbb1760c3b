import { isUtf8 } from 'node:buffer'
import { readSync } from 'node:fs'
import { fileProblem } from '../checkpoint/files.ts'
import { formatBytes, problem, show } from '../checkpoint/problem.ts'

/** Bytes read at a time. */
const windowBytes = 2 ** 16

/** The longest text that is believed: a chat template, or the JSON of one. */
const longestText = 2 ** 24

/**
 * Reads a file from its beginning, little endian, a window of it in memory. `field` says in messages what was being read. Nothing is
 * allocated before the file is known to hold it.
 */
export class Cursor {
  readonly file: string
  readonly size: number
  field = 'magic'
  /** The entry of an array, too. */
  index: number | undefined
  /** Bytes read so far. */
  position = 0
  readonly #descriptor: number
  #window = Buffer.alloc(0)
  #start = 0

  constructor(file: string, descriptor: number, size: number) {
    this.file = file
    this.#descriptor = descriptor
    this.size = size
  }

  fail(expected: string, found: string, next?: string): Error {
    const key = this.index === undefined ? this.field : `${this.field}[${this.index}]`
    return problem({ file: this.file, key }, expected, found, next)
  }

  u8(): number {
    return this.#bytes(1)[0]
  }

  u32(): number {
    return this.#bytes(4).readUInt32LE()
  }

  /** A 64-bit integer, as a number where it is a safe one. */
  u64(): number | bigint {
    return safe(this.#bytes(8).readBigUInt64LE())
  }

  /** A length or count. */
  count(most: number, what: string): number {
    const value = this.u64()
    if (typeof value === 'bigint' || value > most) throw this.fail(`${what} of at most ${most}`, `${value}`)
    return value
  }

  /** What must follow for `count` things of at least `bytes` each. */
  need(count: number, bytes: number): void {
    const left = this.size - this.position
    if (count * bytes <= left) return
    throw this.fail(`${show(count)} entries of at least ${bytes} bytes`, `${formatBytes(left)} up to the end of the file`)
  }

  text(most = longestText): string {
    const bytes = this.#bytes(this.count(most, 'a text'))
    if (!isUtf8(bytes)) throw this.fail('UTF-8 text', `bytes that are not UTF-8 (${show(bytes.toString('latin1'))})`)
    return bytes.toString('utf8')
  }

  /** Fills an array of numbers from the file. */
  fill<T extends NodeJS.TypedArray>(array: T): T {
    const bytes = Buffer.from(array.buffer, array.byteOffset, array.byteLength)
    this.#read(bytes, this.position)
    this.position += bytes.length
    return array
  }

  /** One number, as the array would read it. */
  one<T extends NodeJS.TypedArray>(array: T): T[0] {
    const bytes = this.#bytes(array.byteLength)
    new Uint8Array(array.buffer).set(bytes)
    return array[0]
  }

  /** The next bytes, valid until more are asked for. */
  #bytes(count: number): Buffer {
    if (this.size - this.position < count)
      throw this.fail(`${formatBytes(count)} more`, `the end of the file after ${this.size - this.position} bytes`)
    const end = this.#start + this.#window.length
    if (this.position < this.#start || this.position + count > end) {
      this.#window = Buffer.allocUnsafe(Math.min(Math.max(count, windowBytes), this.size - this.position))
      this.#start = this.position
      this.#read(this.#window, this.position)
    }
    const at = this.position - this.#start
    this.position += count
    return this.#window.subarray(at, at + count)
  }

  #read(target: Buffer, position: number): void {
    try {
      for (let at = 0; at < target.length; ) {
        const read = readSync(this.#descriptor, target, at, target.length - at, position + at)
        if (read === 0) throw this.fail(`${target.length} bytes at offset ${position}`, `the end of the file after ${at}`)
        at += read
      }
    } catch (error) {
      throw fileProblem(this.file, error)
    }
  }
}

/** A 64-bit integer as a number where it is a safe one. */
export function safe(value: bigint): number | bigint {
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : value
}
