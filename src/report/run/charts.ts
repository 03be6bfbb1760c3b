/**
 * The charts of a run over its steps. Lines are drawn as they were measured; the page smooths them (page/browser/curves.js), for which every
 * chart says how pixels become values.
 */

import * as Plot from '@observablehq/plot'
import { formatEstimate } from '../format.ts'
import { html, Markup } from '../page/html.ts'
import { color, DASHES, draw, percent, SYMBOLS } from '../page/plot.ts'
import type { EvaluationSeries } from './evaluations.ts'
import { type Curve, curvesOf, firstAndLast, formatFigure, type Point, type Quantity, shortNumber, stagesOf } from './quantities.ts'
import type { Run } from './read.ts'

const SIZE = { width: 420, height: 190, marginLeft: 46, marginRight: 8, marginTop: 18, marginBottom: 24 }

/** Points of a line at most; of a longer one each is a mean of neighbours. */
const MOST_POINTS = 1000

/** A quantity of every run over the steps; undefined where none has it. */
export function curveChart(runs: readonly Run[], quantity: Quantity): Markup | undefined {
  const { name, meaning, unit, spread } = quantity
  const all = runs.map((run) => curvesOf(run, quantity.value))
  const values = all.flatMap((curves) => curves.flatMap(({ points }) => points.map(({ value }) => value)))
  if (values.length === 0) return undefined
  const each = Math.ceil(Math.max(...all.map(countPoints)) / MOST_POINTS)
  const drawn = all.map((curves) => curves.map(({ points }) => ({ points: thinned(points, each) })))
  const [low, high] = extent(values)
  const log = spread === true && low > 0 && high / low > 30
  const share = unit === 'share'
  let axes = ''
  const svg = draw(
    {
      ...SIZE,
      x: stepAxis(runs),
      y: log
        ? { type: 'log', base: 10, domain: [low, high], nice: true, label: null, grid: true, ticks: 4, tickFormat: shortNumber }
        : { domain: share ? [0, upperShare(high)] : padded(low, high), nice: !share, label: null, grid: true, ticks: 4, tickFormat: share ? percent : shortNumber },
      marks: stageMarks(runs),
    },
    `${name} over ${stepsOf(runs)} steps: ${runs.flatMap((run, i) => spanOf(run, all[i], quantity)).join('; ')}`,
    (chart) => {
      const [x, y] = [chart.scale('x')!, chart.scale('y')!]
      const at = (value: number, scale: Plot.Scale) => Number((scale.apply(value) as number).toFixed(2))
      axes = html`data-x="${inverse(x, false)}" data-y="${inverse(y, log)}"`.text
      for (const [i, curves] of drawn.entries()) {
        for (const { points } of curves) {
          const path = chart.ownerDocument.createElementNS('http://www.w3.org/2000/svg', 'path')
          path.setAttribute('class', 'raw')
          path.setAttribute('stroke', color(i))
          if (i > 0) path.setAttribute('stroke-dasharray', DASHES[i % DASHES.length])
          if (runs.length > 1) path.setAttribute('data-run', String(i))
          path.setAttribute('d', `M${points.map((point) => `${at(point.at, x)},${at(point.value, y)}`).join('L')}`)
          chart.append(path)
        }
      }
    },
  ) // biome-ignore format: the axis of y on one line
  const thin = each > 1 ? ` Each point is the mean of ${each} steps.` : ''
  return html`<figure class="curves" ${new Markup(axes)}${log ? new Markup(' data-log') : ''}${share ? new Markup(' data-share') : ''}>${new Markup(svg)}<figcaption><b>${name}</b>${meaning && `: ${meaning}.`}${thin} <output></output></figcaption></figure>`
}

/** Figures of evaluations with their intervals over the steps; a line a run. */
export function evaluationChart(runs: readonly Run[], { name, unit, of }: EvaluationSeries): Markup {
  const lines = runs.map((_, i) => of.get(i) ?? [])
  const highest = Math.max(...lines.flatMap((points) => points.map(({ value, high }) => (Number.isFinite(high) ? high : value))))
  const lowest = Math.min(...lines.flatMap((points) => points.map(({ value, low }) => (Number.isFinite(low) ? low : value))))
  const share = unit === 'share'
  const svg = draw(
    {
      ...SIZE,
      x: stepAxis(runs),
      y: {
        domain: share ? [0, upperShare(highest)] : padded(lowest, highest),
        label: null,
        grid: true,
        ticks: 4,
        tickFormat: share ? percent : shortNumber,
      },
      marks: [
        ...stageMarks(runs),
        ...lines.flatMap((points, i) => [
          Plot.ruleX(
            points.filter(({ low, high }) => Number.isFinite(low) && Number.isFinite(high)),
            { x: 'at', y1: 'low', y2: 'high', stroke: color(i), strokeWidth: 1.5 },
          ),
          Plot.lineY(points, { x: 'at', y: 'value', stroke: color(i), strokeWidth: 1.8, strokeDasharray: DASHES[i % DASHES.length] }),
          Plot.dot(points, {
            x: 'at',
            y: 'value',
            fill: color(i),
            symbol: SYMBOLS[i % SYMBOLS.length],
            r: 3.5,
            title: (point: (typeof points)[number]) =>
              `${runs.length > 1 ? `${runs[i].label}, ` : ''}step ${point.at}: ${formatEstimate(point, unit)}`,
          }),
        ]),
      ],
    },
    `${name}: ${lines.flatMap((points, i) => (points.length > 0 ? [`${runs[i].label} ${points.map((point) => `step ${point.at} ${formatEstimate(point, unit)}`).join(', ')}`] : [])).join('; ')}`,
  )
  return html`<figure>${new Markup(svg)}<figcaption><b>${name}</b></figcaption></figure>`
}

const stepsOf = (runs: readonly Run[]): number => Math.max(...runs.map(({ steps }) => steps.length))

/** From 0, where evaluations before the first step stand. */
const stepAxis = (runs: readonly Run[]) => ({
  domain: [0, stepsOf(runs)],
  label: null,
  ticks: 5,
  tickFormat: (at: number) => (Number.isInteger(at) ? String(at) : ''),
})

/** Where stages begin, and their names where there are several. Runs with the same stages share the marks. */
function stageMarks(runs: readonly Run[]): Plot.Markish[] {
  const all = runs.map(stagesOf)
  const same = all.every(
    (stages) =>
      JSON.stringify(stages.map(({ name, from }) => [name, from])) === JSON.stringify(all[0].map(({ name, from }) => [name, from])),
  )
  const marks = (same ? all.slice(0, 1) : all).flatMap((stages, i) =>
    stages.map((stage) => ({ ...stage, color: same ? 'var(--edge)' : color(i) })),
  )
  const starts = marks.filter(({ from }) => from > 0)
  return [
    Plot.ruleX(starts, { x: 'from', stroke: 'color', strokeOpacity: 0.7, strokeDasharray: '2 2' }),
    ...(same && starts.length > 0
      ? [Plot.text(marks, { x: 'from', text: ({ name }: { name: string }) => (name.length > 14 ? `${name.slice(0, 13)}…` : name), frameAnchor: 'top', dy: -14, dx: 2, textAnchor: 'start', fill: 'var(--faint)' })]
      : []),
  ] // biome-ignore format: a mark a line
}

/** For those who do not see the lines. */
function spanOf({ label }: Run, curves: readonly Curve[], { unit }: Quantity): string[] {
  const span = firstAndLast(curves.at(-1)?.points ?? [])
  if (!span) return []
  return [`${label} from ${formatFigure(span.first, unit)} to ${formatFigure(span.last, unit)}`]
}

const countPoints = (curves: readonly Curve[]): number => curves.reduce((sum, { points }) => sum + points.length, 0)

/** Means of so many neighbours each. */
function thinned(points: readonly Point[], each: number): Point[] {
  if (each === 1) return [...points]
  return Array.from({ length: Math.ceil(points.length / each) }, (_, i) => {
    const part = points.slice(i * each, (i + 1) * each)
    const mean = (of: (point: Point) => number): number => part.reduce((sum, point) => sum + of(point), 0) / part.length
    return { at: mean(({ at }) => at), value: mean(({ value }) => value) }
  })
}

/** `start per-pixel`: value (or its decimal logarithm) = start + per-pixel * pixel. */
function inverse({ domain, range }: Plot.Scale, log: boolean): string {
  const [from, to] = [...(domain as Iterable<number>)].map((end) => (log ? Math.log10(end) : end))
  const [left, right] = [...(range as Iterable<number>)]
  const per = (to - from) / (right - left)
  return `${from - per * left} ${per}`
}

const extent = (values: readonly number[]): [number, number] => [
  values.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY),
  values.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY),
]

/** An axis has a length even where all values are one. From 0 where values are not far from it. */
function padded(low: number, high: number): [number, number] {
  const [bottom, top] = [low > 0 && low < high / 2 ? 0 : low, high < 0 && high > low / 2 ? 0 : high]
  if (bottom < top) return [bottom, top]
  const half = Math.abs(low) / 10 || 1
  return low === 0 ? [0, 1] : [low - half, low + half]
}

const upperShare = (high: number): number =>
  [0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8].find((end) => end >= high) ?? Math.max(1, high)
