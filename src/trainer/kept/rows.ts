/** Which test of an edited suite a kept rollout answers. */

import { isDeepStrictEqual } from 'node:util'
import type { KeptRollout } from '../../rollouts/format.ts'
import type { Suite, SuiteRow } from '../suite/suite.ts'

/**
 * The test at the same place where it asks the same, else the one that asks the same: with the same variables where several do. So tests may
 * be moved, added and left out, and their references corrected. `suite` is the edited one, `own` that of the run.
 */
export class RowFinder {
  private readonly rows: readonly SuiteRow[]
  private readonly own: readonly SuiteRow[]
  private readonly byPrompt = new Map<string, SuiteRow[]>()

  constructor(suite: Suite, own: Suite) {
    this.rows = suite.rows
    this.own = own.rows
    for (const row of suite.rows) {
      const same = this.byPrompt.get(row.prompt)
      if (same) same.push(row)
      else this.byPrompt.set(row.prompt, [row])
    }
  }

  /** Undefined where no test, or more than one, can be it. */
  find({ row, prompt }: Pick<KeptRollout, 'row' | 'prompt'>): SuiteRow | undefined {
    const same = this.byPrompt.get(prompt) ?? []
    if (same.length <= 1) return same[0]
    const vars = this.own[row]?.vars
    return same.find((one) => isDeepStrictEqual(one.vars, vars)) ?? (this.rows[row]?.prompt === prompt ? this.rows[row] : undefined)
  }
}
