/** Words and n-grams as numbers: one step each, however long they are and whatever they are made of. */

/** Numbers for values: equal ones for equal values, from 0 in the order in which they first come. */
export class Numbering<T> {
  private readonly numbers = new Map<T, number>()

  get size(): number {
    return this.numbers.size
  }

  of(value: T): number {
    const known = this.numbers.get(value)
    if (known !== undefined) return known
    this.numbers.set(value, this.numbers.size)
    return this.numbers.size - 1
  }
}

/** Multipliers of the hash, drawn once: no text can be made for it. The numbers that come out do not depend on them. */
const [LEFT, RIGHT] = [0, 1].map(() => Math.floor(Math.random() * 2 ** 31) * 2 + 1)

/** As {@link Numbering}, for pairs of numbers from 0. */
export class PairNumbering {
  size = 0
  /** Left + 1, right and number of each pair, by open addressing; 0: free. */
  private readonly slots: Int32Array
  private readonly shift: number

  /** @param most pairs that will come, at most. */
  constructor(most: number) {
    const bits = Math.max(4, Math.ceil(Math.log2(1.5 * most + 1)))
    this.shift = 32 - bits
    this.slots = new Int32Array(3 * 2 ** bits)
  }

  of(left: number, right: number): number {
    const { slots } = this
    let at = 3 * ((Math.imul(left, LEFT) + Math.imul(right, RIGHT)) >>> this.shift)
    while (slots[at] !== 0) {
      if (slots[at] === left + 1 && slots[at + 1] === right) return slots[at + 2]
      at = at + 3 === slots.length ? 0 : at + 3
    }
    slots[at] = left + 1
    slots[at + 1] = right
    slots[at + 2] = this.size
    return this.size++
  }
}

/** How many different n-grams there are. A long one is a pair of shorter ones (Karp, Miller and Rosenberg 1972), so the work grows with log n. */
export function distinctNgrams(tokens: Int32Array, n: number): number {
  const paired = (left: Int32Array, right: Int32Array, apart: number): { grams: Int32Array; distinct: number } => {
    const grams = new Int32Array(right.length - apart)
    const numbering = new PairNumbering(grams.length)
    for (let i = 0; i < grams.length; i++) grams[i] = numbering.of(left[i], right[i + apart])
    return { grams, distinct: numbering.size }
  }
  if (tokens.length < n) return 0
  let power = tokens
  let done: Int32Array | undefined
  let length = 0
  let distinct = 0
  for (let size = 1; size <= n; size *= 2) {
    if (size > 1) ({ grams: power, distinct } = paired(power, power, size / 2))
    if ((n & size) === 0) continue
    if (done) ({ grams: done, distinct } = paired(done, power, length))
    else done = power
    length += size
  }
  return n === 1 ? new Set(tokens).size : distinct
}

/** Words: what white space (\s) separates. */
export function words(text: string): string[] {
  return text.split(/\s+/).filter((word) => word !== '')
}

/** Number of words of a stretch of text. */
export function countWords(text: string, start = 0, end = text.length): number {
  let count = 0
  let inside = false
  for (let i = start; i < end; i++) {
    const blank = isBlank(text.charCodeAt(i))
    if (!blank && !inside) count++
    inside = !blank
  }
  return count
}

/** Whether \s matches the UTF-16 unit. */
function isBlank(code: number): boolean {
  if (code < 0xa0) return code === 0x20 || (code >= 0x09 && code <= 0x0d)
  return code === 0xa0 || code === 0xfeff || (code >= 0x1680 && /\s/.test(String.fromCharCode(code)))
}
