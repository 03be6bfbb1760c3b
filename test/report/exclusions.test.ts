import { mkdtempSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { analyze } from '../../src/report/analysis.ts'
import { exclusionOf } from '../../src/report/exclusions.ts'
import { describeExclusions } from '../../src/report/left-out.ts'
import { type Row, readResults } from '../../src/report/rows.ts'
import { readExperiment } from '../../src/report/samples.ts'
import { describeAnalysis } from '../../src/report/terminal.ts'
import { results, row, saved } from './synthetic.ts'

const experimentOf = (rows: Row[], metric?: string) => readExperiment([results(rows)], { metric })
/** A row whose one assertion gave `part`. */
const graded = (problem: number, part: object, namedScores: object = { answer: 0 }): Row => ({
  ...row({ problem }),
  namedScores,
  gradingResult: {
    pass: false,
    score: 0,
    componentResults: [{ pass: false, score: 0, assertion: { type: 'javascript', metric: 'answer' }, ...part }],
  },
})
/** As promptfoo saves a row without assertions: passed. */
const bare = (problem: number): Row => ({
  ...row({ problem, right: true }),
  namedScores: {},
  gradingResult: { pass: true, score: 1, reason: 'No assertions' },
})

describe('a row that is no sample', () => {
  it('is one that ended with an error: the message, without its stack', () => {
    const error = 'ConfigError: mathAnswer needs a reference.\nGot nothing.\n    at grade (file:///a.js:1:2)\n    at b'
    expect(exclusionOf(row({ problem: 1, error }), 'answer')).toEqual({
      kind: 'error',
      cause: 'mathAnswer needs a reference. Got nothing.',
    })
    expect(exclusionOf(row({ problem: 1, error: '' }), undefined)?.cause).toBe('an error without a message')
    expect(exclusionOf(row({ problem: 1, error: 'x'.repeat(5000) }), undefined)?.cause).toHaveLength(4001)
    expect(exclusionOf(row({ problem: 1, error: 'x'.repeat(1000) }), undefined)?.cause).toHaveLength(1000)
  })

  it.each([
    ['threw, in the words of promptfoo', { reason: 'Custom function threw error: no ruler\nStack Trace: Error: no ruler\n at x' }],
    ['is promptfoo’s own and got no verdict', { reason: 'no ruler', metadata: { graderError: true } }],
    ['says that its set-up is wrong', { reason: 'no ruler', metadata: { configError: true } }],
  ])('is one whose grader %s', (_, part) => {
    const found = exclusionOf(graded(1, part), 'answer')
    expect(found).toMatchObject({ kind: 'error', cause: expect.stringMatching(/^the grader of "answer" failed: .*no ruler$/) })
  })

  it('is one that nothing scored, and not one that promptfoo saved without its grades', () => {
    expect(exclusionOf(bare(1), undefined)).toEqual({ kind: 'unscored', cause: 'no assertion' })
    expect(exclusionOf(bare(1), 'answer')).toEqual({ kind: 'unscored', cause: 'no assertion with metric "answer"' })
    expect(exclusionOf({ ...bare(1), gradingResult: null }, undefined)).toBeUndefined()
  })

  it('is none that is wrong', () => {
    expect(exclusionOf(row({ problem: 1 }), 'answer')).toBeUndefined()
    expect(exclusionOf(graded(1, { reason: 'No answer found.' }), 'answer')).toBeUndefined()
    expect(exclusionOf(graded(1, { reason: 'The configuration error is fixed.' }), undefined)).toBeUndefined()
  })
})

describe('an evaluation that has not finished', () => {
  const tests = [{ vars: { n: '1' } }, { vars: { n: '2' }, options: { repeat: 3 } }]
  const stopped = (config: object, durationMs?: number) => {
    const file = path.join(mkdtempSync(path.join(os.tmpdir(), 'pr1-unfinished-')), 'results.json')
    const rows = [row({ problem: 1, right: true }), row({ problem: 2 })]
    const results = { results: rows, prompts: [{}, {}], stats: { successes: 1, durationMs } }
    writeFileSync(file, saved(rows, { results, config, runtimeOptions: { repeat: 4 } }))
    return readResults(file)
  }
  const told = async (config: object, durationMs?: number) =>
    describeAnalysis(await analyze(readExperiment([stopped(config, durationMs)]))).replace(/\s+/g, ' ')

  it('says how many of its rows are there', async () => {
    expect(await told({ tests })).toContain(
      'The evaluation eval-test has not finished. 2 of at most 14 rows are there, and the figures are of these. If nothing runs it any more, go on with: npx promptfoo eval --resume eval-test',
    )
    expect(await told({ tests }, 5000)).not.toContain('finished')
  })

  it.each([
    ['tests are in a file', { tests: 'file://tests.jsonl' }],
    ['there are scenarios', { tests, scenarios: [{}] }],
    ['a list makes several rows', { tests: [{ vars: { n: ['1', '2'] } }] }],
  ])('does not guess how many where %s', async (_, config) => {
    expect(await told(config)).toContain('has not finished. 2 rows are there')
  })
})

describe('statistics', () => {
  it('never call rows without assertions right', async () => {
    const analysis = await analyze(experimentOf([bare(1), bare(2)]))
    expect(analysis.summaries).toEqual([])
    expect(describeAnalysis(analysis)).toBe('2 of 2 rows had no assertion. There is nothing to score in them.\n')
  })

  it('leave out what failed and what nothing scored, with the first cause', async () => {
    const crashed = graded(3, { reason: 'Custom function threw error: no ruler' })
    const analysis = await analyze(experimentOf([row({ problem: 1, right: true }), row({ problem: 2 }), crashed, bare(4)]))
    expect(analysis.summaries[0]).toMatchObject({ samples: 2, mean: { value: 0.5 } })
    expect(analysis.experiment.columns[0]).toMatchObject({ errors: 1, unscored: 1 })
    expect(describeExclusions(analysis.experiment)).toEqual([
      '1 of 4 rows ended with an error and counts as neither right nor wrong. The first, of alpha: the grader of "answer" failed: Custom function threw error: no ruler',
      '1 of 4 rows had no assertion with metric "answer". There is nothing to score in them.',
    ])
    expect(describeAnalysis(analysis)).toContain('1 of 4 rows ended with an error')
  })

  it('name the error of a column that has no sample before others', async () => {
    const rows = [row({ problem: 1, right: true }), row({ problem: 2, error: 'once' }), row({ problem: 1, column: 1, error: 'always' })]
    expect(describeExclusions(experimentOf(rows))).toEqual([
      '2 of 3 rows ended with an error and count as neither right nor wrong. The first, of beta: always',
    ])
  })

  it('say what failed where nothing else is left', async () => {
    const rows = [1, 2, 3].map((problem) => row({ problem, error: `lost ${problem}` }))
    expect(describeAnalysis(await analyze(experimentOf(rows)))).toBe(
      '3 of 3 rows ended with an error and count as neither right nor wrong. The first, of alpha: lost 1\n',
    )
    expect(describeAnalysis(await analyze(experimentOf([])))).toBe('')
  })
})
