/** Evaluations that a run made on the way: every figure of a line of kind `evaluation` in metrics.jsonl, over the steps. */

import type { Unit } from '../format.ts'
import type { Estimate } from '../intervals.ts'
import { type Fields, fields, isFields, list, number, text } from '../rows.ts'
import type { Run } from './read.ts'

export interface EvaluationSeries {
  /** Name of the evaluation and of the figure. */
  name: string
  unit: Unit
  /** By the place of the run; without an interval `low` and `high` are NaN. */
  of: Map<number, (Estimate & { at: number })[]>
}

/** Lines of a record that say where it stands, not what it found. */
const PLACES = [
  'kind',
  'stage',
  'step',
  'steps',
  'total',
  'name',
  'suite',
  'seconds',
  'tokens',
  'samples',
  'problems',
  'k',
  'unscored',
  'best',
]

/** In the order in which the runs name them. */
export function evaluationsOf(runs: readonly Run[]): EvaluationSeries[] {
  const series = new Map<string, EvaluationSeries>()
  for (const [i, { others }] of runs.entries()) {
    for (const { total, record } of others) {
      if (record.kind !== 'evaluation') continue
      const name = text(record.name) ?? text(record.suite) ?? 'evaluation'
      for (const [figure, estimate] of figuresOf(record)) {
        const full = `${name}: ${figure}`
        const one = series.get(full) ?? { name: full, unit: 'share', of: new Map() }
        series.set(full, one)
        const points = one.of.get(i) ?? []
        one.of.set(i, [...points, { ...estimate, at: total }])
        const ends = [estimate.value, estimate.low, estimate.high].filter(Number.isFinite)
        if (ends.some((end) => end < 0 || end > 1)) one.unit = 'number'
      }
    }
  }
  return [...series.values()]
}

/** Estimates and bare numbers, by their keys joined with blanks; of a list of estimates each by its `k`. */
function figuresOf(record: Fields, prefix = ''): [string, Estimate][] {
  return Object.entries(record).flatMap(([key, value]): [string, Estimate][] => {
    if (prefix === '' && PLACES.includes(key)) return []
    const name = `${prefix}${key}`
    const found = estimateOf(value)
    if (found) return [[name, found]]
    if (Array.isArray(value)) {
      return list(value).flatMap((one): [string, Estimate][] => {
        const at = estimateOf(one)
        return at ? [[`${name}@${number(fields(one).k) ?? '?'}`, at]] : []
      })
    }
    return isFields(value) ? figuresOf(value, `${name} `) : []
  })
}

function estimateOf(value: unknown): Estimate | undefined {
  const bare = number(value)
  if (bare !== undefined) return { value: bare, low: Number.NaN, high: Number.NaN, problems: 0 }
  const { value: middle, low, high, problems } = fields(value)
  if (number(middle) === undefined) return undefined
  return { value: number(middle)!, low: number(low) ?? Number.NaN, high: number(high) ?? Number.NaN, problems: number(problems) ?? 0 }
}
