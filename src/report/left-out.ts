/** What the figures of an evaluation leave out, in lines. */

import type { Results } from './rows.ts'
import type { Experiment } from './samples.ts'

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
