import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { addMetrics } from '../../src/report/after-all.ts'
import { analyze } from '../../src/report/analysis.ts'
import { describeBriefly } from '../../src/report/brief.ts'
import type { Estimate } from '../../src/report/intervals.ts'
import { analysisJson } from '../../src/report/json.ts'
import { drawPage } from '../../src/report/page/page.ts'
import { checkRepeats } from '../../src/report/repeats.ts'
import type { Row } from '../../src/report/rows.ts'
import { readExperiment } from '../../src/report/samples.ts'
import { describeAnalysis } from '../../src/report/terminal.ts'
import cases from './fixtures/copies.json' with { type: 'json' }
import { results, row } from './synthetic.ts'

const bounds = ({ value, low, high }: Estimate): number[] => [value, low, high]
const close = (expected: readonly number[]) => expected.map((value) => expect.closeTo(value, 8))

/** A test with an id of its own, as a data set with copies has. */
const copyOf = (problem: number, id: string, more: Partial<Parameters<typeof row>[0]> = {}): Row => {
  const made = row({ problem, ...more })
  return { ...made, vars: { ...made.vars, id }, testCase: { assert: [{ type: 'javascript', value: 'package:parallel-r1:mathAnswer' }] } }
}

describe('copies of a problem, against statsmodels (fixtures/copies.py.txt)', () => {
  it.each(cases.map((one, i) => [i, one] as const))('case %i has cluster-robust intervals', async (_, expected) => {
    const rows = expected.rows.map(([problem, copy, right, tokens]) =>
      copyOf(Number(problem), `p${problem}-${copy}`, {
        right: right === true,
        metadata: { totalTokens: tokens, finishReason: Number(tokens) < 200 ? 'length' : 'stop' },
      }),
    )
    const { summaries } = await analyze(readExperiment([results(rows)]))
    const [{ mean, behaviour, problems, samples }] = summaries
    const found = (name: string) => bounds(behaviour.find((one) => one.name === name)!.estimate)
    expect({ problems, samples }).toEqual({ problems: new Set(expected.rows.map(([one]) => one)).size, samples: rows.length })
    expect(bounds(mean)).toEqual(close(expected.mean))
    expect(found('cut off')).toEqual(close(expected.short))
    expect(found('total tokens')).toEqual(close(expected.tokens))
    // What a count of rows as problems says is too sure.
    const [, low, high] = expected.independent
    expect(mean.high - mean.low).toBeGreaterThan(1.3 * (high - low))
  })

  it('count as repeats of the problem do', async () => {
    const outcome = fc.array(fc.boolean(), { minLength: 3, maxLength: 3 })
    await fc.assert(
      fc.asyncProperty(fc.array(outcome, { minLength: 2, maxLength: 8 }), async (outcomes) => {
        const rows = (id: (copy: number) => string) =>
          outcomes.flatMap((rights, problem) =>
            rights.map((right, copy) => copyOf(problem, id(copy), { right, answer: right ? 'x' : 'y' })),
          )
        const [copies, repeats] = await Promise.all(
          [(copy: number) => `${copy}`, () => 'same'].map((id) => analyze(readExperiment([results(rows(id))]))),
        )
        expect(copies.summaries).toEqual(repeats.summaries)
        expect([copies, repeats].map(({ experiment }) => experiment.copies?.tests)).toEqual([3 * outcomes.length, undefined])
      }),
      { numRuns: 30 },
    )
  })
})

describe('the sentence about copies', () => {
  const rows = [0, 1, 2].flatMap((problem) =>
    ['a', 'b', 'c', 'd'].map((copy) => copyOf(problem, `${problem}${copy}`, { right: problem > 0 })),
  )
  const sentence = '12 tests ask 3 problems: those with the same text and reference count as samples of one.'

  it("stands in the terminal, on one screen, on the page, in JSON and beside promptfoo's table", async () => {
    const analysis = await analyze(readExperiment([results(rows)]))
    expect(describeAnalysis(analysis)).toContain(`\n${sentence}\n`)
    expect(describeBriefly(analysis, 200)).toContain(sentence)
    expect(describeBriefly(analysis, 200)).toContain('3 problems x 4')
    expect(drawPage(analysis)).toContain(`<p class="warn">${sentence}</p>`)
    expect(analysisJson(analysis)).toMatchObject({ problems: 3, copies: { tests: 12, problems: 3, note: sentence } })
    const prompts = [{ metrics: { namedScores: {} as Record<string, number> } }]
    addMetrics(prompts, analysis)
    expect(prompts[0].metrics.namedScores).toMatchObject({ problems: 3, 'mean@4': expect.closeTo(2 / 3) })
  })

  it('is not said where every test asks another problem, however often', async () => {
    const analysis = await analyze(readExperiment([results([0, 1, 1, 1].map((problem) => copyOf(problem, String(problem))))]))
    expect(analysisJson(analysis)).toMatchObject({ problems: 2, copies: null })
    expect(describeAnalysis(analysis)).not.toContain('tests ask')
    const prompts = [{ metrics: { namedScores: {} } }]
    addMetrics(prompts, analysis)
    expect(prompts[0].metrics.namedScores).not.toHaveProperty('problems')
  })

  it('counts tests that differ in nothing but the number of their copy', async () => {
    const numbered = [undefined, 1, 2].map((copy) => {
      const made = row({ problem: 1 })
      return { ...made, vars: { ...made.vars, ...(copy && { _copyIndex: copy }) } }
    })
    expect(readExperiment([results([...numbered, row({ problem: 2 })])]).copies).toEqual({ tests: 4, problems: 2 })
  })
})

describe('a problem is its text and its reference', () => {
  const problems = (...rows: Row[]) => readExperiment([results(rows)]).problems.length
  const test = (vars: Record<string, unknown>, assertion: object = {}, raw = `Q ${vars.problem ?? vars.text}`): Row => ({
    ...row({ problem: 0 }),
    vars,
    prompt: { raw },
    testCase: { assert: [{ type: 'javascript', ...assertion }] },
  })

  it.each<[string, number, Row[]]>([
    [
      'an id, a level and a worked solution',
      1,
      [test({ problem: 'a', id: 1, level: 2, solution: 'x' }), test({ problem: 'a', id: 2, solution: 'y' })],
    ],
    [
      'line breaks, a list of one text, a number as text',
      1,
      [test({ problem: 'a  b\n', answer: ['1'] }), test({ problem: ['a b'], answer: 1 }, {}, 'Q a b')],
    ],
    ['another reference', 2, [test({ problem: 'a', answer: '1' }), test({ problem: 'a', answer: '2' })]],
    ['another text of the prompt', 2, [test({ problem: 'a', context: 'x' }, {}, 'x: a'), test({ problem: 'a', context: 'y' }, {}, 'y: a')]],
    ['another value that is asserted', 2, [test({ problem: 'a', id: 1 }, { value: '42' }), test({ problem: 'a', id: 2 }, { value: '43' })]],
    [
      'a variable that a template of an assertion names',
      2,
      [test({ problem: 'a', right: 1 }, { value: '{{ right }}' }), test({ problem: 'a', right: 2 }, { value: '{{ right }}' })],
    ],
    [
      'a variable that the code of an assertion names',
      2,
      [1, 2].map((right) => test({ problem: 'a', right }, { value: 'output === context.vars.right' })),
    ],
    [
      'a variable that a nested assertion names',
      2,
      [1, 2].map((right) => test({ problem: 'a', right }, { assert: [{ value: "vars['right']" }] })),
    ],
  ])('%s: %i', (_, expected, rows) => {
    expect(problems(...rows, test({ problem: 'another' }))).toBe(expected + 1)
  })

  it('a prompt that is the same for every test tells no problem from another', () => {
    const tests = [1, 2].flatMap((id) => [test({ name: id }, {}, 'Solve it.'), test({ name: id, problem: `p${id}` }, {}, 'Solve it.')])
    expect(problems(tests[0], tests[2])).toBe(2)
    expect(problems(tests[1], tests[3])).toBe(2)
    const copies = [1, 2].map((id) => test({ problem: 'the only one', id }, {}, 'Solve it.'))
    expect(problems(...copies)).toBe(1)
  })

  it('copies are found in the prompt of any column', async () => {
    const rows = ['a', 'b', 'a'].flatMap((problem, id) => [
      { ...test({ text: problem, id }), promptIdx: 0 },
      { ...test({ text: problem, id }, {}, `${id}: ${problem}`), promptIdx: 1, provider: { label: 'other' } },
    ])
    const { experiment, comparisons } = await analyze(readExperiment([results(rows)]))
    expect(experiment.problems).toHaveLength(2)
    expect(comparisons[0].problems).toBe(2)
  })

  it('tests of one problem pass or fail their repeats each', () => {
    const least = (made: Row) => ({ ...made, testCase: { ...(made.testCase as object), metadata: { repeatMinPass: 1 } } })
    const rows = ['a', 'b'].flatMap((id) => [1, 2].map(() => least(copyOf(1, id, { right: id === 'a' }))))
    const gate = checkRepeats(readExperiment([results([...rows, copyOf(2, 'c')])]))
    expect(gate).toMatchObject({ tests: 2, missed: [{ test: 'b', passed: 0, repeats: 2, needed: 1 }] })
  })
})
