/** What `pr1-report` does with its arguments. */

import { renameSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { runCommand, UsageError } from '../cli/arguments.ts'
import { readInt } from '../config-keys.ts'
import { analyze } from './analysis.ts'
import { describeExclusions } from './exclusions.ts'
import { analysisJson } from './json.ts'
import { ReportError, readResults } from './rows.ts'
import { readExperiment } from './samples.ts'
import { describeAnalysis } from './terminal.ts'

const USAGE = `pr1-report results.json [more.json …] [options]

Statistics of what "promptfoo eval -o results.json" saved: accuracy over k samples, comparisons, behaviour, and every sample on one HTML
page. Several files count as one evaluation; the same problem in two files is compared.

  -o, --output <file>      the page (report.html)
      --json <file>        the statistics as JSON as well
      --metric <name>      named metric that says what is right; default "answer", without it promptfoo's verdict
      --baseline <label>   compare every column with this one
      --seed <n>           seed of the bootstrap (1)
      --samples <n>        most samples of the page's browser (20000)
  -h, --help               this text
      --version            version of the package`

const OPTIONS = {
  output: { type: 'string', short: 'o', default: 'report.html' },
  json: { type: 'string' },
  metric: { type: 'string' },
  baseline: { type: 'string' },
  seed: { type: 'string' },
  samples: { type: 'string' },
} as const

/** Runs the command and returns its exit code. Throws ParallelR1Error on what the user can mend. */
export function reportCommand(args: readonly string[], print: (text: string) => void): Promise<number> {
  return runCommand({ name: 'pr1-report', usage: USAGE, options: OPTIONS }, args, print, ({ values, positionals }) =>
    report(positionals, values, print),
  )
}

interface Values {
  output: string
  json?: string
  metric?: string
  baseline?: string
  seed?: string
  samples?: string
}

async function report(positionals: readonly string[], values: Values, print: (text: string) => void): Promise<number> {
  if (positionals.length === 0) {
    throw new UsageError('pr1-report needs a file that "promptfoo eval -o results.json" wrote. Got none. Name it first.')
  }
  for (const file of [values.output, values.json]) {
    if (file === undefined || !positionals.some((input) => path.resolve(input) === path.resolve(file))) continue
    throw new ReportError(`${file} is both read and written. Got it as an input and as an output. Name another file for the output.`)
  }
  const seed = readInt({ ...values }, 'seed', 1, 'the options of pr1-report', { min: 0 })
  const samples = readInt({ ...values }, 'samples', undefined, 'the options of pr1-report', { min: 0 })
  const experiment = readExperiment(
    positionals.map((file) => readResults(file)),
    { metric: values.metric },
  )
  const analysis = await analyze(experiment, { seed, baseline: values.baseline })
  if (analysis.summaries.length === 0) {
    throw new ReportError(
      ['There is no sample to report on.', ...describeExclusions(experiment), 'Look at the rows with: npx promptfoo view.'].join('\n'),
    )
  }
  print(describeAnalysis(analysis))
  // Loading the charts takes longer than everything above.
  const { drawPage } = await import('./page/page.ts')
  print(write(values.output, drawPage(analysis, { samples })))
  if (values.json !== undefined) print(write(values.json, `${JSON.stringify(analysisJson(analysis), null, 2)}\n`))
  return 0
}

/** Writes a file, complete or not at all; returns what to say about it. */
function write(file: string, content: string): string {
  const temporary = `${file}.${process.pid}.tmp`
  try {
    writeFileSync(temporary, content)
    renameSync(temporary, file)
  } catch (error) {
    rmSync(temporary, { force: true })
    throw new ReportError(`${file} cannot be written: ${(error as Error).message}. Name a file in an existing folder with -o.`)
  }
  return `\n${file}: ${(Buffer.byteLength(content) / 1024 ** 2).toFixed(1)} MB\n`
}
