/** A run from its configuration to its last checkpoint: what it opens, its stages in order, how it ends. */

import { join } from 'node:path'
import type { Placer } from '../cluster/crew.ts'
import { crowdedNotice } from '../cluster/crowding.ts'
import { startRay } from '../cluster/open.ts'
import { NoTrainingError } from '../engine/errors.ts'
import { openEngine } from '../engine/open.ts'
import type { Engine } from '../engine/types.ts'
import { readLines } from '../json-lines.ts'
import { plain } from '../plain.ts'
import { counted } from '../show.ts'
import { asksItself, needsNoWeights, trainsNothing } from './config/answers-only.ts'
import type { TrainConfig, TrainingStage } from './config/config.ts'
import { selectStage } from './config/select-stage.ts'
import { examine } from './doctor/examine.ts'
import { describeBest } from './evaluation/best.ts'
import { Evaluations } from './evaluation/evaluations.ts'
import { BEST_FOLDER } from './evaluation/keys.ts'
import { Generator } from './generate/generator.ts'
import { openGenerateStage, runGenerateStage } from './generate/stage.ts'
import { checkSource } from './model/model.ts'
import { trainedTemplate } from './model/prompt-form.ts'
import { hasWeights, type Reader, type Session } from './model/session.ts'
import type { Workers } from './model/workers.ts'
import type { Recipe } from './recipe.ts'
import { resumeCommand } from './run/next-command.ts'
import { openReader, openSession } from './run/open-session.ts'
import type { Outcome, TrainOptions } from './run/options.ts'
import { printConfig, printPlan } from './run/plan.ts'
import { type Resumed, savedState } from './run/resume.ts'
import { Run } from './run/run.ts'
import { compileStages, type Expressions } from './run/stage-metrics.ts'
import { resolveSuites } from './run/stage-suites.ts'
import { idleStages, StandstillError, whyIdle } from './run/standstill.ts'
import { diskProblem } from './states/rescue.ts'
import { RunFolder } from './states/run-folder.ts'
import { openTrainingStage, runTrainingStage } from './training-stage.ts'

/** What is open while a run goes on. */
interface Opened {
  recipes: (Recipe | Generator)[]
  evaluations?: Evaluations
  workers?: Workers
  placer?: Placer
}

export async function train(whole: TrainConfig, options: TrainOptions = {}): Promise<Outcome> {
  const { config, run: path } = selectStage(whole, options.stage)
  const output = options.output ?? process.stdout
  if (!trainsNothing(config) && !config.model.lora && (config.precision === 'int8' || config.precision === 'int4'))
    throw new NoTrainingError()
  const expressions = await compileStages(config)
  let folder: RunFolder | undefined
  let engine: Engine | undefined
  const opened: Opened = { recipes: [] }
  try {
    const warn = (line: string) => output.write(`${line}\n`)
    folder = await RunFolder.open(path, { output: config.output, readOnly: options.dryRun, warn, ops: options.ops })
    const saved = await savedState(config, folder, options)
    const { device, precision, numerics, threads } = config
    engine = await openEngine({ device, precision, numerics, threads })
    const stages = config.stages.slice(saved?.state.stage ?? 0)
    const ray = needsNoWeights(config, stages) ? undefined : config.ray
    const crowded = ray && crowdedNotice(ray)
    if (crowded) warn(crowded)
    if (ray && !options.dryRun) {
      // Before what takes minutes.
      output.write(`Connecting to Ray at ${ray.address} …\n`)
      opened.placer = await (options.placeWorkers?.() ?? startRay(ray))
    }
    const run = new Run({ config, options, folder, engine, output, saved })
    return await runStages(run, saved, expressions, opened)
  } catch (error) {
    if (options.signal?.aborted && (error as Error).name === 'AbortError') {
      const left = options.resume
        ? `What was saved is as it was. Go on with: ${resumeCommand(config, options)}`
        : 'There was nothing to save'
      output.write(`${plain(`Stopped before the first step. ${left}`)}\n`)
      return 'interrupted'
    }
    throw diskProblem(error)
  } finally {
    const { recipes, evaluations, workers, placer } = opened
    await Promise.all([...recipes.map((recipe) => recipe.close?.()), evaluations?.close(), workers?.crew.close()])
    await placer?.close()
    await engine?.dispose()
    await folder?.close()
  }
}

/** The stages to come, from their suites to what they leave. `expressions`: of the stages, by their names. */
async function runStages(
  run: Run,
  saved: Resumed | undefined,
  expressions: ReadonlyMap<string, Expressions>,
  opened: Opened,
): Promise<Outcome> {
  const { config, options, state } = run
  const { recipes, placer } = opened
  const goesOn = saved !== undefined
  printConfig(run, saved)
  const first = state.stage
  const stages = config.stages.slice(first)
  if (!goesOn) await checkSource(config.model)
  const { suites, excluded } = await resolveSuites(run, stages, { expressions, goesOn })
  const evaluations = await resolveEvaluations(run, goesOn)
  opened.evaluations = evaluations
  const evaluated = evaluations.suites
  const placed = placer && { placer, say: (line: string) => run.say(line) }
  const { session, base, below, info } = needsNoWeights(config, stages)
    ? await openReader(config)
    : await openSession(run.engine, config, { stages, suites, evaluated, saved, placed })
  if (hasWeights(session)) opened.workers = session.workers
  if (trainsNothing(config)) state.weights = 'unchanged'
  if (info) run.say(`Weights: ${info.precision} (${info.reason})`)
  if (!goesOn && base && stages.some(asksItself)) state.base = await base()
  for (const [i, stage] of stages.entries()) {
    const suite = suites[i]
    const recipe =
      stage.kind === 'generate'
        ? openGenerateStage(run, session, stage, { suite, excluded: excluded.get(stage.name), index: first + i })
        : // Only stages that ask a provider do without weights.
          openTrainingStage(session as Session, stage, suite, {
            ...{ output: config.output, run: run.path },
            goesOn: goesOn && i === 0,
            // What an earlier stage will keep is read when its turn comes.
            now: !stages.slice(0, i).some(({ name }) => stage.kind === 'sft' && name === stage.from),
            write: !options.dryRun,
          })
    recipes.push(await recipe)
  }
  const { checkpoint } = session
  // A run that goes on has found its template when it began, from the prompts of all stages.
  if (!goesOn) {
    const prompts = recipes.flatMap((recipe) => recipe.prompts)
    checkpoint.chatTemplate = trainedTemplate(checkpoint, prompts)
  }
  await evaluations.open(session, stages, recipes, suites)
  state.evaluation = evaluations.goesOnFrom(state.evaluation)
  printPlan(run, session, stages, recipes, evaluations.plan)
  if (options.dryRun) {
    if (options.doctor) await examine(run, session, stages, recipes, options.doctor)
    return 'planned'
  }
  if (!goesOn) {
    if (base) state.base ||= await base()
    if (below) state.below = await below()
  }
  try {
    await run.begin(session, saved, { evaluates: evaluated.length > 0 })
    for (const [i, stage] of stages.entries()) {
      const recipe = recipes[i]
      const done =
        recipe instanceof Generator
          ? runGenerateStage(run, session, recipe)
          : runTrainingStage(run, session as Session, stage as TrainingStage, recipe, evaluations)
      if (!(await done)) return 'interrupted'
    }
    await finish(run, session)
    return 'finished'
  } finally {
    run.close()
  }
}

function resolveEvaluations(run: Run, goesOn: boolean): Promise<Evaluations> {
  const { config, options, path, state } = run
  const { keptSuites, suites, dryRun, signal, ops } = options
  const kept = { folder: path, from: suites, reuse: goesOn || keptSuites === true, write: !dryRun }
  return Evaluations.resolve(config, config.stages.slice(state.stage), { ...kept, signal, ops, say: (line) => run.say(line) })
}

/** Says what the run leaves. Throws StandstillError where a stage changed nothing. */
async function finish(run: Run, session: Session | Reader): Promise<void> {
  if (hasWeights(session)) await session.model.dispose()
  const { total, updates, learning } = run.state
  const { stages, output } = run.config
  const end = trainsNothing(run.config)
    ? `the answers are in ${stages.map(({ name }) => join(output, name)).join(' and ')}`
    : `${counted(total, 'step')}, ${counted(updates, 'update')}. The ${hasWeights(session) && session.trained ? 'adapter' : 'model'} is in ${join(output, 'final')}`
  const idle = idleStages(learning).flatMap((stage) => (stages[stage].kind === 'generate' ? [] : [stages[stage].name]))
  if (idle.length > 0) {
    const lines = readLines(join(run.path, 'metrics.jsonl'))
    const why = idle.map(
      (name) =>
        `No update changed it in stage "${name}". ${whyIdle(lines.filter(({ stage, kind }) => stage === name && (kind === 'grpo' || kind === 'sft')))}`,
    )
    throw new StandstillError(`${end}. ${why.join(' ')}`)
  }
  run.say(`Finished: ${end}`)
  const { evaluation } = run.state
  if (evaluation?.best) run.say(`${describeBest(evaluation)} It is in ${join(run.path, BEST_FOLDER)}`)
}
