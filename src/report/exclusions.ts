/** Rows that say nothing about the model: an error, a grader that failed, nothing that scored. They are told, and count as no sample. */

import { graderFailure } from '../assertions/crash.ts'
import { isObject } from '../json.ts'
import { type Fields, fields, list, number, type Results, type Row, text } from './rows.ts'
import type { Experiment } from './samples.ts'

export interface Exclusion {
  kind: 'error' | 'unscored'
  /** In one line. */
  cause: string
}

/** The named score of a row. */
export const scoreOf = (row: Row, metric: string): number | undefined => number(fields(row.namedScores)[metric])

/** Why a row is no sample; undefined where it is one. `metric` is the named score that says what is right, undefined for promptfoo's verdict. */
export function exclusionOf(row: Row, metric: string | undefined): Exclusion | undefined {
  // promptfoo's failureReason 2: provider or grader failed.
  if (row.failureReason === 2) return { kind: 'error', cause: firstLine(text(row.error) || 'an error without a message') }
  const parts = list(fields(row.gradingResult).componentResults).map(fields)
  const failure = parts.map(failureOf).find((found) => found !== undefined)
  if (failure !== undefined) return { kind: 'error', cause: firstLine(failure) }
  if (metric !== undefined) {
    return scoreOf(row, metric) === undefined ? { kind: 'unscored', cause: `no assertion with metric "${metric}"` } : undefined
  }
  // promptfoo calls a row without assertions passed.
  return isObject(row.gradingResult) && parts.length === 0 ? { kind: 'unscored', cause: 'no assertion' } : undefined
}

function failureOf({ reason, metadata, assertion }: Fields): string | undefined {
  const failure = graderFailure({ reason, metadata })
  if (failure === undefined) return undefined
  const { metric, type } = fields(assertion)
  const name = text(metric) ?? text(type)
  return `the grader${name ? ` of "${name}"` : ''} failed: ${failure}`
}

/** What is not there yet, what is left out and the first cause of each kind, a line each; empty where every row is a sample. */
export function describeExclusions({ results, samples, failed, columns }: Experiment): string[] {
  const rows = samples.length + failed.length
  const share = (n: number) => `${n} of ${rows} row${rows === 1 ? '' : 's'}`
  const ends = (n: number) => `${share(n)} ended with an error and ${n === 1 ? 'counts' : 'count'} as neither right nor wrong.`
  const errors = failed.filter(({ exclusion }) => exclusion.kind === 'error')
  // What left a column without a sample matters most.
  const first = errors.find(({ column }) => samples.every((sample) => sample.column !== column)) ?? errors[0]
  const lines = results.flatMap(describeUnfinished)
  if (first) lines.push(`${ends(errors.length)} The first, of ${columns[first.column].label}: ${first.exclusion.cause}`)
  const unscored = failed.map(({ exclusion }) => exclusion).filter(({ kind }) => kind === 'unscored')
  if (unscored.length > 0) lines.push(`${share(unscored.length)} had ${unscored[0].cause}. There is nothing to score in them.`)
  return lines
}

function describeUnfinished({ source, evalId, rows, unfinished }: Results): string[] {
  if (!unfinished) return []
  const planned = unfinished.planned === undefined ? '' : ` of at most ${unfinished.planned}`
  const next = evalId === undefined ? '' : ` If nothing runs it any more, go on with: npx promptfoo eval --resume ${evalId}`
  return [
    `The evaluation ${evalId ?? source} has not finished. ${rows.length}${planned} rows are there, and the figures are of these.${next}`,
  ]
}

/** Longer than any message that people wrote: the whole of those is told. */
const LONGEST = 4000

/** The message of an error without its stack, in one line. */
function firstLine(message: string): string {
  const line = message
    .split(/\n\s*at |\nStack Trace:/)[0]
    .replace(/^(?:\w*Error: )+/, '')
    .replace(/\s+/g, ' ')
    .trim()
  return line.length > LONGEST ? `${line.slice(0, LONGEST)}…` : line
}
