/** What `pr1-report` does with its arguments. */

import { existsSync } from 'node:fs'
import path from 'node:path'
import { runCommand, UsageError } from '../cli/arguments.ts'
import { readInt } from '../config-keys.ts'
import { type Analysis, analyze } from './analysis.ts'
import { analysisJson } from './json.ts'
import { describeExclusions } from './left-out.ts'
import { DEFAULT_PORT } from './link.ts'
import { ReportError, type Results, readResults } from './rows.ts'
import { reportRuns } from './run/command.ts'
import { isFolder } from './run/read.ts'
import { readExperiment } from './samples.ts'
import { serveReports } from './serve.ts'
import { isEvaluationId, readStored } from './stored.ts'
import { describeAnalysis } from './terminal.ts'
import { writeWhole } from './write.ts'

const USAGE = `pr1-report results.json [more.json …] [options]
pr1-report latest [options]
pr1-report --serve [--port <n>]
pr1-report <folder of a run> [more folders …] [-o <file>] [--samples <n>]

Statistics of an evaluation: accuracy over k samples, comparisons, behaviour, and every sample on one HTML page. It reads what
"promptfoo eval -o results.json" saved, or an evaluation that promptfoo keeps, by its id or "latest". Several count as one evaluation;
the same problem in two of them is compared.

Of a folder that pr1-train writes into, the page has the curves of the run over its steps, its evaluations, and the rollouts that it kept.
Several runs are drawn into the same charts.

  -o, --output <file>      the page (report.html)
      --serve              serve the pages of all evaluations that promptfoo keeps to this machine, and that of the inputs
      --port <n>           port of --serve (${DEFAULT_PORT}); links in promptfoo's view lead there
      --json <file>        the statistics as JSON as well
      --metric <name>      named metric that says what is right; default "answer", without it promptfoo's verdict
      --baseline <label>   compare every column with this one
      --seed <n>           seed of the bootstrap (1)
      --samples <n>        most samples of the page's browser (20000)
  -h, --help               this text
      --version            version of the package`

const OPTIONS = {
  output: { type: 'string', short: 'o' },
  serve: { type: 'boolean' },
  port: { type: 'string' },
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
  output?: string
  serve?: boolean
  port?: string
  json?: string
  metric?: string
  baseline?: string
  seed?: string
  samples?: string
}

async function report(inputs: readonly string[], values: Values, print: (text: string) => void): Promise<number> {
  const { output = 'report.html', json, metric, baseline } = values
  if (inputs.length === 0 && !values.serve) {
    throw new UsageError(
      'pr1-report needs a file that "promptfoo eval -o results.json" wrote, an evaluation that promptfoo keeps, or the folder of a run of pr1-train. Got none. Name one, or "latest".',
    )
  }
  for (const file of [output, json]) {
    if (file === undefined || !inputs.some((input) => path.resolve(input) === path.resolve(file))) continue
    throw new ReportError(`${file} is both read and written. Got it as an input and as an output. Name another file for the output.`)
  }
  const where = 'the options of pr1-report'
  if (inputs.some(isFolder)) return reportRuns(inputs, { ...values, output }, print)
  const seed = readInt({ ...values }, 'seed', 1, where, { min: 0 })
  const samples = readInt({ ...values }, 'samples', undefined, where, { min: 0 })
  const port = readInt({ ...values }, 'port', DEFAULT_PORT, where, { min: 0, max: 65_535 })
  const analyzed = async (names: readonly string[]) =>
    analyze(readExperiment(await Promise.all(names.map(readInput)), { metric }), { seed, baseline }).then(requireSamples)
  // Loading the charts takes longer than the rest.
  const draw = async (analysis: Analysis) => (await import('./page/page.ts')).drawPage(analysis, { samples })
  if (values.serve) {
    const { url } = await serveReports({
      port,
      draw: async (evaluation) => draw(await analyzed(evaluation ? [evaluation] : inputs.length > 0 ? inputs : ['latest'])),
    })
    print(`${url} shows ${inputs.join(', ') || 'the latest evaluation'}, ${url}/eval-… any that promptfoo keeps. Ctrl+C ends it.\n`)
    return new Promise<number>((ended) => process.once('SIGINT', () => ended(0)).once('SIGTERM', () => ended(0)))
  }
  const analysis = await analyzed(inputs)
  print(describeAnalysis(analysis))
  print(writeWhole(output, await draw(analysis)))
  if (json !== undefined) print(writeWhole(json, `${JSON.stringify(analysisJson(analysis), null, 2)}\n`))
  return 0
}

/** A file, where there is one of that name. */
const readInput = async (name: string): Promise<Results> =>
  isEvaluationId(name) && !existsSync(name) ? readStored(name) : readResults(name)

function requireSamples(analysis: Analysis): Analysis {
  if (analysis.summaries.length > 0) return analysis
  const why = describeExclusions(analysis.experiment)
  throw new ReportError(['There is no sample to report on.', ...why, 'Look at the rows with: npx promptfoo view.'].join('\n'))
}
