/** Problems of an evaluation that the run also trains on. */

import { overlaps } from '../../data/contamination.ts'
import type { Problem } from '../../data/problem.ts'
import { questionOf } from '../../report/problems.ts'
import type { SuiteRow } from '../suite/suite.ts'

/** Of the stages up to the evaluated one. */
interface TrainedRows {
  stage: string
  rows: readonly SuiteRow[]
}

/** A warning for each stage whose suite holds problems of the evaluation `name`. Compared as `pr1-data check` compares. */
export function sharedProblems(name: string, rows: readonly SuiteRow[], trained: readonly TrainedRows[]): string[] {
  const tests = problemsOf(rows)
  return trained.flatMap(({ stage, rows }) => {
    const found = overlaps(tests, problemsOf(rows))
    if (found.length === 0) return []
    const first = found[0].test.problem.replace(/\s+/g, ' ').trim()
    return `Warning: ${found.length} of ${tests.length} problems of evaluation "${name}" stand in the suite of stage "${stage}", too. Its figures will tell of memory. The first: ${first.length > 100 ? `${first.slice(0, 100)}…` : first}`
  })
}

/** The question where a variable holds it, else the prompt. */
function problemsOf(rows: readonly SuiteRow[]): Problem[] {
  return rows.map(({ vars, prompt }, index) => ({ id: `test ${index + 1}`, problem: questionOf(vars) ?? prompt, answer: '' }))
}
