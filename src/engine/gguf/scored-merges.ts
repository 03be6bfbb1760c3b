/**
 * The merging of SentencePiece's BPE: of all neighbours that make a token together, those with the highest score come together first,
 * the leftmost of equals, until none is left (llm_tokenizer_spm in llama.cpp's src/llama-vocab.cpp). A list of merges, the form of
 * `tokenizer.json`, cannot say "the leftmost of equals" where one token is made in two ways.
 */
export class ScoredMerges {
  readonly #scores: ReadonlyMap<string, number>

  /** @param scores of every token, finite */
  constructor(scores: ReadonlyMap<string, number>) {
    this.#scores = scores
  }

  /** The pieces of a text: tokens, and single characters that are none. Takes n log n steps. */
  merge(text: string): string[] {
    const starts: number[] = []
    for (let at = 0; at < text.length; at += (text.codePointAt(at) as number) > 0xffff ? 2 : 1) starts.push(at)
    const count = starts.length
    // A piece is named by its first character. One that went into its neighbour ends at −1.
    const ends = Int32Array.from(starts, (_, i) => starts[i + 1] ?? text.length)
    const next = Int32Array.from(starts, (_, i) => (i + 1 < count ? i + 1 : -1))
    const before = Int32Array.from(starts, (_, i) => i - 1)
    const heap: Pair[] = []
    const offer = (left: number, right: number): void => {
      if (left < 0 || right < 0) return
      const score = this.#scores.get(text.slice(starts[left], ends[right]))
      if (score !== undefined) push(heap, { score, left, right, end: ends[right] })
    }
    for (let i = 1; i < count; i++) offer(i - 1, i)
    for (let pair = pop(heap); pair !== undefined; pair = pop(heap)) {
      const { left, right, end } = pair
      // One of the two is another piece by now.
      if (ends[left] !== starts[right] || ends[right] !== end) continue
      ends[left] = end
      ends[right] = -1
      next[left] = next[right]
      if (next[left] >= 0) before[next[left]] = left
      offer(before[left], left)
      offer(left, next[left])
    }
    const pieces: string[] = []
    for (let i = count === 0 ? -1 : 0; i >= 0; i = next[i]) pieces.push(text.slice(starts[i], ends[i]))
    return pieces
  }

  /** The nearest list of merges, in the order of transformers' converter: by score, then by the length of the left part. */
  list(): [string, string][] {
    const merges: { pair: [string, string]; score: number }[] = []
    for (const [token, score] of this.#scores) {
      for (let at = 1; at < token.length; at++) {
        const pair: [string, string] = [token.slice(0, at), token.slice(at)]
        if (this.#scores.has(pair[0]) && this.#scores.has(pair[1])) merges.push({ pair, score })
      }
    }
    merges.sort((a, b) => b.score - a.score || b.pair[0].length - a.pair[0].length)
    return merges.map(({ pair }) => pair)
  }
}

/** Two neighbours that make a token. */
interface Pair {
  score: number
  left: number
  right: number
  /** Where the right one ended when they were found. */
  end: number
}

function isFirst(a: Pair, b: Pair): boolean {
  return a.score > b.score || (a.score === b.score && a.left < b.left)
}

/** Of a binary heap: the first of all is at 0, and no entry comes before the one at half its index. */
function push(heap: Pair[], pair: Pair): void {
  let at = heap.length
  while (at > 0) {
    const above = (at - 1) >> 1
    if (!isFirst(pair, heap[above])) break
    heap[at] = heap[above]
    at = above
  }
  heap[at] = pair
}

function pop(heap: Pair[]): Pair | undefined {
  const first = heap[0]
  const last = heap.pop()
  if (last === undefined || heap.length === 0) return first
  let at = 0
  for (;;) {
    let below = 2 * at + 1
    if (below >= heap.length) break
    if (below + 1 < heap.length && isFirst(heap[below + 1], heap[below])) below++
    if (!isFirst(heap[below], last)) break
    heap[at] = heap[below]
    at = below
  }
  heap[at] = last
  return first
}
