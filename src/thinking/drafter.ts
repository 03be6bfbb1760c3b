/**
 * Drafts for speculative decoding without a second model: what stood behind the last occurrence of the tokens that a lane ends with, in the
 * prompt, in the response so far or in a sibling path ("prompt lookup", Saxena 2023; "inference with reference", arXiv 2304.04487).
 *
 * How long a draft is worth its rows follows from how often drafts of this request were right after a match of that length. That is counted
 * where nothing is drafted, too, so drafting begins again as soon as it pays.
 */

/** Most tokens of a draft. */
export const MOST_DRAFTS = 7
/** Lengths of the n-grams that are looked up, the longer first. */
const NGRAMS = [4, 2, 1] as const
/** Matches are told apart up to this length. */
const LONGEST_MATCH = 8
/** Guesses that an estimate begins with, m / (m + 2) of them right after a match of m tokens, and how many it remembers. Chosen on 12 problems of GSM8K. */
const PRIOR = 4
const MEMORY = 48
/** Drafts are made where they promise to be so many times as fast. */
const WORTH = 1.1

export interface DraftCounts {
  /** Tokens that were fed as guesses. */
  drafted: number
  /** Those of them that were drawn: each saved a step. */
  accepted: number
}

/** A guess of what a lane says next. */
export interface Draft {
  ids: number[]
  /** Tokens that agreed before it, {@link LONGEST_MATCH} at most. */
  match: number
}

/** The texts of one request. */
export class Drafter {
  readonly counts: DraftCounts = { drafted: 0, accepted: 0 }
  /** Most tokens of a draft. */
  readonly most: number
  private readonly adaptive: boolean
  private readonly texts: number[][] = []
  /** For each length of n-gram: its hash → where it ended last, as text · 2^32 + position behind it. */
  private readonly ends: readonly Map<number, number>[] = NGRAMS.map(() => new Map())
  /** By length of the match. */
  private readonly estimates = Array.from({ length: LONGEST_MATCH + 1 }, (_, m) => ({ guesses: PRIOR, right: (PRIOR * m) / (m + 2) }))

  /** @param adaptive false: a draft is as long as it may be wherever something matches */
  constructor(most: number, adaptive: boolean) {
    this.most = most
    this.adaptive = adaptive
  }

  /** A text of its own beside the others. */
  begin(): DraftText {
    return new DraftText(this, this.texts.push([]) - 1)
  }

  /** Called by texts. */
  push(text: number, id: number): void {
    const ids = this.texts[text]
    ids.push(id)
    const position = ids.length
    for (let k = 0; k < NGRAMS.length; k++) {
      // The end of a text is looked up before it is known: its last token comes in with the next one.
      if (position > NGRAMS[k]) this.ends[k].set(hashBefore(ids, position - 1, NGRAMS[k]), text * 2 ** 32 + position - 1)
    }
  }

  /** Called by texts: up to `most` tokens. */
  find(text: number, most: number): Draft | undefined {
    const ids = this.texts[text]
    for (let k = 0; k < NGRAMS.length; k++) {
      if (ids.length < NGRAMS[k]) continue
      const end = this.ends[k].get(hashBefore(ids, ids.length, NGRAMS[k]))
      if (end === undefined) continue
      const [source, at] = [this.texts[Math.floor(end / 2 ** 32)], end % 2 ** 32]
      let match = 0
      while (match < LONGEST_MATCH && match < at && match < ids.length && source[at - 1 - match] === ids[ids.length - 1 - match]) match++
      // Other tokens can have the same hash.
      if (match < NGRAMS[k]) continue
      const draft = source.slice(at, at + most)
      // A text that repeats itself goes on repeating.
      for (let i = 0; source === ids && draft.length < most; i++) draft.push(draft[i])
      return { ids: draft, match }
    }
    return undefined
  }

  /**
   * Tokens of a draft that are worth their rows. `rowCost`: what one more row adds to a step, as a part of it.
   * Of k guesses, each right with probability p where those before it were, 1 + p + … + p^k tokens come of a step (arXiv 2211.17192, equation 1).
   */
  worth(match: number, rowCost: number): number {
    if (!this.adaptive) return this.most
    const { guesses, right } = this.estimates[match]
    const p = right / guesses
    let [best, length] = [WORTH, 0]
    for (let k = 1, tokens = 1 + p, next = p * p; k <= this.most; k++, tokens += next, next *= p) {
      const speed = tokens / (1 + rowCost * k)
      if (speed > best) [best, length] = [speed, k]
    }
    return length
  }

  /** So many guesses after such a match were right; `wrong`: and the next was not. */
  learn(match: number, right: number, wrong: boolean): void {
    const estimate = this.estimates[match]
    estimate.right += right
    estimate.guesses += right + (wrong ? 1 : 0)
    if (estimate.guesses <= MEMORY) return
    estimate.right *= MEMORY / estimate.guesses
    estimate.guesses = MEMORY
  }
}

/** What one lane has read and said. */
export class DraftText {
  readonly drafter: Drafter
  private readonly text: number

  constructor(drafter: Drafter, text: number) {
    this.drafter = drafter
    this.text = text
  }

  push(id: number): void {
    this.drafter.push(this.text, id)
  }

  /** What may come next, up to `most` tokens; undefined where nothing like the end of this text was said before. */
  find(most: number): Draft | undefined {
    return most > 0 ? this.drafter.find(this.text, most) : undefined
  }
}

/** Of the n tokens before a position. */
function hashBefore(ids: readonly number[], position: number, n: number): number {
  let h = n
  for (let i = position - n; i < position; i++) {
    h = Math.imul(h ^ ids[i], 0x85ebca6b)
    h ^= h >>> 15
  }
  return h
}
