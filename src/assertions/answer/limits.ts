/** Bounds of the answer grader. They come before any work, so that no output can make grading slow. */
export const LIMITS = {
  /** Characters of output that are searched; of a longer one only the end. */
  output: 1_000_000,
  tail: 30_000,
  /** Characters of a candidate or reference that are parsed. */
  candidate: 4096,
  tokens: 1500,
  depth: 60,
  /** Digits of one number. */
  digits: 3000,
  /** Bits of an exact value. */
  bits: 60_000,
  /** Units of numeric work for one comparison; a multiplication is one, an exponential a hundred; about a microsecond each. */
  work: 100_000,
} as const

/** The answer is beyond a bound: only its text can be compared. */
export class TooComplex extends Error {}

/** Counts numeric work and stops it at the bound. */
export class Work {
  private left: number = LIMITS.work

  spend(units: number): void {
    this.left -= units
    if (this.left < 0) throw new TooComplex('the answer is too complex to evaluate')
  }
}
