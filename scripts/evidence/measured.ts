/** What was measured: answers of every arm by seed and problem, and what its run says over the steps. */

import { existsSync } from 'node:fs'
import path from 'node:path'
import { type BySeed, type CrossedEstimate, crossedDifference, crossedMean, crossedShare } from '../../src/report/crossed.ts'
import { passAtK } from '../../src/report/estimators.ts'
import { readResults } from '../../src/report/rows.ts'
import { firstAndLast } from '../../src/report/run/quantities.ts'
import { METRICS_FILE, type Run, readRuns } from '../../src/report/run/read.ts'
import { readKept } from '../../src/report/run/samples.ts'
import { readExperiment } from '../../src/report/samples.ts'
import { answersOf, type Plan, runOf } from './parts.ts'
import type { Records } from './records.ts'
import type { Arm } from './table.ts'

/** One response. */
export interface Answer {
  right: boolean
  /** Tokens, every path counted, and along the longest chain. */
  total: number
  critical: number
  /** It has a block. */
  parallel: boolean
}

/** Responses by problem. */
export type Answers = ReadonlyMap<string, readonly Answer[]>

/** One arm, decoded in one way. */
export interface Column {
  arm: Arm
  /** The checkpoint of a parallel arm, decoded token by token. */
  plain: boolean
  title: string
  bySeed: ReadonlyMap<number, Answers>
}

/** RL of an arm: a run a seed, with the figures of its kept rollouts. */
export interface Trained {
  arm: Arm
  bySeed: ReadonlyMap<number, Run>
  /** Steps of the first reward. */
  switchAfter?: number
}

export interface Measured {
  columns: Column[]
  trained: Trained[]
  /** Arms and seeds whose RL made no update. */
  idle: string[]
  /** States of the suite's files that parts were made with: more than one is told. */
  suites: Set<string>
  small: boolean
  problems?: number
  /** Parts done, and all. */
  done: number
  parts: number
}

/** Reads what is done. Parts that are not are left out. */
export function readMeasured(plan: Plan, records: Records): Measured {
  const done = plan.parts.filter((part) => records.done(part) !== undefined)
  const ids = new Set(done.map(({ id }) => id))
  const seedsOf = <T>(read: (seed: number) => T | undefined): Map<number, T> =>
    new Map(plan.seeds.flatMap((seed): [number, T][] => { const found = read(seed); return found === undefined ? [] : [[seed, found]] })) // biome-ignore format: one thought
  const columns = plan.arms.flatMap((arm) => {
    const { column, plain } = plan.table.forms.get(arm.form)!
    const files = seedsOf((seed) =>
      ids.has(path.dirname(answersOf(arm, seed))) ? readAnswers(path.join(records.home, answersOf(arm, seed))) : undefined,
    )
    const of = (label: string) => new Map([...files].map(([seed, answers]) => [seed, answers.get(label) ?? new Map()]))
    return [
      { arm, plain: false, title: arm.title, bySeed: of(column) },
      ...(plain === undefined ? [] : [{ arm, plain: true, title: `${arm.title}, decoded sequentially`, bySeed: of(plain) }]),
    ]
  })
  const trained = plan.arms.flatMap((arm): Trained[] => {
    const bySeed = seedsOf((seed) => {
      const run = runOf(arm, seed)
      return run !== undefined && ids.has(path.dirname(run)) ? readTrained(path.join(records.home, run)) : undefined
    })
    return arm.reward === undefined ? [] : [{ arm, bySeed, switchAfter: plan.switches.get(arm.name) }]
  })
  return {
    columns,
    trained,
    idle: done
      .filter((part) => part.kind === 'train' && records.done(part)!.learnt === false)
      .map(({ title, seed }) => `${title}, seed ${seed}`),
    suites: new Set(done.map((part) => records.done(part)!.suite)),
    small: plan.small,
    problems: plan.problems,
    done: done.length,
    parts: plan.parts.length,
  }
}

/** Responses by the label of their provider entry and by problem. */
export function readAnswers(file: string): Map<string, Map<string, Answer[]>> {
  const experiment = readExperiment([readResults(file)])
  const byColumn = new Map<string, Map<string, Answer[]>>(experiment.columns.map(({ label }) => [label, new Map()]))
  for (const { column, problem, right, totalTokens, criticalTokens, shape } of experiment.samples) {
    const answers = byColumn.get(experiment.columns[column].label)!
    const key = nameOf(experiment.problems[problem].vars)
    const answer = { right, total: totalTokens ?? Number.NaN, critical: criticalTokens ?? Number.NaN, parallel: shape.blocks > 0 }
    answers.set(key, [...(answers.get(key) ?? []), answer])
  }
  return byColumn
}

/** The same problem in every file. */
function nameOf(vars: Readonly<Record<string, unknown>>): string {
  const names = Object.keys(vars).filter((name) => !name.startsWith('_'))
  return JSON.stringify(names.sort().map((name) => [name, vars[name]]))
}

function readTrained(folder: string): Run | undefined {
  if (!existsSync(path.join(folder, METRICS_FILE))) return undefined
  return readKept(readRuns([folder]), 0).runs[0]
}

/** A figure of one problem's responses. */
export type Figure = (answers: readonly Answer[]) => number

const share =
  (hit: (answer: Answer) => boolean): Figure =>
  (answers) =>
    answers.filter(hit).length / answers.length
const average =
  (of: (answer: Answer) => number): Figure =>
  (answers) =>
    answers.reduce((sum, one) => sum + of(one), 0) / answers.length

export const accuracy = share(({ right }) => right)
export const parallelRatio = share(({ parallel }) => parallel)
export const totalTokens = average(({ total }) => total)
export const criticalPath = average(({ critical }) => critical)
/** Chance that one of k is right; k is the fewest samples of a problem. */
export const passAt =
  (k: number): Figure =>
  (answers) =>
    passAtK(answers.length, answers.filter(({ right }) => right).length, k)
/** Right, and ended within so many tokens. */
export const within = (tokens: 'total' | 'critical', budget: number): Figure => share((answer) => answer.right && answer[tokens] <= budget)

/** Fewest samples of a problem in these columns; 0 where there is none. */
export function fewestSamples(columns: readonly Column[]): number {
  const counts = columns.flatMap(({ bySeed }) =>
    [...bySeed.values()].flatMap((answers) => [...answers.values()].map(({ length }) => length)),
  )
  return counts.length === 0 ? 0 : counts.reduce((a, b) => Math.min(a, b))
}

/** A figure by seed and problem, of the seeds and problems that all columns have. */
function gridsOf(columns: readonly Column[], figure: Figure): BySeed[] {
  const seeds = [...(columns[0]?.bySeed.keys() ?? [])].filter((seed) => columns.every(({ bySeed }) => (bySeed.get(seed)?.size ?? 0) > 0))
  const all = seeds.flatMap((seed) => columns.map(({ bySeed }) => bySeed.get(seed)!))
  const problems = [...(all[0]?.keys() ?? [])].filter((problem) => all.every((answers) => answers.has(problem)))
  return columns.map(({ bySeed }) => seeds.map((seed) => problems.map((problem) => figure(bySeed.get(seed)!.get(problem)!))))
}

const empty = (grid: BySeed): boolean => grid.length === 0 || grid[0].length === 0

export function estimateShare(column: Column, figure: Figure): CrossedEstimate | undefined {
  const [grid] = gridsOf([column], figure)
  const samples = [...column.bySeed.values()].reduce(
    (sum, answers) => sum + [...answers.values()].reduce((own, { length }) => own + length, 0),
    0,
  )
  return empty(grid) ? undefined : crossedShare(grid, samples)
}

export function estimateMean(column: Column, figure: Figure): CrossedEstimate | undefined {
  const [grid] = gridsOf([column], figure)
  return empty(grid) || grid.flat().some(Number.isNaN) ? undefined : crossedMean(grid)
}

/** a − b of a figure in [0, 1], paired by problem and seed. */
export function estimateDifference(a: Column, b: Column, figure: Figure): CrossedEstimate | undefined {
  const [gridA, gridB] = gridsOf([a, b], figure)
  return empty(gridA) ? undefined : crossedDifference(gridA, gridB)
}

/** Keys of a step's values: the mean relative position of its blocks, the share of rollouts with one. */
export type Traced = 'kept.position' | 'parallelRatio'

/** Means of the first and last tenth of the steps from `from` on, a pair a seed. */
export function firstAndLastOf({ bySeed }: Trained, key: Traced, from = 0): { seed: number; first: number; last: number }[] {
  return [...bySeed].flatMap(([seed, { steps }]) => {
    const points = steps.flatMap(({ total, values }) => (values.has(key) && total > from ? [{ at: total, value: values.get(key)! }] : []))
    const span = firstAndLast(points.filter(({ value }) => Number.isFinite(value)))
    return span ? [{ seed, first: span.first, last: span.last }] : []
  })
}

/** Before anything is run. */
export const NOTHING: Measured = { columns: [], trained: [], idle: [], suites: new Set(), small: false, done: 0, parts: 0 }
