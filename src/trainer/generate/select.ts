/** Which of the acceptable answers are kept: no near-duplicates, and of each problem the first few. */

import { NearIndex } from '../../data/near.ts'
import { problemOf, withEvenSpaces } from './exclude.ts'
import type { Judged } from './judge.ts'
import type { AskedRow } from './rows.ts'

/** An answer that was judged. */
export interface Candidate extends Judged {
  try: number
  seed: number
}

interface SelectOptions {
  /** Most of a problem. */
  keep: number
  /** Similarity from which an answer is a duplicate. */
  duplicates: number
}

export const DUPLICATE = 'a near-duplicate of a kept answer'
export const ENOUGH = 'enough answers were kept'

/** The kept answers so far of one problem, in whose order further ones come. */
export class Kept {
  readonly #options: SelectOptions
  readonly #index = new NearIndex([], { masked: false })
  readonly #texts = new Set<string>()
  #count = 0

  constructor(options: SelectOptions) {
    this.#options = options
  }

  get full(): boolean {
    return this.#count >= this.#options.keep
  }

  /** Takes the answer, or says why not. */
  offer({ text, reasons }: Pick<Judged, 'text' | 'reasons'>): string[] {
    if (reasons.length > 0) return reasons
    if (this.full) return [ENOUGH]
    // Texts without a word share no trigram.
    if (this.#texts.has(text) || (this.#index.nearest(text)?.similarity ?? 0) >= this.#options.duplicates) return [DUPLICATE]
    this.#index.add(text)
    this.#texts.add(text)
    this.#count += 1
    return []
  }
}

/** A row with all its answers. */
export interface Selected {
  row: AskedRow
  candidates: readonly Candidate[]
}

/** What became of all answers: those without reasons are kept. Rows whose problem is the same but for case and spaces share what is kept. */
export function selectAnswers(rows: readonly Selected[], options: SelectOptions): Selected[] {
  const byProblem = new Map<string, Kept>()
  return rows.map(({ row, candidates }) => {
    // Signs count: 12 + 3 is another problem than 12 - 3.
    const problem = withEvenSpaces(problemOf(row.row)).toLowerCase()
    const kept = byProblem.get(problem) ?? new Kept(options)
    if (problem !== '') byProblem.set(problem, kept)
    return { row, candidates: candidates.map((one) => ({ ...one, reasons: kept.offer(one) })) }
  })
}

/** In the order of the rows and tries. */
export function keptAnswers(selected: readonly Selected[]): (Candidate & { row: AskedRow })[] {
  return selected.flatMap(({ row, candidates }) => candidates.filter(({ reasons }) => reasons.length === 0).map((one) => ({ ...one, row })))
}
