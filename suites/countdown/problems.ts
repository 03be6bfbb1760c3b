/**
 * Countdown problems: reach the target with these numbers, each used exactly once, with + - * /.
 *
 * Numbers 1-12 and targets 10-60. Every problem has a solution whose steps are all whole numbers from 1 to 60 (moves.ts).
 * A hash of the problem (numbers sorted, target) says whether it belongs to train or test, so that the two cannot meet,
 * whatever the seed and however many are drawn.
 */
import { apply, lastMoves, MAX_NUMBER, moves, reachable } from './moves.ts'
import { hash32, type Random } from './random.ts'

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
export function problemKey(problem: Problem): string {
  return `${problem.numbers.toSorted((x, y) => x - y).join(' ')} = ${problem.target}`
}

export function splitOf(problem: Problem): Split {
  return hash32(problemKey(problem)) % TEST_SHARE === 0 ? 'test' : 'train'
}

/** `count` numbers from 1 to 12, repetition allowed. */
export function drawNumbers(random: Random, count: number): number[] {
  return Array.from({ length: count }, () => 1 + random.int(MAX_DRAWN))
}

/** One problem of the split: numbers first, then a target drawn evenly from those they reach. */
export function drawProblem(random: Random, level: Level, split: Split): Problem {
  for (;;) {
    const numbers = drawNumbers(random, LEVELS[level])
    const targets = [...reachable(numbers)].filter((target) => target >= MIN_TARGET && target <= MAX_TARGET).sort((x, y) => x - y)
    if (targets.length === 0) continue
    const problem = { numbers, target: random.pick(targets) }
    if (splitOf(problem) === split) return problem
  }
}

/**
 * One problem of the split whose target is where a random descent of its numbers ends: likelier the more ways lead to it, so
 * that blind tries hit more often than at targets drawn evenly.
 */
export function drawReachedProblem(random: Random, level: Level, split: Split): Problem {
  for (;;) {
    const numbers = drawNumbers(random, LEVELS[level])
    let state: readonly number[] = numbers
    while (state.length > 2) state = apply(state, random.pick(moves(state)))
    const target = random.pick(lastMoves(state[0], state[1])).result
    if (target < MIN_TARGET || target > MAX_TARGET) continue
    const problem = { numbers, target }
    if (splitOf(problem) === split) return problem
  }
}

/** Draws in a row that bring nothing new before {@link drawProblems} gives up. */
const MAX_REPEATS = 20_000

/** `count` problems, no two alike even with the numbers in another order. */
export function drawProblems(random: Random, level: Level, split: Split, count: number): Problem[] {
  const seen = new Set<string>()
  const out: Problem[] = []
  for (let repeats = 0; out.length < count; ) {
    const problem = drawProblem(random, level, split)
    const key = problemKey(problem)
    if (seen.has(key)) {
      if (++repeats < MAX_REPEATS) continue
      throw new Error(`There are hardly more than ${out.length} ${level} problems of ${split}. Asked for ${count}. Ask for fewer.`)
    }
    repeats = 0
    seen.add(key)
    out.push(problem)
  }
  return out
}
