/** Rows that say nothing about the model: an error, a grader that failed, nothing that scored. They are told, and count as no sample. */

import { graderFailure } from '../assertions/crash.ts'
import { isObject } from '../json.ts'
import { type Fields, fields, list, number, type Row, text } from './rows.ts'

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
