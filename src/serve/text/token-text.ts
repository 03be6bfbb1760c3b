/** Text of ids that come one by one. */

import type { Tokenizer } from '../../engine/checkpoint/tokenizer.ts'

/** What stands for a character of which not all bytes are there. */
const INCOMPLETE = '\ufffd'

/**
 * Gives the text that each id adds. Joined it is what the tokenizer makes of all ids: a character whose bytes are spread over several tokens comes
 * with the last of them. What an id says may depend on the one before it, so one that was told already is decoded along.
 */
export class TokenText {
  readonly #tokenizer: Pick<Tokenizer, 'decode'>
  /** Ids from the last told ones on. */
  #ids: number[] = []
  /** How many of them are told, and what they say. */
  #told = 0
  #toldText = ''

  constructor(tokenizer: Pick<Tokenizer, 'decode'>) {
    this.#tokenizer = tokenizer
  }

  push(id: number): string {
    this.#ids.push(id)
    const text = this.#tokenizer.decode(this.#ids, { keepSpecial: true })
    return text.endsWith(INCOMPLETE) ? '' : this.#tell(text)
  }

  /** What is left, whole or not. */
  end(): string {
    if (this.#ids.length === this.#told) return ''
    return this.#tell(this.#tokenizer.decode(this.#ids, { keepSpecial: true }))
  }

  #tell(text: string): string {
    const fresh = text.slice(this.#toldText.length)
    this.#ids = this.#ids.slice(this.#told)
    this.#told = this.#ids.length
    this.#toldText = this.#tokenizer.decode(this.#ids, { keepSpecial: true })
    return fresh
  }
}
