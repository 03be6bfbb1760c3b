/**
 * The training states of a run. Each is a Hugging Face folder with the float32 masters and, in `trainer/`, the moments and where
 * the run stands; everything random is a function of that place (src/random.ts), so nothing else is needed to go on bit for
 * bit. A state is a new folder that appears whole or not at all; older ones are removed after it, and go as whole.
 *
 *   <run>/checkpoints/step-00000050/   config.json model.safetensors tokenizer.json … trainer/{state.json,moments.safetensors}
 *
 * Where adapters train it is the folder of an adapter, in float32 too, with their moments. Where no stage of the run trains it is state.json alone.
 */

import { existsSync, readdirSync } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { diskOps, type FileOps, recoverFolder, removeFolder, writeFolderAtomic, writeNewFile } from '../../engine/checkpoint/atomic.ts'
import { openSafetensorsFile, writeSafetensors } from '../../engine/checkpoint/safetensors.ts'
import { CheckpointError, ParallelR1Error } from '../../engine/errors.ts'
import type { Model } from '../../engine/types.ts'
import { hasWeights, type Reader, type Session } from '../model/session.ts'
import { saveModel } from './checkpoint.ts'
import { momentsFile, notingChecksums, readState, stateFile, stateName, stateText, type TrainerState } from './state.ts'

const MOMENTS = ['moment1', 'moment2'] as const

export interface SavedState {
  folder: string
  state: TrainerState
  /** Newer states that are damaged, newest first, and what is wrong with them. */
  damaged: { folder: string; why: string }[]
}

export class States {
  private readonly home: string
  private readonly ops: FileOps
  private readonly warn: (line: string) => void
  private readonly stuck = new Set<string>()

  /** Of the run in the folder `run`. `warn` hears of what does not stop it. */
  constructor(run: string, warn: (line: string) => void, ops: FileOps = diskOps) {
    this.home = join(run, 'checkpoints')
    this.warn = warn
    this.ops = ops
  }

  /** Writes a state into the folder that it returns, and keeps the newest `keep`. Throws CheckpointError, the earlier states staying whole. */
  async save(session: Session | Reader, state: TrainerState, keep: number): Promise<string> {
    const folder = join(this.home, stateName(state.total))
    if (hasWeights(session) && state.weights !== 'unchanged') await this.saveWhole(session, state, folder)
    else await writeFolderAtomic(folder, (temporary) => writeState(temporary, state, this.ops), this.ops)
    for (const name of this.names().slice(0, -keep)) await this.remove(join(this.home, name))
    return folder
  }

  private async saveWhole(session: Session, state: TrainerState, folder: string): Promise<void> {
    const { model } = session
    const noting = notingChecksums(this.ops)
    const extraFiles = async (temporary: string, ops: FileOps): Promise<void> => {
      await ops.mkdir(join(temporary, 'trainer'))
      const moments = MOMENTS.flatMap((what) =>
        model.parameters.map(({ name, shape }) => ({ name: `${name}.${what}`, shape, data: () => model.read(name, what) })),
      )
      await writeSafetensors(join(temporary, momentsFile), moments, 'float32', ops)
      await session.reference?.save(temporary, ops)
      await writeNewFile(join(temporary, stateFile), stateText(state, noting.checksums(temporary)), ops)
    }
    await saveModel(session, folder, { dtype: 'float32', extraFiles }, noting.ops)
  }

  /** Room is all that it costs when this fails. */
  private async remove(folder: string): Promise<void> {
    try {
      await removeFolder(folder, this.ops)
    } catch (error) {
      if (this.stuck.has(folder)) return
      this.stuck.add(folder)
      this.warn(
        `Warning: the old state ${folder} could not be removed (${(error as Error).message}). Remove it by hand when you need its room.`,
      )
    }
  }

  /** Steps done at the newest state, damaged or not; undefined when there is none. */
  newestStep(): number | undefined {
    const name = this.names().at(-1)
    return name === undefined ? undefined : Number(name.slice('step-'.length))
  }

  /** Finishes or undoes what a kill interrupted, and removes what it left. */
  async recover(): Promise<void> {
    if (!existsSync(this.home)) return
    const touched = readdirSync(this.home).flatMap((name) => /^\.(step-\d+)\./.exec(name)?.[1] ?? [])
    for (const name of new Set(touched)) await recoverFolder(join(this.home, name))
  }

  /**
   * The newest state, undefined when there is none. With `previous` the newest that is whole.
   * @throws ParallelR1Error where the newest is damaged, saying how and which one is whole
   */
  async newest(previous: boolean): Promise<SavedState | undefined> {
    const damaged: SavedState['damaged'] = []
    for await (const whole of this.newestFirst(damaged)) {
      if (damaged.length === 0 || previous) return { ...whole, damaged }
      throw new ParallelR1Error(
        `The newest state of the run is damaged. ${damaged[0].why} The newest one that is whole is ${whole.folder}. Use --resume=previous to go on from there.`,
      )
    }
    if (damaged.length === 0) return undefined
    throw new ParallelR1Error(
      `No state of the run is whole. ${damaged[0].why} Restore ${this.home} from a copy, or begin a new run with another --output.`,
    )
  }

  /** The newest whole state from which step `step` (from 1) of stage `stage` is still to come; undefined when there is none. */
  async newestBefore(stage: number, step: number): Promise<SavedState | undefined> {
    const damaged: SavedState['damaged'] = []
    for await (const whole of this.newestFirst(damaged)) {
      const { state } = whole
      if (state.stage < stage || (state.stage === stage && state.step < step)) return { ...whole, damaged }
    }
    return undefined
  }

  /** The states that are whole. Notes in `damaged` what was wrong with those before the one it stands at. */
  private async *newestFirst(damaged: SavedState['damaged']): AsyncGenerator<Omit<SavedState, 'damaged'>> {
    for (const name of this.names().reverse()) {
      const folder = join(this.home, name)
      let state: TrainerState
      try {
        state = await readState(folder)
      } catch (error) {
        if (!(error instanceof CheckpointError)) throw error
        damaged.push({ folder, why: error.message })
        continue
      }
      yield { folder, state }
    }
  }

  /** Takes damaged states out of the way of the next ones, for you to look at. */
  async setAside({ damaged }: SavedState): Promise<void> {
    for (const { folder, why } of damaged) {
      const aside = folder.replace(/step-\d+$/, 'damaged-$&')
      await rm(aside, { recursive: true, force: true })
      await rename(folder, aside)
      this.warn(`Warning: a state was damaged and is now ${aside}. ${why}`)
    }
  }

  /** Oldest first. */
  private names(): string[] {
    if (!existsSync(this.home)) return []
    return readdirSync(this.home)
      .filter((name) => /^step-\d+$/.test(name))
      .sort()
  }
}

/** The place alone, without weights. */
async function writeState(folder: string, state: TrainerState, ops: FileOps): Promise<void> {
  await ops.mkdir(join(folder, 'trainer'))
  await writeNewFile(join(folder, stateFile), stateText(state, {}), ops)
}

/** Puts moments and update count back into a model loaded from a state's folder. */
export async function restoreOptimizer(model: Model, { folder, state }: SavedState): Promise<void> {
  const source = await openSafetensorsFile(join(folder, momentsFile))
  try {
    for (const what of MOMENTS) {
      for (const { name } of model.parameters) model.write(name, await source.read(`${name}.${what}`), what)
    }
  } finally {
    await source.close()
  }
  model.updates = state.updates
}
