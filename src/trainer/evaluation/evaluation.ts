/**
 * One held-out suite, asked of the model in training: the requests, seeds and assertions of `promptfoo eval` with the checkpoint that
 * the stage would export now. Its seeds are those of the provider, none of training's, and no weight depends on it.
 */

import { ConfigError } from '../../engine/errors.ts'
import { allAssertions } from '../../grading/references.ts'
import { nearestName } from '../../nearest-name.ts'
import { applyTestOptions, parseThinkingConfig, type ThinkingConfig } from '../../providers/config.ts'
import { readCopyIndex } from '../../providers/copies.ts'
import { equalPaths, isGreedy } from '../../providers/greedy-paths.ts'
import { type ReadPrompt, readPrompt, strangePrompt } from '../../providers/prompt.ts'
import { budgetsOf, toRequest } from '../../providers/request.ts'
import { toProviderResponse } from '../../providers/response.ts'
import { requestSeed } from '../../random.ts'
import type { Thinker } from '../../thinking/thinker.ts'
import type { ThinkRequest, Thought } from '../../thinking/types.ts'
import { type Graders, openGraders } from '../grading/grader-host.ts'
import type { Grading } from '../grading/grading-result.ts'
import type { Session } from '../model/session.ts'
import { mayReport } from '../rewards/rewards.ts'
import type { Suite, SuiteRow } from '../suite/suite.ts'
import type { EvaluationConfig } from './keys.ts'

/** A response of the model in training with its verdict. */
export interface EvaluationSample {
  row: SuiteRow
  /** Index of the test. */
  test: number
  response: ReturnType<typeof toProviderResponse>
  grading: Grading
}

/** A test as it is asked. */
interface Question extends ReadPrompt {
  row: SuiteRow
  config: ThinkingConfig
  copyIndex: number
}

export class Evaluation {
  readonly config: EvaluationConfig
  private readonly suite: Suite
  private readonly checkpoint: Session['checkpoint']
  private readonly questions: readonly Question[]
  private readonly graders: Graders

  /**
   * Whether the suite can be asked and scored, and whether it can have the metric `best`, as far as that is known without a model.
   * @throws ConfigError
   */
  static check(config: EvaluationConfig, whole: Suite, stage: string, best?: string): void {
    const suite = asked(config, whole)
    const who = nameOf(config, stage)
    if (!suite.provider.ours) {
      throw new ConfigError(
        `${who} decodes with the settings of a ParallelThinkingProvider. Got the entry "${suite.provider.label}" of ${suite.file}. Name another one as its "provider".`,
      )
    }
    if (suite.rows.every(({ test }) => !test.assert?.length)) {
      throw new ConfigError(`${who} has nothing to score: no test of ${suite.file} has assertions. Add tests with assertions to it.`)
    }
    checkMetric(config.metric, suite, `${who} asks for`)
    const declared = metricsOf(suite)
    if (best !== undefined && !declared.includes(best) && !mayReport(suite, best)) throw noMetric(best, suite, BEST_ASKS, declared)
  }

  /**
   * Reads every prompt of a suite that was {@link Evaluation.check checked}, makes the graders ready and checks that each test can be asked and
   * scored. `checkpoint`: as the stage exports it.
   * @throws ConfigError, GraderError
   */
  static async open(config: EvaluationConfig, whole: Suite, checkpoint: Session['checkpoint'], stage: string): Promise<Evaluation> {
    const suite = asked(config, whole)
    const who = nameOf(config, stage)
    const questions = suite.rows.map((row) => questionOf(row, suite, checkpoint))
    const greedy = questions.findIndex(({ config, ids }) => isGreedy(toRequest(config, checkpoint, ids, 0)))
    if (greedy >= 0 && config.samples > 1) {
      throw new ConfigError(
        `${who} takes ${config.samples} samples, which are equal where nothing is drawn. Got temperature: 0 (or topK: 1) for test ${greedy + 1} of ${suite.file}. Use samples: 1, or a temperature above 0.`,
      )
    }
    return new Evaluation(config, suite, checkpoint, questions, await openGraders(suite, config.graderTimeout))
  }

  private constructor(
    config: EvaluationConfig,
    suite: Suite,
    checkpoint: Session['checkpoint'],
    questions: readonly Question[],
    graders: Graders,
  ) {
    this.config = config
    this.suite = suite
    this.checkpoint = checkpoint
    this.questions = questions
    this.graders = graders
  }

  get rows(): readonly SuiteRow[] {
    return this.suite.rows
  }

  get provider(): string {
    return this.suite.provider.label
  }

  /** Of one evaluation. */
  get responses(): number {
    return this.questions.length * this.config.samples
  }

  /** Tokens of the longest response that the settings allow. */
  get responseTokens(): number {
    return this.questions.reduce((most, { config }) => Math.max(most, budgetsOf(config, this.checkpoint).response), 0)
  }

  /** Throws ConfigError where no assertion of the suite reports a metric of this name; `who` asks for it. */
  async requireMetric(metric: string, who: string): Promise<void> {
    const { suite } = this
    const declared = metricsOf(suite)
    if (declared.includes(metric)) return
    // A grader may report more than its metric.
    const reported = Object.keys((await this.gradeEmpty()).namedScores)
    if (!reported.includes(metric)) throw noMetric(metric, suite, who, [...new Set([...declared, ...reported])])
  }

  /** What is odd about it, a line each. The checkpoint says how the prompts of training begin and end. */
  warnings(): string[] {
    const [question] = this.questions
    const who = `evaluation "${this.config.name}"`
    const strange = strangePrompt({ ...this.checkpoint, folder: 'this run' }, question)
    const equal = equalPaths(toRequest(question.config, this.checkpoint, question.ids, 0), this.provider)
    return [strange, equal].flatMap((line) => (line === undefined ? [] : [`Warning: ${who}: ${line}`]))
  }

  /**
   * Every test `samples` times with the weights as they are now, graded as they finish. `onSample` hears how many are done. The first error,
   * of decoding or grading, ends them all; so does `signal`.
   */
  async run(
    session: Session,
    { signal, onSample }: { signal?: AbortSignal; onSample?(done: number): void } = {},
  ): Promise<EvaluationSample[]> {
    const thinker = await session.openThinker()
    const stop = new AbortController()
    const ends = signal ? AbortSignal.any([signal, stop.signal]) : stop.signal
    let done = 0
    const one = async (test: number, repeat: number): Promise<EvaluationSample> => {
      const sample = await this.sample(thinker, test, repeat, ends)
      onSample?.(++done)
      return sample
    }
    try {
      return await Promise.all(
        this.questions.flatMap((_, test) => Array.from({ length: this.config.samples }, (_, repeat) => one(test, repeat))),
      )
    } finally {
      stop.abort()
      await thinker.close()
    }
  }

  close(): Promise<void> {
    return this.graders.close()
  }

  private async sample(thinker: Thinker, test: number, repeatIndex: number, signal: AbortSignal): Promise<EvaluationSample> {
    const { row, config, ids, copyIndex } = this.questions[test]
    const request = toRequest(config, this.checkpoint, ids, requestSeed(config.seed, repeatIndex, ids, copyIndex))
    const thought = await thinker.think(request, signal)
    const response = this.respond(test, thought, request, repeatIndex)
    return { row, test, response, grading: await this.graders.grade(row, response) }
  }

  private respond(test: number, thought: Thought, request: ThinkRequest, repeatIndex: number) {
    const { config, copyIndex, told } = this.questions[test]
    const { tokenizer } = this.checkpoint
    const { showTags } = config
    const decode = (part: number[]): string => (part.length > 0 ? tokenizer.decode(part, { keepSpecial: true }) : '')
    return toProviderResponse(thought, { request, repeatIndex, copyIndex, showTags, told, decode })
  }

  private gradeEmpty(): Promise<Grading> {
    const { config, ids, row } = this.questions[0]
    const request = toRequest(config, this.checkpoint, ids, 0)
    const trajectory = { promptIds: ids, segments: [], exclusionSets: [], temperature: request.temperature }
    const thought: Thought = { trajectory, ids: [], finishReason: 'stop', totalTokens: 0, criticalPathTokens: 0, blocks: [] }
    return this.graders.grade(row, this.respond(0, thought, request, 0))
  }
}

/** Who asks for the metric that chooses the best checkpoint. */
export const BEST_ASKS = '"best" in "save" asks for'

const asked = ({ maxProblems }: EvaluationConfig, suite: Suite): Suite => ({ ...suite, rows: suite.rows.slice(0, maxProblems) })

const nameOf = ({ name }: EvaluationConfig, stage: string): string => `The evaluation "${name}" of stage "${stage}"`

function questionOf(row: SuiteRow, { provider, file }: Suite, checkpoint: Session['checkpoint']): Question {
  const where = `provider "${provider.label}" of ${file}`
  const config = parseThinkingConfig(applyTestOptions(provider.config, row.promptConfig), where)
  return { row, config, copyIndex: readCopyIndex(row.vars), ...readPrompt(checkpoint, config, row.prompt) }
}

/** The metric names that the assertions of a suite give themselves. */
function metricsOf({ rows }: Suite): string[] {
  return [...new Set(rows.flatMap(({ test }) => allAssertions(test.assert ?? []).flatMap(({ metric }) => metric ?? [])))]
}

/** Which responses are right is asked of every sample: the metric must be an assertion's own. */
function checkMetric(metric: string, suite: Suite, who: string): void {
  const known = metricsOf(suite)
  if (!known.includes(metric)) throw noMetric(metric, suite, who, known, 'name it as "metric" of the evaluation')
}

function noMetric(metric: string, { file }: Suite, who: string, known: readonly string[], otherwise = 'correct it'): ConfigError {
  const nearest = nearestName(metric, known)
  const next = nearest ? `Did you mean "${nearest}"?` : `Give an assertion \`metric: ${metric}\`, or ${otherwise}.`
  return new ConfigError(
    `${who} the metric "${metric}", which no assertion of ${file} has. ${next} There are: ${known.join(', ') || 'none'}.`,
  )
}
