/** What an evaluation says: the statistics of the report, for metrics.jsonl, the terminal and the choice of the best. */

import { formatEstimate, formatValue, type Unit } from '../../report/format.ts'
import { readGrids } from '../../report/grid.ts'
import type { Estimate } from '../../report/intervals.ts'
import type { Results } from '../../report/rows.ts'
import { readExperiment } from '../../report/samples.ts'
import { type Behaviour, summarize } from '../../report/statistics.ts'

/** A value with the interval that its problems allow. */
interface Figure extends Estimate {
  unit: Unit
}

export interface Figures {
  problems: number
  samples: number
  /** Samples of a problem, fewest: the k of `accuracy`. */
  k: number
  /** Samples without the metric that decides. They count nowhere else. */
  unscored: number
  /** `mean@k`, and with several samples `pass@j` and `maj@k`: docs/statistics.md. */
  accuracy: Record<string, Figure>
  /** Mean of every metric of the suite. */
  metrics: Record<string, Figure>
  /** Blocks, tokens and what else responses are like. */
  behaviour: Record<string, Figure>
}

/** `metric` says what is right. */
export async function figuresOf(results: Results, metric: string): Promise<Figures> {
  const experiment = readExperiment([results], { metric })
  const grids = await readGrids(experiment)
  const [{ unscored }] = experiment.columns
  // Without a deciding metric all of them are told as means; what is right stands in the samples already.
  const [{ problems, samples, k, mean, passAt, majAt, scores, behaviour }] = summarize({ ...experiment, metric: undefined }, grids)
  const of = (parts: readonly Behaviour[]) => Object.fromEntries(parts.map(({ name, unit, estimate }) => [name, { ...estimate, unit }]))
  const several = <T extends { k: number }>(all: readonly T[]) => all.filter((one) => one.k > 1)
  const share = (name: string, { value, low, high, problems }: Estimate): [string, Figure] => [
    name,
    { value, low, high, problems, unit: 'share' },
  ]
  // The report tells two metrics of its paths among the behaviour.
  const [paths, rest] = [behaviour.filter(({ name }) => PATHS.includes(name)), behaviour.filter(({ name }) => !PATHS.includes(name))]
  return {
    problems,
    samples,
    k,
    unscored,
    accuracy: Object.fromEntries([
      share(`mean@${k}`, mean),
      ...several(passAt).map((at) => share(`pass@${at.k}`, at)),
      ...several(majAt)
        .slice(-1)
        .map((at) => share(`maj@${at.k}`, at)),
    ]),
    metrics: { ...of(scores), ...of(paths) },
    behaviour: of(rest),
  }
}

const PATHS = ['agreement', 'rescue']

/** The figure that `save.best` names behind the dot. */
export function figureNamed({ accuracy, metrics }: Figures, name: string): Figure | undefined {
  return metrics[name] ?? accuracy[name]
}

/** `mean@4 41.2 % (35.0 – 47.7)  pass@4 …  structure 98.0 %  tokens 191 critical 58  200 problems x 4`. `metric` is told by the means. */
export function describeFigures({ problems, k, unscored, accuracy, metrics, behaviour }: Figures, metric: string): string {
  const names = Object.keys(accuracy)
  // Of the passes the last, with all samples.
  const shown = names.filter((name, i) => !(name.startsWith('pass@') && names[i + 1]?.startsWith('pass@')))
  const parts = shown.map((name) => `${name} ${formatEstimate(accuracy[name], accuracy[name].unit)}`)
  for (const [name, { value, unit }] of Object.entries(metrics)) if (name !== metric) parts.push(`${name} ${formatValue(value, unit)}`)
  const { 'total tokens': tokens, 'critical path': critical, 'cut off': cut } = behaviour
  // A suite may tell them by metrics of its own.
  if (tokens && critical && !metrics.tokens)
    parts.push(`tokens ${formatValue(tokens.value, 'tokens')} critical ${formatValue(critical.value, 'tokens')}`)
  if (cut?.value > 0) parts.push(`truncated ${formatValue(cut.value, 'share')}`)
  if (unscored > 0) parts.push(`${unscored} unscored`)
  parts.push(`${problems} ${problems === 1 ? 'problem' : 'problems'} x ${k}`)
  return parts.join('  ')
}
