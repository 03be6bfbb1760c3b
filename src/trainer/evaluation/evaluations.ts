/**
 * Evaluation during a run: what training-stage.ts asks for before the first step of a stage, after every step, and before a stage ends. An
 * evaluation is in metrics.jsonl once: a saved state says which ones its log holds, and one that was interrupted is made again.
 */

import { dirname, join } from 'node:path'
import { setImmediate as breathe } from 'node:timers/promises'
import { diskOps, type FileOps, writeFileAtomic } from '../../engine/checkpoint/atomic.ts'
import { ConfigError } from '../../engine/errors.ts'
import { edgesOf, joinEdges } from '../../engine/prompt-edges.ts'
import type { Stage, TrainConfig } from '../config/config.ts'
import type { Session } from '../model/session.ts'
import type { Recipe } from '../recipe.ts'
import type { RunLog } from '../run/log.ts'
import { exportedInfo } from '../states/checkpoint.ts'
import type { TrainerState } from '../states/state.ts'
import { loadSuite, type Suite } from '../suite/suite.ts'
import { afterEvaluation, type Best, type EvaluationState, isDue, NOTHING_EVALUATED, timesDue, wantedBest } from './best.ts'
import { BEST_ASKS, Evaluation, type EvaluationSample } from './evaluation.ts'
import { describeFigures, type Figures, figureNamed, figuresOf } from './figures.ts'
import { SAMPLES_FOLDER } from './keys.ts'
import { resultsOf, resultsText } from './rows.ts'
import { sharedProblems } from './shared-problems.ts'

interface EvaluationsOptions {
  /** Of the run: kept suites and samples are below it. */
  folder: string
  /** The run goes on: take the rows that it began with. */
  reuse: boolean
  /** A folder whose rows are taken in the place of promptfoo's (suites-command.ts). */
  from?: string
  /** False: nothing is written. */
  write: boolean
  signal?: AbortSignal
  say(line: string): void
  ops?: FileOps
}

/** What an evaluation does to the run around it. */
interface Effects {
  log: RunLog
  /** Writes into the folder of the run. */
  write<T>(effect: () => T | Promise<T>): Promise<T>
  /** Ends the run with the error of an evaluation. */
  fail(error: unknown): Promise<never>
  /** Writes the model as it is into the folder of the best. */
  exportBest(best: Best): Promise<void>
}

export class Evaluations {
  private readonly config: TrainConfig
  private readonly options: EvaluationsOptions
  /** By name. */
  private readonly resolved = new Map<string, Suite>()
  /** By stage. */
  private readonly opened = new Map<string, Evaluation[]>()
  private readonly warnings: string[] = []
  private readonly plans: (readonly [string, string])[] = []

  /** Resolves the suites of `stages`, each once. Throws ConfigError. */
  static async resolve(config: TrainConfig, stages: readonly Stage[], options: EvaluationsOptions): Promise<Evaluations> {
    const evaluations = new Evaluations(config, options)
    const best = wantedBest(config)
    const metric = best && !isAccuracy(best.figure) ? best.figure : undefined
    for (const { name: stage, evaluate = [] } of stages) {
      for (const one of evaluate) {
        const { name, suite, provider } = one
        const known = evaluations.resolved.get(name)
        const wanted = best?.name === name ? metric : undefined
        if (known) {
          Evaluation.check(one, known, stage, wanted)
          continue
        }
        const { folder, from, reuse, write } = options
        const place = ['suites', 'evaluate', `${name}.jsonl`]
        options.say(from === undefined ? `Resolving ${suite} with promptfoo …` : `Taking the rows of ${suite} from ${from}`)
        const kept = { cache: join(folder, ...place), from: from && join(from, ...place), reuse, write }
        const whole = await loadSuite(suite, {
          ...{ provider, tests: true, decodes: true, ...kept },
          ...{ ofSameName: true, onePrompt: true, signal: options.signal },
        })
        Evaluation.check(one, whole, stage, wanted)
        evaluations.resolved.set(name, whole)
      }
    }
    return evaluations
  }

  private constructor(config: TrainConfig, options: EvaluationsOptions) {
    this.config = config
    this.options = options
  }

  get suites(): Suite[] {
    return [...this.resolved.values()]
  }

  /** Makes the evaluations of all stages ready. `suites`: what the stages train on. Throws ConfigError, GraderError. */
  async open(
    session: Pick<Session, 'checkpoint'>,
    stages: readonly Stage[],
    recipes: readonly Pick<Recipe, 'steps' | 'prompts' | 'decoding'>[],
    suites: readonly Suite[],
  ): Promise<void> {
    const best = wantedBest(this.config)
    const prompts = recipes.flatMap((recipe) => recipe.prompts.map(({ ids }) => ids))
    const { checkpoint } = session
    for (const [i, { name: stage, evaluate = [] }] of stages.entries()) {
      const opened: Evaluation[] = []
      this.opened.set(stage, opened)
      for (const config of evaluate) {
        const parallel = {
          ...checkpoint.parallel,
          ...exportedInfo(session, recipes[i]),
          prompts: joinEdges(checkpoint.parallel.prompts, edgesOf(prompts)),
        }
        const evaluation = await Evaluation.open(config, this.resolved.get(config.name)!, { ...checkpoint, parallel }, stage)
        opened.push(evaluation)
        if (best?.name === config.name && !isAccuracy(best.figure)) await evaluation.requireMetric(best.figure, BEST_ASKS)
        this.plans.push([stage, planOf(evaluation, recipes[i].steps)])
        const trained = suites.slice(0, i + 1).map(({ rows }, k) => ({ stage: stages[k].name, rows }))
        this.warnings.push(...evaluation.warnings(), ...sharedProblems(config.name, evaluation.rows, trained))
      }
    }
    if (best) this.plans.push(['best', `${best.of}, the ${best.mode === 'max' ? 'highest' : 'lowest'}${patienceOf(stages)}`])
  }

  /** For the plan: warnings, and rows of a table. */
  get plan(): { warnings: readonly string[]; rows: readonly (readonly [string, string])[] } {
    return { warnings: [...new Set(this.warnings)], rows: this.plans }
  }

  /** What a saved state says of evaluations, without a best of another figure than the one that the configuration now asks for. */
  goesOnFrom(saved: EvaluationState | undefined): EvaluationState | undefined {
    const best = wantedBest(this.config)
    if (!saved?.best || (best?.of === saved.best.of && best.mode === saved.best.mode)) return saved
    if (best)
      this.options.say(`The best was that by ${saved.best.of} (${saved.best.mode}). From here on it is that by ${best.of} (${best.mode})`)
    const { best: _, ...rest } = saved
    return { ...rest, waited: 0 }
  }

  /** Makes the evaluations that are due in `state`, and notes them there. False where `signal` ended one before it was whole. */
  async run(session: Session, stage: Stage, state: TrainerState, steps: number, effects: Effects): Promise<boolean> {
    for (const evaluation of this.opened.get(stage.name) ?? []) {
      const { name, every } = evaluation.config
      const before = state.evaluation ?? NOTHING_EVALUATED
      if (!isDue(every, state.step, steps) || before.at[name] === state.step) continue
      const start = performance.now()
      const samples = await this.sample(session, evaluation, effects)
      effects.log.begin(stage.name, state.step, steps)
      if (!samples) return false
      const file = `${stage.name}-${String(state.step).padStart(8, '0')}.json`
      const place = { stage: stage.name, step: state.step }
      const results = resultsOf(samples, evaluation.config.metric, `${name}/${file}`, place)
      await breathe()
      const figures = await figuresOf(results, evaluation.config.metric)
      const seconds = (performance.now() - start) / 1000
      await effects.write(() => this.writeSamples(join(this.options.folder, SAMPLES_FOLDER, name, file), resultsText(results)))
      const at = { ...before.at, [name]: state.step }
      const after = this.judge({ ...before, at }, name, figures, { ...place, total: state.total })
      const isBest = after.best !== before.best
      if (isBest) await effects.exportBest(after.best!)
      await effects.write(() => {
        const record = { name, stage: stage.name, step: state.step, steps, total: state.total, ...figures, ...(isBest && { best: true }) }
        const line = `evaluated ${name} at ${stage.name} ${state.step}/${steps}  ${describeFigures(figures, evaluation.config.metric)}`
        effects.log.evaluation(record, seconds, `${line}  ${seconds.toFixed(seconds < 10 ? 1 : 0)}s${isBest ? '  best' : ''}`)
      })
      state.evaluation = after
      state.metricsBytes = effects.log.bytes
    }
    return true
  }

  async close(): Promise<void> {
    await Promise.all([...this.opened.values()].flat().map((evaluation) => evaluation.close()))
  }

  /** Undefined where it was interrupted. */
  private async sample(session: Session, evaluation: Evaluation, { log, fail }: Effects): Promise<EvaluationSample[] | undefined> {
    const { signal } = this.options
    if (signal?.aborted) return undefined
    log.begin(`evaluating ${evaluation.config.name}`, 0, evaluation.responses, 'responses')
    const onSample = (done: number) => log.progress(done, evaluation.responses)
    try {
      return await evaluation.run(session, { signal, onSample })
    } catch (error) {
      return signal?.aborted ? undefined : fail(error)
    }
  }

  private async writeSamples(file: string, text: string): Promise<void> {
    const { ops = diskOps } = this.options
    await ops.mkdir(dirname(file))
    await writeFileAtomic(file, text, ops)
  }

  private judge(state: EvaluationState, name: string, figures: Figures, place: Pick<Best, 'stage' | 'step' | 'total'>): EvaluationState {
    const best = wantedBest(this.config)
    if (best?.name !== name) return state
    const figure = figureNamed(figures, best.figure)
    if (!figure) {
      const known = [...Object.keys(figures.metrics), ...Object.keys(figures.accuracy)]
      throw new ConfigError(
        `"best" in "save" asks for "${best.figure}", which the evaluation "${name}" does not give. There are: ${known.join(', ')}.`,
      )
    }
    return afterEvaluation(state, { of: best.of, mode: best.mode, value: figure.value, ...place })
  }
}

/** Names of `accuracy`, whose k follows from the samples. */
const isAccuracy = (figure: string): boolean => /^(mean|pass|maj)@\d+$/.test(figure)

function planOf(evaluation: Evaluation, steps: number): string {
  const { name, every, samples } = evaluation.config
  if (Number.isNaN(steps))
    return `${name}: ${evaluation.rows.length} tests x ${samples} with "${evaluation.provider}", before the first step and after the last${every === undefined ? '' : `, every ${every} steps between them`}`
  const times = timesDue(every, steps)
  const when = `before the first step, ${every === undefined || every >= steps ? '' : `every ${every} steps `}and after the last`
  return `${name}: ${evaluation.rows.length} tests x ${samples} with "${evaluation.provider}", ${when}. ${times} times, ${times * evaluation.responses} responses of at most ${evaluation.responseTokens} tokens`
}

function patienceOf(stages: readonly Stage[]): string {
  const waiting = stages.flatMap(({ name, patience }) =>
    patience === undefined
      ? []
      : `. Stage "${name}" ends after ${patience} ${patience === 1 ? 'evaluation' : 'evaluations'} without a better one`,
  )
  return waiting.join('')
}
