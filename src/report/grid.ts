/** Samples by column and problem, with what accuracy needs to know of them. */

import { majorityAtEachK, majorityOfAll } from './estimators.ts'
import type { Experiment, Sample } from './samples.ts'
import { countVotes } from './votes.ts'

/** The samples of one problem by one column. */
export interface Cell {
  samples: Sample[]
  n: number
  right: number
  /** Chance that the majority of k of the samples is right; undefined where the grader does not say what it read. */
  majority?: (k: number) => number
}

/** By problem; undefined where the column has no sample of it. */
export type Grid = (Cell | undefined)[]

export const cellsOf = (grid: Grid): Cell[] => grid.filter((cell) => cell !== undefined)

/** One grid a column. Comparing answers takes time: gives way to other work every few problems. */
export async function readGrids(experiment: Experiment): Promise<Grid[]> {
  const sorted: Sample[][][] = experiment.columns.map(() => [])
  for (const sample of experiment.samples) {
    const column = sorted[sample.column]
    column[sample.problem] ??= []
    column[sample.problem].push(sample)
  }
  const grids: Grid[] = experiment.columns.map(() => experiment.problems.map(() => undefined))
  for (const [column, problems] of sorted.entries()) {
    for (const [problem, samples] of problems.entries()) {
      if (samples) grids[column][problem] = readCell(samples)
      if (problem % 16 === 15) await new Promise((resolve) => setImmediate(resolve))
    }
  }
  return grids
}

function readCell(samples: Sample[]): Cell {
  const n = samples.length
  const right = samples.filter((sample) => sample.right).length
  const ballot = countVotes(samples)
  if (!ballot) return { samples, n, right }
  let each: Float64Array | undefined
  const majority = (k: number): number => {
    if (k === n) return majorityOfAll(ballot.groups)
    each ??= majorityAtEachK(ballot.groups, ballot.abstaining)
    return each[k]
  }
  return { samples, n, right, majority }
}
