/**
 * How alike two texts are: the Jaccard index of their sets of word trigrams, |A ∩ B| / |A ∪ B| (Broder, "On the resemblance and containment
 * of documents", 1997). With `masked` every number is the same word, so a problem is near its copy with other numbers.
 */

interface NearOptions {
  /** Numbers count as one and the same word. */
  masked: boolean
}

interface Nearest {
  /** Index of the text that is most alike, the first of equals. */
  index: number
  /** 0 (no trigram shared) to 1 (the same set). */
  similarity: number
}

const NUMBER = /^\p{N}+$/u
/** A word, a number, or one sign of a script without spaces between words. */
const WORDS = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}]|[\p{L}\p{M}]+|\p{N}+|[^\s\p{L}\p{M}\p{N}\p{P}]/gu
const MASK = '#'

/** Words in lower case and compatibility form; a shorter text than three words is one gram of its own. Punctuation does not count. */
export function trigrams(text: string, { masked }: NearOptions): Set<string> {
  // A decimal or grouped number is one word: 1,000.50
  const even = text
    .normalize('NFKC')
    .toLowerCase()
    .replace(/(?<=\p{N})[.,](?=\p{N})/gu, '')
  const words = (even.match(WORDS) ?? []).map((word) => (masked && NUMBER.test(word) ? MASK : word))
  if (words.length === 0) return new Set()
  if (words.length < 3) return new Set([words.join(' ')])
  return new Set(Array.from({ length: words.length - 2 }, (_, i) => words.slice(i, i + 3).join(' ')))
}

/** Finds the most alike of many texts. Time grows with the trigrams that are shared. */
export class NearIndex {
  readonly #options: NearOptions
  readonly #sizes: number[] = []
  readonly #places = new Map<string, number[]>()

  constructor(texts: Iterable<string>, options: NearOptions) {
    this.#options = options
    for (const text of texts) this.add(text)
  }

  add(text: string): void {
    const grams = trigrams(text, this.#options)
    const index = this.#sizes.push(grams.size) - 1
    for (const gram of grams) {
      const places = this.#places.get(gram)
      if (places) places.push(index)
      else this.#places.set(gram, [index])
    }
  }

  /** Undefined where no text shares a trigram. */
  nearest(text: string): Nearest | undefined {
    const grams = trigrams(text, this.#options)
    const shared = new Map<number, number>()
    for (const gram of grams) for (const index of this.#places.get(gram) ?? []) shared.set(index, (shared.get(index) ?? 0) + 1)
    let best: Nearest | undefined
    for (const [index, count] of shared) {
      const similarity = count / (grams.size + this.#sizes[index] - count)
      if (!best || similarity > best.similarity || (similarity === best.similarity && index < best.index)) best = { index, similarity }
    }
    return best
  }
}
