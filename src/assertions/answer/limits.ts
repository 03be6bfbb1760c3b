/** Bounds of the answer grader. They come before any work, so that no output can make grading slow. */
export const LIMITS = {
  /** Characters of output that are searched; of a longer one only the end. */
  output: 1_000_000,
  tail: 30_000,
  /** Characters of a candidate or reference that are parsed. */
  candidate: 4096,
  tokens: 1500,
  depth: 60,
  /** Sums, integrals, limits and derivatives in one another. */
  binders: 3,
  /** Digits of one number. */
  digits: 3000,
  /** Bits of an exact value. */
  bits: 60_000,
  /** Units of numeric work for one comparison; a multiplication is one, an exponential a hundred; about a microsecond each. */
  work: 60_000,
  /** Units of work for the exact values of one comparison. */
  exact: 12_000,
} as const

/** The answer is beyond a bound: only its text can be compared. */
export class TooComplex extends Error {}

/** What counts as equal, beyond what always does. */
export interface Policy {
  /** Constants may differ by absolute + relative · the larger of the two. */
  tolerance?: { absolute: number; relative: number }
  /** `optional`: a unit on one side only is fine; `required`: on both or on none; `ignore`: units do not count. */
  units: 'optional' | 'required' | 'ignore'
  lists: 'unordered' | 'ordered'
  /** Units of work that several comparisons share; each has its own bound besides. */
  shared?: { left: number }
}

export const DEFAULT_POLICY: Policy = { units: 'optional', lists: 'unordered' }

/** One comparison: its policy, the rule that decided it, and its numeric work, which is stopped at the bound. */
export class Work {
  readonly policy: Policy
  /** The rule by which the last two parts were found equal. */
  rule = 'same writing'
  /** How deep inside sets, lists and tuples the two compared parts are. */
  nested = 0
  /** There are many entries to compare, so that each gets less work. */
  brief = false
  /** For exact values, which have a bound of their own each. */
  readonly exact = { left: LIMITS.exact }
  private left: number = LIMITS.work
  private binders = 0

  constructor(policy: Policy = DEFAULT_POLICY) {
    this.policy = policy
  }

  /** Runs what one Σ, ∫, limit or derivative needs: each inside another multiplies the work. */
  inside<T>(run: () => T): T {
    if (this.binders === LIMITS.binders) throw new TooComplex(`more than ${LIMITS.binders} sums, integrals or limits in one another`)
    this.binders++
    try {
      return run()
    } finally {
      this.binders--
    }
  }

  /** Notes the rule where it found the two equal; returns whether it did. */
  by(rule: string, equal: boolean): boolean {
    if (equal) this.rule = rule
    return equal
  }

  spend(units: number): void {
    this.left -= units
    const { shared } = this.policy
    if (shared) shared.left -= units
    if (this.left < 0 || (shared && shared.left < 0)) throw new TooComplex('the answer is too complex to evaluate')
  }
}
