/** A stage that trains (sft, grpo), from its first step to its export: evaluations, steps, saves, and the reasons to stop. */

import { join } from 'node:path'
import { edgesOf, joinEdges } from '../engine/prompt-edges.ts'
import { trainsNothing } from './config/answers-only.ts'
import type { TrainingStage } from './config/config.ts'
import { describeBest, endsEarly } from './evaluation/best.ts'
import type { Evaluations } from './evaluation/evaluations.ts'
import { BEST_FOLDER } from './evaluation/keys.ts'
import { answersOf, type LearnOptions, learningRecipe } from './generate/learn.ts'
import { grpoRecipe } from './grpo.ts'
import type { Session } from './model/session.ts'
import type { Recipe, StepReport } from './recipe.ts'
import type { Run } from './run/run.ts'
import { afterStep, DROPPED_NOTICE, StandstillError } from './run/standstill.ts'
import { sftRecipe } from './sft.ts'
import type { TrainerState } from './states/state.ts'
import type { Suite } from './suite/suite.ts'

/** `output`: the folder of the stages, `run` that of states and suites. */
interface OpenOptions extends Omit<LearnOptions, 'answers' | 'cache'> {
  output: string
  run: string
}

/** What the stage does, made ready. Throws ConfigError. */
export async function openTrainingStage(
  session: Session,
  stage: TrainingStage,
  suite: Suite,
  { output, run, ...options }: OpenOptions,
): Promise<Recipe> {
  if (stage.kind === 'grpo') return grpoRecipe(session, stage, suite)
  if (stage.from === undefined) return sftRecipe(session, stage, suite)
  return learningRecipe(session, stage, suite, { ...answersOf(output, run, stage), ...options })
}

/** Trains from where the run stands. False when it was interrupted. */
export async function runTrainingStage(
  run: Run,
  session: Session,
  stage: TrainingStage,
  recipe: Recipe,
  evaluations: Evaluations,
): Promise<boolean> {
  const { config, state, options, log } = run
  const { checkpoint, workers } = session
  const read = await recipe.begin?.()
  if (read) run.say(`Stage "${stage.name}": ${read}`)
  const prompts = joinEdges(checkpoint.parallel.prompts, edgesOf(recipe.prompts.map(({ ids }) => ids)))
  checkpoint.parallel = { ...checkpoint.parallel, prompts }
  if (state.step === 0) run.beginStage(session)
  log.begin(stage.name, state.step, recipe.steps)
  // A step that only skipped updates leaves the weights of the last one that did not.
  let good = { ...state }
  for (;;) {
    const evaluated = await evaluations.run(session, stage, state, recipe.steps, {
      log,
      write: (effect) => run.write(session, effect),
      fail: (error) => run.fail(error, session),
      exportBest: (best) => run.export(session, stage, recipe, join(run.path, BEST_FOLDER), best),
    })
    if (evaluated && (state.step >= recipe.steps || endsEarly(state.evaluation, stage))) break
    if (!evaluated || options.signal?.aborted) {
      await run.save(session)
      run.say(`Interrupted after step ${state.step} of stage "${stage.name}"; everything is saved. Go on with: ${run.resumeCommand}`)
      return false
    }
    const start = performance.now()
    workers?.takeReport()
    const report = await recipe.step(state.step, state.entropyControl).catch((error) => run.fail(error, session))
    report.cluster = workers?.takeReport()
    state.step += 1
    state.total += 1
    state.updates = session.model.updates
    state.learning = afterStep(state.learning, report)
    state.entropyControl = report.entropyControl
    const seconds = (performance.now() - start) / 1000
    const place = { stage: stage.name, kind: stage.kind, step: state.step, steps: recipe.steps, seconds }
    await run.writeStep(session, stage, report, () => log.step(place, report))
    if (state.learning.skipped < report.updates.length || state.learning.skipped === 0) good = { ...state }
    await stopAtStandstill(run, session, stage, report, good)
    // A state that only repeats the weights of `good` would push it out.
    if (state.step % config.save.every === 0 && state.step < recipe.steps && good.total === state.total) await run.save(session)
  }
  const early = state.step < recipe.steps
  if (early) run.say(`Stage "${stage.name}" ends early. ${describeBest(state.evaluation!)}`)
  await run.export(session, stage, recipe, join(config.output, stage.name))
  if (trainsNothing({ stages: config.stages.slice(state.stage + 1) }))
    await run.export(session, stage, recipe, join(config.output, 'final'))
  await run.endStage(session, { early })
  return true
}

/** Throws StandstillError where nothing is learnt any more, the last good state being saved. */
async function stopAtStandstill(run: Run, session: Session, stage: TrainingStage, report: StepReport, good: TrainerState): Promise<void> {
  const { skipped, dropped } = run.state.learning
  const where = `in stage "${stage.name}", up to step ${run.state.step}`
  if (skipped >= stage.maxSkipped) {
    const folder = await run.save(session, good)
    const { gradNorm } = report.updates.at(-1)!
    throw new StandstillError(
      `${skipped} updates in a row were skipped ${where}: the gradient was not finite (norm ${gradNorm}, loss ${report.loss}, lr ${report.lr}). The last good weights are in ${folder}. Start a new run from there as model.checkpoint, with a lower lr, a longer warmup or precision: f32.`,
    )
  }
  if (stage.kind !== 'grpo' || dropped === 0) return
  const said = `${dropped} steps in a row had no group that teaches, ${where}: the samples of each prompt have equal rewards (mean ${report.rollouts!.reward})${stage.maskTruncated ? ', or a budget ended them all' : ''}`
  if (dropped >= (stage.maxDropped ?? Number.POSITIVE_INFINITY)) {
    const folder = await run.save(session)
    throw new StandstillError(
      `${said}. Everything is saved in ${folder}. Choose easier prompts, a larger group or a finer reward, or go on with a higher maxDropped.`,
    )
  }
  if (dropped % DROPPED_NOTICE === 0) run.say(`${said}. Choose easier prompts, a larger group or a finer reward. The run goes on`)
}
