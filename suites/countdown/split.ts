/**
 * Which problems belong to the test, and which training texts would give one away.
 *
 * A hash of the problem (numbers sorted, target) decides. One problem in ten is a test problem, whatever seed draws it. No
 * text that is written for training may solve one: not as the problem that is asked, not as a try that misses its own target, and not as the
 * end of a longer try. So a descent that would is never shown (trajectories.ts); leaks.ts counts what is left of them, which is none.
 */
import { apply, MAX_NUMBER, type Move } from './moves.ts'
import { hash32 } from './random.ts'

export interface Problem {
  /** In the order shown. */
  numbers: number[]
  target: number
}

export type Level = 'easy' | 'hard'
export type Split = 'train' | 'test'

/** How many numbers a problem of each level has. */
export const LEVELS: Readonly<Record<Level, number>> = { easy: 3, hard: 4 }

export const MAX_DRAWN = 12
export const MIN_TARGET = 10
export const MAX_TARGET = MAX_NUMBER

/** One problem in ten is a test problem. */
const TEST_SHARE = 10

/** The same for every order of the numbers. */
export function problemKey({ numbers, target }: Problem): string {
  return `${numbersKey(numbers)} = ${target}`
}

/** The same for every order of the numbers. */
export function numbersKey(numbers: readonly number[]): string {
  return numbers.toSorted((x, y) => x - y).join(' ')
}

export function splitOf(problem: Problem): Split {
  return hash32(problemKey(problem)) % TEST_SHARE === 0 ? 'test' : 'train'
}

/** Whether these numbers and this target could be drawn as a problem of the test. */
export function isTestProblem(problem: Problem): boolean {
  const { numbers, target } = problem
  return (
    (numbers.length === LEVELS.easy || numbers.length === LEVELS.hard) &&
    target >= MIN_TARGET &&
    target <= MAX_TARGET &&
    numbers.every((number) => number <= MAX_DRAWN) &&
    splitOf(problem) === 'test'
  )
}

/** Whether a descent of these numbers solves a test problem, from its first move on or from a later one. */
export function solvesTest(numbers: readonly number[], steps: readonly Move[]): boolean {
  const target = steps.at(-1)?.result
  if (target === undefined) return false
  let state = [...numbers]
  for (const step of steps) {
    if (isTestProblem({ numbers: state, target })) return true
    state = apply(state, step)
  }
  return false
}
