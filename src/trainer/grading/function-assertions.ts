/**
 * What promptfoo's runAssertions gives for assertions that are functions and nothing more, in less than half the time. Most of its own goes
 * into rendering metric names, copying the test and describing the function. Everything else stays with promptfoo. A property test
 * compares the two.
 */

import type { Assertion, AssertionValueFunction, AtomicTestCase, GradingResult, ProviderResponse } from 'promptfoo'
import type { SuiteAssertion } from '../../grading/references.ts'

/** What promptfoo is asked for one response. */
export interface Sample {
  prompt: string
  vars: Record<string, string>
  test: AtomicTestCase
  providerResponse: ProviderResponse
}

/** A verdict: what of promptfoo's is read. Whether it passes no reward reads. */
type Part = Pick<GradingResult, 'score' | 'namedScores' | 'namedScoreWeights' | 'assertion' | 'metadata'> & {
  pass?: boolean
  reason?: string
  componentResults?: Part[]
}

export type Scores = Pick<Part, 'componentResults' | 'namedScores'>

const isOptionalObject = (value: unknown): boolean => value === undefined || typeof value === 'object'

/** promptfoo's isGradingResult, without loading promptfoo. */
export const isGradingResult = (value: unknown): value is GradingResult => {
  if (typeof value !== 'object' || value === null) return false
  const { pass, score, reason, comment, namedScores, namedScoreWeights, tokensUsed, assertion, componentResults } = value as {
    [key in keyof GradingResult]: unknown
  }
  return (
    typeof pass === 'boolean' &&
    typeof score === 'number' &&
    typeof reason === 'string' &&
    (comment === undefined || typeof comment === 'string') &&
    isOptionalObject(namedScores) &&
    isOptionalObject(namedScoreWeights) &&
    isOptionalObject(tokensUsed) &&
    isOptionalObject(assertion) &&
    (componentResults === undefined || Array.isArray(componentResults))
  )
}

const KEYS = new Set(['type', 'value', 'metric', 'weight', 'threshold', 'config'])
const SET_KEYS = new Set(['type', 'assert', 'metric', 'weight', 'threshold'])

/** Whether {@link runFunctions} may run them: loaded functions, in sets too, with no key, weight or metric that asks for more. */
export function areFunctions(assertions: readonly SuiteAssertion[]): boolean {
  return assertions.every((assertion) =>
    assertion.type === 'assert-set' ? isPlain(assertion, SET_KEYS) && !!assertion.assert?.every(isFunction) : isFunction(assertion),
  )
}

const isFunction = (assertion: SuiteAssertion): boolean =>
  /^(not-)?javascript$/.test(assertion.type) && typeof assertion.value === 'function' && isPlain(assertion, KEYS)

/** A metric without a brace is no template: rendered, it is itself. */
function isPlain(assertion: SuiteAssertion, keys: ReadonlySet<string>): boolean {
  const { metric, weight } = assertion
  const known = Object.keys(assertion).every((key) => keys.has(key) || assertion[key] === undefined)
  const named = metric === undefined || (typeof metric === 'string' && !/[{}]/.test(metric))
  return known && named && (weight === undefined || typeof weight === 'number')
}

/** Graders of one response that run at once, as many as promptfoo's. */
const AT_ONCE = 3

/** An assertion, where it stands, and the scores that it goes into. */
interface Call {
  assertion: SuiteAssertion
  index: number
  scores: WeightedScores
}

/**
 * Scores of a response whose assertions are {@link areFunctions}. A promise only where there are several of them or one takes its time: of a
 * verdict that is there at once, waiting for it and copying around it cost as much as the verdict.
 */
export function runFunctions(sample: Sample): Scores | Promise<Scores> {
  const written = (sample.test.assert ?? []) as SuiteAssertion[]
  const all = new WeightedScores()
  if (written.length !== 1 || written[0].assert) return runSeveral(written, all, sample)
  const part = call(written[0], sample)
  if (part instanceof Promise) return part.then((late) => all.add(0, late, written[0]).result())
  return all.add(0, part, written[0]).result()
}

async function runSeveral(written: readonly SuiteAssertion[], all: WeightedScores, sample: Sample): Promise<Scores> {
  const sets: { index: number; set: SuiteAssertion; scores: WeightedScores }[] = []
  const calls = written.flatMap((assertion, index): Call[] => {
    if (!assertion.assert) return [{ assertion, index, scores: all }]
    const scores = new WeightedScores()
    sets.push({ index, set: assertion, scores })
    return assertion.assert.map((inner, at) => ({ assertion: inner, index: at, scores }))
  })
  const waiting = calls.values()
  const work = async (): Promise<void> => {
    for (const { assertion, index, scores } of waiting) scores.add(index, await call(assertion, sample), assertion)
  }
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, calls.length) }, work))
  for (const { index, set, scores } of sets) all.add(index, scores.asPart(), set)
  return all.result()
}

type Context = Parameters<AssertionValueFunction>[1]

/** One function's verdict. What it throws or returns amiss becomes a score of 0 whose reason says so, as promptfoo has it. */
function call(assertion: SuiteAssertion, { prompt, vars, test, providerResponse }: Sample): Part | Promise<Part> {
  const { output, logProbs, metadata } = providerResponse
  // Added one by one, as spreading what may be absent is slow.
  const context = { prompt, vars, test, logProbs, provider: undefined, providerResponse } as Context
  if (assertion.config) context.config = structuredClone(assertion.config)
  if (metadata) context.metadata = metadata
  const grade = assertion.value as AssertionValueFunction
  try {
    const result: unknown = grade(typeof output === 'string' ? output : JSON.stringify(output), context)
    if (!isLater(result)) return verdict(result, assertion)
    return Promise.resolve(result)
      .then((late) => verdict(late, assertion))
      .catch((error) => thrown(error, assertion))
  } catch (error) {
    return thrown(error, assertion)
  }
}

const isLater = (result: unknown): result is PromiseLike<unknown> =>
  typeof result === 'object' && result !== null && typeof (result as { then?: unknown }).then === 'function'

function verdict(result: unknown, assertion: SuiteAssertion): Part {
  const inverse = assertion.type === 'not-javascript'
  const own = assertion as Assertion
  if (typeof result === 'boolean') return { score: result !== inverse ? 1 : 0, assertion: own }
  if (typeof result === 'number') return { score: result, assertion: own }
  if (isGradingResult(result)) {
    const { pass, score, reason, namedScores, namedScoreWeights, componentResults, metadata, assertion: named } = result
    // Written out: a spread that is then changed makes an object that all who read it are slow with.
    return {
      pass,
      score,
      reason: inverse ? undefined : reason,
      namedScores,
      namedScoreWeights,
      componentResults,
      metadata,
      assertion: named ?? own,
    }
  }
  const got = `${typeof result}: ${JSON.stringify(result)}`
  return thrown(new Error(`Custom function must return a boolean, number, or GradingResult object. Got type ${got}`), assertion)
}

const thrown = (error: unknown, assertion: SuiteAssertion): Part => {
  const { message, stack } = error as Error
  return { score: 0, reason: `Custom function threw error: ${message}\nStack Trace: ${stack}`, assertion: assertion as Assertion }
}

/** Weighted means of scores, of all and by metric. Thresholds decide what passes, and no score. */
class WeightedScores {
  private score = 0
  private weight = 0
  private readonly named = new Map<string, { score: number; weight: number }>()
  private readonly parts: Part[] = []

  add(index: number, part: Part, { metric, weight = 1 }: SuiteAssertion): this {
    this.parts[index] = part
    this.score += part.score * weight
    this.weight += weight
    if (metric) this.addNamed(metric, part.score, weight)
    if (part.namedScores) {
      for (const [name, score] of Object.entries(part.namedScores)) {
        if (name !== metric) this.addNamed(name, score, (part.namedScoreWeights?.[name] ?? 1) * weight)
      }
    }
    return this
  }

  private addNamed(name: string, score: number, weight: number): void {
    const sum = this.named.get(name) ?? { score: 0, weight: 0 }
    this.named.set(name, { score: sum.score + score * weight, weight: sum.weight + weight })
  }

  /** As the scores of a response. */
  result(): Required<Scores> {
    const componentResults: Part[] = []
    for (const part of this.parts) {
      componentResults.push(part)
      for (const inner of part.componentResults ?? []) componentResults.push({ ...inner, assertion: inner.assertion ?? part.assertion })
    }
    return { namedScores: this.ofNamed(({ score, weight }) => mean(score, weight)), componentResults }
  }

  /** As one part among others, which a set of assertions is. */
  asPart(): Part {
    return { ...this.result(), score: mean(this.score, this.weight), namedScoreWeights: this.ofNamed(({ weight }) => weight) }
  }

  private ofNamed(value: (sum: { score: number; weight: number }) => number): Record<string, number> {
    const out: [string, number][] = []
    for (const [name, sum] of this.named) out.push([name, value(sum)])
    return Object.fromEntries(out)
  }
}

const mean = (sum: number, weight: number): number => (weight > 0 ? sum / weight : 0)
