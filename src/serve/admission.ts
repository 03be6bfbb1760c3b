/** How much is taken at once: what is beyond is refused at the door, with the time after which it may go better. */

import { Problem } from './http/problem.ts'

/** Weight of the last request in the mean of how long requests take. */
const RECENT = 0.1
const LONGEST_RETRY_SECONDS = 60

export class Admission {
  readonly most: number
  readonly #what: string
  readonly #limit: string
  #taken = 0
  #meanSeconds = 1

  /** @param limit the key of the configuration that says `most` */
  constructor(most: number, { what, limit }: { what: string; limit: string }) {
    this.most = most
    this.#what = what
    this.#limit = limit
  }

  /** Under way or waiting. */
  get taken(): number {
    return this.#taken
  }

  /**
   * Takes `count` at once; the function that is returned gives them back, once.
   * @throws Problem 413 where they could never be taken, 429 where they cannot be now
   */
  take(count: number): () => void {
    if (count > this.most) {
      throw new Problem(413, `This server takes at most ${this.most} ${this.#what} at once (${this.#limit}). Got ${count}. Ask for fewer.`)
    }
    if (this.#taken + count > this.most) {
      const retryAfter = Math.min(LONGEST_RETRY_SECONDS, Math.max(1, Math.ceil(this.#meanSeconds)))
      throw new Problem(429, `This server has ${this.#taken} of at most ${this.most} ${this.#what} (${this.#limit}). Try again later.`, {
        code: 'queue_full',
        retryAfter,
      })
    }
    this.#taken += count
    const start = performance.now()
    let given = false
    return () => {
      if (given) return
      given = true
      this.#taken -= count
      this.#meanSeconds += RECENT * ((performance.now() - start) / 1000 - this.#meanSeconds)
    }
  }
}
