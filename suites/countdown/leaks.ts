/**
 * Counts the chains in training texts that solve a test problem, from their first move on or from a later one.
 *
 *     npx tsx suites/countdown/leaks.ts            # every stage of the train files
 *     npx tsx suites/countdown/leaks.ts FILE...    # any text, rollouts that a run has kept for example
 *
 * It reads the text and knows nothing of how it was made. The exit code is 1 where it finds one in a stage.
 */
import { readFileSync, realpathSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { isMainThread } from 'node:worker_threads'
import { parse } from 'yaml'
import { base, type CountdownTest, coldStartParallel, coldStartSequential, mixedTrain, type ReadingTest, reading } from './data.ts'
import { coldStartOutlines } from './outlines.ts'
import { coldStartStarts } from './path-starts.ts'
import { testProblems } from './problems.ts'
import { isTestProblem, LEVELS, type Level, numbersKey, type Problem, problemKey } from './split.ts'

const CHAIN = /\d+ [-+*/] \d+ = \d+(?:, \d+ [-+*/] \d+ = \d+)*/g

/** The problems that a chain solves: the numbers that its moves take from outside, for each move that it may begin with. */
export function solvedBy(chain: string): Problem[] {
  const steps = chain.split(', ').map((step) => step.match(/\d+/g)!.map(Number))
  const out: Problem[] = []
  for (let start = 0; start < steps.length; start++) {
    const made: number[] = []
    const numbers: number[] = []
    for (const [a, b, result] of steps.slice(start)) {
      for (const number of [a, b]) {
        if (made.includes(number)) made.splice(made.indexOf(number), 1)
        else numbers.push(number)
      }
      made.push(result)
    }
    if (made.length === 1) out.push({ numbers, target: made[0] })
  }
  return out
}

/** How many chains a text has, and those that solve a test problem. */
export function leaksIn(text: string): { chains: number; leaks: string[] } {
  const chains = text.match(CHAIN) ?? []
  return { chains: chains.length, leaks: chains.filter((chain) => solvedBy(chain).some(isTestProblem)) }
}

/** As an assertion: a response with a chain that solves a test problem may not be learnt. */
export function clean(output: string): { pass: boolean; score: number; reason: string } {
  const { chains, leaks } = leaksIn(output)
  const pass = leaks.length === 0
  return {
    pass,
    score: pass ? 1 : 0,
    reason: pass ? `None of ${chains} chains solves a test problem.` : `Solves a test problem: ${leaks[0]}`,
  }
}

export interface StageLeaks {
  rows: number
  chains: number
  /** Chains that solve a test problem, and problems asked that are one. */
  leaks: string[]
}

/** What a stage of SFT shows and asks. */
export function leaksOfRows(rows: (ReadingTest | CountdownTest)[]): StageLeaks {
  const out: StageLeaks = { rows: rows.length, chains: 0, leaks: [] }
  for (const { vars } of rows) {
    const shown = 'shown' in vars ? vars.shown : ''
    if ('numbers' in vars) {
      const asked = { numbers: vars.numbers.split(' ').map(Number), target: vars.target }
      if (isTestProblem(asked)) out.leaks.push(problemKey(asked))
    }
    for (const text of [shown, ...(vars.trajectories ?? [])]) {
      const { chains, leaks } = leaksIn(text)
      out.chains += chains
      out.leaks.push(...leaks)
    }
  }
  return out
}

/** Problems of RL whose numbers are those of a problem in the test files: a rollout could come upon it. */
export function sharedNumbers(rows: CountdownTest[]): string[] {
  const tested = new Set((Object.keys(LEVELS) as Level[]).flatMap((level) => testProblems(level).map(({ numbers }) => numbersKey(numbers))))
  return rows.map(({ vars }) => numbersKey(vars.numbers.split(' ').map(Number))).filter((key) => tested.has(key))
}

export const SFT_STAGES = [
  'base.yaml',
  'reading.yaml',
  'cold-start.sequential.yaml',
  'cold-start.parallel.yaml',
  'cold-start.sequential-10.yaml',
  'cold-start.parallel-10.yaml',
  'cold-start.outlines.yaml',
]
export const RL_STAGES = ['rl.sequential.yaml', 'rl.parallel.yaml', 'rl.sequential-10.yaml', 'rl.parallel-10.yaml', 'rl.outlines.yaml']

const LOADERS = { base, reading, coldStartSequential, coldStartParallel, coldStartOutlines, coldStartStarts, mixedTrain }

const folder = path.dirname(fileURLToPath(import.meta.url))

/** The rows of a stage, by its config's own loader and settings. */
export function rowsOf(stage: string): (ReadingTest | CountdownTest)[] {
  const { tests } = parse(readFileSync(path.join(folder, stage), 'utf8')) as { tests: { path: string; config: Record<string, unknown> } }
  const name = tests.path.slice(tests.path.lastIndexOf(':') + 1)
  return LOADERS[name as keyof typeof LOADERS](tests.config)
}

export const rlRows = (stage: string): CountdownTest[] => rowsOf(stage) as CountdownTest[]

// A grader's worker has no file of its own.
if (isMainThread && process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const files = process.argv.slice(2)
  let found = 0
  for (const file of files) {
    const { chains, leaks } = leaksIn(readFileSync(file, 'utf8'))
    console.log(`${file}: ${leaks.length} of ${chains} chains solve a test problem`)
  }
  for (const stage of files.length > 0 ? [] : SFT_STAGES) {
    const { rows, chains, leaks } = leaksOfRows(rowsOf(stage))
    console.log(`${stage}: ${leaks.length} of ${chains} chains in ${rows} rows solve a test problem`)
    found += leaks.length
  }
  for (const stage of files.length > 0 ? [] : RL_STAGES) {
    const rows = rlRows(stage)
    const shared = sharedNumbers(rows)
    console.log(`${stage}: ${shared.length} of ${rows.length} problems have the numbers of one in the test files`)
    found += shared.length + leaksOfRows(rows).leaks.length
  }
  process.exitCode = found > 0 ? 1 : 0
}
