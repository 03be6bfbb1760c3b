// Figures of graded cases, with 95 % intervals, and their tables.

/** Wilson's interval of a share (1927), as [low, high]. */
export function wilson(count, of, z = 1.959964) {
  if (of === 0) return [0, 1]
  const p = count / of
  const middle = p + (z * z) / (2 * of)
  const half = z * Math.sqrt((p * (1 - p)) / of + (z * z) / (4 * of * of))
  return [middle - half, middle + half].map((bound) => Math.min(1, Math.max(0, bound / (1 + (z * z) / of))))
}

const share = (count, of) => ({ count, of, interval: wilson(count, of) })

/** Right verdicts, false positives and false negatives of cases, each with `right` (the label) and `pass` (the verdict). */
export function summary(graded) {
  const labelledWrong = graded.filter(({ right }) => !right)
  const labelledRight = graded.filter(({ right }) => right)
  const accepted = labelledWrong.filter(({ pass }) => pass).length
  const refused = labelledRight.filter(({ pass }) => !pass).length
  return {
    right: share(graded.length - accepted - refused, graded.length),
    falsePositives: share(accepted, labelledWrong.length),
    falseNegatives: share(refused, labelledRight.length),
  }
}

/** Milliseconds: median, 99th percentile, worst. */
export function percentiles(times) {
  const sorted = [...times].sort((a, b) => a - b)
  const at = (part) => sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))]
  return { median: at(0.5), p99: at(0.99), worst: at(1) }
}

const percent = (value) => (100 * value).toFixed(1)
const range = ({ interval: [low, high] }) => `${percent(low)}–${percent(high)} %`
const errors = (one) => (one.of === 0 ? '–' : `${one.count}/${one.of} (${range(one)})`)

export function table(title, groups) {
  const lines = groups.map(([name, { right, falsePositives, falseNegatives }]) =>
    [name, right.of, `${percent(right.count / right.of)} % (${range(right)})`, errors(falsePositives), errors(falseNegatives)].join(' | '),
  )
  const head = [`| ${title} | cases | right | false positives | false negatives |`, '|---|---|---|---|---|']
  return [...head, ...lines.map((line) => `| ${line} |`)].join('\n')
}

/** All cases, then those of each value of each column that there is: [name, figures]. */
export function groups(graded, columns) {
  const of = columns.flatMap((column) => {
    const values = [...new Set(graded.map(({ row }) => row[column]))].filter((value) => value !== undefined && value !== null)
    return values.sort().map((value) => [`${column} ${value}`, graded.filter(({ row }) => row[column] === value)])
  })
  return [['all', graded], ...of].map(([name, cases]) => [name, summary(cases)])
}
