/**
 * Countdown problems: reach the target with these numbers, each used exactly once, with + - * /.
 *
 * Numbers 1-12 and targets 10-60. Every problem has a solution whose steps are all whole numbers from 1 to 60 (moves.ts), and
 * belongs to train or to test (split.ts).
 */
import { apply, lastMoves, moves, reachable } from './moves.ts'
import { Random } from './random.ts'
import {
  LEVELS,
  type Level,
  MAX_DRAWN,
  MAX_TARGET,
  MIN_TARGET,
  numbersKey,
  type Problem,
  problemKey,
  type Split,
  splitOf,
} from './split.ts'

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

/** `count` problems, no two alike even with the numbers in another order, of numbers that are not `barred` ({@link numbersKey}). */
export function drawProblems(random: Random, level: Level, split: Split, count: number, barred?: ReadonlySet<string>): Problem[] {
  const seen = new Set<string>()
  const out: Problem[] = []
  for (let repeats = 0; out.length < count; ) {
    const problem = drawProblem(random, level, split)
    const key = problemKey(problem)
    if (seen.has(key) || barred?.has(numbersKey(problem.numbers))) {
      if (++repeats < MAX_REPEATS) continue
      throw new Error(`There are hardly more than ${out.length} ${level} problems of ${split}. Asked for ${count}. Ask for fewer.`)
    }
    repeats = 0
    seen.add(key)
    out.push(problem)
  }
  return out
}

const TESTS = 200
const TEST_SEED = 1

/** The problems of `test.LEVEL.jsonl`. */
export function testProblems(level: Level): Problem[] {
  return drawProblems(new Random(TEST_SEED, `test, ${level}`), level, 'test', TESTS)
}

/**
 * `count` problems of train for RL. Their numbers occur in no problem of the test files: whatever a model tries with them while it
 * learns, it can't come upon one of those.
 */
export function rlProblems(level: Level, count: number, seed: number): Problem[] {
  const barred = new Set(testProblems(level).map(({ numbers }) => numbersKey(numbers)))
  return drawProblems(new Random(seed, `rl, ${level}`), level, 'train', count, barred)
}
