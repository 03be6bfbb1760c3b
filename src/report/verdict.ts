/** What an evaluation says, in words. The page, the demo and the terminal open with it. */

import type { Analysis } from './analysis.ts'
import type { Comparison } from './comparison.ts'
import { formatEstimate, formatValue, isTooNarrow, tooNarrow } from './format.ts'
import { cellsOf, type Grid } from './grid.ts'
import { type Estimate, mean, ratioOfTotals } from './intervals.ts'
import type { Column, Sample } from './samples.ts'

interface Verdict {
  /** One sentence; before it, one each of what makes the columns other than they are called (all rows failed, never forked). */
  headline: string
  /** The figures it rests on, in one to three sentences. */
  detail: string
}

/** Two columns are right as often where the whole interval of the difference lies within so much (0.05: 5 points). */
const MARGIN = 0.05

/**
 * Fewest problems that can show it. Of m problems that all agree, up to 3 / m of all problems may still differ, with 95 % confidence (rule of
 * three, Hanley & Lippman-Hand 1983), whatever a resample of those that agree says.
 */
const FEWEST_ALIKE = Math.ceil(3 / MARGIN)

/**
 * Compares the first column that thinks in parallel with the first that does not, else the first pair that was compared. A difference is told
 * where its corrected p is below 0.05, and equality only where the interval is within {@link MARGIN} and rests on {@link FEWEST_ALIKE} problems.
 * Anything else is no clear difference. Both texts are empty without samples.
 */
export function verdict(analysis: Analysis): Verdict {
  if (analysis.summaries.length === 0) return { headline: '', detail: '' }
  const compared = choosePair(analysis)
  const { headline, detail } = compared ? ofPair(analysis, compared) : ofColumn(analysis)
  const told = compared ? [compared.a, compared.b] : [analysis.summaries[0].column]
  return { headline: [...failures(analysis), ...unforked(analysis, told), headline].join(' '), detail }
}

/** Columns without one sample, because every row ended with an error. */
function failures({ experiment: { columns, samples } }: Analysis): string[] {
  const sampled = new Set(samples.map(({ column }) => columns[column]))
  return columns
    .filter((column) => column.errors > 0 && column.unscored === 0 && !sampled.has(column))
    .map(({ label, errors }) => `${capital(short(label))}: ${errors === 1 ? 'its only row' : `all ${errors} rows`} failed.`)
}

/** Columns that were asked to think in parallel and have no block: what they are compared with is what they did themselves. */
function unforked({ experiment, grids }: Analysis, told: readonly Column[]): string[] {
  return told.flatMap((column) => {
    const samples = cellsOf(grids[experiment.columns.indexOf(column)]).flatMap((cell) => cell.samples)
    if (!samples.every((sample) => sample.mode === 'parallel' && sample.shape.blocks === 0)) return []
    const answers = samples.length === 1 ? 'its answer' : `${samples.length} answers`
    return [`${capital(short(column.label))} never forked: no block in ${answers}, so it thought in sequence.`]
  })
}

interface Pair {
  a: Column
  b: Column
  problems: number
  /** Accuracy of a minus b. */
  difference: Estimate
  /** p after Holm. */
  p: number
}

function choosePair({ comparisons, experiment, grids }: Analysis): Pair | undefined {
  const parallel = new Set(experiment.columns.filter((_, column) => forks(grids[column])))
  const order = ({ a, b }: Comparison): number => (parallel.has(a) === parallel.has(b) ? 1 : 0)
  const [chosen] = [...comparisons].sort((x, y) => order(x) - order(y))
  if (!chosen) return undefined
  const [{ value, low, high, problems, corrected: p }] = chosen.accuracy
  const told = { problems: chosen.problems, p }
  return parallel.has(chosen.b) && !parallel.has(chosen.a)
    ? { a: chosen.b, b: chosen.a, difference: { value: -value, low: -high, high: -low, problems }, ...told }
    : { a: chosen.a, b: chosen.b, difference: { value, low, high, problems }, ...told }
}

/** Whether paths ran side by side: some response's longest chain is shorter than the response. */
function forks(grid: Grid): boolean {
  return cellsOf(grid).some(({ samples }) =>
    samples.some(({ totalTokens, criticalTokens }) => criticalTokens !== undefined && criticalTokens < (totalTokens ?? 0)),
  )
}

function ofPair({ experiment, grids, summaries }: Analysis, { a, b, problems, difference, p }: Pair): Verdict {
  const [gridA, gridB] = [a, b].map((column) => grids[experiment.columns.indexOf(column)])
  const chain = tokenRatio(gridA, gridB, ({ criticalTokens }) => criticalTokens)
  const total = tokenRatio(gridA, gridB, ({ totalTokens }) => totalTokens)
  const along = chain && differs(chain) ? chainWords(chain.value) : ''
  const [nameA, nameB] = [short(a.label), short(b.label)]
  const accuracy = summaries.filter(({ column }) => column === a || column === b)
  const share = (column: Column) => formatValue(accuracy.find((summary) => summary.column === column)!.mean.value, 'share')
  const narrow = isTooNarrow(difference) ? [tooNarrow(problems, p)] : []
  return {
    headline: capital(`${accuracyWords(nameA, nameB, difference, p)}${along}.`),
    detail: [
      `Right: ${share(a)} against ${share(b)}, ${formatEstimate(difference, 'points')} on ${problems} common ${problems === 1 ? 'problem' : 'problems'}.`,
      ...narrow,
      ...(chain ? [`Longest chain: ${formatEstimate(chain, 'share')} of ${nameB}'s.`] : []),
      ...(total ? [`All tokens: ${formatEstimate(total, 'share')}.`] : []),
      'Brackets hold 95 % intervals.',
    ].join(' '),
  }
}

function accuracyWords(a: string, b: string, { value, low, high, problems }: Estimate, p: number): string {
  if (p < 0.05 && low * high > 0) return `${a} is right ${value > 0 ? 'more' : 'less'} often than ${b}`
  if (problems >= FEWEST_ALIKE && low >= -MARGIN && high <= MARGIN) return `${a} is right as often as ${b}`
  return `${a} and ${b} show no clear difference in accuracy`
}

/** The interval leaves 1 out. */
const differs = ({ low, high }: Estimate): boolean => high < 1 || low > 1

function chainWords(ratio: number): string {
  return ratio < 1 ? `, along ${Math.round(100 * ratio)} % of the chain` : `, along a chain ${ratio.toFixed(1)} times as long`
}

/** Mean tokens of a over mean tokens of b on common problems; undefined where a response has no count. */
function tokenRatio(gridA: Grid, gridB: Grid, tokens: (sample: Sample) => number | undefined): Estimate | undefined {
  const means: [number, number][] = []
  for (const [problem, cell] of gridA.entries()) {
    const other = gridB[problem]
    if (!cell || !other) continue
    const both = [cell, other].map(({ samples }) => mean(samples.map((sample) => tokens(sample) ?? Number.NaN)))
    means.push([both[0], both[1]])
  }
  if (means.flat().some(Number.isNaN) || !means.some(([, of]) => of > 0)) return undefined
  return ratioOfTotals(
    means.map(([value]) => value),
    means.map(([, of]) => of),
  )
}

function ofColumn({ summaries }: Analysis): Verdict {
  const [summary] = summaries
  if (!summary) return { headline: '', detail: '' }
  const { column, problems, mean: accuracy } = summary
  return {
    headline: capital(`${short(column.label)} is right in ${formatValue(accuracy.value, 'share')} of its answers.`),
    detail: `${formatEstimate(accuracy, 'share')} over ${problems} ${problems === 1 ? 'problem' : 'problems'}, with the 95 % interval in brackets.`,
  }
}

const capital = (sentence: string): string => sentence.charAt(0).toUpperCase() + sentence.slice(1)
const short = (label: string): string => (label.length > 32 ? `${label.slice(0, 31)}…` : label)
