/** Test problems that a model may have seen in training. */

import type { Problem } from './problem.ts'

export interface Overlap {
  test: Problem
  /** The first training problem of the same form. */
  train: Problem
  /** False: a variant, such as one with another sign. */
  sameAnswer: boolean
}

/**
 * What is compared: letters and digits alone, in lower case and compatibility form. Spaces, punctuation and signs of
 * LaTeX do not count, nor do plus and minus: a problem that differs in a sign is reported too.
 */
export function normalForm(problem: string): string {
  return problem
    .normalize('NFKC')
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, '')
}

/** Every test problem whose normal form occurs in `train`, in the order of `tests`. */
export function overlaps(tests: readonly Problem[], train: readonly Problem[]): Overlap[] {
  const seen = new Map<string, Problem[]>()
  for (const problem of train) {
    const form = normalForm(problem.problem)
    const same = seen.get(form)
    if (same) same.push(problem)
    else seen.set(form, [problem])
  }
  const answer = (problem: Problem) => problem.answer.replace(/\s+/g, '')
  return tests.flatMap((test) => {
    const form = normalForm(test.problem)
    const found = form === '' ? undefined : seen.get(form)
    if (!found) return []
    const equal = found.find((problem) => answer(problem) === answer(test))
    return [{ test, train: equal ?? found[0], sameAnswer: equal !== undefined }]
  })
}
