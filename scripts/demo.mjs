// npm run demo: promptfoo compares the shipped sequential and parallel checkpoints on Countdown, run by this package's own
// engine, and this script sums up what it saved. Further arguments go to `promptfoo eval` (e.g. --filter-first-n 20).

import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..')
const node = (args, options = {}) => spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit', ...options }).status ?? 1

for (const [step, option] of [
  ['install.mjs', '--required'],
  ['build.mjs', '--if-needed'],
]) {
  const status = node([path.join(root, 'scripts', step), option])
  if (status !== 0) process.exit(status)
}

const require = createRequire(import.meta.url)
const promptfooRoot = path.resolve(path.dirname(require.resolve('promptfoo')), '../..')
const { bin } = JSON.parse(readFileSync(path.join(promptfooRoot, 'package.json'), 'utf8'))
const promptfoo = path.join(promptfooRoot, bin.promptfoo)
const env = {
  ...process.env,
  // Its logger can fail at the end of a run with many rows and spoil the exit code.
  PROMPTFOO_DISABLE_DEBUG_LOG: '1',
  PROMPTFOO_DISABLE_ERROR_LOG: '1',
  PROMPTFOO_DISABLE_TELEMETRY: '1',
  PROMPTFOO_DISABLE_UPDATE: '1',
  // Wrong answers are the result here, not a failure.
  PROMPTFOO_PASS_RATE_THRESHOLD: '0',
  NODE_NO_WARNINGS: '1',
}

const folder = mkdtempSync(path.join(os.tmpdir(), 'parallel-r1-demo-'))
try {
  const file = path.join(folder, 'results.json')
  const config = path.join('suites', 'countdown', 'promptfooconfig.yaml')
  const status = node(
    [promptfoo, 'eval', '-c', config, '-o', file, '--table-cell-max-length', '120', '--no-share', ...process.argv.slice(2)],
    { env },
  )
  const saved = read(file)
  if (!saved) process.exit(status || 1)
  const rows = saved.results.results.sort((a, b) => a.promptIdx - b.promptIdx) // the order of the config
  // promptfoo prints no table for 500 rows and more, but shows it when asked.
  if (rows.length >= 500 && saved.evalId) node([promptfoo, 'show', 'eval', saved.evalId], { env })
  summarize(rows)
  const errors = rows.filter((row) => row.failureReason === 2)
  if (errors.length > 0) {
    console.error(`\n${errors.length} of ${rows.length} rows ended with an error, the first: ${errors[0].error}`)
    process.exitCode = 1
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}

function read(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch {
    return undefined
  }
}

/** One line a provider: accuracy with its 95 % interval and mean tokens. */
function summarize(rows) {
  const providers = new Map()
  for (const row of rows) {
    if (row.failureReason === 2) continue
    const name = row.provider.label || row.provider.id
    providers.set(name, [...(providers.get(name) ?? []), row])
  }
  const lines = [['provider', 'samples', 'accuracy', '95 % interval', 'with a block', 'total tokens', 'critical path']]
  for (const [name, own] of providers) {
    const problems = new Map()
    for (const row of own) {
      const key = JSON.stringify(row.vars)
      problems.set(key, [...(problems.get(key) ?? []), row.namedScores?.answer ?? (row.success ? 1 : 0)])
    }
    const means = [...problems.values()].map(mean)
    const accuracy = mean(means)
    const [low, high] = interval(means, accuracy)
    const meta = (pick) => mean(own.map((row) => pick(row.response?.metadata ?? row.metadata ?? {})))
    lines.push([
      name,
      `${means.length} x ${Math.round(own.length / means.length)}`,
      percent(accuracy),
      `${percent(low)} to ${percent(high)}`,
      percent(meta(({ tree }) => (tree?.blocks?.length > 0 ? 1 : 0))),
      meta(({ totalTokens }) => totalTokens ?? Number.NaN).toFixed(0),
      meta(({ criticalPathTokens }) => criticalPathTokens ?? Number.NaN).toFixed(0),
    ])
  }
  const widths = lines[0].map((_, column) => Math.max(...lines.map((line) => line[column].length)))
  console.log(`\n${lines.map((line) => line.map((cell, column) => cell.padEnd(widths[column])).join('  ')).join('\n')}`)
  console.log('Tokens are means per response. Every sample in the browser: npx promptfoo view')
}

/**
 * Wilson's interval for the mean over problems. The samples of a problem are alike, so the number of independent samples is
 * the one that would have the variance seen between problems.
 */
function interval(means, accuracy) {
  const z = 1.96
  const variance = means.reduce((sum, value) => sum + (value - accuracy) ** 2, 0) / Math.max(1, means.length - 1) / means.length
  const n = variance > 0 ? (accuracy * (1 - accuracy)) / variance : means.length
  const middle = (accuracy + z ** 2 / (2 * n)) / (1 + z ** 2 / n)
  const half = (z / (1 + z ** 2 / n)) * Math.sqrt((accuracy * (1 - accuracy)) / n + z ** 2 / (4 * n ** 2))
  return [Math.max(0, middle - half), Math.min(1, middle + half)]
}

function mean(values) {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

function percent(share) {
  return `${(100 * share).toFixed(1)} %`
}
