import { createHmac, randomBytes } from 'node:crypto'

/** Of this process only: a mark tells two keys apart and says nothing of either. */
const salt = randomBytes(16)

/** A key that goes to its server and nowhere else: whoever prints, copies or hashes an object that holds it gets a mark in its place. */
export class Secret {
  readonly #text: string

  constructor(text: string) {
    this.#text = text
  }

  /** For the header of a request. */
  reveal(): string {
    return this.#text
  }

  /** What a server said, which may quote the key. */
  hide(text: string): string {
    const spellings = [this.#text, encodeURIComponent(this.#text), JSON.stringify(this.#text).slice(1, -1)]
    return spellings.reduce((hidden, spelling) => hidden.replaceAll(spelling, '[key]'), text)
  }

  toString(): string {
    return `[key ${createHmac('sha256', salt).update(this.#text).digest('hex').slice(0, 8)}]`
  }

  toJSON(): string {
    return this.toString()
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.toString()
  }
}
