/** Everything that is reported of an experiment, for the terminal, promptfoo's metrics, the page and JSON alike. */

import { type Comparison, compareColumns } from './comparison.ts'
import { type Curve, tokenCurves } from './curves.ts'
import { type Grid, readGrids } from './grid.ts'
import { checkRepeats, type Gate } from './repeats.ts'
import { ReportError } from './rows.ts'
import type { Experiment } from './samples.ts'
import { type Summary, summarize } from './statistics.ts'

export interface Analysis {
  experiment: Experiment
  grids: Grid[]
  summaries: Summary[]
  comparisons: Comparison[]
  curves: { totalTokens: Curve[]; criticalTokens: Curve[] }
  /** Tests that must pass a number of their repeats; undefined where there are none. */
  gate?: Gate
  /** Seed of the bootstrap. */
  seed: number
}

interface AnalysisOptions {
  /** Seed of the bootstrap; default 1. */
  seed?: number
  /** Label of the column that the others are compared with; default: every pair of up to four columns, else the first. */
  baseline?: string
}

/** Analyses an experiment. Throws ReportError on a baseline that is no column and on a threshold of repeats that is none. */
export async function analyze(experiment: Experiment, { seed = 1, baseline }: AnalysisOptions = {}): Promise<Analysis> {
  const labels = experiment.columns.map(({ label }) => label)
  if (baseline !== undefined && !labels.includes(baseline)) {
    throw new ReportError(`The baseline is not a column of these results. Got "${baseline}". Use one of: ${labels.join('; ')}.`)
  }
  const grids = await readGrids(experiment)
  const comparisons = await compareColumns(experiment, grids, {
    seed,
    baseline: baseline === undefined ? undefined : labels.indexOf(baseline),
  })
  const curves = {
    totalTokens: tokenCurves(experiment, grids, 'totalTokens'),
    criticalTokens: tokenCurves(experiment, grids, 'criticalTokens'),
  }
  return { experiment, grids, summaries: summarize(experiment, grids), comparisons, curves, gate: checkRepeats(experiment), seed }
}
