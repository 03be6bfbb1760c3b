/** Accuracy against tokens. */

import { cellsOf, type Grid } from './grid.ts'
import { type Estimate, shareOfProblems } from './intervals.ts'
import type { Column, Experiment } from './samples.ts'

interface CurvePoint extends Estimate {
  tokens: number
}

export interface Curve {
  column: Column
  points: CurvePoint[]
}

/** Steps of the token axis. */
const STEPS = 60

/**
 * The truncation curve of every column: at t tokens, the share of samples that are right and had ended within t tokens (mean over problems).
 * It is what a hard limit of t would have left standing, had the model not known of it. All columns share one axis, from 0 to the longest
 * response. A column whose responses do not all report a length has no curve.
 */
export function tokenCurves(experiment: Experiment, grids: readonly Grid[], length: 'totalTokens' | 'criticalTokens'): Curve[] {
  const longest = experiment.samples.reduce((most, sample) => Math.max(most, sample[length] ?? 0), 0)
  if (longest === 0) return []
  const axis = [...new Set(Array.from({ length: STEPS + 1 }, (_, i) => Math.ceil((longest * i) / STEPS)))]
  return experiment.columns.flatMap((column, index) => {
    const cells = cellsOf(grids[index])
    if (cells.length === 0 || cells.some(({ samples }) => samples.some((sample) => sample[length] === undefined))) return []
    const count = cells.reduce((sum, cell) => sum + cell.n, 0)
    const points = axis.map((tokens) => ({
      tokens,
      ...shareOfProblems(
        cells.map(({ samples, n }) => samples.filter((sample) => sample.right && sample[length]! <= tokens).length / n),
        count,
      ),
    }))
    return [{ column, points }]
  })
}
