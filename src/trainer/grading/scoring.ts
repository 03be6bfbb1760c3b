/**
 * Scores of a response by the suite's own assertions, as promptfoo gives them. Functions that assertions refer to are loaded
 * once (10 to 35 times faster than promptfoo loading them at every call), and where a row has nothing else, called without it.
 * Whatever crashes stops the run: a grader that does not work is never a score of 0.
 */

import { AsyncLocalStorage } from 'node:async_hooks'
import type { Assertion, AssertionValueFunction, AtomicTestCase, ProviderResponse } from 'promptfoo'
import { graderFailure } from '../../assertions/crash.ts'
import { ConfigError, ParallelR1Error } from '../../engine/errors.ts'
import { isReference, locatedIn, type SuiteAssertion } from '../../grading/references.ts'
import { ScorableCheck } from '../../grading/scorable.ts'
import { loadTypeScript } from '../../installed-promptfoo.ts'
import { plainLine } from '../../plain.ts'
import type { Suite, SuiteRow } from '../suite/suite.ts'
import { areFunctions, runFunctions, type Sample, type Scores } from './function-assertions.ts'
import { type Grading, gradingOf } from './grading-result.ts'

/** A grader failed to grade. */
export class GraderError extends ParallelR1Error {
  override name = 'GraderError'
}

/** A grader ended all of them: it hung, or ended the process. */
export class GradersEndedError extends GraderError {
  override name = 'GradersEndedError'
  /** Whether a grader of this very call was at work then. Otherwise the call may be made again. */
  readonly atFault: boolean

  constructor(message: string, { atFault = false }: { atFault?: boolean } = {}) {
    super(message)
    this.atFault = atFault
  }
}

/** Hears which grader works: its reference, or the beginning of its code. */
export interface GraderWatch {
  begins(grader: string): void
  ends(grader: string): void
}

/** What to do where a grader fails in training. */
export const NEXT_STEP = 'Correct the grader and go on with --resume; nothing was learnt from this step.'

/** Stands for weight 0, which promptfoo reports as score 0: small enough not to count beside others, and exact to divide by. */
const NO_WEIGHT = 2 ** -40

/** A row's test with its functions loaded, and what runs its assertions. */
interface ScorableTest {
  test: AtomicTestCase
  run: (sample: Sample) => Scores | Promise<Scores>
}

/** Takes a second and 300 MB of memory, so it is loaded where an assertion is more than a function. Throws ConfigError where it is not there. */
async function loadPromptfoo(): Promise<typeof import('promptfoo')> {
  // Its log files would stay open at the end of the run.
  process.env.PROMPTFOO_DISABLE_DEBUG_LOG ??= '1'
  process.env.PROMPTFOO_DISABLE_ERROR_LOG ??= '1'
  process.env.PROMPTFOO_DISABLE_TELEMETRY ??= '1'
  // With this a wrong answer would throw, and so end the run.
  process.env.PROMPTFOO_SHORT_CIRCUIT_TEST_FAILURES = 'false'
  try {
    return await import('promptfoo')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw error
    throw new ConfigError(
      'promptfoo is not installed, and it runs every assertion that is no JavaScript function (and loads those in TypeScript). Install it, or leave such assertions out: npm install promptfoo.',
      { cause: error },
    )
  }
}

export class Scorer {
  private readonly suite: Suite
  private readonly scorable: ScorableCheck
  private readonly functions = new Map<string, Promise<AssertionValueFunction | undefined>>()
  /** A promise only until it is there. */
  private readonly tests = new WeakMap<SuiteRow, ScorableTest | Promise<ScorableTest>>()
  private readonly watches = new AsyncLocalStorage<GraderWatch>()
  private turn: Promise<void> | undefined
  /** What a grader threw; promptfoo would make it a score of 0. */
  private thrown: { reference: string; error: unknown } | undefined

  /** Loads what the assertions need and checks that every row can be scored. Throws ConfigError. */
  static async open(suite: Suite): Promise<Scorer> {
    for (const [index, row] of suite.rows.entries()) {
      const where = `test ${index + 1} of ${suite.file}`
      if (!row.test.assert?.length)
        throw new ConfigError(`${where} has no assertions, so there is nothing to reward. Add some, or leave it out.`)
      for (const key of ['transform', 'postprocess']) {
        if (row.test.options?.[key] !== undefined) {
          throw new ConfigError(
            `${where} has options.${key}, which scoring does not apply. Move it into the assertions (\`transform\` of each).`,
          )
        }
      }
    }
    const scorer = new Scorer(suite)
    for (const [index, row] of suite.rows.entries()) await scorer.check(row, index)
    // Here, as it may take longer than a grader has.
    for (const row of suite.rows) await scorer.testOf(row)
    return scorer
  }

  private constructor(suite: Suite) {
    this.suite = suite
    this.scorable = new ScorableCheck({ folder: suite.folder, loadTypeScript: () => loadTypeScript(suite.file) })
  }

  /**
   * Scores by metric name; assertions without `metric` are run for their errors only. `watch` hears of every grader before and after it works.
   * Throws GraderError.
   */
  async score(row: SuiteRow, providerResponse: ProviderResponse, watch?: GraderWatch): Promise<Record<string, number>> {
    return (await this.run(row, providerResponse, watch)).namedScores ?? {}
  }

  /** The same with what each assertion says. Throws GraderError. */
  async grade(row: SuiteRow, providerResponse: ProviderResponse, watch?: GraderWatch): Promise<Grading> {
    return gradingOf(await this.run(row, providerResponse, watch), row)
  }

  private async run(row: SuiteRow, providerResponse: ProviderResponse, watch?: GraderWatch): Promise<Scores> {
    const ready = this.testOf(row)
    const { test, run } = ready instanceof Promise ? await ready : ready
    const sample: Sample = { prompt: row.prompt, vars: row.vars as Record<string, string>, test, providerResponse }
    let result: Scores
    try {
      const scores = watch ? this.watches.run(watch, run, sample) : run(sample)
      result = scores instanceof Promise ? await scores : scores
    } catch (error) {
      throw this.failure(row, 'an assertion', error)
    }
    if (this.thrown) throw this.failure(row, this.thrown.reference, this.thrown.error)
    for (const part of result.componentResults ?? []) {
      const failure = graderFailure(part)
      const what = part.assertion?.metric ?? part.assertion?.type ?? 'an assertion'
      if (failure !== undefined) throw this.failure(row, what, failure)
      // Each by itself: promptfoo adds up the scores of one metric and takes a NaN among them for 0.
      this.checkFinite(row, what, part.score)
      if (part.namedScores) for (const [metric, score] of Object.entries(part.namedScores)) this.checkFinite(row, metric, score)
    }
    return result
  }

  private checkFinite(row: SuiteRow, metric: string, score: number): void {
    if (!Number.isFinite(score)) throw this.failure(row, metric, `its score is no finite number. Got ${score}.`)
  }

  /** A wrong reference, config or variable ends the run before its first step, not in the middle. */
  private async check(row: SuiteRow, index: number): Promise<void> {
    try {
      await this.scorable.check(row.test.assert ?? [], row.vars)
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error
      throw new ConfigError(`${error.message} It is test ${index + 1} of ${this.suite.file}.`, { cause: error })
    }
  }

  private failure(row: SuiteRow, what: string, cause: unknown): GraderError {
    const said = cause instanceof Error ? (cause.stack ?? cause.message) : String(cause)
    const vars = JSON.stringify(row.vars)
    return new GraderError(
      `A grader failed (${what}) in ${this.suite.file}: ${said}\nThe row's vars: ${vars.length > 400 ? `${vars.slice(0, 400)}…` : vars}\n${NEXT_STEP}`,
      { cause },
    )
  }

  private testOf(row: SuiteRow): ScorableTest | Promise<ScorableTest> {
    const known = this.tests.get(row)
    if (known) return known
    const { assert: written = [], options } = row.test
    const test = this.resolveAssertions(written).then(async (assert) => {
      const ready: ScorableTest = {
        test: { ...row.test, ...(options && { options: locatedIn(this.suite.folder, options) }), vars: row.vars, assert } as AtomicTestCase,
        run: areFunctions(assert) ? runFunctions : (await loadPromptfoo()).assertions.runAssertions,
      }
      this.tests.set(row, ready)
      return ready
    })
    this.tests.set(row, test)
    return test
  }

  private resolveAssertions(assertions: SuiteAssertion[]): Promise<SuiteAssertion[]> {
    return Promise.all(assertions.map((assertion) => this.resolveAssertion(assertion)))
  }

  private async resolveAssertion(assertion: SuiteAssertion): Promise<SuiteAssertion> {
    const located = locatedIn(this.suite.folder, assertion)
    const weighed = assertion.weight === 0 ? { ...located, weight: NO_WEIGHT } : located
    if (assertion.assert) return { ...weighed, assert: await this.resolveAssertions(assertion.assert) }
    const { type, value, metric, transform, contextTransform } = assertion
    const load = isReference(value) && /^(not-)?javascript$/.test(type) ? await this.functionAt(value) : undefined
    const runsMore = transform !== undefined || contextTransform !== undefined
    if (load && !runsMore) return { ...weighed, value: load }
    if (!runsMore && !/^(not-)?(javascript|python|ruby)$/.test(type)) return weighed
    // Code that promptfoo runs is run within a function of ours, so that its name is known where it does not end.
    const inner = { ...located, ...(load && { value: load }) } as Assertion
    const { assertions } = await loadPromptfoo()
    const run: AssertionValueFunction = (_, { prompt, vars, test, providerResponse }) =>
      assertions.runAssertion({
        prompt,
        vars: vars as Sample['vars'],
        test,
        providerResponse: providerResponse!,
        assertion: inner,
      })
    return { type: 'javascript', metric, weight: weighed.weight, value: this.guard(nameOf(assertion), run, true) }
  }

  /** The function behind a reference, guarded; undefined where promptfoo has to load it itself. */
  private functionAt(reference: string): Promise<AssertionValueFunction | undefined> {
    let loaded = this.functions.get(reference)
    if (!loaded) {
      loaded = this.scorable.functionBehind(reference).then((fn) => fn && this.guard(reference, fn as AssertionValueFunction))
      this.functions.set(reference, loaded)
    }
    return loaded
  }

  /** `inTurn`: promptfoo begins it a little later than it is called, and nothing else begins until then. So what blocks this thread is what began last. */
  private guard(name: string, fn: AssertionValueFunction, inTurn = false): AssertionValueFunction {
    const note = (error: unknown): never => {
      this.thrown ??= { reference: name, error }
      throw error
    }
    return (output, context) => {
      const watch = this.watches.getStore()
      if (watch) return this.watched(name, () => fn(output, context), watch, inTurn).catch(note)
      try {
        const result = fn(output, context)
        return result instanceof Promise ? result.catch(note) : result
      } catch (error) {
        return note(error)
      }
    }
  }

  private async watched<T>(name: string, grade: () => T | Promise<T>, watch: GraderWatch, inTurn: boolean): Promise<T> {
    while (this.turn) await this.turn
    const passOn = inTurn ? this.takeTurn() : undefined
    watch.begins(name)
    try {
      const result = grade()
      return result instanceof Promise ? await result : result
    } finally {
      watch.ends(name)
      passOn?.()
    }
  }

  /** Ends with the function that is returned, or when the event loop goes round: what was called waits for something then. */
  private takeTurn(): () => void {
    let passOn = (): void => {}
    const turn = new Promise<void>((resolve) => {
      const round = setImmediate(() => passOn())
      passOn = () => {
        clearImmediate(round)
        if (this.turn === turn) this.turn = undefined
        resolve()
      }
    })
    this.turn = turn
    return passOn
  }
}

/** What an error calls an assertion: its reference, or the beginning of its code. */
function nameOf({ type, value, metric, transform, contextTransform }: SuiteAssertion): string {
  if (isReference(value)) return value
  const code = plainLine(String(value ?? transform ?? contextTransform)).trim()
  return `${type}${metric ? ` of "${metric}"` : ''}: ${code.length > 60 ? `${code.slice(0, 60)}…` : code}`
}
