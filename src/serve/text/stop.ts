/** Texts at which a response is to end. */

/** Watches a text that comes in pieces, and keeps back what may be the beginning of a stop. */
export class StopWatch {
  readonly #stops: readonly string[]
  #kept = ''

  constructor(stops: readonly string[]) {
    this.#stops = stops
  }

  /** What may be told, up to the first stop; `stopped` where there is one. */
  push(text: string): { text: string; stopped: boolean } {
    if (this.#stops.length === 0) return { text, stopped: false }
    const all = this.#kept + text
    const found = this.#stops.map((stop) => all.indexOf(stop)).filter((at) => at >= 0)
    if (found.length > 0) {
      this.#kept = ''
      return { text: all.slice(0, Math.min(...found)), stopped: true }
    }
    const end = all.length - this.#beginning(all)
    this.#kept = all.slice(end)
    return { text: all.slice(0, end), stopped: false }
  }

  /** What was kept back and began no stop. */
  end(): string {
    const rest = this.#kept
    this.#kept = ''
    return rest
  }

  /** Characters at the end that a stop begins with. */
  #beginning(text: string): number {
    const longest = Math.max(...this.#stops.map((stop) => stop.length))
    for (let length = Math.min(text.length, longest - 1); length > 0; length--) {
      const end = text.slice(text.length - length)
      if (this.#stops.some((stop) => stop.startsWith(end))) return length
    }
    return 0
  }
}
