import { describe, expect, it, vi } from 'vitest'
import { addMetrics, metricsOf, reportAfterAll, showFigures } from '../../src/report/after-all.ts'
import { analyze } from '../../src/report/analysis.ts'
import { readExperiment } from '../../src/report/samples.ts'
import { describeAnalysis } from '../../src/report/terminal.ts'
import { results, row, rowsOfVotes } from './synthetic.ts'

const ROWS = [...rowsOfVotes(['RRaR', 'aaRa', 'RRRR']), ...rowsOfVotes(['RaaR', 'aaaa', 'RRRa'], 1)]
const prompt = (namedScores: Record<string, number> = { answer: 8 }) => ({
  provider: 'alpha',
  metrics: { namedScores, namedScoresCount: { answer: 12 } as Record<string, number>, namedScoreWeights: { answer: 12 } },
})

describe('metrics for promptfoo', () => {
  it('are added to the named scores of each column, uncounted, so that promptfoo shows them as they are', async () => {
    const prompts = [prompt(), prompt({ answer: 5 })]
    await reportAfterAll({ results: ROWS, prompts })
    expect(prompts[0].metrics.namedScores).toMatchObject({
      answer: 8,
      'mean@4': expect.closeTo(2 / 3, 12),
      'pass@2': expect.closeTo((1 + 0.5 + 1) / 3, 12),
      'pass@4': 1,
      'pass^2': expect.closeTo((0.5 + 0 + 1) / 3, 12),
      'pass^4': expect.closeTo(1 / 3, 12),
      'maj@4': expect.closeTo(2 / 3, 12),
      'best@4 bootstrap': expect.closeTo((1 - 0.25 ** 4 + (1 - 0.75 ** 4) + 1) / 3, 12),
      'parallel ratio': 0,
    })
    expect(prompts[1].metrics.namedScores['mean@4']).toBeCloseTo(5 / 12, 12)
    const { 'mean@4 low': low, 'mean@4': value, 'mean@4 high': high } = prompts[0].metrics.namedScores
    expect(low).toBeLessThan(value)
    expect(high).toBeGreaterThan(value)
    expect(prompts[0].metrics.namedScoresCount).toEqual({ answer: 12 })
    expect(Object.values(prompts[0].metrics.namedScores).every(Number.isFinite)).toBe(true)
  })

  it("leave the suite's own metrics alone", async () => {
    const own = prompt({ 'parallel ratio': 7 })
    own.metrics.namedScoresCount = { 'parallel ratio': 12 }
    addMetrics([own, prompt()], await analyze(readExperiment([results(ROWS)])))
    expect(own.metrics.namedScores['parallel ratio']).toBe(7)
  })

  it('make figures of what is no share of passes, in every column, and leave shares counted', async () => {
    const told = (problem: number, column: number, tokens: number, parallel: number) =>
      row({ problem, column, right: true, answer: '1', scores: { tokens, parallel, efficiency: column * 0.5 } })
    const rows = [told(1, 0, 100, 0), told(2, 0, 200, 0), told(1, 1, 40, 1), told(2, 1, 60, 0)]
    const counted = (parallel: number) => ({
      metrics: {
        namedScores: { tokens: 300, parallel, efficiency: 0 } as Record<string, number>,
        namedScoresCount: { tokens: 2, parallel: 2, efficiency: 2 } as Record<string, number>,
        namedScoreWeights: { tokens: 2, parallel: 2, efficiency: 2 } as Record<string, number>,
      },
    })
    const prompts = [counted(0), counted(1)]
    showFigures(prompts, await analyze(readExperiment([results(rows)])))
    expect(prompts[0].metrics.namedScores).toEqual({ tokens: 150, parallel: 0, efficiency: 0 })
    expect(prompts[1].metrics.namedScores).toEqual({ tokens: 50, parallel: 1, efficiency: 0.5 })
    for (const { metrics } of prompts) {
      expect(metrics.namedScoresCount).toEqual({ parallel: 2 })
      expect(metrics.namedScoreWeights).toEqual({ parallel: 2 })
    }
  })

  it('leave out what has no value: intervals from a single problem', async () => {
    const { summaries } = await analyze(readExperiment([results(rowsOfVotes(['Ra']))]))
    expect(new Map(metricsOf(summaries[0])).get('mean@2 low')).toBeNaN()
    const only = prompt()
    await reportAfterAll({ results: rowsOfVotes(['Ra']), prompts: [only] })
    expect(only.metrics.namedScores).toHaveProperty('mean@2', 0.5)
    expect(only.metrics.namedScores).not.toHaveProperty('mean@2 low')
  })

  it('change nothing where no row has a response', async () => {
    const prompts = [prompt()]
    await reportAfterAll({ results: [row({ problem: 1, error: 'captured' })], prompts })
    await reportAfterAll({ results: [], prompts })
    await reportAfterAll(undefined)
    expect(prompts).toEqual([prompt()])
  })

  it('never break the run: what is wrong is said on stderr', async () => {
    const said: string[] = []
    const write = vi.spyOn(process.stderr, 'write').mockImplementation((text) => said.push(String(text)) > 0)
    await reportAfterAll({ results: [{ promptIdx: 'x' }], prompts: 'none' })
    await reportAfterAll({ results: ROWS, prompts: [null, { metrics: 1 }] })
    write.mockRestore()
    expect(said).toEqual([expect.stringMatching(/no statistics: Row 0 of promptfoo's results is no result/)])
  })
})

describe('the text behind the table', () => {
  it('has a line a column and a part a comparison', async () => {
    const rows = [...ROWS, row({ problem: 0, column: 1, error: 'lost' })]
    const text = describeAnalysis(await analyze(readExperiment([results(rows)])))
    expect(text).toMatch(/problems +mean@4 +pass@4 +pass\^4 +maj@4/)
    expect(text).toMatch(/alpha +3 x 4 +66\.7 % \(\d+\.\d – \d+\.\d\) +100\.0 %/)
    expect(text).toMatch(/beta against alpha\n +mean@4 +−25\.0 points \(−25\.0 to −25\.0\) +p = 0\.250/)
    expect(text).toContain('1 of 25 rows ended with an error and counts as neither right nor wrong. The first, of beta: lost\n')
    expect(text).not.toContain('NaN')
  })

  it('cuts its table to the width of the terminal, every figure in it once', async () => {
    const analysis = await analyze(readExperiment([results(ROWS)]))
    const table = (width?: number) => {
      const lines = describeAnalysis(analysis, width).split('\n')
      return lines.slice(
        lines.findIndex((line) => /^ +problems/.test(line)),
        lines.indexOf(
          '',
          lines.findIndex((line) => /critical path$/.test(line)),
        ),
      )
    }
    const [wide, narrow] = [table(Number.POSITIVE_INFINITY), table(60)]
    expect(Math.max(...wide.map((line) => line.length))).toBeGreaterThan(120)
    expect(Math.max(...narrow.map((line) => line.length))).toBeLessThanOrEqual(60)
    expect(narrow.filter((line) => line.startsWith('alpha')).length).toBeGreaterThan(2)
    const figures = (lines: string[]) =>
      lines
        .flatMap((line) => line.trim().split(/ {2,}/))
        .filter((cell) => !/^(alpha|beta)?$/.test(cell))
        .sort()
    expect(figures(narrow)).toEqual(figures(wide))
  })
})
