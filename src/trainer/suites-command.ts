/**
 * `pr1-train suites`: the rows of a training file, for a machine without promptfoo. They lie in a folder as in that of a run, and `pr1-train --suites`
 * takes them from there. Rows whose assertions are functions of this package are then graded without promptfoo, too.
 */

import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { runCommand, UsageError } from '../cli/arguments.ts'
import { commandLine } from '../cli/shell.ts'
import { ConfigError } from '../engine/errors.ts'
import { plainLine } from '../plain.ts'
import { readTrainConfig } from './config/config-file.ts'
import { Evaluations } from './evaluation/evaluations.ts'
import { compileStages } from './run/stage-metrics.ts'
import { resolveSuites } from './run/stage-suites.ts'

const USAGE = `pr1-train suites -c train.yaml -o <folder> [options]

Has promptfoo resolve the suites of a training file, and writes their rows into a folder. A machine without promptfoo trains on them:
pr1-train -c train.yaml --suites <folder>. The rows stay as they are now, whatever happens to the suites.

  -c, --config <file>      the training file (YAML)
  -o, --output <folder>    where the rows go
      --stage <name>       of this stage only (repeatable)
      --set <path=value>   override a value of the file, as in training (repeatable)
  -h, --help               this text
      --version            version of the package`

const OPTIONS = {
  config: { type: 'string', short: 'c' },
  output: { type: 'string', short: 'o' },
  stage: { type: 'string', multiple: true },
  set: { type: 'string', multiple: true },
} as const

/** Runs the command and returns its exit code. Throws ParallelR1Error on what the user can mend. */
export function suitesCommand(args: readonly string[], print: (text: string) => void): Promise<number> {
  return runCommand({ name: 'pr1-train suites', usage: USAGE, options: OPTIONS }, args, print, async ({ values, positionals }) => {
    if (positionals.length > 0 || values.config === undefined || values.output === undefined) {
      const got = positionals.length > 0 ? `"${positionals[0]}"` : values.config === undefined ? 'no -c' : 'no -o'
      throw new UsageError(`pr1-train suites takes a training file after -c and a folder after -o. Got ${got}.`)
    }
    const folder = resolve(values.output)
    if (existsSync(join(folder, 'suites'))) {
      throw new ConfigError(
        `${folder} holds rows already, which a run may go on with. Remove ${join(folder, 'suites')}, or choose another --output.`,
      )
    }
    const whole = readTrainConfig(values.config, { sets: values.set })
    const { stage: chosen = whole.stages.map(({ name }) => name) } = values
    const unknown = chosen.find((wanted) => !whole.stages.some(({ name }) => name === wanted))
    if (unknown !== undefined) {
      const known = whole.stages.map(({ name }) => name).join(', ')
      throw new ConfigError(`There is no stage "${unknown}" in ${whole.file}. There are: ${known}.`)
    }
    const config = { ...whole, stages: whole.stages.filter(({ name }) => chosen.includes(name)) }
    const say = (line: string) => print(`${plainLine(line)}\n`)
    const expressions = await compileStages(config)
    await resolveSuites({ path: folder, options: {}, say }, config.stages, { expressions, goesOn: false })
    await Evaluations.resolve(config, config.stages, { folder, reuse: false, write: true, say })
    say(
      `Wrote ${join(folder, 'suites')}. Train on them with: ${commandLine(['pr1-train', '-c', values.config, '--suites', values.output])}`,
    )
    return 0
  })
}
