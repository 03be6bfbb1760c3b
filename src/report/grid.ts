/** Samples by column and problem, with what accuracy needs to know of them. */

import { MAX_VOTERS, majorityAtEachK, majorityOfAll } from './estimators.ts'
import type { Experiment, Sample } from './samples.ts'
import { countVotes } from './votes.ts'

/** The samples of one problem by one column. */
export interface Cell {
  samples: Sample[]
  n: number
  right: number
  /** Chance that the majority of k of the samples is right (beyond MAX_VOTERS samples of all of them only); undefined where the grader does not say what it read. */
  majority?: (k: number) => number
}

/** By problem; undefined where the column has no sample of it. */
export type Grid = (Cell | undefined)[]

export const cellsOf = (grid: Grid): Cell[] => grid.filter((cell) => cell !== undefined)

/** Milliseconds of work between two chances for others. */
const TURN = 20

/** One grid a column. Comparing answers and counting majorities takes time: gives way to other work on the way. */
export async function readGrids(experiment: Experiment): Promise<Grid[]> {
  const sorted: Sample[][][] = experiment.columns.map(() => [])
  for (const sample of experiment.samples) {
    const column = sorted[sample.column]
    column[sample.problem] ??= []
    column[sample.problem].push(sample)
  }
  const grids: Grid[] = experiment.columns.map(() => experiment.problems.map(() => undefined))
  let began = performance.now()
  for (const [column, problems] of sorted.entries()) {
    for (const [problem, samples] of problems.entries()) {
      if (samples) grids[column][problem] = readCell(samples)
      if (performance.now() - began < TURN) continue
      await new Promise((resolve) => setImmediate(resolve))
      began = performance.now()
    }
  }
  return grids
}

function readCell(samples: Sample[]): Cell {
  const n = samples.length
  const right = samples.filter((sample) => sample.right).length
  const ballot = countVotes(samples)
  if (!ballot) return { samples, n, right }
  const all = majorityOfAll(ballot.groups)
  const each = n > 1 && n <= MAX_VOTERS ? majorityAtEachK(ballot.groups, ballot.abstaining) : undefined
  return { samples, n, right, majority: (k) => (k === n ? all : (each?.[k] ?? Number.NaN)) }
}
