/** The charts of an evaluation. */

import * as Plot from '@observablehq/plot'
import type { Analysis } from '../analysis.ts'
import type { Curve } from '../curves.ts'
import { formatEstimate } from '../format.ts'
import type { Cell } from '../grid.ts'
import type { Estimate } from '../intervals.ts'
import type { AtK, Summary } from '../statistics.ts'
import { color, DASHES, draw, percent, SYMBOLS } from './plot.ts'

/** Wide enough for a label a provider, and no wider than a third of a chart. */
const labelWidth = (labels: readonly string[]): number => Math.min(220, 20 + 6.2 * Math.max(...labels.map((label) => label.length)))
const cut = (label: string): string => (label.length > 32 ? `${label.slice(0, 31)}…` : label)

interface Dot extends Estimate {
  series: number
  label: string
  measure: string
}

/** mean@k, pass@k and maj@k of every provider with their intervals. */
export function accuracyChart(summaries: readonly Summary[]): string {
  const dots: Dot[] = summaries.flatMap(({ column, mean, passAt, majAt, k }, series) => {
    const dot = (measure: string, estimate: Estimate): Dot => ({ series, label: cut(column.label), measure, ...estimate })
    const last = (name: string, at: readonly AtK[]) => (k > 1 && at.length > 0 ? [dot(`${name}@k`, at.at(-1)!)] : [])
    return [dot('mean@k', mean), ...last('maj', majAt), ...last('pass', passAt)]
  })
  const labels = [...new Set(dots.map(({ label }) => label))]
  const measures = [...new Set(dots.map(({ measure }) => measure))]
  return draw(
    {
      height: 44 + measures.length * (26 + labels.length * 18),
      marginLeft: labelWidth(labels),
      marginRight: 64,
      x: { label: null, tickFormat: percent, grid: true, domain: [0, upper(dots)] },
      y: { label: null, domain: labels, tickSize: 0 },
      fy: { label: null, domain: measures },
      marks: [
        Plot.ruleX([0]),
        ...dots.flatMap((dot) => [
          Plot.ruleY([dot], { x1: 'low', x2: 'high', y: 'label', fy: 'measure', stroke: color(dot.series), strokeWidth: 2 }),
          Plot.dot([dot], {
            x: 'value',
            y: 'label',
            fy: 'measure',
            fill: color(dot.series),
            symbol: SYMBOLS[dot.series % SYMBOLS.length],
            r: 4.5,
            title: (d: Dot) => `${d.label}, ${d.measure}: ${formatEstimate(d, 'share')}`,
          }),
        ]),
      ],
    },
    'Accuracy of each provider with 95 % intervals',
  )
}

interface Line {
  series: number
  label: string
  points: readonly (Estimate & { at: number })[]
}

/** Lines with their intervals as bands and their names at the right end. */
function lineChart(
  lines: readonly Line[],
  options: { x: Plot.ScaleOptions; label: string; dots: boolean; describe: (at: number) => string; top?: number },
): string {
  const labels = lines.map(({ label }) => cut(label))
  return draw(
    {
      height: 300,
      marginLeft: 48,
      marginRight: 16,
      x: { ...options.x },
      y: { label: null, tickFormat: percent, grid: true, domain: [0, options.top ?? upper(lines.flatMap(({ points }) => points))] },
      marks: [
        Plot.ruleY([0]),
        ...lines.map(({ points, series }) =>
          Plot.areaY(
            points.filter(({ value }) => value > 0),
            {
              x: 'at',
              y1: 'low',
              y2: 'high',
              fill: color(series),
              fillOpacity: 0.13,
              curve: options.dots ? 'linear' : 'step-after',
            },
          ),
        ),
        ...lines.map(({ points, series }) =>
          Plot.lineY(points, {
            x: 'at',
            y: 'value',
            stroke: color(series),
            strokeWidth: 2,
            strokeDasharray: DASHES[series % DASHES.length],
            curve: options.dots ? 'linear' : 'step-after',
          }),
        ),
        ...(options.dots
          ? lines.map(({ points, series, label }) =>
              Plot.dot(points, {
                x: 'at',
                y: 'value',
                fill: color(series),
                symbol: SYMBOLS[series % SYMBOLS.length],
                r: 3.5,
                title: (point: Estimate & { at: number }) => `${label}, ${options.describe(point.at)}: ${formatEstimate(point, 'share')}`,
              }),
            )
          : []),
      ],
    },
    `${options.label}: ${labels.join(', ')}`,
  )
}

/** pass@k against k; undefined where there is one sample a problem. */
export function passChart(summaries: readonly Summary[]): string | undefined {
  return overSamples(summaries, 'passAt', 'pass@k against the number of samples')
}

/** maj@k against k; undefined where there is one sample a problem or no votes. */
export function majorityChart(summaries: readonly Summary[]): string | undefined {
  return overSamples(summaries, 'majAt', 'maj@k against the number of samples')
}

function overSamples(summaries: readonly Summary[], which: 'passAt' | 'majAt', label: string): string | undefined {
  const lines = summaries
    .map((summary, series) => ({ series, label: summary.column.label, points: summary[which].map((one) => ({ ...one, at: one.k })) }))
    .filter(({ points }) => points.length > 1)
  if (lines.length === 0) return undefined
  const ticks = [...new Set(lines.flatMap(({ points }) => points.map(({ at }) => at)))].sort((a, b) => a - b)
  return lineChart(lines, {
    x: { type: 'log', base: 2, ticks, tickFormat: (k: number) => String(k), label: 'samples k' },
    label,
    dots: true,
    describe: (k) => `k = ${k}`,
  })
}

/** Truncation curves; undefined where no column has one. */
export function tokensChart(curves: readonly Curve[], summaries: readonly Summary[], label: string, top: number): string | undefined {
  if (curves.length === 0) return undefined
  const lines = curves.map(({ column, points }) => ({
    series: summaries.findIndex((summary) => summary.column === column),
    label: column.label,
    points: points.map((point) => ({ ...point, at: point.tokens })),
  }))
  return lineChart(lines, { x: { label }, label: `Accuracy against ${label}`, dots: false, describe: (t) => `${t} tokens`, top })
}

/** The same upper end for charts that are to be compared. */
export function curveTop({ curves }: Analysis): number {
  return upper([...curves.totalTokens, ...curves.criticalTokens].flatMap(({ points }) => points))
}

/** Groups of problems of one chart over problems. */
const BINS = 24

/** One quantity of the samples of a problem. */
interface Quantity {
  label: string
  share: boolean
  /** The axis need not reach 100 %. */
  free?: true
  value: (cell: Cell) => number | undefined
}

const average = (values: readonly (number | undefined)[]): number | undefined => {
  const known = values.filter((value) => value !== undefined)
  return known.length === 0 ? undefined : known.reduce((sum, value) => sum + value, 0) / known.length
}

const QUANTITIES: readonly Quantity[] = [
  { label: 'right', share: true, free: true, value: ({ right, n }) => right / n },
  { label: 'with a block', share: true, value: ({ samples, n }) => samples.filter(({ shape }) => shape.blocks > 0).length / n },
  { label: 'first block at', share: true, value: ({ samples }) => average(samples.map(({ shape }) => shape.firstBlock)) },
  { label: 'total tokens', share: false, value: ({ samples }) => average(samples.map(({ totalTokens }) => totalTokens)) },
  { label: 'critical path', share: false, value: ({ samples }) => average(samples.map(({ criticalTokens }) => criticalTokens)) },
]

/**
 * Behaviour over problems, from the easiest to the hardest: problems that all columns have, in the order of the share of right samples of all
 * columns together, in up to 24 groups of equal size. One chart a quantity that at least one column has.
 */
export function problemCharts({ grids, summaries, experiment }: Analysis): { label: string; svg: string }[] {
  const used = summaries.map(({ column }) => grids[experiment.columns.indexOf(column)])
  const common = experiment.problems.map((_, problem) => problem).filter((problem) => used.every((grid) => grid[problem]))
  if (common.length < 2) return []
  const ease = new Map(common.map((problem) => [problem, average(used.map((grid) => grid[problem]!.right / grid[problem]!.n))!]))
  common.sort((a, b) => ease.get(b)! - ease.get(a)! || a - b)
  const bins = Math.min(BINS, common.length)
  const groups = Array.from({ length: bins }, (_, i) =>
    common.slice(Math.round((i * common.length) / bins), Math.round(((i + 1) * common.length) / bins)),
  )
  return QUANTITIES.flatMap(({ label, share, free, value }) => {
    const series = used.map((grid) => groups.map((group) => average(group.map((problem) => value(grid[problem]!)))))
    if (series.every((values) => values.every((one) => one === undefined))) return []
    const points = series.map((values) => values.flatMap((one, i) => (one === undefined ? [] : [{ at: (i + 0.5) / bins, one }])))
    const svg = draw(
      {
        width: 420,
        height: 190,
        marginLeft: 44,
        marginBottom: 24,
        x: {
          domain: [0, 1],
          label: null,
          ticks: [0.03, 0.97],
          tickSize: 0,
          tickFormat: (at: number) => (at < 0.5 ? 'easiest' : 'hardest'),
        },
        y: {
          label: null,
          grid: true,
          zero: true,
          ...(share && { tickFormat: percent }),
          ...(share && !free ? { domain: [0, 1] } : { nice: true }),
          ticks: 4,
        },
        marks: [
          Plot.ruleY([0]),
          ...points.map((own, i) =>
            Plot.lineY(own, { x: 'at', y: 'one', stroke: color(i), strokeWidth: 1.8, strokeDasharray: DASHES[i % DASHES.length] }),
          ),
          ...points.map((own, i) => Plot.dot(own, { x: 'at', y: 'one', fill: color(i), r: 2.5, symbol: SYMBOLS[i % SYMBOLS.length] })),
        ],
      },
      `${label}, problems from the easiest to the hardest`,
    )
    return [{ label, svg }]
  })
}

/** Upper end of an axis of shares: above the highest bound, on a round number. */
function upper(estimates: readonly Estimate[]): number {
  const most = estimates.reduce((top, { value, high }) => Math.max(top, Number.isFinite(high) ? high : value), 0.02)
  return Math.min(1, [0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8].find((end) => end >= most) ?? 1)
}
