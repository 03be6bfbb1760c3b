/** The configuration of a run whose rollouts are looked at: as the run keeps it, or a training file. */

import { existsSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { parseJson } from '../../json.ts'
import { RolloutsError } from '../../rollouts/format.ts'
import { rolloutsFolder } from '../../rollouts/reader.ts'
import { runFile } from '../../rollouts/writer.ts'
import type { GrpoStage, TrainConfig } from '../config/config.ts'
import { onDevice, readTrainConfig } from '../config/config-file.ts'
import { selectStage } from '../config/select-stage.ts'
import { noStage, severalStages } from './choose.ts'

/** `device` is taken in place of the run's. Throws ConfigError, RolloutsError. */
export function settingsOf(run: string, { config: trainFile, device }: { config?: string; device?: string }): TrainConfig {
  if (trainFile === undefined) return keptSettings(join(rolloutsFolder(run), runFile), device)
  const config = readTrainConfig(trainFile, { device })
  const [, alone] = /^only-(.+)$/.exec(basename(run)) ?? []
  return alone === undefined ? config : selectStage(config, alone).config
}

function keptSettings(file: string, device: string | undefined): TrainConfig {
  const next = 'Name the training file of the run with -c.'
  if (!existsSync(file)) throw new RolloutsError(`There is no ${file}, which holds the configuration of the run. ${next}`)
  let config: unknown
  try {
    config = (parseJson(readFileSync(file, 'utf8')) as { config?: unknown } | null)?.config
  } catch (error) {
    throw new RolloutsError(`${file} is damaged (${(error as Error).message}). ${next}`)
  }
  if (typeof config !== 'object' || config === null) throw new RolloutsError(`${file} is damaged: it has no "config". ${next}`)
  // What a later version adds stands at its default.
  const { file: trainFile, given: _, gaveWay: __, ...raw } = config as { file?: unknown; given?: unknown; gaveWay?: unknown }
  return onDevice(raw, typeof trainFile === 'string' ? trainFile : file, { device })
}

/** The grpo stage that is named, or the only one that has such a step. Throws RolloutsError. */
export function grpoStageOf({ stages }: TrainConfig, name: string | undefined, step?: number): GrpoStage {
  const all = stages.filter((stage): stage is GrpoStage => stage.kind === 'grpo')
  const named = all.filter((stage) => name === undefined || stage.name === name)
  if (named.length === 0)
    throw noStage(
      name ?? '',
      all.map((stage) => stage.name),
    )
  const able = named.filter(({ steps }) => step === undefined || step <= steps)
  if (able.length === 0) {
    const [{ name: only, steps }] = named
    throw new RolloutsError(`Stage "${only}" has no step ${step}. It has ${steps}. Choose one of them with --step.`)
  }
  if (able.length > 1)
    throw severalStages(
      step ?? 1,
      able.map((stage) => stage.name),
    )
  return able[0]
}
