/** What `pr1-init` does with its arguments. */

import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { runCommand, UsageError } from '../cli/arguments.ts'
import { commandLine } from '../cli/shell.ts'
import { NEXT_STEPS, projectFiles } from './project.ts'

const USAGE = `pr1-init [folder]

Writes a project that runs: an eval config with twenty problems, a training config, a README with the next steps. Nothing is overwritten.
The folder is the present one unless you name another.

  -h, --help                      this text
      --version                   version of the package`

/** Runs the command and returns its exit code. Throws UsageError where the package is not installed or a file is there already. */
export function initCommand(args: readonly string[], print: (text: string) => void): Promise<number> {
  return runCommand({ name: 'pr1-init', usage: USAGE, options: {}, alone: true }, args, print, ({ positionals }) => {
    if (positionals.length > 1) throw new UsageError(`pr1-init takes one folder. Got ${positionals.length}. See pr1-init --help.`)
    const [named = '.'] = positionals
    const files = writeProject(path.resolve(named))
    const enter = path.resolve(named) === process.cwd() ? '' : `  ${commandLine(['cd', named])}\n`
    const width = Math.max(...NEXT_STEPS.map(([command]) => command.length))
    const steps = NEXT_STEPS.map(([command, does]) => `  ${command.padEnd(width)}  # ${does}\n`)
    print(`Wrote ${files.join(', ')}.\nNext:\n${enter}${steps.join('')}`)
    return 0
  })
}

/** Writes the files into `folder` and returns their names. */
function writeProject(folder: string): string[] {
  const root = installed(folder)
  const relative = path.relative(folder, root).split(path.sep).join('/') || '.'
  const files = projectFiles(relative.startsWith('.') ? relative : `./${relative}`, root)
  const present = Object.keys(files).filter((name) => existsSync(path.join(folder, name)))
  if (present.length > 0) {
    throw new UsageError(`${folder} already has ${present.join(', ')}. Name an empty folder: pr1-init my-project.`)
  }
  mkdirSync(folder, { recursive: true })
  for (const [name, content] of Object.entries(files)) writeFileSync(path.join(folder, name), content, { flag: 'wx' })
  return Object.keys(files)
}

/** The folder of this package as promptfoo will find it from the project. */
function installed(folder: string): string {
  try {
    return path.dirname(createRequire(path.join(folder, 'promptfooconfig.yaml')).resolve('parallel-r1/package.json'))
  } catch {
    throw new UsageError(`parallel-r1 is not installed for ${folder}. Run there or above: npm install parallel-r1 promptfoo.`)
  }
}
