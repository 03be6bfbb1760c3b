/**
 * What a run leaves on the disk. A training state is a Hugging Face folder with the float32 masters and, in `trainer/`,
 * the moments and where the run stands; everything random is a function of that place (src/random.ts), so nothing else is
 * needed to go on bit for bit. Each state is a new folder that appears whole or not at all; older ones are removed
 * after it.
 *
 *   <run>/checkpoints/step-00000050/   config.json model.safetensors tokenizer.json … trainer/{state.json,moments.safetensors}
 */

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { diskOps, type FileOps, recoverFolder, writeNewFile } from '../engine/checkpoint/atomic.ts'
import { type ParallelInfo, type SaveContent, saveCheckpoint } from '../engine/checkpoint/folder.ts'
import { openSafetensorsFile, writeSafetensors } from '../engine/checkpoint/safetensors.ts'
import { ConfigError } from '../engine/errors.ts'
import type { Model } from '../engine/types.ts'
import type { Session } from './recipe.ts'

export interface TrainerState {
  version: 1
  /** Index of the stage the run stands in; the number of stages when all are done. */
  stage: number
  /** Steps done in that stage: the data cursor, the place in the schedules and the address of all that is random. */
  step: number
  /** Steps done in all stages. */
  total: number
  /** AdamW updates so far, for the bias correction. */
  updates: number
  seed: number
  /** What the model was made from: `scratch` or the hash of a checkpoint. */
  base: string
  /** Length of metrics.jsonl. */
  metricsBytes: number
  /** The decisive part of the configuration (config.ts). */
  config: Record<string, string>
}

const MOMENTS = ['moment1', 'moment2'] as const

/** Writes the state of a run; keeps the newest `keep`. Throws CheckpointError, the earlier states staying whole. */
export async function saveState(session: Session, run: string, state: TrainerState, keep: number, ops: FileOps = diskOps): Promise<string> {
  const { model } = session
  const folder = join(run, 'checkpoints', `step-${String(state.total).padStart(8, '0')}`)
  const extraFiles = async (temporary: string): Promise<void> => {
    const trainer = join(temporary, 'trainer')
    await ops.mkdir(trainer)
    const moments = MOMENTS.flatMap((what) =>
      model.parameters.map(({ name, shape }) => ({ name: `${name}.${what}`, shape, data: () => model.read(name, what) })),
    )
    await writeSafetensors(join(trainer, 'moments.safetensors'), moments, 'float32', ops)
    await writeNewFile(join(trainer, 'state.json'), `${JSON.stringify(state, null, 2)}\n`, ops)
  }
  await saveCheckpoint(folder, { ...contentOf(session), dtype: 'float32', extraFiles }, { ops })
  for (const name of stateNames(run).slice(0, -keep)) await rm(join(run, 'checkpoints', name), { recursive: true, force: true })
  return folder
}

/** The newest state of a run, undefined when there is none. Finishes or undoes what a kill interrupted. */
export async function latestState(run: string): Promise<{ folder: string; state: TrainerState } | undefined> {
  const home = join(run, 'checkpoints')
  if (!existsSync(home)) return undefined
  const touched = readdirSync(home).flatMap((name) => /^\.(step-\d+)\./.exec(name)?.[1] ?? [])
  for (const name of new Set(touched)) await recoverFolder(join(home, name))
  for (const name of stateNames(run).reverse()) {
    const file = join(home, name, 'trainer', 'state.json')
    // An older one may have been half removed when the run was killed.
    if (!existsSync(file)) continue
    const state = JSON.parse(readFileSync(file, 'utf8')) as TrainerState
    if (state.version !== 1) {
      throw new ConfigError(`${file} has version ${state.version}, this pr1-train reads 1. Go on with the version that wrote it.`)
    }
    return { folder: join(home, name), state }
  }
  return undefined
}

/** Puts moments and update count back into a model loaded from a state's folder. */
export async function restoreOptimizer(model: Model, folder: string, state: TrainerState): Promise<void> {
  const source = await openSafetensorsFile(join(folder, 'trainer', 'moments.safetensors'))
  try {
    for (const what of MOMENTS) {
      for (const { name } of model.parameters) model.write(name, await source.read(`${name}.${what}`), what)
    }
  } finally {
    await source.close()
  }
  model.updates = state.updates
}

/** Exports the weights as they are now: a Hugging Face folder with parallel_r1.json, nothing of the training state. */
export async function exportCheckpoint(
  session: Session,
  folder: string,
  dtype: SaveContent['dtype'],
  info: Partial<ParallelInfo>,
  ops: FileOps = diskOps,
): Promise<void> {
  const content = contentOf(session)
  await saveCheckpoint(folder, { ...content, dtype, parallel: { ...session.checkpoint.parallel, ...info } }, { ops })
}

function contentOf({ model, checkpoint }: Session): Omit<SaveContent, 'dtype'> {
  const { config, tokenizer, chatTemplate, generation, parallel } = checkpoint
  return { config, tokenizer, chatTemplate, generation, parallel, weights: ({ name }) => model.read(name) }
}

/** Oldest first. */
function stateNames(run: string): string[] {
  const home = join(run, 'checkpoints')
  if (!existsSync(home)) return []
  return readdirSync(home)
    .filter((name) => /^step-\d+$/.test(name))
    .sort()
}
