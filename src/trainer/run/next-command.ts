/** The command line that goes on with a run, or looks at it again: with all that the run was given, from whatever folder. */

import { commandLine } from '../../cli/shell.ts'
import type { TrainConfig } from '../config/config.ts'
import type { TrainOptions } from './options.ts'

type Given = Pick<TrainOptions, 'overrides' | 'stage' | 'suites' | 'allowChange'>

/** Goes on with the run. */
export function resumeCommand(config: Pick<TrainConfig, 'file' | 'output'>, given: Given, env = process.env): string {
  const allowed = (given.allowChange ?? []).flatMap((key) => option('allow-change', key))
  return program(env, [...optionsOf(config, given), ...allowed, '--resume'])
}

/** Looks at one stage before it is trained. */
export function doctorCommand(config: Pick<TrainConfig, 'file' | 'output'>, given: Given, stage: string, env = process.env): string {
  return program(env, ['doctor', ...optionsOf(config, { ...given, stage })])
}

/**
 * npx finds what stands in no folder of PATH, and npm says that it was npx (`npm exec`). From a folder without the package npx would ask the
 * registry, so the line goes first to the one that holds it (npm_config_local_prefix).
 */
function program({ npm_command, npm_config_local_prefix: folder }: NodeJS.ProcessEnv, words: readonly string[]): string {
  if (npm_command !== 'exec') return commandLine(['pr1-train', ...words])
  const npx = commandLine(['npx', 'pr1-train', ...words])
  return folder ? `${commandLine(['cd', folder])} && ${npx}` : npx
}

function optionsOf({ file, output }: Pick<TrainConfig, 'file' | 'output'>, { overrides = {}, stage, suites }: Given): string[] {
  const { device, ray, workers, sets = [] } = overrides
  return [
    ...['-c', file],
    // Absolute, as the file is.
    ...option('output', overrides.output && output),
    ...sets.flatMap((set) => option('set', set)),
    ...option('device', device),
    ...option('ray', ray),
    ...option('workers', workers),
    ...option('stage', stage),
    ...option('suites', suites),
  ]
}

/** A value that begins like an option goes behind an equals sign. */
function option(name: string, value: string | number | undefined): string[] {
  if (value === undefined || value === '') return []
  const text = String(value)
  return text.startsWith('-') ? [`--${name}=${text}`] : [`--${name}`, text]
}
