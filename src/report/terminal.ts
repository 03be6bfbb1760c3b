/** Statistics as text for the terminal. */

import { plain, plainLine } from '../plain.ts'
import type { Analysis } from './analysis.ts'
import type { Comparison } from './comparison.ts'
import { formatEstimate, formatP, formatValue, isTooNarrow, tooNarrow } from './format.ts'
import { describeExclusions } from './left-out.ts'
import { describeCopies } from './problems.ts'
import { describeGate } from './repeats.ts'
import type { AtK, Summary } from './statistics.ts'
import { verdict } from './verdict.ts'

/**
 * The verdict, one line a column, one a comparison, what was left out, and tests that passed too few of their repeats. Empty without rows. A
 * table wider than `width` characters is cut into tables below one another.
 */
export function describeAnalysis(analysis: Analysis, width = process.stdout.columns || Number.POSITIVE_INFINITY): string {
  const { summaries, comparisons, experiment, gate, seed } = analysis
  const left = describeExclusions(experiment)
  const missed = gate ? describeGate(gate) : []
  if (summaries.length === 0) return plain([...left, ...missed].map((line) => `${line}\n`).join(''))
  const right = experiment.metric === undefined ? "promptfoo's verdict" : `metric "${experiment.metric}"`
  const { headline, detail } = verdict(analysis)
  const lines = [
    headline,
    detail,
    '',
    `Accuracy by ${right}, 95 % intervals in brackets, clustered by problem`,
    '',
    ...tables([header(summaries), ...summaries.map(summaryLine)], width),
  ]
  if (comparisons.length > 0) {
    const corrected = comparisons.length > 1 ? `; p corrected for ${comparisons.length} comparisons after Holm` : ''
    lines.push('', `On the same problems (paired bootstrap, seed ${seed}${corrected})`)
    for (const comparison of comparisons) {
      lines.push(
        '',
        plainLine(`${comparison.a.label} against ${comparison.b.label}`),
        ...columns(comparisonLines(comparison)).map((line) => `  ${line}`),
        ...(comparison.accuracy.some(isTooNarrow) ? [`  ${tooNarrow(comparison.problems)}`] : []),
      )
    }
  }
  const copies = describeCopies(experiment)
  if (copies) lines.push('', copies)
  if (left.length > 0) lines.push('', ...left)
  if (missed.length > 0) lines.push('', ...missed)
  return plain(`${lines.join('\n')}\n`)
}

/** Behaviour that gets a column of its own. */
const SHOWN = ['parallel ratio', 'total tokens', 'critical path'] as const

function header(summaries: readonly Summary[]): string[] {
  const same = summaries.every(({ k, mostSamples }) => k === summaries[0].k && mostSamples === k)
  const at = same ? `@${summaries[0].k}` : ''
  return ['', 'problems', `mean${at}`, `pass${at || '@k'}`, `pass^${same ? summaries[0].k : 'k'}`, `maj${at || '@k'}`, ...SHOWN]
}

function summaryLine(summary: Summary): string[] {
  const { column, problems, k, mostSamples, mean, passAt, passHatAt, majAt, behaviour } = summary
  const last = (estimates: readonly AtK[]) => (k > 1 && estimates.length > 0 ? formatEstimate(estimates.at(-1)!, 'share') : '–')
  const shown = SHOWN.map((name) => {
    const found = behaviour.find((one) => one.name === name)
    return found ? formatValue(found.estimate.value, found.unit) : '–'
  })
  const samples = k === mostSamples ? `${problems} x ${k}` : `${problems} x ${k} to ${mostSamples}`
  return [plainLine(column.label), samples, formatEstimate(mean, 'share'), last(passAt), last(passHatAt), last(majAt), ...shown]
}

function comparisonLines({ accuracy, mcnemar, atTotalTokens, atCriticalPath }: Comparison): string[][] {
  const lines = accuracy.map((difference) => [difference.name, formatEstimate(difference, 'points'), formatP(difference.corrected)])
  if (mcnemar) lines.push(['McNemar, exact', `right alone: ${mcnemar.onlyA} against ${mcnemar.onlyB}`, formatP(mcnemar.p)])
  for (const [budgets, what] of [
    [atTotalTokens, 'total tokens'],
    [atCriticalPath, 'tokens on the critical path'],
  ] as const) {
    // The page has all quartiles.
    const median = budgets[Math.floor((budgets.length - 1) / 2)]
    if (median) lines.push([`within ${median.budget} ${what}`, formatEstimate(median, 'points'), `${formatP(median.p)}, not corrected`])
  }
  return lines
}

/** The columns of a table in as many tables as `width` asks for, the first column in each. */
function tables(rows: readonly string[][], width: number): string[] {
  const widths = widthsOf(rows)
  const groups: number[][] = []
  let used = 0
  for (let column = 1; column < widths.length; column++) {
    if (groups.length === 0 || used + 2 + widths[column] > width) {
      groups.push([])
      used = widths[0]
    }
    groups.at(-1)!.push(column)
    used += 2 + widths[column]
  }
  return groups.flatMap((group, i) => [...(i > 0 ? [''] : []), ...columns(rows.map((row) => [0, ...group].map((column) => row[column])))])
}

const widthsOf = (rows: readonly string[][]) => rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)))

/** Left-aligned columns, two blanks apart. */
export function columns(rows: readonly string[][]): string[] {
  const widths = widthsOf(rows)
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column]))
      .join('  ')
      .trimEnd(),
  )
}
