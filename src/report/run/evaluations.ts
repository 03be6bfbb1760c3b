/** Evaluations that a run made on the way: every figure of a line of kind `evaluation` in metrics.jsonl, over the steps. */

import type { Unit } from '../format.ts'
import type { Estimate } from '../intervals.ts'
import { fields, number, text } from '../rows.ts'
import type { Run } from './read.ts'

export interface EvaluationSeries {
  /** Name of the evaluation and of the figure. */
  name: string
  /** Of what responses are like, rather than of how good they are. */
  behaviour: boolean
  unit: Unit
  /** By the place of the run; without an interval `low` and `high` are NaN. */
  of: Map<number, (Estimate & { at: number })[]>
}

/** Parts of a record that hold figures by name. */
const PARTS = ['accuracy', 'metrics', 'behaviour']
const UNITS: readonly unknown[] = ['share', 'number', 'tokens', 'tokens/s'] satisfies Unit[]

/** In the order in which the runs name them. */
export function evaluationsOf(runs: readonly Run[]): EvaluationSeries[] {
  const series = new Map<string, EvaluationSeries>()
  for (const [i, { others }] of runs.entries()) {
    for (const { total, record } of others) {
      if (record.kind !== 'evaluation') continue
      const evaluation = text(record.name) ?? 'evaluation'
      const figures = PARTS.flatMap((part) =>
        Object.entries(fields(record[part])).map(([name, figure]) => [part, name, fields(figure)] as const),
      )
      for (const [part, name, figure] of figures) {
        const value = number(figure.value)
        if (value === undefined) continue
        const key = JSON.stringify([evaluation, part, name])
        const unit = UNITS.includes(figure.unit) ? (figure.unit as Unit) : 'number'
        const one = series.get(key) ?? { name: `${evaluation}: ${name}`, behaviour: part === 'behaviour', unit, of: new Map() }
        series.set(key, one)
        const [low, high] = [figure.low, figure.high].map((end) => number(end) ?? Number.NaN)
        const point = { at: number(record.total) ?? total, value, low, high, problems: number(figure.problems) ?? 0 }
        one.of.set(i, [...(one.of.get(i) ?? []), point])
      }
    }
  }
  return [...series.values()]
}
