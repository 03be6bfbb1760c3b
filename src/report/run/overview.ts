/** Runs in words and in one table: what the page and the terminal open with. */

import { duration } from '../../cli/progress.ts'
import { curvesOf, firstAndLast, formatFigure, type Quantity, quantitiesOf, stagesOf } from './quantities.ts'
import type { Run } from './read.ts'

interface Overview {
  /** One sentence. */
  headline: string
  detail: string
}

/** Tells of the reward of the last stage that has one, else of the loss. No interval stands behind it, so it says no more than how figures moved. */
export function overviewOf(runs: readonly Run[]): Overview {
  const quantities = quantitiesOf(runs)
  const told = ['reward', 'loss'].flatMap((name) => quantities.filter((one) => one.name === name))
  const moved = runs.map((run) => told.flatMap((quantity) => movementOf(run, quantity) ?? [])[0])
  const known = moved.flatMap((one, i) => (one ? [{ ...one, label: runs[i].label }] : []))
  if (known.length === 0) return { headline: 'The steps hold no figure yet.', detail: '' }
  const [first] = known
  const span = ({ first, last }: { first: string; last: string }) => `from ${first} to ${last}`
  const headline =
    runs.length === 1
      ? `The ${first.name} went ${span(first)} in ${count(first.steps, 'step')} of ${first.stage}.`
      : known.map((one) => `${one.label}: ${one.name} ${span(one)} in ${count(one.steps, 'step')} of ${one.stage}.`).join(' ')
  const each = [...new Set(known.map((one) => one.each))]
  const ends =
    each.length === 1
      ? each[0] === 1
        ? 'The first and the last step'
        : `Means of the first and the last ${each[0]} steps`
      : 'Means of the first and the last tenth of the steps'
  return { headline, detail: `${ends}. How sure a difference is, an evaluation tells.` }
}

function movementOf(run: Run, quantity: Quantity) {
  const curve = curvesOf(run, quantity.value).at(-1)
  const span = curve && firstAndLast(curve.points)
  if (!span) return undefined
  const { each } = span
  const stage = run.steps[curve.points[0].at - 1].stage
  const [first, last] = [span.first, span.last].map((value) => formatFigure(value, quantity.unit))
  return { name: quantity.name, stage, steps: curve.points.length, first, last, each }
}

const count = (n: number, what: string): string => `${n} ${what}${n === 1 ? '' : 's'}`

/** Of one run, in the order of the columns. */
export function factsOf(run: Run): [string, string][] {
  const sum = (key: string): number => run.steps.reduce((total, { values }) => total + (values.get(key) || 0), 0)
  const stages = stagesOf(run).map(({ name, kind, done, steps }) => `${name} (${kind}) ${done}/${steps}`)
  return [
    ['stages', stages.join(', ')],
    ['steps', String(run.steps.length)],
    ['time of the steps', duration(sum('seconds'))],
    ['tokens', sum('tokens').toLocaleString('en')],
  ]
}

/** What a reader should know before believing a curve. */
export function remarksOf(runs: readonly Run[]): string[] {
  return runs.flatMap((run) => {
    const name = runs.length > 1 ? `${run.label}: ` : ''
    const skipped = run.steps.reduce((sum, { values }) => sum + (values.get('skipped') || 0), 0)
    const broken = run.steps.filter(({ values }) => [...values.values()].some(Number.isNaN)).length
    const idle = run.steps.filter(({ values }) => values.get('informative') === 0).length
    return [
      ...(run.torn
        ? [`${name}The last line of metrics.jsonl breaks off and is left out: the run was writing it, or was killed there.`]
        : []),
      ...run.changes.map(({ total, path, was, is }) => `${name}After step ${total} ${path} was changed from ${was} to ${is}.`),
      ...(skipped > 0
        ? [`${name}${count(skipped, 'update')} ${skipped === 1 ? 'was' : 'were'} skipped, because the gradient was not finite.`]
        : []),
      ...(broken > 0
        ? [`${name}${count(broken, 'step')} ${broken === 1 ? 'has' : 'have'} a figure that is not finite. Curves leave it out.`]
        : []),
      ...(idle > 0 ? [`${name}${count(idle, 'step')} had no group that teaches.`] : []),
    ]
  })
}
