/** Runs as text for the terminal. */

import { plain, plainLine } from '../../plain.ts'
import { formatEstimate } from '../format.ts'
import { columns } from '../terminal.ts'
import { evaluationsOf } from './evaluations.ts'
import { factsOf, overviewOf, remarksOf } from './overview.ts'
import { curvesOf, firstAndLast, formatFigure, quantitiesOf } from './quantities.ts'
import type { Kept } from './samples.ts'

/** The overview, a block of facts a run, and every figure at the beginning and the end of its last stage. */
export function describeRuns({ runs, remarks: others }: Pick<Kept, 'runs' | 'remarks'>): string {
  const { headline, detail } = overviewOf(runs)
  const remarks = [...remarksOf(runs), ...others]
  const figures = quantitiesOf(runs).map(({ name, unit, value }) => [
    plainLine(name),
    ...runs.flatMap((run) => {
      const span = firstAndLast(curvesOf(run, value).at(-1)?.points ?? [])
      return span ? [formatFigure(span.first, unit), formatFigure(span.last, unit)] : ['–', '–']
    }),
  ])
  const shown = evaluationsOf(runs).filter(({ behaviour }) => !behaviour)
  const evaluations = shown.map(({ name, unit, of }) => [
    plainLine(name),
    ...runs.flatMap((_, i) => {
      const points = of.get(i) ?? []
      return [points[0], points.at(-1)].map((point) => (point ? formatEstimate(point, unit) : '–'))
    }),
  ])
  const heads = ['', ...runs.flatMap(({ label }) => [runs.length > 1 ? `${plainLine(label)}, first` : 'first', 'last'])]
  const lines = [
    headline,
    detail,
    '',
    ...columns(runs.map((run) => [plainLine(run.label), ...factsOf(run).map(([name, value]) => plainLine(`${name} ${value}`))])),
    '',
    ...columns([heads, ...figures]),
    ...(evaluations.length > 0 ? ['', ...columns([['evaluations', ...heads.slice(1)], ...evaluations])] : []),
    ...(remarks.length > 0 ? ['', ...remarks] : []),
  ]
  return plain(`${lines.join('\n')}\n`)
}
