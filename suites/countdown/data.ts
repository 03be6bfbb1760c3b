/**
 * Test loaders for promptfoo: `tests: { path: 'file://data.ts:base', config: { count: 6000, seed: 1 } }`.
 *
 * Each returns the same rows for the same config. Rows for SFT carry the responses to learn in the variable `trajectories`.
 */
import { rlProblems } from './problems.ts'
import { Random } from './random.ts'
import type { Level, Problem } from './split.ts'
import { drawBase, drawColdStart, drawReading, parallelSolution, sequentialSolution } from './trajectories.ts'

export interface CountdownVars {
  /** In the order shown, separated by spaces: "11 1 5". */
  numbers: string
  target: number
  level?: Level
  /** `descents` where the prompt asks for random descents instead of a solution (prompt.j2). */
  task?: 'descents'
  /** Responses to learn: several a problem, because promptfoo takes milliseconds to resolve a row. */
  trajectories?: string[]
}

/** The part of promptfoo's TestCase that this suite uses. */
export interface CountdownTest {
  vars: CountdownVars
  options: { disableVarExpansion: true }
}

export function toTest(problem: Problem, extra: Partial<CountdownVars> = {}): CountdownTest {
  return { vars: { numbers: problem.numbers.join(' '), target: problem.target, ...extra }, options: { disableVarExpansion: true } }
}

type Config = Record<string, unknown>

/** Reads a loader's config: the defaults say which keys there are; every value is a number of at least 0. */
function read<T extends Record<string, number>>(loader: string, config: Config | undefined, defaults: T): T {
  const out: Record<string, number> = { ...defaults }
  for (const [key, value] of Object.entries(config ?? {})) {
    if (key === 'basePath') continue
    const known = Object.keys(defaults)
    if (!known.includes(key))
      throw new Error(`data.ts:${loader} knows the config keys ${known.join(', ')}. Got ${key}. Rename or remove it.`)
    if (typeof value !== 'number' || !(value >= 0)) {
      throw new Error(`data.ts:${loader} needs a number of at least 0 for ${key}. Got ${JSON.stringify(value)}.`)
    }
    out[key] = value
  }
  return out as T
}

function many<Row>(count: number, draw: () => Row): Row[] {
  return Array.from({ length: count }, draw)
}

/**
 * Problems with random descents and their true verdicts. `two` is the share of problems that are a single fact, which has one
 * descent only, `three` of those with three numbers; the rest has four, and both have `descents` each.
 */
export function base(config?: Config): CountdownTest[] {
  const { count, seed, two, three, descents } = read('base', config, { count: 10000, seed: 1, two: 0.3, three: 0.3, descents: 8 })
  const random = new Random(seed, 'base')
  return many(count, () => {
    const { problem, texts } = drawBase(random, { two, three }, descents)
    return toTest(problem, { task: 'descents', trajectories: texts })
  })
}

export interface ReadingTest {
  vars: { task: 'reading'; shown: string; trajectories: string[] }
  options: { disableVarExpansion: true }
}

/**
 * Lines and paths to repeat where they say yes, and rows of the base stage among them, lest it be forgotten: `rehearsal` is their share,
 * with `descents` responses each.
 */
export function reading(config?: Config): (ReadingTest | CountdownTest)[] {
  const { count, seed, rehearsal, descents } = read('reading', config, { count: 10000, seed: 1, rehearsal: 0.1, descents: 2 })
  const random = new Random(seed, 'reading')
  return many<ReadingTest | CountdownTest>(count, () => {
    if (random.next() < rehearsal) {
      const { problem, texts } = drawBase(random, { two: 0, three: 0.5 }, descents)
      return toTest(problem, { task: 'descents', trajectories: texts })
    }
    const { shown, text } = drawReading(random)
    return { vars: { task: 'reading', shown, trajectories: [text] }, options: { disableVarExpansion: true } }
  })
}

const COLD_START = { count: 4000, hard: 0.4, seed: 1, solutions: 5, tries: 10, paths: 5, intuition: 2 }

type Solve = (solver: Random, problem: Problem, options: typeof COLD_START) => string

/**
 * The same problems in the same order in both forms: the solver draws from a stream of its own. Each has `solutions` runs of
 * it. `hard` is the share of problems with four numbers, whose tries are blind: without them a model forgets that four
 * numbers take three moves (docs/log.md).
 */
export function coldStart(loader: string, config: Config | undefined, solve: Solve): CountdownTest[] {
  const options = read(loader, config, COLD_START)
  const problems = new Random(options.seed, 'cold start')
  const solver = new Random(options.seed, loader)
  return many(options.count, () => {
    const level = problems.next() < options.hard ? 'hard' : 'easy'
    const problem = drawColdStart(problems, level, options.paths)
    const trajectories = Array.from({ length: options.solutions }, () => solve(solver, problem, options))
    return toTest(problem, { level, trajectories })
  })
}

/** The search written out line by line. */
export function coldStartSequential(config?: Config): CountdownTest[] {
  return coldStart('coldStartSequential', config, sequentialSolution)
}

/** The search written in blocks. */
export function coldStartParallel(config?: Config): CountdownTest[] {
  return coldStart('coldStartParallel', config, parallelSolution)
}

function train(loader: string, config: Config | undefined, level: Level): CountdownTest[] {
  const { count, seed } = read(loader, config, { count: 4000, seed: 1 })
  return rlProblems(level, count, seed).map((problem) => toTest(problem, { level }))
}

/** Easy problems of train, no two alike. */
export function easyTrain(config?: Config): CountdownTest[] {
  return train('easyTrain', config, 'easy')
}

/** Hard problems of train, no two alike. */
export function hardTrain(config?: Config): CountdownTest[] {
  return train('hardTrain', config, 'hard')
}

/** Easy and hard problems of train in random order; `hard` is the share of hard ones. */
export function mixedTrain(config?: Config): CountdownTest[] {
  const { count, seed, hard } = read('mixedTrain', config, { count: 4000, seed: 1, hard: 0.75 })
  const hardCount = Math.round(count * Math.min(hard, 1))
  const rows = [...easyTrain({ count: count - hardCount, seed }), ...hardTrain({ count: hardCount, seed })]
  return new Random(seed, 'rl, order').shuffle(rows)
}
