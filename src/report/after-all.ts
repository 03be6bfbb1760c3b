/** Statistics at the end of `promptfoo eval`: as metrics of the table, the JSON output and the web view, and as text after the table. */

import path from 'node:path'
import { isObject } from '../json.ts'
import { notice } from '../plain.ts'
import { type Analysis, analyze } from './analysis.ts'
import type { Estimate } from './intervals.ts'
import { hasThreshold, ThresholdError } from './repeats.ts'
import { fields, list, number, ReportError, readRows } from './rows.ts'
import { readExperiment } from './samples.ts'
import type { AtK, Summary } from './statistics.ts'
import { describeAnalysis } from './terminal.ts'

/**
 * Takes what promptfoo gives an `afterAll` hook. Adds the statistics of each column to the named scores of its prompt, which promptfoo then
 * saves and shows as they are, and prints them behind its table. Rows that ended with an error or
 * that nothing scored are told with their first cause, also where there is no other. Never throws: what
 * goes wrong is said on stderr, and the evaluation keeps its results. A row that ended with an error fails the run, and so does a test that
 * passed too few of its repeats (repeats.ts). promptfoo's own threshold takes errors and wrong answers for the same.
 */
export async function reportAfterAll(context: unknown): Promise<void> {
  // pr1-train asks promptfoo what it would have asked: no row of that has a response.
  if (process.env.PR1_CAPTURE !== undefined) return
  try {
    const { results, prompts, suite } = fields(context)
    if (!Array.isArray(results) || results.length === 0) {
      if (hasThreshold(suite))
        throw new ThresholdError('The repeats cannot be counted: promptfoo hands no results on. Leave --no-write out.')
      if (process.argv.includes('--no-write')) throw new ReportError('promptfoo hands no rows on with --no-write. Leave it out.')
      return
    }
    const rows = readRows(results, "promptfoo's results")
    const experiment = readExperiment([{ source: 'this evaluation', rows, configs: new Map() }])
    const errors = experiment.columns.reduce((sum, column) => sum + column.errors, 0)
    if (errors > 0) failRun(context, `${errors} of ${rows.length} ${rows.length === 1 ? 'row' : 'rows'} ended with an error`)
    const analysis = await analyze(experiment)
    if (analysis.gate && analysis.gate.missed.length > 0) failRun(context)
    addMetrics(list(prompts), analysis)
    showFigures(list(prompts), analysis)
    if (isEvalCommand(process.argv)) printAtExit(describeAnalysis(analysis), analysis.summaries.length > 0)
  } catch (error) {
    if (error instanceof ThresholdError) failRun(context)
    notice(`no statistics: ${error instanceof Error ? error.message : error}`)
  }
}

/**
 * Puts the statistics into `prompts[promptIdx].metrics.namedScores`. promptfoo divides a named score by its count, if it has one; ours have
 * none. A name that the suite uses itself is left alone.
 */
export function addMetrics(prompts: readonly unknown[], { summaries, gate, experiment }: Analysis): void {
  for (const summary of summaries) {
    const { metrics } = fields(prompts[summary.column.promptIdx])
    if (!isObject(metrics) || !isObject(metrics.namedScores)) continue
    const named = metrics.namedScores as Record<string, number>
    const counted = { ...fields(metrics.namedScoresCount), ...fields(metrics.namedScoreWeights) }
    const missed = gate?.missed.filter(({ column }) => column === summary.column).length
    // promptfoo counts rows; where tests are copies these are the problems that the intervals rest on.
    const problems = experiment.copies && summary.problems
    const counts = Object.entries({ problems, 'repeats missed': missed })
    for (const [name, value] of [...metricsOf(summary), ...counts]) {
      if (value === undefined) continue
      if (Number.isFinite(value) && number(counted[name]) === undefined) named[name] = value
    }
  }
}

/**
 * Makes figures of the suite's metrics that are no shares of passes, such as tokens: their mean takes the place of sum and count. promptfoo's
 * web view shows every counted metric as a percentage (16860.50 % for 168.6 tokens) and an uncounted one as it is. A metric is a figure in every
 * column where it is anything else than 0 or 1 in one. Rows and what is computed from them stay as they are.
 */
export function showFigures(prompts: readonly unknown[], { summaries, experiment }: Analysis): void {
  const figures = new Set(
    experiment.samples.flatMap(({ scores }) => [...scores].filter(([, value]) => value !== 0 && value !== 1).map(([name]) => name)),
  )
  for (const { column, scores, behaviour } of summaries) {
    const { metrics } = fields(prompts[column.promptIdx])
    if (!isObject(metrics) || !isObject(metrics.namedScores)) continue
    for (const name of figures) {
      const found = [...scores, ...behaviour].find((one) => one.name === name)
      if (!found || !Number.isFinite(found.estimate.value)) continue
      const named = metrics.namedScores as Record<string, number>
      named[name] = found.estimate.value
      for (const counts of [metrics.namedScoresCount, metrics.namedScoreWeights]) {
        if (isObject(counts)) delete counts[name]
      }
    }
  }
}

/** Names and values as they are shown: accuracy with the bounds of its interval, then behaviour. */
export function metricsOf({ k, mostSamples, mean, passAt, passHatAt, majAt, bestAt, behaviour }: Summary): [string, number][] {
  const bounds = (name: string, { value, low, high }: Estimate): [string, number][] => [
    [name, value],
    [`${name} low`, low],
    [`${name} high`, high],
  ]
  const several = (name: string, at: readonly AtK[]) => at.filter((one) => one.k > 1).flatMap((one) => bounds(`${name}${one.k}`, one))
  const last = bestAt.at(-1)
  return [
    ...bounds(k === mostSamples ? `mean@${k}` : 'mean', mean),
    ...several('pass@', passAt),
    ...several('pass^', passHatAt),
    ...several('maj@', majAt),
    ...(last && last.k > 1 ? [[`best@${last.k} bootstrap`, last.value] satisfies [string, number]] : []),
    ...behaviour.map(({ name, estimate }): [string, number] => [name, estimate.value]),
  ]
}

/** Ends promptfoo's command as failed tests do. It sets an exit code only where the pass rate is too low, and else keeps ours. */
function failRun(context: unknown, why?: string): void {
  if (!isEvalCommand(process.argv)) return
  const { PROMPTFOO_FAILED_TEST_EXIT_CODE: chosen } = { ...process.env, ...fields(fields(fields(context).config).env) }
  const code = chosen === undefined ? 100 : Number(chosen)
  process.exitCode = Number.isSafeInteger(code) ? code : 100
  if (why !== undefined && process.exitCode !== 0) notice(`${why}, so this run fails with exit code ${process.exitCode}.`)
}

/** Whether this process is promptfoo's `eval` on a command line: only there is the terminal ours to write to. */
function isEvalCommand([, script = '', ...args]: readonly string[]): boolean {
  return /^(promptfoo|pf|main|entrypoint)(\.[cm]?js)?$/.test(path.basename(script)) && args.includes('eval')
}

/** promptfoo prints its table after the hook has returned; what is written when the process ends stands below it. */
function printAtExit(text: string, samples: boolean): void {
  process.once('exit', () =>
    process.stdout.write(
      `\n${text}${samples ? '\nIntervals, curves and every sample on a page: npx pr1-report results.json, for a run with -o results.json\n' : ''}`,
    ),
  )
}
