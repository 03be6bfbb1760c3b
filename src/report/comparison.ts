/** Two columns on the same problems. */

import { passAtK, passHatK } from './estimators.ts'
import type { Cell, Grid } from './grid.ts'
import { type Difference, holm, mcnemar, mean, pairedBootstrap, quantile } from './intervals.ts'
import type { Column, Experiment, Sample } from './samples.ts'

/** `a` minus `b`. */
export interface Comparison {
  a: Column
  b: Column
  /** Problems that both have samples of. */
  problems: number
  /** mean@k first, then pass@k, pass^k and maj@k where both have k ≥ 2 samples of every common problem. */
  accuracy: NamedDifference[]
  /** Exact McNemar test; only where both have one sample of every common problem. */
  mcnemar?: { onlyA: number; onlyB: number; p: number }
  /** At quartiles of the lengths of both. */
  atTotalTokens: BudgetDifference[]
  atCriticalPath: BudgetDifference[]
}

interface NamedDifference extends Difference {
  name: string
  /** Corrected for the number of comparisons (Holm), within this metric. */
  corrected: number
}

/** Accuracy where only responses that end within `budget` tokens count as right. */
export interface BudgetDifference extends Difference {
  budget: number
  shareA: number
  shareB: number
}

/** All pairs are compared up to so many columns; beyond, each with the first. */
const ALL_PAIRS = 4

/**
 * Compares columns on their common problems: every pair of up to four columns, else each with the first; with `baseline`, each with
 * the column of that label. The same seed gives the same numbers.
 */
export async function compareColumns(
  experiment: Experiment,
  grids: readonly Grid[],
  { seed, baseline }: { seed: number; baseline?: number },
): Promise<Comparison[]> {
  const used = grids.flatMap((grid, column) => (grid.some(Boolean) ? [column] : []))
  const first = baseline ?? used[0]
  const pairs =
    baseline === undefined && used.length <= ALL_PAIRS
      ? used.flatMap((b, i) => used.slice(i + 1).map((a) => [a, b]))
      : used.filter((column) => column !== first).map((a) => [a, first])
  const comparisons: Comparison[] = []
  for (const [a, b] of pairs) {
    const comparison = await comparePair(grids[a], grids[b], seed)
    if (comparison) comparisons.push({ a: experiment.columns[a], b: experiment.columns[b], ...comparison })
  }
  for (const name of new Set(comparisons.flatMap(({ accuracy }) => accuracy.map((difference) => difference.name)))) {
    const same = comparisons.flatMap(({ accuracy }) => accuracy.filter((difference) => difference.name === name))
    holm(same.map(({ p }) => p)).forEach((corrected, i) => {
      same[i].corrected = corrected
    })
  }
  return comparisons
}

/** Problems that both columns have samples of. */
type Pairs = readonly (readonly [Cell, Cell])[]

async function comparePair(gridA: Grid, gridB: Grid, seed: number): Promise<Omit<Comparison, 'a' | 'b'> | undefined> {
  const common: Pairs = gridA.flatMap((cell, problem) => (cell && gridB[problem] ? [[cell, gridB[problem]] as const] : []))
  if (common.length === 0) return undefined
  const k = common.reduce((least, [a, b]) => Math.min(least, a.n, b.n), Number.POSITIVE_INFINITY)
  const differ = (value: (outcome: Cell) => number): number[] => common.map(([a, b]) => value(a) - value(b))

  const names = [meanName(common, k)]
  const lists = [differ(({ n, right }) => right / n)]
  if (k >= 2) {
    names.push(`pass@${k}`, `pass^${k}`)
    lists.push(differ(({ n, right }) => passAtK(n, right, k)))
    lists.push(differ(({ n, right }) => passHatK(n, right, k)))
    const all = common.every((pair) => pair.every(({ majority, n }) => majority !== undefined && n === k))
    if (all) {
      names.push(`maj@${k}`)
      lists.push(differ(({ majority }) => majority!(k)))
    }
  }
  const total = budgets(common, ({ totalTokens }) => totalTokens)
  const critical = budgets(common, ({ criticalTokens }) => criticalTokens)
  const differences = await pairedBootstrap([...lists, ...total.map(({ values }) => values), ...critical.map(({ values }) => values)], {
    seed,
  })
  const atBudgets = (from: number, entries: Budget[]): BudgetDifference[] =>
    entries.map(({ budget, shareA, shareB }, i) => ({ budget, shareA, shareB, ...differences[from + i] }))
  return {
    problems: common.length,
    accuracy: names.map((name, i) => ({ name, ...differences[i], corrected: differences[i].p })),
    mcnemar: common.every(([a, b]) => a.n === 1 && b.n === 1) ? mcnemarOf(common) : undefined,
    atTotalTokens: atBudgets(lists.length, total),
    atCriticalPath: atBudgets(lists.length + total.length, critical),
  }
}

/** mean@k where every problem has k samples of both, else mean. */
function meanName(common: Pairs, k: number): string {
  return common.every((pair) => pair.every(({ n }) => n === k)) ? `mean@${k}` : 'mean'
}

function mcnemarOf(common: Pairs): Comparison['mcnemar'] {
  const onlyA = common.filter(([a, b]) => a.right > b.right).length
  const onlyB = common.filter(([a, b]) => a.right < b.right).length
  return { onlyA, onlyB, p: mcnemar(onlyA, onlyB) }
}

interface Budget {
  budget: number
  shareA: number
  shareB: number
  /** By problem, a − b. */
  values: number[]
}

/** Accuracy within the quartiles of the lengths of both columns; none where a response has no length. */
function budgets(common: Pairs, length: (sample: Sample) => number | undefined): Budget[] {
  const lengths: number[] = []
  for (const sample of common.flatMap((pair) => pair.flatMap(({ samples }) => samples))) {
    const tokens = length(sample)
    if (tokens === undefined) return []
    lengths.push(tokens)
  }
  lengths.sort((x, y) => x - y)
  const within = ({ samples, n }: Cell, budget: number): number =>
    samples.filter((sample) => sample.right && length(sample)! <= budget).length / n
  return [...new Set([0.25, 0.5, 0.75, 1].map((share) => Math.round(quantile(lengths, share))))].map((budget) => {
    const a = common.map(([cell]) => within(cell, budget))
    const b = common.map(([, cell]) => within(cell, budget))
    return { budget, shareA: mean(a), shareB: mean(b), values: a.map((share, i) => share - b[i]) }
  })
}
