/** The statistics as plain JSON, for notebooks and scripts. */

import type { Analysis } from './analysis.ts'
import { describeCopies } from './problems.ts'

/** Everything but samples. Bounds that cannot be told are null. */
export function analysisJson({ experiment, summaries, comparisons, curves, gate, seed }: Analysis): unknown {
  const label = <T extends { column: { label: string } }>({ column, ...rest }: T) => ({ column: column.label, ...rest })
  return {
    sources: experiment.results.map(({ source, evalId, timestamp, unfinished }) => ({ source, evalId, timestamp, unfinished })),
    metric: experiment.metric ?? null,
    problems: experiment.problems.length,
    copies: experiment.copies ? { ...experiment.copies, note: describeCopies(experiment) } : null,
    errors: Object.fromEntries(experiment.columns.map((column) => [column.label, column.errors])),
    unscored: Object.fromEntries(experiment.columns.map((column) => [column.label, column.unscored])),
    level: 0.95,
    seed,
    columns: summaries.map(label),
    repeats: gate ? { ...gate, missed: gate.missed.map(label) } : null,
    comparisons: comparisons.map(({ a, b, ...rest }) => ({ a: a.label, b: b.label, ...rest })),
    accuracyWithinTokens: { total: curves.totalTokens.map(label), criticalPath: curves.criticalTokens.map(label) },
  }
}
