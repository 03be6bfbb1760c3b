import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { addMetrics } from '../../src/report/after-all.ts'
import { analyze } from '../../src/report/analysis.ts'
import { analysisJson } from '../../src/report/json.ts'
import { checkRepeats, describeGate, hasThreshold } from '../../src/report/repeats.ts'
import type { Row } from '../../src/report/rows.ts'
import { readExperiment } from '../../src/report/samples.ts'
import { describeAnalysis } from '../../src/report/terminal.ts'
import { promptfooEval, root, run } from '../package/route.ts'
import { inProofs } from '../proofs.ts'
import { results, row } from './synthetic.ts'

/** Rows of one test: `R` passes, `!` ends with an error, anything else fails. */
function repeats(problem: number, verdicts: string, repeatMinPass?: unknown, more: { column?: number; description?: string } = {}): Row[] {
  const { column = 0, description = `test ${problem}` } = more
  return [...verdicts].map((verdict) =>
    row({
      problem,
      column,
      right: verdict === 'R',
      error: verdict === '!' ? 'lost' : undefined,
      extra: { testCase: { description, vars: {}, metadata: { repeatMinPass } } },
    }),
  )
}

const gateOf = (...rows: Row[][]) => checkRepeats(readExperiment([results(rows.flat())]))

describe('the threshold of repeats', () => {
  it.each<[unknown, string, number]>([
    [0, '----', 0],
    [3, 'RR-R', 3],
    [3, 'RR--', 3],
    ['75%', 'RR-R', 3],
    ['75 %', 'RR--', 3],
    ['80%', 'RRRRRRRR--', 8],
    ['81%', 'RRRRRRRR--', 9],
    ['100%', 'RR', 2],
    ['0%', '--', 0],
    ['33.3%', 'R--', 1],
    [5, 'RRRR', 5],
  ])('%j of %j asks for %i', (repeatMinPass, verdicts, needed) => {
    const passed = verdicts.replaceAll('-', '').length
    const missed = passed < needed ? [expect.objectContaining({ test: 'test 1', passed, repeats: verdicts.length, needed })] : []
    expect(gateOf(repeats(1, verdicts, repeatMinPass))).toEqual({ tests: 1, missed })
  })

  it('takes a row without an assertion for no pass', () => {
    const unscored = repeats(1, 'RRRR', 3).map((one) => ({ ...one, gradingResult: { pass: true, score: 1, componentResults: [] } }))
    expect(gateOf(unscored)!.missed).toEqual([expect.objectContaining({ passed: 0, repeats: 4, needed: 3 })])
  })

  it('is of each test in each column, and an error is no pass', () => {
    const gate = gateOf(
      repeats(1, 'RRRR', 3),
      repeats(1, 'R--R', 3, { column: 1 }),
      repeats(2, 'RR!!', 3),
      repeats(3, '----'),
      // The same vars, but another test.
      repeats(1, '----', 0, { description: 'another' }),
    )
    expect(gate!.tests).toBe(4)
    expect(describeGate(gate!)).toEqual([
      '2 of 4 tests passed too few of their repeats (metadata.repeatMinPass)',
      '  test 1, beta: 2 of 4 passed, 3 needed',
      '  test 2, alpha: 2 of 4 passed, 2 with an error, 3 needed',
    ])
  })

  it('is silent where every test passed often enough, and absent where no test has one', () => {
    expect(describeGate(gateOf(repeats(1, 'RR', 2))!)).toEqual([])
    expect(gateOf(repeats(1, '--'))).toBeUndefined()
  })

  it('says what to do where there are too few repeats, and lists no more than one can read', () => {
    expect(describeGate(gateOf(repeats(1, 'RR', 3))!)[1]).toBe('  test 1, alpha: 2 of 2 passed, 3 needed: run it with --repeat 3 or more')
    const many = describeGate(gateOf(...Array.from({ length: 25 }, (_, i) => repeats(i, '-', 1)))!)
    expect(many).toHaveLength(22)
    expect(many.at(-1)).toBe('  and 5 more')
  })

  it.each([-1, 1.5, '75', '101%', 'most', true, [3]])('is refused as %j', (repeatMinPass) => {
    expect(() => gateOf(repeats(1, 'R', repeatMinPass))).toThrow(/repeatMinPass of a test.*Got .*repeatMinPass: 3/)
    expect(() => hasThreshold({ tests: [], defaultTest: { metadata: { repeatMinPass } } })).toThrow(/repeatMinPass/)
  })

  it('stands in the text, the JSON and the metrics', async () => {
    const rows = [...repeats(1, 'R--R', 3), ...repeats(2, 'RRRR', 3), ...repeats(1, 'RRRR', 3, { column: 1 })]
    const analysis = await analyze(readExperiment([results(rows)]))
    expect(describeAnalysis(analysis)).toContain('1 of 3 tests passed too few')
    expect(analysisJson(analysis)).toMatchObject({
      repeats: { tests: 3, missed: [{ column: 'alpha', test: 'test 1', passed: 2, errors: 0, repeats: 4, needed: 3 }] },
    })
    const prompts = [0, 1].map(() => ({ metrics: { namedScores: {} as Record<string, number> } }))
    addMetrics(prompts, analysis)
    expect(prompts.map(({ metrics }) => metrics.namedScores['repeats missed'])).toEqual([1, 0])
  })
})

/** Passes the first `passes` repeats. */
const PROVIDER = `export default class {
  id() { return 'flaky' }
  async callApi(prompt, { vars, repeatIndex }) { return { output: repeatIndex < vars.passes ? 'yes' : 'no' } }
}
`

describe('promptfoo eval', () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'pr1-repeats-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  beforeAll(() => {
    run(process.execPath, [path.join(root, 'scripts/build.mjs'), '--if-needed'], root)
    writeFileSync(path.join(folder, 'flaky.mjs'), PROVIDER)
  })

  function evaluate(repeatMinPass: unknown, passes: number[], env: Record<string, string> = {}, args: string[] = []) {
    writeFileSync(
      path.join(folder, 'promptfooconfig.yaml'),
      JSON.stringify({
        prompts: ['How often?'],
        providers: ['file://flaky.mjs'],
        defaultTest: { metadata: { repeatMinPass }, assert: [{ type: 'equals', value: 'yes' }] },
        tests: passes.map((count) => ({ description: `passes ${count}`, vars: { passes: count } })),
        extensions: [`file://${path.join(root, 'dist/providers/hooks.js')}:afterAll`],
        env: { PROMPTFOO_PASS_RATE_THRESHOLD: '0', ...env },
      }),
    )
    return promptfooEval(folder, 'promptfooconfig.yaml', ['--repeat', '4', ...args])
  }

  it('succeeds although rows failed, where every test passed often enough', async () => {
    const { code, log, rows } = await evaluate(3, [3, 4])
    expect(rows.filter(({ success }) => !success)).toHaveLength(1)
    expect(code, log).toBe(0)
    expect(log).not.toContain('too few')
  }, 60_000)

  it('fails where one did not, by the exit code that was asked for, and names it', async () => {
    const { code, log } = await evaluate('75%', [3, 2], { PROMPTFOO_FAILED_TEST_EXIT_CODE: '7' })
    expect(code, log).toBe(7)
    expect(log).toContain(
      '1 of 2 tests passed too few of their repeats (metadata.repeatMinPass)\n  passes 2, flaky: 2 of 4 passed, 3 needed',
    )
  }, 60_000)

  it.runIf(inProofs)(
    'fails where the threshold is wrong or the repeats cannot be counted',
    async () => {
      const wrong = await evaluate('most', [4])
      expect(wrong.code, wrong.log).toBe(100)
      expect(wrong.log).toContain('metadata.repeatMinPass of a test is a number of repeats or a share of them. Got "most".')
      const { code, log } = await evaluate(3, [4], {}, ['--no-write'])
      expect(code, log).toBe(100)
      expect(log).toContain('The repeats cannot be counted: promptfoo hands no results on. Leave --no-write out.')
    },
    60_000,
  )
})
