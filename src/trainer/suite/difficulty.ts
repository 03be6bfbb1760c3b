/**
 * Problems by how often an earlier model solved them: those that it always or never solved teach nothing, as the samples of a group are then
 * equal. The pass rates come from the kept rollouts of a run, or from an evaluation.
 */

import { existsSync, statSync } from 'node:fs'
import { resolve } from 'node:path'
import type { z } from 'zod'
import { choice, key, mapping, number, text } from '../../config/table.ts'
import { ConfigError } from '../../engine/errors.ts'
import { questionOf } from '../../report/problems.ts'
import { fields, readResults, text as textOf } from '../../report/rows.ts'
import { RolloutsError } from '../../rollouts/format.ts'
import { listSteps, readStep } from '../../rollouts/reader.ts'
import type { SuiteRow } from './suite.ts'

export const difficulty = mapping({
  from: key(
    text(),
    'where pass rates come from, relative to this file: the folder of a run that kept its rollouts, or the results.json of an evaluation',
  ),
  provider: key(text().optional(), 'label of the provider whose rows count, in a results.json', { absent: 'its only one' }),
  metric: key(text().default('answer'), 'the metric whose mean is the pass rate'),
  min: key(number({ min: 0, max: 1 }).default(0), 'the lowest pass rate that is taken'),
  max: key(number({ min: 0, max: 1 }).default(1), 'the highest one'),
  unknown: key(choice(['drop', 'keep']).default('drop'), 'what happens to problems without a pass rate'),
})

export type DifficultyConfig = z.output<typeof difficulty>

/** With an absolute path. Throws ConfigError on bounds that leave nothing. */
export function fillDifficulty(config: DifficultyConfig | undefined, folder: string, where: string): DifficultyConfig | undefined {
  if (!config) return undefined
  if (config.min > config.max) {
    throw new ConfigError(
      `difficulty.min must be at most difficulty.max in ${where}. Got ${config.min} and ${config.max}. Change one of them.`,
    )
  }
  return { ...config, from: resolve(folder, config.from) }
}

/** Scores of a problem in an earlier run. */
interface Tried {
  sum: number
  count: number
}

class PassRates {
  private readonly byPrompt = new Map<string, Tried>()
  private readonly byQuestion = new Map<string, Tried>()

  add(prompt: string | undefined, question: string | undefined, score: number): void {
    if (prompt !== undefined) count(this.byPrompt, prompt, score)
    if (question !== undefined) count(this.byQuestion, question.trim(), score)
  }

  get size(): number {
    return Math.max(this.byPrompt.size, this.byQuestion.size)
  }

  /** Found by its prompt, else by the text of its problem. */
  of({ prompt, vars }: SuiteRow): number | undefined {
    const question = questionOf(vars)
    const tried = this.byPrompt.get(prompt) ?? (question === undefined ? undefined : this.byQuestion.get(question.trim()))
    return tried && tried.sum / tried.count
  }
}

function count(map: Map<string, Tried>, key: string, score: number): void {
  const { sum, count } = map.get(key) ?? { sum: 0, count: 0 }
  map.set(key, { sum: sum + score, count: count + 1 })
}

/**
 * The rows whose pass rate lies within the bounds, in their order, and a line that says so.
 * @throws ConfigError where there are no pass rates, or no row is left
 */
export function selectByDifficulty(rows: readonly SuiteRow[], config: DifficultyConfig, say: (line: string) => void): SuiteRow[] {
  const rates = existsSync(config.from) && statSync(config.from).isDirectory() ? ratesOfRun(config, say) : ratesOfResults(config)
  if (rates.size === 0) {
    throw new ConfigError(
      `No response in ${config.from} has the metric "${config.metric}", which difficulty.metric names. Name one that it has.`,
    )
  }
  const { min, max, unknown } = config
  const found = rows.map((row) => rates.of(row))
  const kept = rows.filter((_, i) => {
    const rate = found[i]
    return rate === undefined ? unknown === 'keep' : rate >= min && rate <= max
  })
  const known = found.filter((rate) => rate !== undefined)
  const outside = `${known.filter((rate) => rate < min).length} below ${min}, ${known.filter((rate) => rate > max).length} above ${max}, ${rows.length - known.length} without one`
  if (kept.length === 0) {
    throw new ConfigError(
      `difficulty leaves none of ${rows.length} rows: by the pass rates of ${config.from}, ${outside}. Widen min and max.`,
    )
  }
  say(`${kept.length} of ${rows.length} rows have a pass rate that difficulty takes (${outside})`)
  return kept
}

function ratesOfRun({ from, metric }: DifficultyConfig, say: (line: string) => void): PassRates {
  const steps = listSteps(from)
  if (steps.length === 0) {
    throw new ConfigError(
      `${from} keeps no rollouts, so difficulty.from finds no pass rates there. Name a run with save.rollouts, or a results.json.`,
    )
  }
  const rates = new PassRates()
  for (const { file } of steps) {
    try {
      for (const { prompt, metrics } of readStep(file).rollouts) {
        if (metrics[metric] !== undefined) rates.add(prompt, undefined, metrics[metric])
      }
    } catch (error) {
      if (!(error instanceof RolloutsError)) throw error
      say(`Warning: ${error.message} Its pass rates are left out.`)
    }
  }
  return rates
}

/** promptfoo's reason of a row that ended with an error; one that failed an assertion has another. */
const ERROR = 2

function ratesOfResults({ from, metric, provider }: DifficultyConfig): PassRates {
  const { rows } = readResults(from)
  const labelOf = (row: (typeof rows)[number]): string => textOf(fields(row.provider).label) ?? textOf(fields(row.provider).id) ?? ''
  const labels = [...new Set(rows.map(labelOf))]
  if (provider === undefined ? labels.length > 1 : !labels.includes(provider)) {
    const got = provider === undefined ? 'none' : `"${provider}"`
    throw new ConfigError(`difficulty.provider must name one of the providers of ${from}. Got ${got}. Use one of: ${labels.join('; ')}.`)
  }
  const rates = new PassRates()
  for (const row of rows) {
    const score = fields(row.namedScores)[metric]
    if (labelOf(row) !== (provider ?? labels[0]) || typeof score !== 'number' || row.failureReason === ERROR) continue
    rates.add(textOf(fields(row.prompt).raw), questionOf(row.vars), score)
  }
  return rates
}
