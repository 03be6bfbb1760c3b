/** A run from its configuration to its last checkpoint: resume, plan, stages, saves. */

import { existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { duration } from '../cli/progress.ts'
import type { Placer } from '../cluster/crew.ts'
import { startRay } from '../cluster/open.ts'
import type { FileOps } from '../engine/checkpoint/atomic.ts'
import { adapterConfigFile, configFile } from '../engine/checkpoint/files.ts'
import { availableMemory } from '../engine/checkpoint/memory.ts'
import { ConfigError, NonFiniteError, NoTrainingError, ParallelR1Error } from '../engine/errors.ts'
import { modelSpec } from '../engine/families/index.ts'
import { openEngine } from '../engine/open.ts'
import { edgesOf, joinEdges } from '../engine/prompt-edges.ts'
import { parameterCount } from '../engine/spec.ts'
import type { Engine, MemoryPlan, Model } from '../engine/types.ts'
import { plain } from '../plain.ts'
import { RolloutsWriter } from '../rollouts/writer.ts'
import { Boards } from './boards/board.ts'
import { exportCheckpoint, exportedInfo } from './checkpoint.ts'
import type { GenerateStage, SftStage, Stage, TrainConfig, TrainingStage } from './config.ts'
import { type Change, compareAtResume, configHash, configTable, decisiveTable, type LengthChange } from './config-table.ts'
import { selectByDifficulty } from './difficulty.ts'
import type { ProbeOptions } from './doctor/probe.ts'
import { stageReport } from './doctor/report.ts'
import { type Best, describeBest, endStage, endsEarly, refuseEnded } from './evaluation/best.ts'
import { Evaluations } from './evaluation/evaluations.ts'
import { BEST_FOLDER, SAMPLES_FOLDER } from './evaluation/keys.ts'
import { cardLine } from './generate/card.ts'
import { type Excluded, withoutTests } from './generate/exclude.ts'
import { Generator } from './generate/generator.ts'
import { answersOf, learningRecipe } from './generate/learn.ts'
import { probeReport } from './generate/probe-report.ts'
import { hashOf } from './generate/rows.ts'
import { grpoRecipe } from './grpo.ts'
import { bytes, memoryTable, type Output, RunLog, table } from './log.ts'
import { openSession } from './open-session.ts'
import { describePrompt, trainedTemplate } from './prompt-form.ts'
import type { Recipe, Session, StepReport } from './recipe.ts'
import { diskCode, isFull, rescue } from './rescue.ts'
import { RewardError } from './rewards.ts'
import { RunFolder } from './run-folder.ts'
import { GraderError } from './scoring.ts'
import { sftRecipe } from './sft.ts'
import { partialSumBytes } from './shards.ts'
import { afterStep, beginStage, DROPPED_NOTICE, idleStages, NOTHING_LEARNT, StandstillError } from './standstill.ts'
import type { TrainerState } from './state.ts'
import type { SavedState } from './states.ts'
import { loadSuite, type Suite, writeCache } from './suite.ts'
import type { Workers } from './workers.ts'

export interface TrainOptions {
  /** Go on from the newest saved state, from the beginning where there is none. `previous`: from the newest that is whole, where others are damaged. */
  resume?: boolean | 'previous'
  /** Keys whose change a resume accepts and writes into the log of the run. */
  allowChange?: readonly string[]
  /** This stage only, from the export of the one before it. */
  stage?: string
  /** Everything up to the plan, nothing written. */
  dryRun?: boolean
  /** With `dryRun`: a few rollouts of every grpo stage, and what they say of the stage (doctor/). */
  doctor?: ProbeOptions & { color: boolean }
  /** Finishes the step under way, saves, and returns `interrupted`. */
  signal?: AbortSignal
  /** Where lines go. Default: standard output. */
  output?: Output
  /** For tests: what writes checkpoints. */
  ops?: FileOps
  /** For tests: who places the workers of `ray`. */
  placeWorkers?(): Promise<Placer>
  /** For tests: take the rows that the folder of the run holds even where no step is saved yet. */
  keptSuites?: boolean
}

export type Outcome = 'finished' | 'interrupted' | 'planned'

export async function train(whole: TrainConfig, options: TrainOptions = {}): Promise<Outcome> {
  const { config, run } = selectStage(whole, options.stage)
  const output = options.output ?? process.stdout
  if (!config.model.lora && (config.precision === 'int8' || config.precision === 'int4')) throw new NoTrainingError()
  let folder: RunFolder | undefined
  let engine: Engine | undefined
  let training: Training | undefined
  let placer: Placer | undefined
  try {
    const warn = (line: string) => output.write(`${line}\n`)
    folder = await RunFolder.open(run, { output: config.output, readOnly: options.dryRun, warn, ops: options.ops })
    const saved = await savedState(config, folder, options)
    const { device, precision, numerics, threads } = config
    engine = await openEngine({ device, precision, numerics, threads })
    if (config.ray && !options.dryRun) {
      // Before what takes minutes.
      output.write(`Connecting to Ray at ${config.ray.address} …\n`)
      placer = await (options.placeWorkers?.() ?? startRay(config.ray))
    }
    training = new Training(config, folder, engine, output, options, placer)
    return await training.go(saved)
  } catch (error) {
    if (options.signal?.aborted && (error as Error).name === 'AbortError') {
      output.write(`Stopped before the first step. ${options.resume ? 'What was saved is as it was' : 'There was nothing to save'}\n`)
      return 'interrupted'
    }
    throw diskProblem(error)
  } finally {
    await training?.close()
    await placer?.close()
    await engine?.dispose()
    await folder?.close()
  }
}

type Saved = SavedState & { lengths: LengthChange[]; changes: Change[] }

class Training {
  private readonly config: TrainConfig
  /** Folder of states, metrics and captured suites. */
  private readonly run: string
  private readonly folder: RunFolder
  private readonly engine: Engine
  private readonly output: Output
  private readonly options: TrainOptions
  private log: RunLog | undefined
  private rollouts: RolloutsWriter | undefined
  private state: TrainerState
  private readonly recipes: (Recipe | Generator)[] = []
  /** By stage. */
  private readonly excluded = new Map<string, Excluded>()
  private evaluations: Evaluations | undefined
  private workers: Workers | undefined
  private readonly placer: Placer | undefined

  constructor(config: TrainConfig, folder: RunFolder, engine: Engine, output: Output, options: TrainOptions, placer?: Placer) {
    this.placer = placer
    this.config = config
    this.folder = folder
    this.run = folder.path
    this.engine = engine
    this.output = output
    this.options = options
    const { seed } = config
    const place = { stage: 0, step: 0, total: 0, updates: 0, metricsBytes: 0 }
    this.state = { version: 2, ...place, learning: NOTHING_LEARNT, seed, base: '', config: decisiveTable(config) }
  }

  async go(saved: Saved | undefined): Promise<Outcome> {
    const { config, options } = this
    if (saved) this.state = saved.state
    this.printConfig(saved)
    const stages = config.stages.slice(this.state.stage)
    const suites: Suite[] = []
    for (const [i, stage] of stages.entries()) {
      const asked = saved ? undefined : rowsOfSource(stage, stages.slice(0, i), suites)
      suites.push(asked ? await this.keepRows(stage, asked) : await this.resolveSuite(stage, saved !== undefined))
    }
    const evaluations = await this.resolveEvaluations(stages, saved !== undefined)
    const evaluated = evaluations.suites
    const { session, base, below, info } = await openSession(this.engine, config, {
      ...{ stages, suites, evaluated, saved },
      ...(this.placer && { placed: { placer: this.placer, say: (line: string) => this.say(line) } }),
    })
    this.workers = session.workers
    if (info) this.say(`Weights: ${info.precision} (${info.reason})`)
    const { recipes } = this
    if (!saved && stages.some((stage) => stage.kind === 'generate' && stage.teacher === 'self')) this.state.base = await base()
    for (const i of stages.keys()) recipes.push(await this.recipeOf(session, stages, i, suites[i], saved))
    const { checkpoint } = session
    const prompts = recipes.flatMap((recipe) => recipe.prompts)
    // A run that goes on has found its template when it began, from the prompts of all stages.
    if (!saved) checkpoint.chatTemplate = trainedTemplate(checkpoint, prompts)
    await evaluations.open(session, stages, recipes, suites)
    this.state.evaluation = evaluations.goesOnFrom(this.state.evaluation)
    this.printPlan(session, stages, recipes)
    if (options.dryRun) {
      if (options.doctor) await this.examine(session, stages, options.doctor)
      return 'planned'
    }
    if (saved) await this.folder.states.setAside(saved)
    else {
      this.state.base ||= await base()
      if (below) this.state.below = await below()
      rmSync(join(this.run, 'checkpoints'), { recursive: true, force: true })
      if (evaluated.length > 0) rmSync(join(this.run, SAMPLES_FOLDER), { recursive: true, force: true })
    }
    // A folder that went while the model was loaded is not made anew: its log would be lost.
    if (saved) await this.orRescue(session, () => this.folder.check())
    this.rollouts = new RolloutsWriter(this.run, config.save.rollouts, options.ops)
    await this.rollouts.begin(this.state.total, config)
    this.log = new RunLog(join(this.run, 'metrics.jsonl'), this.state.metricsBytes, this.output)
    this.log.attach(new Boards(config, this.run))
    for (const change of saved?.changes ?? []) this.log.change({ total: this.state.total, ...change })
    this.state.metricsBytes = this.log.bytes
    try {
      for (const [i, stage] of stages.entries()) {
        const recipe = recipes[i]
        const done = recipe instanceof Generator ? this.generate(session, recipe) : this.runStage(session, stage as TrainingStage, recipe)
        if (!(await done)) return 'interrupted'
      }
      await this.finish(session)
      return 'finished'
    } finally {
      this.log.close()
    }
  }

  async close(): Promise<void> {
    await Promise.all([...this.recipes.map((recipe) => recipe.close?.()), this.evaluations?.close(), this.workers?.crew.close()])
  }

  /** What a stage does, made ready. What an earlier stage will keep is read when its turn comes. */
  private async recipeOf(session: Session, stages: readonly Stage[], i: number, suite: Suite, saved: Saved | undefined) {
    const { config, options, run } = this
    const stage = stages[i]
    if (stage.kind === 'generate') return this.openGenerator(session, stage, suite, i)
    if (stage.kind === 'grpo') return grpoRecipe(session, stage, suite)
    if (stage.from === undefined) return sftRecipe(session, stage, suite)
    return learningRecipe(session, stage, suite, {
      ...answersOf(config.output, run, stage),
      goesOn: saved !== undefined && i === 0,
      now: !stages.slice(0, i).some(({ name }) => name === stage.from),
      write: !options.dryRun,
    })
  }

  private openGenerator(session: Session, stage: GenerateStage, suite: Suite, i: number): Promise<Generator> {
    const { config, options, state } = this
    const earlier = config.stages.slice(0, state.stage + i).map(({ name }) => `stages.${name}.`)
    const own = Object.entries(decisiveTable(config)).filter(
      ([path]) => !path.startsWith('stages.') || earlier.some((one) => path.startsWith(one)),
    )
    return Generator.open(session, stage, suite, {
      folder: join(config.output, stage.name),
      excluded: this.excluded.get(stage.name),
      weights: { base: state.base, trainedAs: hashOf(own) },
      goesOn: Boolean(options.resume || options.dryRun),
      ops: options.ops,
    })
  }

  /** Asks a teacher. The weights stay as they are. False when it was interrupted. */
  private async generate(session: Session, generator: Generator): Promise<boolean> {
    const { state, options } = this
    const { name } = generator.stage
    state.learning = beginStage(state.learning, state.stage)
    state.entropyControl = undefined
    session.reference = undefined
    const start = performance.now()
    this.log!.begin(name, 0, 1, 'problems')
    const card = await generator
      .run({
        signal: options.signal,
        progress: (done, total) => this.log!.progress(done, total),
        say: (line) => this.say(line),
        write: (effect) =>
          this.orRescue(session, () => {
            this.folder.check()
            return effect()
          }),
      })
      .catch((error) => this.endAt(error, session))
    if (!card) {
      await this.save(session)
      this.say(`Interrupted in stage "${name}" with ${generator.answers} answers; all are kept. Go on with: ${this.resumeCommand()}`)
      return false
    }
    const seconds = (performance.now() - start) / 1000
    await this.orRescue(session, () => {
      const { counts, rejected, tokens, cost } = card
      this.log!.generated({ stage: name, counts, rejected, tokens, cost }, seconds, `${name}  ${cardLine(card)}  ${duration(seconds)}`)
    })
    this.say(`Wrote ${generator.folder}`)
    state.metricsBytes = this.log!.bytes
    state.evaluation = endStage(state.evaluation)
    state.stage += 1
    state.step = 0
    await this.save(session)
    return true
  }

  /** False when it was interrupted. */
  private async runStage(session: Session, stage: TrainingStage, recipe: Recipe): Promise<boolean> {
    const { config, state, options } = this
    const { checkpoint } = session
    const read = await recipe.begin?.()
    if (read) this.say(`Stage "${stage.name}": ${read}`)
    const prompts = joinEdges(checkpoint.parallel.prompts, edgesOf(recipe.prompts.map(({ ids }) => ids)))
    checkpoint.parallel = { ...checkpoint.parallel, prompts }
    if (state.step === 0) {
      state.learning = beginStage(state.learning, state.stage)
      state.entropyControl = undefined
      session.reference = undefined
    }
    this.log!.begin(stage.name, state.step, recipe.steps)
    // A step that only skipped updates leaves the weights of the last one that did not.
    let good = { ...state }
    for (;;) {
      const evaluated = await this.evaluate(session, stage, recipe)
      if (evaluated && (state.step >= recipe.steps || endsEarly(state.evaluation, stage))) break
      if (!evaluated || options.signal?.aborted) {
        await this.save(session)
        this.say(`Interrupted after step ${state.step} of stage "${stage.name}"; everything is saved. Go on with: ${this.resumeCommand()}`)
        return false
      }
      const start = performance.now()
      this.workers?.takeReport()
      const report = await recipe.step(state.step, state.entropyControl).catch((error) => this.endAt(error, session))
      report.cluster = this.workers?.takeReport()
      state.step += 1
      state.total += 1
      state.updates = session.model.updates
      state.learning = afterStep(state.learning, report)
      state.entropyControl = report.entropyControl
      const seconds = (performance.now() - start) / 1000
      await this.orRescue(session, async () => {
        try {
          await this.keep(stage, report)
        } finally {
          // In any case: the open log may come back with its folder.
          this.log!.step({ stage: stage.name, kind: stage.kind, step: state.step, steps: recipe.steps, seconds }, report)
        }
        this.folder.check()
      })
      state.metricsBytes = this.log!.bytes
      if (state.learning.skipped < report.updates.length || state.learning.skipped === 0) good = { ...state }
      await this.stopAtStandstill(session, stage, report, good)
      // A state that only repeats the weights of `good` would push it out.
      if (state.step % config.save.every === 0 && state.step < recipe.steps && good.total === state.total) await this.save(session)
    }
    const early = state.step < recipe.steps
    if (early) this.say(`Stage "${stage.name}" ends early. ${describeBest(state.evaluation!)}`)
    await this.export(session, stage, recipe, join(config.output, stage.name))
    if (!config.stages.slice(state.stage + 1).some(({ kind }) => kind !== 'generate'))
      await this.export(session, stage, recipe, join(config.output, 'final'))
    state.evaluation = endStage(state.evaluation, early ? state : undefined)
    state.stage += 1
    state.step = 0
    await this.save(session)
    return true
  }

  /** Evaluates what is due. False when it was interrupted. */
  private evaluate(session: Session, stage: TrainingStage, recipe: Recipe): Promise<boolean> {
    return this.evaluations!.run(session, stage, this.state, recipe.steps, {
      log: this.log!,
      write: (effect) =>
        this.orRescue(session, () => {
          this.folder.check()
          return effect()
        }),
      fail: (error) => this.endAt(error, session),
      exportBest: (best) => this.export(session, stage, recipe, join(this.run, BEST_FOLDER), best),
    })
  }

  /** Throws StandstillError where nothing is learnt any more, the last good state being saved. */
  private async stopAtStandstill(session: Session, stage: TrainingStage, report: StepReport, good: TrainerState): Promise<void> {
    const { skipped, dropped } = this.state.learning
    const where = `in stage "${stage.name}", up to step ${this.state.step}`
    if (skipped >= stage.maxSkipped) {
      const folder = await this.save(session, good)
      const { gradNorm } = report.updates.at(-1)!
      throw new StandstillError(
        `${skipped} updates in a row were skipped ${where}: the gradient was not finite (norm ${gradNorm}, loss ${report.loss}, lr ${report.lr}). The last good weights are in ${folder}. Start a new run from there as model.checkpoint, with a lower lr, a longer warmup or precision: f32.`,
      )
    }
    if (stage.kind !== 'grpo' || dropped === 0) return
    const said = `${dropped} steps in a row had no group that teaches, ${where}: the samples of each prompt have equal rewards (mean ${report.rollouts!.reward})${stage.maskTruncated ? ', or a budget ended them all' : ''}`
    if (dropped >= (stage.maxDropped ?? Number.POSITIVE_INFINITY)) {
      const folder = await this.save(session)
      throw new StandstillError(
        `${said}. Everything is saved in ${folder}. Choose easier prompts, a larger group or a finer reward, or go on with a higher maxDropped.`,
      )
    }
    if (dropped % DROPPED_NOTICE === 0) this.say(`${said}. Choose easier prompts, a larger group or a finer reward. The run goes on`)
  }

  /** Throws what ended a step. Grading and rewards come before any update, so one that fails leaves the weights of the last step: nothing is lost. */
  private async endAt(error: unknown, session: Session): Promise<never> {
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

  private async keep(stage: Stage, { kept }: StepReport): Promise<void> {
    const { device, precision, isa } = this.engine.info
    const place = { stage: stage.name, step: this.state.step, total: this.state.total }
    if (!kept || !this.rollouts!.keeps(place)) return
    const { header, rollouts } = kept()
    await this.rollouts!.write({ ...place, ...header, engine: { device, precision, isa } }, rollouts)
  }

  /** Saves the run as it stands. Returns the folder. */
  private async save(session: Session, state = this.state): Promise<string> {
    return this.orRescue(session, () => {
      this.folder.check()
      this.log!.flush()
      return this.folder.states.save(session, state, this.config.save.keep)
    })
  }

  /** Does what writes into the folder of the run. Where that is gone, the model is written elsewhere before the run stops. */
  private async orRescue<T>(session: Session, write: () => T | Promise<T>): Promise<T> {
    try {
      return await write()
    } catch (error) {
      if (diskCode(error) === undefined || isFull(error)) throw error
      if (this.log) this.state.metricsBytes = this.log.bytes
      throw await rescue(session, this.state, this.run, this.resumeCommand(), error)
    }
  }

  /** `best`: what the model is the best of. */
  private async export(session: Session, stage: Stage, recipe: Recipe, folder: string, best?: Best): Promise<void> {
    const { config, state } = this
    const provenance = { base: state.base, stage: stage.name, step: state.step, configHash: configHash(config), seed: config.seed }
    await this.orRescue(session, async () => {
      this.folder.check()
      // Not in the states: a run that goes on reads the prompts of all stages as it did at its beginning.
      const info = { ...exportedInfo(session, recipe), provenance }
      const note = best && { 'best.json': `${JSON.stringify(best, null, 2)}\n` }
      await exportCheckpoint(session, folder, config.save.dtype, info, this.options.ops, note)
    })
    if (!best) this.say(`Wrote ${folder}`)
  }

  private async finish(session: Session): Promise<void> {
    await session.model.dispose()
    const { total, updates, learning } = this.state
    const { stages, output } = this.config
    const end = stages.every(({ kind }) => kind === 'generate')
      ? `the answers are in ${stages.map(({ name }) => join(output, name)).join(' and ')}`
      : `${total} steps, ${updates} updates. The ${session.trained ? 'adapter' : 'model'} is in ${join(output, 'final')}`
    const idle = idleStages(learning).flatMap((stage) => (stages[stage].kind === 'generate' ? [] : [`"${stages[stage].name}"`]))
    if (idle.length > 0) {
      throw new StandstillError(
        `${end}. But no update changed it in stage ${idle.join(', ')}: see the step lines for "informative 0" and "SKIPPED".`,
      )
    }
    this.say(`Finished: ${end}`)
    const { evaluation } = this.state
    if (evaluation?.best) this.say(`${describeBest(evaluation)} It is in ${join(this.run, BEST_FOLDER)}`)
  }

  /** A run that goes on keeps the rows it began with, whatever happened to the suite since; any other resolves them. */
  private async resolveSuite(stage: Stage, goesOn: boolean): Promise<Suite> {
    const { options } = this
    this.say(`Resolving ${stage.suite} with promptfoo …`)
    const suite = await loadSuite(stage.suite, {
      provider: stage.provider,
      ...(stage.kind !== 'grpo' && { prompt: stage.prompt }),
      decodes: stage.kind === 'grpo' || (stage.kind === 'generate' && stage.teacher === 'self'),
      tests: stage.kind !== 'sft',
      select:
        stage.kind === 'grpo' && stage.difficulty
          ? (rows) => selectByDifficulty(rows, stage.difficulty!, (line) => this.say(line))
          : undefined,
      cache: join(this.run, 'suites', `${stage.name}.jsonl`),
      reuse: goesOn || options.keptSuites,
      write: !options.dryRun,
      signal: options.signal,
    })
    return stage.kind === 'generate' && stage.exclude ? this.withoutTests(stage, suite, goesOn) : suite
  }

  /** Rows that were resolved for another stage, as those of this one. */
  private async keepRows({ name }: Stage, suite: Suite): Promise<Suite> {
    if (!this.options.dryRun) await writeCache(join(this.run, 'suites', `${name}.jsonl`), suite)
    return suite
  }

  /** The rows whose problem stands in no test set. */
  private async withoutTests(stage: GenerateStage, suite: Suite, goesOn: boolean): Promise<Suite> {
    const { options, run } = this
    const tests: Suite[] = []
    for (const [i, file] of stage.exclude!.suites.entries()) {
      this.say(`Resolving ${file} with promptfoo …`)
      const cache = join(run, 'suites', 'exclude', `${stage.name}.${i}.jsonl`)
      tests.push(
        await loadSuite(file, {
          tests: false,
          cache,
          reuse: goesOn || options.keptSuites,
          ofSameName: true,
          write: !options.dryRun,
          signal: options.signal,
        }),
      )
    }
    const excluded = await withoutTests(suite, tests, stage.exclude!)
    this.excluded.set(stage.name, excluded)
    if (excluded.rows.length > 0) return { ...suite, rows: excluded.rows }
    throw new ConfigError(
      `"exclude" leaves stage "${stage.name}" nothing to ask: ${excluded.exact} problems stand in a test set and ${excluded.near} are near one. Raise exclude.near, or set it to 0 where problems differ in their numbers alone.`,
    )
  }

  /** Prints what a probe of every stage says. All of them find the model as the run does. */
  private async examine({ checkpoint }: Session, stages: readonly Stage[], options: ProbeOptions & { color: boolean }): Promise<void> {
    const decode = (ids: readonly number[]): string => checkpoint.tokenizer.decode(ids, { keepSpecial: true })
    for (const [i, stage] of stages.entries()) {
      const before = stages[i - 1]
      const recipe = this.recipes[i]
      if (before && (stage.kind === 'grpo' || (stage.kind === 'generate' && stage.teacher === 'self'))) {
        const next = `pr1-train doctor -c ${this.config.file} --stage ${stage.name}`
        this.say(`The model is not trained by stage "${before.name}" yet. When it is, look again: ${next}`)
      }
      if (!(recipe instanceof Generator) && recipe.begin) {
        this.say(`Stage "${stage.name}" learns what stage "${(stage as SftStage).from}" will keep. When that has run, look again.\n`)
        continue
      }
      const report =
        recipe instanceof Generator
          ? probeReport(recipe.stage, await recipe.probe(options.prompts, options.group))
          : stageReport(stage as TrainingStage, await recipe.probe(options), { decode, color: options.color })
      // Styled, so it is made plain where it is made.
      this.output.write(`${report.join('\n')}\n\n`)
    }
  }

  private async resolveEvaluations(stages: readonly Stage[], goesOn: boolean): Promise<Evaluations> {
    const { keptSuites, dryRun, signal, ops } = this.options
    const say = (line: string) => this.say(line)
    const kept = { folder: this.run, reuse: goesOn || keptSuites === true, write: !dryRun }
    this.evaluations = await Evaluations.resolve(this.config, stages, { ...kept, signal, ops, say })
    return this.evaluations
  }

  private printConfig(saved: Saved | undefined): void {
    this.say(table(configTable(this.config)))
    const { device, precision, isa, threads, reason } = this.engine.info
    this.say(`\nEngine: ${device}, ${precision}, ${isa}, ${threads} threads (${reason})`)
    if (saved) this.say([`Going on from ${saved.folder}`, ...saved.lengths.map(lengthLine), ...saved.changes.map(changeLine)].join('\n'))
    else if (this.options.resume) this.say('Nothing is saved yet: starting from the beginning')
  }

  private printPlan(session: Session, stages: readonly Stage[], recipes: readonly (Recipe | Generator)[]): void {
    const { model, trained } = session
    const numbers = model.parameterCount.toLocaleString('en')
    this.say(trained ? `Parameters: ${numbers} of adapters train, beside ${frozenCount(model)} that stay` : `Parameters: ${numbers}`)
    const { ray } = this.config
    if (ray) this.say(`Workers: ${rayLine(ray, session)}`)
    this.say(`\nStages\n${table(stages.map((stage, i) => [stage.name, `${stage.kind}, ${recipes[i].data}`]))}`)
    for (const line of session.checkpoint.warnings ?? []) this.say(`Warning: ${line}`)
    const { warnings, rows } = this.evaluations!.plan
    if (rows.length > 0) this.say(`\nEvaluations\n${table(rows)}`)
    for (const line of [...recipes.flatMap(({ warnings }) => warnings ?? []), ...warnings]) this.say(line)
    const first = recipes.find(({ prompts }) => prompts.length > 0)?.prompts[0]
    if (first) this.say(`\nFirst prompt\n${describePrompt(session.checkpoint, first)}`)
    const tokens = recipes.reduce((most, recipe) => Math.max(most, recipe.forwardTokens), 0)
    const plan = model.memoryPlan(tokens)
    const reference = recipes.reduce((most, recipe) => Math.max(most, ('referenceBytes' in recipe && recipe.referenceBytes) || 0), 0)
    const partialSums = partialSumBytes(model, session.shards)
    plan.total += reference + partialSums
    this.say(`\nMemory plan\n${table(memoryTable(plan, tokens, { reference, partialSums }))}\n`)
    refuseTooLarge(plan)
  }

  private resumeCommand(): string {
    const { options, config } = this
    return `pr1-train -c ${config.file} --resume${options.stage ? ` --stage ${options.stage}` : ''} (with the same --output and --set)`
  }

  private say(line: string): void {
    if (this.log) this.log.say(line)
    else this.output.write(`${plain(line)}\n`)
  }
}

function rayLine({ workers, threads, address }: NonNullable<TrainConfig['ray']>, { shards }: Session): string {
  const all = `${workers} of ${threads} thread${threads > 1 ? 's' : ''}, placed by Ray (address ${address})`
  if (shards.most >= workers) return `${all}. An update is at most ${shards.most} shards`
  const some = shards.most === 1 ? 'one shard, so one of them computes it' : `at most ${shards.most} shards, so as many of them compute it`
  return `${all}. An update is ${some}. Set "shards" to ${workers} or more in a new run`
}

/** The rows of the stage that a stage learns from, where it asks for the same: promptfoo resolves them once. */
function rowsOfSource(stage: Stage, before: readonly Stage[], suites: readonly Suite[]): Suite | undefined {
  if (stage.kind !== 'sft' || stage.from === undefined) return undefined
  const { from, suite, provider, prompt } = stage
  const index = before.findIndex(
    (one) => one.name === from && one.kind === 'generate' && one.suite === suite && one.provider === provider && one.prompt === prompt,
  )
  return index < 0 ? undefined : { ...suites[index], rows: suites[index].rows.map((row) => ({ ...row, test: {} })) }
}

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

/** The state to go on from; refuses to write over a run, and to go on with another configuration. */
async function savedState(config: TrainConfig, { path, states }: RunFolder, options: TrainOptions): Promise<Saved | undefined> {
  if (!options.resume) {
    const step = states.newestStep()
    if (step !== undefined && !options.dryRun) {
      throw new ConfigError(
        `${path} holds a run that stands at step ${step}. Go on with --resume, choose another --output, or remove the folder.`,
      )
    }
    return undefined
  }
  const saved = await states.newest(options.resume === 'previous')
  if (!saved) return undefined
  const { lengths, changes } = compareAtResume(saved.state.config, config, { folder: saved.folder, allowed: options.allowChange })
  return { ...saved, state: withLengths(saved.state, config, lengths), lengths, changes }
}

/**
 * The state under changed `steps`: the stage under way and those to come take them, and the last stage of a finished run goes
 * on where it ended. What is done cannot be shortened, and what others have built on cannot be lengthened.
 */
function withLengths(state: TrainerState, config: TrainConfig, lengths: readonly LengthChange[]): TrainerState {
  let { stage, step } = state
  for (const { stage: name, was, is } of lengths) {
    const index = config.stages.findIndex((one) => one.name === name)
    if (index === stage - 1 && stage === config.stages.length && is > was) {
      refuseEnded(state, index, name)
      stage = index
      step = was
    } else if (index < stage || (index === stage && is < step)) {
      const done = index < stage ? `is finished with ${was}` : `has done ${step}`
      throw new ConfigError(
        `Stage "${name}" ${done} steps. Got steps: ${is}. ${index < stage ? 'Change it back.' : `Use ${step} or more.`}`,
      )
    }
  }
  return { ...state, stage, step, config: decisiveTable(config) }
}

/** Rates already used stay as they were; the rest of a cosine or linear schedule is that of the new length. */
function lengthLine({ stage, was, is }: LengthChange): string {
  return `Stage "${stage}" has ${is} steps now, not ${was}: from here on a cosine or linear schedule is that of ${is} steps`
}

function changeLine({ path, was, is }: Change): string {
  return `${path} was ${was}. From here on it is ${is}`
}

function frozenCount({ config }: Model): string {
  return parameterCount(modelSpec(config)).toLocaleString('en')
}

function refuseTooLarge(plan: MemoryPlan): void {
  // Weights and moments are there already: count them as free.
  const room = availableMemory() + process.memoryUsage().rss
  if (plan.total <= room) return
  throw new ConfigError(
    `Training needs ${bytes(plan.total)}, this machine has ${bytes(room)} to give. Lower microBatchTokens or cacheTokens, or set recompute: true.`,
  )
}

/** An error of the disk as one sentence; any other as it is. */
function diskProblem(error: unknown): unknown {
  const { message, syscall } = error as NodeJS.ErrnoException
  // Sockets and processes have system calls, too.
  const disk = syscall !== undefined && !/^(spawn|kill|connect|getaddrinfo|listen|bind)/.test(syscall)
  if (!isFull(error) && !disk) return error
  const [what, first] = isFull(error) ? ['The disk is full', 'free some space'] : ['The disk failed', 'mend that']
  return new ParallelR1Error(`${what}. The last saved state is whole: ${first}, then go on with --resume. (${message})`, { cause: error })
}
