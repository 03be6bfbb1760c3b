/** Server-sent events, as OpenAI's API streams: `data: {…}`, and `data: [DONE]` at the end. */

import type { ServerResponse } from 'node:http'
import type { Problem } from './problem.ts'

/** A comment so often keeps what stands between client and server from closing a silent connection. */
const SIGN_OF_LIFE_MS = 15_000
/** A client that takes nothing for so long is gone. */
const STALLED_MS = 60_000

/**
 * Begins with its first event: until then the answer may still be an error with a status of its own. Where a client reads more slowly than
 * a model writes, `blocked` is true and whoever writes keeps back what can be said in one event later: `onDrain` tells when.
 */
export class EventStream {
  readonly #response: ServerResponse
  readonly #alive: NodeJS.Timeout
  #stalled: NodeJS.Timeout | undefined
  #blocked = false

  constructor(response: ServerResponse, onDrain: () => void) {
    this.#response = response
    this.#alive = setInterval(() => this.#write(': still here\n\n'), SIGN_OF_LIFE_MS)
    response.on('drain', () => {
      this.#blocked = false
      clearTimeout(this.#stalled)
      onDrain()
    })
    response.on('close', () => this.#rest())
  }

  get begun(): boolean {
    return this.#response.headersSent
  }

  get blocked(): boolean {
    return this.#blocked
  }

  send(event: object): void {
    this.#write(`data: ${JSON.stringify(event)}\n\n`)
  }

  /** Nothing was sent: the answer will be another one. */
  cancel(): void {
    this.#rest()
  }

  /** Ends the answer; with a problem in the place of `[DONE]` where there is one. */
  end(problem?: Problem): void {
    this.#write(`data: ${problem ? JSON.stringify(problem.body) : '[DONE]'}\n\n`)
    clearInterval(this.#alive)
    this.#response.end()
  }

  #write(text: string): void {
    const response = this.#response
    if (response.writableEnded || response.destroyed) return
    if (!response.headersSent) {
      response.writeHead(200, {
        'content-type': 'text/event-stream; charset=utf-8',
        'cache-control': 'no-store',
        'x-accel-buffering': 'no',
      })
    }
    if (response.write(text) || this.#blocked) return
    this.#blocked = true
    this.#stalled = setTimeout(() => response.destroy(), STALLED_MS)
  }

  #rest(): void {
    clearInterval(this.#alive)
    clearTimeout(this.#stalled)
  }
}
