import fc from 'fast-check'
import type { AtomicTestCase } from 'promptfoo'
import { assertions, isGradingResult as isResultOfPromptfoo } from 'promptfoo'
import { describe, expect, it } from 'vitest'
import { graderFailure } from '../../../src/assertions/crash.ts'
import type { SuiteAssertion } from '../../../src/grading/references.ts'
import { areFunctions, isGradingResult, runFunctions, type Sample, type Scores } from '../../../src/trainer/grading/function-assertions.ts'

interface Context {
  prompt: string
  vars: { answer: string }
  config?: { n: number }
  metadata?: { tokens: number }
  test: AtomicTestCase
}

/** Graders of every sort. */
const GRADERS: Record<string, (output: string, context: Context) => unknown> = {
  yes: () => true,
  no: () => false,
  half: () => 0.5,
  zero: () => 0,
  below: () => -0.25,
  later: async () => ({ pass: true, score: 0.75, reason: 'later' }),
  wrong: () => ({ pass: false, score: 0.1, reason: 'wrong' }),
  internal: () => ({ pass: false, score: 0, reason: 'internal error: no tree' }),
  configuration: () => ({ pass: false, score: 0, reason: 'min?', metadata: { configError: true } }),
  named: () => ({ pass: true, score: 0.25, reason: '', namedScores: { a: 1, x: 0.5 }, namedScoreWeights: { x: 3 } }),
  parts: () => ({
    pass: true,
    score: 1,
    reason: '',
    componentResults: [{ pass: false, score: 0.5, reason: 'a part', namedScores: { y: 9 } }],
  }),
  labelled: () => ({ pass: true, score: 1, reason: '', assertion: { type: 'equals', metric: 'its own' } }),
  notNumber: () => ({ pass: true, score: Number.NaN, reason: '' }),
  reads: (output, { prompt, vars, config, metadata, test }) =>
    String(output).length + prompt.length + Number(vars.answer) + (config?.n ?? 10) + (metadata?.tokens ?? 100) + test.assert!.length,
  alters: (_, context) => {
    if (!context.config) return 1
    context.config.n *= 2
    return context.config.n
  },
  throws: () => {
    throw new Error('no ruler')
  },
  rejects: async () => {
    throw new TypeError('no ruler, later')
  },
  nothing: () => undefined,
  text: () => 'right',
  scoreless: () => ({ pass: true, reason: '' }),
}

const maybe = <T>(values: fc.Arbitrary<T>) => fc.option(values, { nil: undefined })
/** Powers of two: sums in any order are the same. */
const weight = maybe(fc.constantFrom(0.25, 1, 2, 4, 0, -0.5))
const metric = maybe(fc.constantFrom('a', 'b', 'two words', 'y', '', '$1 % #'))
const threshold = maybe(fc.constantFrom(0, 0.5, 2))
const plain: fc.Arbitrary<SuiteAssertion> = fc.record({
  type: fc.constantFrom('javascript', 'not-javascript'),
  value: fc.constantFrom(...Object.keys(GRADERS)).map((name) => GRADERS[name]),
  metric,
  weight,
  threshold,
  config: maybe(fc.record({ n: fc.integer({ min: 1, max: 9 }) })),
})
const set = fc.record({ type: fc.constant('assert-set'), assert: fc.array(plain, { maxLength: 4 }), metric, weight, threshold })
const response = fc.record({
  output: fc.constantFrom('', 'The answer is 42.', { said: 42 }, undefined),
  metadata: maybe(fc.constant({ tokens: 7 })),
})

const sampleOf = (assert: SuiteAssertion[], providerResponse: object = { output: '42' }): Sample => ({
  prompt: '6 · 7?',
  vars: { answer: '42' },
  test: { vars: { answer: '42' }, assert, threshold: 0.5 } as AtomicTestCase,
  providerResponse,
})

/** Of how promptfoo words a failure: no stack, and no inverse verdict. */
const worded = (failure: string | undefined) =>
  failure?.replace(/\n.*/s, '').replace(/^(Assertion passed|Custom function returned .*)$/, 'the grader failed')

/** What the scorer reads. It stops at a score that is no number, and a set fails by its parts. */
function read({ namedScores, componentResults: parts = [] }: Scores) {
  if (parts.some(({ score }) => !Number.isFinite(score))) return 'a score is no number'
  const shown = parts.map((part) => ({
    score: part.score,
    named: part.namedScores ?? {},
    failure: part.assertion && worded(graderFailure(part)),
    of: part.assertion?.metric ?? part.assertion?.type,
  }))
  return { namedScores, parts: shown }
}

describe('functions called without promptfoo', () => {
  it('score as with it', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.oneof({ weight: 4, arbitrary: plain }, set), { minLength: 1, maxLength: 6 }),
        response,
        async (assert, given) => {
          expect(areFunctions(assert)).toBe(true)
          const sample = sampleOf(assert, given)
          const scores = await runFunctions(sample)
          expect(read(scores)).toEqual(read(await assertions.runAssertions(sample)))
        },
      ),
      { numRuns: 300 },
    )
  })

  it('are given what promptfoo gives them', async () => {
    const seen: unknown[][] = []
    const value = (...args: unknown[]) => seen.push(args) > 0
    const config = { deep: { n: 1 } }
    const sample = sampleOf([{ type: 'javascript', value, config }], { output: '42', metadata: { tokens: 7 }, logProbs: [-1] })
    await runFunctions(sample)
    await assertions.runAssertions(sample)
    expect(seen[0]).toStrictEqual(seen[1])
    expect((seen[0][1] as { config: object }).config).not.toBe(config)
  })

  it('give verdicts of the form that promptfoo takes', () => {
    const odd = fc.constantFrom(undefined, null, true, 0, Number.NaN, 'text', [], {}, [{}])
    const right = { pass: true, score: 1, reason: '' }
    const optional = ['namedScores', 'namedScoreWeights', 'tokensUsed', 'componentResults', 'assertion', 'comment', 'metadata']
    const names = fc.constantFrom(...Object.keys(right), ...optional)
    const verdict = fc.dictionary(names, odd, { maxKeys: 3 }).map((changes) => ({ ...right, ...changes }))
    fc.assert(
      fc.property(fc.oneof(verdict, odd), (value) => isGradingResult(value) === isResultOfPromptfoo(value)),
      { numRuns: 1000 },
    )
  })

  const js: SuiteAssertion = { type: 'javascript', value: GRADERS.yes }
  it.each<[string, SuiteAssertion]>([
    ['inline code', { ...js, value: 'true' }],
    ['a built-in type', { type: 'contains', value: GRADERS.yes }],
    ['a metric that is a template', { ...js, metric: 'by {{ kind }}' }],
    ['a metric that is a comment', { ...js, metric: '{# a #}' }],
    ['a metric that is no text', { ...js, metric: 5 as unknown as string }],
    ['a transform', { ...js, transform: 'output.trim()' }],
    ['a key it does not know', { ...js, provider: 'openai:gpt-4' }],
    ['a weight that is no number', { ...js, weight: '2' as unknown as number }],
    ['one of these in a set', { type: 'assert-set', assert: [js, { ...js, transform: 'output' }] }],
    ['a set in a set', { type: 'assert-set', assert: [{ type: 'assert-set', assert: [js] }] }],
    ['a set whose metric is a template', { type: 'assert-set', assert: [js], metric: '{{ kind }}' }],
    ['a set without assertions', { type: 'assert-set' }],
  ])('are left to promptfoo beside %s', (_, assertion) => {
    expect(areFunctions([js])).toBe(true)
    expect(areFunctions([js, assertion])).toBe(false)
  })
})
