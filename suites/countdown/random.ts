/** Seeded randomness of the suite: the same bytes from the same seed on every machine. */

/** 32-bit FNV-1a over UTF-16 code units, mixed at the end so that every bit of the result depends on every character. */
export function hash32(text: string): number {
  let h = 0x811c9dc5
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193)
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}

/** Counter with a strong mixer (splitmix32). Each purpose names its own stream, so that streams of one seed are unrelated. */
export class Random {
  private state: number

  constructor(seed: number, stream: string) {
    this.state = hash32(`${seed}/${stream}`)
  }

  /** Uniform 32-bit unsigned integer. */
  private word(): number {
    this.state = (this.state + 0x9e3779b9) | 0
    let z = this.state
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad)
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97)
    return (z ^ (z >>> 15)) >>> 0
  }

  /** Uniform in [0, 1). */
  next(): number {
    return this.word() / 4294967296
  }

  /** Uniform integer in [0, n). */
  int(n: number): number {
    return Math.floor(this.next() * n)
  }

  pick<T>(items: readonly T[]): T {
    return items[this.int(items.length)]
  }

  /** A shuffled copy (Fisher-Yates). */
  shuffle<T>(items: readonly T[]): T[] {
    const out = items.slice()
    for (let i = out.length - 1; i > 0; i--) {
      const j = this.int(i + 1)
      const kept = out[i]
      out[i] = out[j]
      out[j] = kept
    }
    return out
  }
}
