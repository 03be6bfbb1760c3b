/** A run under way: where it stands, what it says, and what it writes into its folder. */

import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { NonFiniteError } from '../../engine/errors.ts'
import type { Engine } from '../../engine/types.ts'
import { plain } from '../../plain.ts'
import { RolloutsWriter } from '../../rollouts/writer.ts'
import { Boards } from '../boards/board.ts'
import type { Stage, TrainConfig } from '../config/config.ts'
import { configHash, decisiveTable } from '../config/config-table.ts'
import { type Best, endStage } from '../evaluation/best.ts'
import { SAMPLES_FOLDER } from '../evaluation/keys.ts'
import { GraderError } from '../grading/scoring.ts'
import { hasWeights, type Reader, type Session } from '../model/session.ts'
import type { Recipe, StepReport } from '../recipe.ts'
import { RewardError } from '../rewards/rewards.ts'
import { exportCheckpoint, exportedInfo } from '../states/checkpoint.ts'
import { diskCode, isFull, rescue } from '../states/rescue.ts'
import type { RunFolder } from '../states/run-folder.ts'
import type { TrainerState } from '../states/state.ts'
import { type Output, RunLog } from './log.ts'
import { resumeCommand } from './next-command.ts'
import type { TrainOptions } from './options.ts'
import type { Resumed } from './resume.ts'
import { beginStage, NOTHING_LEARNT, StandstillError } from './standstill.ts'

interface RunParts {
  config: TrainConfig
  options: TrainOptions
  folder: RunFolder
  engine: Engine
  output: Output
  /** What it goes on from. */
  saved: Resumed | undefined
}

export class Run {
  readonly config: TrainConfig
  readonly options: TrainOptions
  readonly engine: Engine
  readonly output: Output
  /** Moves on with every step; what is saved is a copy on the disk. */
  readonly state: TrainerState
  private readonly folder: RunFolder
  private opened: { log: RunLog; rollouts: RolloutsWriter } | undefined

  constructor({ config, options, folder, engine, output, saved }: RunParts) {
    this.config = config
    this.options = options
    this.folder = folder
    this.engine = engine
    this.output = output
    const place = { stage: 0, step: 0, total: 0, updates: 0, metricsBytes: 0 }
    const { seed } = config
    this.state = saved?.state ?? { version: 2, ...place, learning: NOTHING_LEARNT, seed, base: '', config: decisiveTable(config) }
  }

  /** Folder of states, metrics and captured suites. */
  get path(): string {
    return this.folder.path
  }

  /** From {@link begin} to {@link close}. */
  get log(): RunLog {
    return this.opened!.log
  }

  /** The command line that goes on with it. */
  get resumeCommand(): string {
    return resumeCommand(this.config, this.options)
  }

  say(line: string): void {
    if (this.opened) this.opened.log.say(line)
    else this.output.write(`${plain(line)}\n`)
  }

  /** Makes the folder ready for the steps to come, and opens the log. `evaluates`: samples of evaluations will be written. */
  async begin(session: Session | Reader, saved: Resumed | undefined, { evaluates }: { evaluates: boolean }): Promise<void> {
    const { config, options, path, state } = this
    if (saved) {
      await this.folder.states.setAside(saved)
      // A folder that went while the model was loaded is not made anew: its log would be lost.
      await this.orRescue(session, () => this.folder.check())
    } else {
      rmSync(join(path, 'checkpoints'), { recursive: true, force: true })
      if (evaluates) rmSync(join(path, SAMPLES_FOLDER), { recursive: true, force: true })
    }
    const rollouts = new RolloutsWriter(path, config.save.rollouts, options.ops)
    await rollouts.begin(state.total, config)
    const log = new RunLog(join(path, 'metrics.jsonl'), state.metricsBytes, this.output)
    this.opened = { log, rollouts }
    log.attach(new Boards(config, path))
    for (const change of saved?.changes ?? []) log.change({ total: state.total, ...change })
    state.metricsBytes = log.bytes
  }

  close(): void {
    this.opened?.log.close()
  }

  /** The first step of a stage is to come: nothing of the stage before it counts. */
  beginStage(session: Session | Reader): void {
    const { state } = this
    state.learning = beginStage(state.learning, state.stage)
    state.entropyControl = undefined
    if (hasWeights(session)) session.reference = undefined
  }

  /** The stage under way is done: the run is saved as standing before the next. `early`: patience ended it. */
  async endStage(session: Session | Reader, { early = false } = {}): Promise<void> {
    const { state } = this
    state.evaluation = endStage(state.evaluation, early ? state : undefined)
    state.stage += 1
    state.step = 0
    await this.save(session)
  }

  /** Saves the run as it stands. Returns the folder. */
  save(session: Session | Reader, state = this.state): Promise<string> {
    return this.write(session, () => {
      this.log.flush()
      return this.folder.states.save(session, state, this.config.save.keep)
    })
  }

  /** Writes the model as it is. `best`: what it is the best of. */
  async export(session: Session, stage: Stage, recipe: Recipe, folder: string, best?: Best): Promise<void> {
    const { config, options, state } = this
    const provenance = { base: state.base, stage: stage.name, step: state.step, configHash: configHash(config), seed: config.seed }
    await this.write(session, async () => {
      // Not in the states: a run that goes on reads the prompts of all stages as it did at its beginning.
      const info = { ...exportedInfo(session, recipe), provenance }
      const note = best && { 'best.json': `${JSON.stringify(best, null, 2)}\n` }
      await exportCheckpoint(session, folder, config.save.dtype, info, options.ops, note)
    })
    if (!best) this.say(`Wrote ${folder}`)
  }

  /** Keeps the rollouts of a step and does what `log` writes of it, then looks whether the folder is still that of the run. */
  async writeStep(session: Session, stage: Stage, report: StepReport, log: () => void): Promise<void> {
    await this.orRescue(session, async () => {
      try {
        await this.keep(stage, report)
      } finally {
        // In any case: the open log may come back with its folder.
        log()
      }
      this.folder.check()
    })
    this.state.metricsBytes = this.log.bytes
  }

  private async keep(stage: Stage, { kept }: StepReport): Promise<void> {
    const { device, precision, isa } = this.engine.info
    const { rollouts: writer } = this.opened!
    const place = { stage: stage.name, step: this.state.step, total: this.state.total }
    if (!kept || !writer.keeps(place)) return
    const { header, rollouts } = kept()
    await writer.write({ ...place, ...header, engine: { device, precision, isa } }, rollouts)
  }

  /** Does what writes into the folder of the run, where that is still there. */
  write<T>(session: Session | Reader, effect: () => T | Promise<T>): Promise<T> {
    return this.orRescue(session, () => {
      this.folder.check()
      return effect()
    })
  }

  /** Where the folder of the run is gone, the model is written elsewhere before the run stops. */
  async orRescue<T>(session: Session | Reader, effect: () => T | Promise<T>): Promise<T> {
    try {
      return await effect()
    } catch (error) {
      if (diskCode(error) === undefined || isFull(error)) throw error
      if (this.opened) this.state.metricsBytes = this.log.bytes
      throw await rescue(session, this.state, this.path, this.resumeCommand, error)
    }
  }

  /** Throws what ended a step. Grading and rewards come before any update, so one that fails leaves the weights of the last step: nothing is lost. */
  async fail(error: unknown, session: Session | Reader): Promise<never> {
    if ((error instanceof GraderError || error instanceof RewardError) && this.state.total > 0) await this.save(session)
    // Weights that give such numbers must not push a good state out.
    if (error instanceof NonFiniteError) {
      const last = this.folder.states.newestStep()
      const state = last === undefined ? 'No state was saved before.' : `The last saved state is that of step ${last}.`
      const next = 'Start a new run from a good state as model.checkpoint, with a lower lr, a longer warmup or precision: f32.'
      throw new StandstillError(`${error.message.replace(/\.?$/, '.')} ${state} ${next}`, { cause: error })
    }
    throw error
  }
}
