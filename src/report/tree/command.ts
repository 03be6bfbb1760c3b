/** What `pr1-tree` does with its arguments. */

import { readFileSync } from 'node:fs'
import { runCommand, UsageError } from '../../cli/arguments.ts'
import { styled } from '../../cli/styled.ts'
import { readInt } from '../../config-keys.ts'
import { parseJson } from '../../json.ts'
import { plain } from '../../plain.ts'
import { detailOf, partsOf, type Shown } from '../page/payload.ts'
import { fields, ReportError, readResults } from '../rows.ts'
import { type Experiment, readExperiment } from '../samples.ts'
import { type DrawOptions, drawTree } from './draw.ts'

const USAGE = `pr1-tree <file> [options]

Prints one response as a tree, with the paths of a block in columns. The file is a results.json of "promptfoo eval -o", a text, or - for
standard input.

  -p, --problem <n>      problem of results.json, counted from 1 as in pr1-report (1)
  -c, --column <label>   its column; default: the first with a block in its response, else the first
  -s, --sample <n>       sample of the problem, counted from 1 (1)
  -w, --width <n>        cells of a line (the terminal's, or 80)
  -h, --help             this text
      --version          version of the package

A path with a ✓ comes to the answer. NO_COLOR=1 prints without colour.`

interface Terminal {
  columns?: number
  isTTY?: boolean
}

const OPTIONS = {
  problem: { type: 'string', short: 'p' },
  column: { type: 'string', short: 'c' },
  sample: { type: 'string', short: 's' },
  width: { type: 'string', short: 'w' },
} as const

/** Runs the command and returns its exit code. Throws ParallelR1Error on what the user can mend. */
export function treeCommand(args: readonly string[], print: (text: string) => void, terminal: Terminal = {}): Promise<number> {
  return runCommand({ name: 'pr1-tree', usage: USAGE, options: OPTIONS }, args, print, ({ values, positionals }) => {
    if (positionals.length !== 1) throw new UsageError(`pr1-tree takes one file. Got ${positionals.length}. See pr1-tree --help.`)
    return printTree(positionals[0], { ...values }, print, terminal)
  })
}

function printTree(
  file: string,
  values: Partial<Record<keyof typeof OPTIONS, string>>,
  print: (text: string) => void,
  terminal: Terminal,
): number {
  const where = 'the options of pr1-tree'
  const width = readInt(values, 'width', terminal.columns || 80, where, { min: 20, max: 1000 })
  const options = { width, color: terminal.isTTY === true && !process.env.NO_COLOR }
  const experiment = file !== '-' && readSaved(file)
  if (experiment) {
    const problem = readInt(values, 'problem', 1, where, { min: 1 })
    const repeat = readInt(values, 'sample', 1, where, { min: 1 })
    print(drawSample(experiment, choose(experiment, problem - 1, values.column, repeat - 1), options))
  } else print(`${drawTree(partsOf(readText(file)), options)}\n`)
  return 0
}

/** The experiment of a results file; undefined where the file is something else. */
function readSaved(file: string): Experiment | undefined {
  const content = readText(file)
  if (!content.trimStart().startsWith('{')) return undefined
  try {
    if (!Array.isArray(fields(fields(parseJson(content)).results).results)) return undefined
  } catch {
    return undefined
  }
  return readExperiment([readResults(file)])
}

function readText(file: string): string {
  try {
    return readFileSync(file === '-' ? 0 : file, 'utf8')
  } catch (error) {
    throw new ReportError(
      `${file} cannot be read: ${(error as Error).message}. Name a results.json of promptfoo, a text, or - for standard input.`,
    )
  }
}

function choose(experiment: Experiment, problem: number, label: string | undefined, repeat: number): Shown {
  const { columns, problems, samples, failed } = experiment
  if (label !== undefined && !columns.some((column) => column.label === label)) {
    throw new ReportError(`There is no such column. Got "${label}". Use one of: ${columns.map((column) => column.label).join('; ')}.`)
  }
  const own: Shown[] = [...samples, ...failed]
    .filter((sample) => sample.problem === problem && (label === undefined || columns[sample.column].label === label))
    .sort((a, b) => a.column - b.column)
  const found = own.filter((sample) => sample.repeat === repeat)
  const chosen = found.find(({ shape }) => shape.blocks > 0) ?? found[0]
  if (chosen) return chosen
  const most = own.reduce((top, sample) => Math.max(top, sample.repeat + 1), 0)
  throw new ReportError(
    own.length === 0
      ? `There is no such problem. Got ${problem + 1}, there are ${problems.length}. Choose one with --problem.`
      : `There is no such sample of problem ${problem + 1}. Got ${repeat + 1}, there are ${most}. Choose one with --sample.`,
  )
}

function drawSample({ columns }: Experiment, sample: Shown, options: DrawOptions): string {
  const { prompt, tree, error, violations } = detailOf(sample)
  const verdict = sample.right === undefined ? 'error' : sample.right ? 'right' : 'wrong'
  const told = [
    sample.criticalTokens !== undefined && `${sample.criticalTokens} tokens along the longest chain`,
    sample.totalTokens !== undefined && `${sample.totalTokens} in all`,
    sample.seconds !== undefined && `${sample.seconds.toFixed(2)} s`,
  ].filter((fact) => fact !== false)
  const name = `Problem ${sample.problem + 1}, ${columns[sample.column].label}, sample ${sample.repeat + 1}: ${verdict}`
  return [
    styled(plain(name), 'bold', options),
    ...(told.length > 0 ? [styled(told.join(', '), 'faint', options)] : []),
    '',
    drawTree([{ text: prompt, tokens: -1 }], options),
    '',
    error === undefined ? drawTree(tree, options) : drawTree([{ text: error, tokens: -1 }], options),
    ...(violations.length > 0 ? ['', ...violations.map((violation) => plain(violation))] : []),
    '',
  ].join('\n')
}
