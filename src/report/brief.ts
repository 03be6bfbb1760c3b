/** An evaluation on one screen: the verdict and one table, within the width of a terminal. */

import stringWidth from 'string-width'
import wrapAnsi from 'wrap-ansi'
import { plain, plainLine } from '../plain.ts'
import type { Analysis } from './analysis.ts'
import { formatEstimate, formatValue } from './format.ts'
import { describeExclusions } from './left-out.ts'
import { describeCopies } from './problems.ts'
import { fields } from './rows.ts'
import type { Experiment } from './samples.ts'
import type { Summary } from './statistics.ts'
import { verdict } from './verdict.ts'

/** Cells of a label at least, however narrow the screen is. */
const SHORTEST = 12

/** Headline, one line a column with its accuracy and mean tokens, the figures behind the headline, what was left out. Lines of at most `width` cells. */
export function describeBriefly(analysis: Analysis, width = 80): string {
  const { headline, detail } = verdict(analysis)
  const { experiment } = analysis
  const remarks = [describeCopies(experiment) ?? [], describeExclusions(experiment)].flat()
  const [first, figures, remark] = [headline, detail, remarks.join('\n')].map((text) => wrapAnsi(plain(text), width))
  const paragraphs = [first, table(analysis.summaries, width), figures, remark].filter((text) => text !== '')
  return paragraphs.map((text) => `${text}\n`).join('\n')
}

/** Where the answers are from: how many were generated in this evaluation, and how many a store had. */
export function describeSources({ samples, failed }: Experiment): string {
  const rows = [...samples, ...failed].map(({ row }) => fields(row.response))
  const stored = rows.filter(({ cached }) => cached === true).length
  const generated = rows.filter(({ cached, output }) => cached !== true && output !== undefined).length
  const numbers = [generated, stored].map((n) => n.toLocaleString('en'))
  return `Of the answers ${numbers[0]} ${generated === 1 ? 'was' : 'were'} generated on this machine now, and ${numbers[1]} ${stored === 1 ? 'was' : 'were'} taken from its stored samples.`
}

function table(summaries: readonly Summary[], width: number): string {
  if (summaries.length === 0) return ''
  const rows = [
    [samplesOf(summaries), 'right (95 %)', 'tokens', 'longest chain'],
    ...summaries.map(({ column, mean, behaviour }) => {
      const tokens = ['total tokens', 'critical path'].map((name) => {
        const found = behaviour.find((one) => one.name === name)
        return found ? formatValue(found.estimate.value, found.unit) : '–'
      })
      return [plainLine(column.label), formatEstimate(mean, 'share'), ...tokens]
    }),
  ]
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => stringWidth(row[column]))))
  widths[0] = Math.max(SHORTEST, Math.min(widths[0], width - widths.slice(1).reduce((sum, cells) => sum + cells + 2, 0)))
  return rows
    .map(([label, right, ...tokens]) =>
      [cut(label, widths[0]), right.padEnd(widths[1]), ...tokens.map((cell, column) => cell.padStart(widths[column + 2]))].join('  '),
    )
    .join('\n')
}

/** `200 problems x 4`, where all columns have the same. */
function samplesOf(summaries: readonly Summary[]): string {
  const [{ problems, k }] = summaries
  const same = summaries.every((one) => one.problems === problems && one.k === k && one.mostSamples === k)
  return same ? `${problems} ${problems === 1 ? 'problem' : 'problems'} x ${k}` : ''
}

function cut(label: string, width: number): string {
  if (stringWidth(label) <= width) return label + ' '.repeat(width - stringWidth(label))
  let kept = label
  while (stringWidth(kept) > width - 1) kept = kept.slice(0, -1)
  return `${kept}…`.padEnd(width)
}
