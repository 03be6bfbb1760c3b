/** One stage of a training file as a run of its own: `--stage`. */

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { adapterConfigFile, configFile } from '../../engine/checkpoint/files.ts'
import { ConfigError } from '../../engine/errors.ts'
import type { TrainConfig } from './config.ts'

/** With `--stage` the run has one stage and a folder of its own; it starts from the export of the stage before it. */
export function selectStage(config: TrainConfig, name: string | undefined): { config: TrainConfig; run: string } {
  if (name === undefined) return { config, run: config.output }
  const index = config.stages.findIndex((stage) => stage.name === name)
  if (index < 0) {
    throw new ConfigError(
      `There is no stage "${name}" in ${config.file}. There are: ${config.stages.map((stage) => stage.name).join(', ')}.`,
    )
  }
  const run = join(config.output, `only-${name}`)
  // A stage that asks a teacher leaves no weights.
  const trained = config.stages.slice(0, index).findLast(({ kind }) => kind !== 'generate')
  if (!trained) return { config: { ...config, stages: [config.stages[index]] }, run }
  const before = join(config.output, trained.name)
  if (!existsSync(join(before, config.model.lora ? adapterConfigFile : configFile))) {
    throw new ConfigError(`Stage "${name}" starts from ${before}, which is not there yet. Train stage "${trained.name}" first.`)
  }
  const { lora, base } = config.model
  const model = lora ? { checkpoint: before, base, lora } : { checkpoint: before }
  return { config: { ...config, model, stages: [config.stages[index]] }, run }
}
