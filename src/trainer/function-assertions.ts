/**
 * What promptfoo's runAssertions gives for assertions that are functions and nothing more, in less than half the time. Most of its own goes
 * into rendering metric names, copying the test and describing the function. Everything else stays with promptfoo. A property test
 * compares the two.
 */

import type { Assertion, AssertionValueFunction, AtomicTestCase, GradingResult, ProviderResponse } from 'promptfoo'
import type { SuiteAssertion } from '../grading/references.ts'

/** What promptfoo is asked for one response. */
export interface Sample {
  prompt: string
  vars: Record<string, string>
  test: AtomicTestCase
  providerResponse: ProviderResponse
}

/** A verdict without whether it passes, which no reward reads. */
type Part = Omit<GradingResult, 'pass' | 'reason' | 'componentResults'> & { reason?: string; componentResults?: Part[] }

export type Scores = Pick<Part, 'componentResults' | 'namedScores'>

const OBJECTS = ['namedScores', 'namedScoreWeights', 'tokensUsed', 'componentResults', 'assertion']
const isOptional = (value: unknown, kind: string): boolean => value === undefined || typeof value === kind

/** promptfoo's isGradingResult, without loading promptfoo. */
export const isGradingResult = (value: unknown): value is GradingResult => {
  if (typeof value !== 'object' || value === null) return false
  const fields = value as Record<string, unknown>
  const { pass, score, reason, comment, componentResults: parts } = fields
  if (typeof pass !== 'boolean' || typeof score !== 'number' || typeof reason !== 'string' || !isOptional(comment, 'string')) return false
  return OBJECTS.every((name) => isOptional(fields[name], 'object')) && (parts === undefined || Array.isArray(parts))
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

/** Scores of a response whose assertions are {@link areFunctions}. */
export async function runFunctions(sample: Sample): Promise<Scores> {
  const all = new WeightedScores()
  const sets: { index: number; set: SuiteAssertion; scores: WeightedScores }[] = []
  const calls = ((sample.test.assert ?? []) as SuiteAssertion[]).flatMap((assertion, index) => {
    if (!assertion.assert) return [{ assertion, index, scores: all }]
    const scores = new WeightedScores()
    sets.push({ index, set: assertion, scores })
    return assertion.assert.map((inner, at) => ({ assertion: inner, index: at, scores }))
  })
  const waiting = calls.values()
  const work = async (): Promise<void> => {
    for (const { assertion, index, scores } of waiting) scores.add(index, await call(assertion, sample), assertion)
  }
  if (calls.length === 1) await work()
  else await Promise.all(Array.from({ length: Math.min(AT_ONCE, calls.length) }, work))
  for (const { index, set, scores } of sets) all.add(index, scores.result(), set)
  return all.result()
}

/** One function's verdict. What it throws or returns amiss becomes a score of 0 whose reason says so, as promptfoo has it. */
async function call(assertion: SuiteAssertion, { prompt, vars, test, providerResponse }: Sample): Promise<Part> {
  const { output, logProbs, metadata } = providerResponse
  const config = assertion.config ? { config: structuredClone(assertion.config) } : undefined
  const context = { prompt, vars, test, logProbs, provider: undefined, providerResponse, ...config, ...(metadata && { metadata }) }
  const inverse = assertion.type === 'not-javascript'
  const grade = assertion.value as AssertionValueFunction
  const own = assertion as Assertion
  try {
    const text = typeof output === 'string' ? output : JSON.stringify(output)
    const result: unknown = await grade(text, context as Parameters<typeof grade>[1])
    if (typeof result === 'boolean') return { score: result !== inverse ? 1 : 0, assertion: own }
    if (typeof result === 'number') return { score: result, assertion: own }
    if (isGradingResult(result)) return { ...result, reason: inverse ? undefined : result.reason, assertion: result.assertion ?? own }
    const got = `${typeof result}: ${JSON.stringify(result)}`
    throw new Error(`Custom function must return a boolean, number, or GradingResult object. Got type ${got}`)
  } catch (error) {
    const { message, stack } = error as Error
    return { score: 0, reason: `Custom function threw error: ${message}\nStack Trace: ${stack}`, assertion: own }
  }
}

/** Weighted means of scores, of all and by metric. Thresholds decide what passes, and no score. */
class WeightedScores {
  private score = 0
  private weight = 0
  private readonly named = new Map<string, { score: number; weight: number }>()
  private readonly parts: Part[] = []

  add(index: number, part: Part, { metric, weight = 1 }: SuiteAssertion): void {
    this.parts[index] = part
    this.score += part.score * weight
    this.weight += weight
    if (metric) this.addNamed(metric, part.score, weight)
    for (const [name, score] of Object.entries(part.namedScores ?? {})) {
      if (name !== metric) this.addNamed(name, score, (part.namedScoreWeights?.[name] ?? 1) * weight)
    }
  }

  private addNamed(name: string, score: number, weight: number): void {
    const sum = this.named.get(name) ?? { score: 0, weight: 0 }
    this.named.set(name, { score: sum.score + score * weight, weight: sum.weight + weight })
  }

  result(): Part & Scores {
    const named = [...this.named]
    return {
      score: mean(this.score, this.weight),
      namedScores: Object.fromEntries(named.map(([name, { score, weight }]) => [name, mean(score, weight)])),
      namedScoreWeights: Object.fromEntries(named.map(([name, { weight }]) => [name, weight])),
      componentResults: this.parts.flatMap((part) => [
        part,
        ...(part.componentResults ?? []).map((inner) => ({ ...inner, assertion: inner.assertion ?? part.assertion })),
      ]),
    }
  }
}

const mean = (sum: number, weight: number): number => (weight > 0 ? sum / weight : 0)
