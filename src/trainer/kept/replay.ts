/**
 * A step of a run once more: from the newest state before it, or from the beginning, with the steps between done again in memory. Samples are
 * functions of weights and seed, so it comes out bit for bit, on the same kind of engine. Nothing of the run is changed.
 */

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { duration } from '../../cli/progress.ts'
import { ConfigError } from '../../engine/errors.ts'
import { openEngine } from '../../engine/open.ts'
import type { Engine, EngineInfo } from '../../engine/types.ts'
import { readLines } from '../../json-lines.ts'
import { readRuns } from '../../report/run/read.ts'
import { decodeStep, encodeStep, type KeptStep, RolloutsError, type StepHeader, type StepPlace } from '../../rollouts/format.ts'
import { type KeptFile, listSteps, readStep } from '../../rollouts/reader.ts'
import type { GrpoStage, TrainConfig, TrainingStage } from '../config/config.ts'
import type { Recipe, StepReport } from '../recipe.ts'
import { openSession } from '../run/open-session.ts'
import { RunFolder } from '../states/run-folder.ts'
import type { SavedState } from '../states/states.ts'
import { loadSuite, type Suite } from '../suite/suite.ts'
import { openTrainingStage } from '../training-stage.ts'
import { compareSteps, type Difference } from './compare.ts'

interface ReplayOptions {
  /** Folder of the run. */
  run: string
  config: TrainConfig
  stage: GrpoStage
  /** From 1. */
  step: number
  /** Hears what is done, and why it takes its time. */
  say(line: string): void
  /** Hears after every step how many of how many are done. */
  onStep?(done: number, of: number): void
}

export interface Replay {
  place: StepPlace
  /** The state that it began with; absent: the beginning of the run. */
  from?: { folder: string; total: number }
  made: KeptStep
  bytes: Uint8Array
  /** Absent where the step is not kept, or damaged. */
  kept?: KeptStep
  damaged?: string
  /** None where there is nothing to compare with. */
  differences: Difference[]
  /** The first step on the way that came out otherwise than it is kept. */
  diverged?: StepPlace
}

/** Throws ParallelR1Error on what the user can mend. */
export async function replay(options: ReplayOptions): Promise<Replay> {
  const { run, stage, step, say } = options
  const files = listSteps(run)
  const { kept, damaged } = readIfKept(files.find((one) => one.stage === stage.name && one.step === step))
  const config = asSampled(options.config, stage, kept?.header)
  const index = config.stages.findIndex(({ name }) => name === stage.name)
  const folder = await RunFolder.open(run, { output: run, readOnly: true, warn: say })
  const saved = await folder.states.newestBefore(index, step)
  for (const { folder: state, why } of saved?.damaged ?? []) say(`The state ${state} is damaged, so an earlier one is taken. ${why}`)
  const engine = await openEngine({
    device: config.device,
    precision: config.precision,
    numerics: config.numerics,
    threads: config.threads,
  })
  const rest = { ...options, config, index, saved, files, kept }
  try {
    return { ...(await make(engine, rest)), damaged }
  } finally {
    await engine.dispose()
  }
}

interface Making extends ReplayOptions {
  /** Of the stage. */
  index: number
  saved: SavedState | undefined
  files: readonly KeptFile[]
  kept: KeptStep | undefined
}

async function make(engine: Engine, options: Making): Promise<Replay> {
  const { run, config, index, saved, files, kept, stage, step, say } = options
  const first = saved?.state.stage ?? 0
  // The weights are the same after a stage that asked a teacher.
  const stages = config.stages.slice(first, index + 1).filter((one) => one.kind !== 'generate')
  const suites: Suite[] = []
  for (const one of stages) suites.push(await suiteOf(run, one))
  const { session, base } = await openSession(engine, config, { stages, suites, saved })
  const recipes: Recipe[] = []
  try {
    if (!saved) await checkBase(run, base)
    for (const [i, one] of stages.entries()) {
      recipes.push(await openTrainingStage(session, one, suites[i], { output: run, run, goesOn: true, now: true, write: false }))
    }
    const began = saved?.state.step ?? 0
    const steps = recipes.map((recipe, i) => (i === recipes.length - 1 ? step : stepsDone(run, stages[i], recipe.steps)))
    const count = steps.reduce((sum, all) => sum + all, 0) - began
    say(beginning(saved, count, run))
    noteEngine(engine.info, kept?.header, say)
    let total = saved?.state.total ?? 0
    let control = saved?.state.entropyControl
    let diverged: StepPlace | undefined
    const asKept = (report: StepReport, place: StepPlace) => {
      const { device, precision, isa } = engine.info
      const judged = report.kept!()
      const bytes = encodeStep({ ...place, ...judged.header, engine: { device, precision, isa } }, judged.rollouts)
      return { bytes, made: decodeStep(bytes, 'the step') }
    }
    for (const [i, recipe] of recipes.entries()) {
      const last = i === recipes.length - 1
      for (let at = i === 0 ? began : 0; at < steps[i]; ) {
        if (at === 0) {
          control = undefined
          session.reference = undefined
        }
        const report = await recipe.step(at, control)
        at += 1
        total += 1
        control = report.entropyControl
        options.onStep?.(total - (saved?.state.total ?? 0), count)
        const place = { stage: stages[i].name, step: at, total }
        if (last && at === step) {
          const { bytes, made } = asKept(report, place)
          const from = saved && { folder: saved.folder, total: saved.state.total }
          return { place, from, made, bytes, kept, differences: kept ? compareSteps(kept, made) : [], diverged }
        }
        const between = files.find((one) => one.total === total && one.stage === place.stage)
        if (report.kept && between && !diverged) {
          const { kept: was } = readIfKept(between)
          if (was && compareSteps(was, asKept(report, place).made).length > 0) diverged = place
        }
      }
    }
    throw new RolloutsError(`Stage "${stage.name}" ended before step ${step}.`)
  } finally {
    await Promise.all(recipes.map((recipe) => recipe.close?.()))
    await session.model.dispose()
  }
}

/** Of a stage that is over: `patience` may have ended it before its last step. */
function stepsDone(run: string, { name, patience }: TrainingStage, steps: number): number {
  return patience === undefined ? steps : readRuns([run])[0].steps.filter(({ stage }) => stage === name).length
}

function readIfKept(file: KeptFile | undefined): { kept?: KeptStep; damaged?: string } {
  if (!file) return {}
  try {
    return { kept: readStep(file.file) }
  } catch (error) {
    if (!(error instanceof RolloutsError)) throw error
    return { damaged: error.message }
  }
}

/** The configuration with the engine and the rewards that the step was made with, where it leaves them open or has others by now. */
function asSampled(config: TrainConfig, stage: GrpoStage, header: StepHeader | undefined): TrainConfig {
  if (!header) return config
  const { device, precision } = header.engine
  const named = (['f32', 'bf16', 'int8', 'int4'] as const).find((name) => name === precision)
  const known = (['cpu', 'cuda', 'tfjs'] as const).find((name) => name === device)
  const { reward: _, ...rest } = stage
  const judged: GrpoStage = { ...rest, rewards: header.terms, advantage: header.advantage, combine: header.combine }
  return {
    ...config,
    device: config.device === 'auto' ? (known ?? 'auto') : config.device,
    precision: config.precision === 'auto' ? (named ?? 'auto') : config.precision,
    stages: config.stages.map((one) => (one.name === stage.name ? judged : one)),
  }
}

function suiteOf(run: string, stage: TrainingStage): Promise<Suite> {
  const cache = join(run, 'suites', `${stage.name}.jsonl`)
  const prompt = stage.kind === 'sft' ? stage.prompt : undefined
  return loadSuite(stage.suite, {
    provider: stage.provider,
    prompt,
    tests: stage.kind === 'grpo',
    decodes: true,
    cache,
    reuse: true,
    write: false,
  })
}

/** A run that is made again from its beginning needs the checkpoint that it began with. */
async function checkBase(run: string, base: () => Promise<string>): Promise<void> {
  const folder = await RunFolder.open(run, { output: run, readOnly: true, warn: () => {} })
  const newest = await folder.states.newest(true).catch(() => undefined)
  if (!newest) return
  const found = await base()
  if (newest.state.base === found) return
  throw new ConfigError(
    `No state before this step is kept, and the checkpoint that the run began with is another by now (hash ${newest.state.base.slice(0, 12)}, found ${found.slice(0, 12)}). Put it back, or choose a later step.`,
  )
}

function beginning(saved: SavedState | undefined, count: number, run: string): string {
  const from = saved ? `From the state ${saved.folder}` : 'No state before this step is kept: from the beginning of the run'
  if (count === 1) return from
  const seconds = secondsOf(run, saved?.state.total ?? 0, count)
  return `${from}, ${count} steps${seconds === undefined ? '' : `, which took ${duration(seconds)} in the run`}`
}

/** What `count` steps after the first `skipped` took, by metrics.jsonl. */
function secondsOf(run: string, skipped: number, count: number): number | undefined {
  const file = join(run, 'metrics.jsonl')
  if (!existsSync(file)) return undefined
  try {
    const steps = readLines(file).filter(({ step }) => step !== undefined)
    return steps.slice(skipped, skipped + count).reduce((sum, { seconds }) => sum + (Number(seconds) || 0), 0)
  } catch {
    return undefined
  }
}

function noteEngine(now: EngineInfo, header: StepHeader | undefined, say: (line: string) => void): void {
  if (!header) return
  const words = ({ device, precision, isa }: StepHeader['engine']) => `${device}, ${precision}, ${isa}`
  if (words(now) !== words(header.engine)) say(`Sampled on ${words(header.engine)}, made again on ${words(now)}: bits may differ`)
}
