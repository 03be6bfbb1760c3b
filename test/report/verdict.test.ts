import { describe, expect, it } from 'vitest'
import { analyze } from '../../src/report/analysis.ts'
import type { Row } from '../../src/report/rows.ts'
import { readExperiment } from '../../src/report/samples.ts'
import { verdict } from '../../src/report/verdict.ts'
import { results, row } from './synthetic.ts'

const verdictOf = async (rows: readonly Row[], baseline?: string) => verdict(await analyze(readExperiment([results(rows)]), { baseline }))

/** One sample a problem; every tenth problem has another length. */
const column = (column: number, problems: number, right: (problem: number) => boolean, critical?: number, total = critical): Row[] =>
  Array.from({ length: problems }, (_, problem) =>
    row({
      problem,
      column,
      right: right(problem),
      metadata: critical === undefined ? {} : { totalTokens: total! + (problem % 10), criticalPathTokens: critical + (problem % 10) },
    }),
  )

const half = (problem: number) => problem % 2 === 0

describe('the verdict', () => {
  it('tells equality only where the interval is narrow', async () => {
    const many = await verdictOf([...column(0, 400, half, 160), ...column(1, 400, half, 60, 200)])
    expect(many.headline).toBe('Beta is right as often as alpha, along 39 % of the chain.')
    expect(many.detail).toContain('Right: 50.0 % against 50.0 %, 0.0 points')
    expect(many.detail).toContain("of alpha's.")
    const few = await verdictOf([...column(0, 12, half, 160), ...column(1, 12, (problem) => problem % 4 < 2, 60, 200)])
    expect(few.headline).toBe('Beta and alpha show no clear difference in accuracy, along 39 % of the chain.')
  })

  it('tells no equality of so few problems that some may differ, nor of an interval without width', async () => {
    for (const problems of [2, 10, 59]) {
      for (const right of [half, () => false, () => true]) {
        const { headline } = await verdictOf([...column(0, problems, right), ...column(1, problems, right)])
        expect(headline).toBe('Beta and alpha show no clear difference in accuracy.')
      }
    }
    const { headline } = await verdictOf([...column(0, 60, half), ...column(1, 60, half)])
    expect(headline).toBe('Beta is right as often as alpha.')
  })

  it('says where the interval is too narrow, and what to trust', async () => {
    const few = await verdictOf([...column(0, 19, half), ...column(1, 19, (problem) => problem < 12)])
    expect(few.detail).toMatch(/on 19 common problems\. With 19 problems, fewer than 20, the interval .* too narrow\. Trust p = 0\.\d+\./)
    const enough = await verdictOf([...column(0, 20, half), ...column(1, 20, (problem) => problem < 12)])
    expect(enough.detail).not.toContain('too narrow')
    const one = await verdictOf([...column(0, 1, half), ...column(1, 1, half)])
    expect(one.detail).not.toContain('too narrow')
  })

  const inParallel = (index: number, output: string) =>
    column(index, 20, half).map((one) => ({ ...one, response: { output, metadata: { mode: 'parallel' } } }))
  const BLOCK = '<Parallel>\n<Path>\none\n</Path>\n<Path>\ntwo\n</Path>\n</Parallel>\n<Summary>\nboth\n</Summary>'

  it('says first where a column in parallel mode has no block', async () => {
    const sequential = column(0, 20, half, 80).map((one) => ({ ...one, response: { output: '5', metadata: { mode: 'sequential' } } }))
    const { headline } = await verdictOf([...sequential, ...inParallel(1, '5')])
    expect(headline).toMatch(
      /^Beta never forked: no block in 20 answers, so it thought in sequence\. .* show no clear difference in accuracy\.$/,
    )
    expect((await verdictOf(inParallel(0, '5'))).headline).toMatch(/^Alpha never forked: .* Alpha is right in 50\.0 %/)
    expect((await verdictOf([...sequential, ...inParallel(1, BLOCK)])).headline).not.toContain('forked')
    const once = [...inParallel(1, '5').slice(1), ...inParallel(1, BLOCK).slice(0, 1)]
    expect((await verdictOf([...sequential, ...once])).headline).not.toContain('forked')
  })

  it('says first where all rows of a column failed', async () => {
    const failed = (n: number) => Array.from({ length: n }, (_, problem) => row({ problem, column: 1, error: 'lost' }))
    const { headline } = await verdictOf([...column(0, 40, half), ...failed(10)])
    expect(headline).toBe('Beta: all 10 rows failed. Alpha is right in 50.0 % of its answers.')
    expect((await verdictOf([...column(0, 40, half), ...failed(1)])).headline).toMatch(/^Beta: its only row failed\. Alpha/)
    const some = await verdictOf([...column(0, 40, half), ...column(1, 40, half), ...failed(10)])
    expect(some.headline).not.toContain('failed')
    expect(await verdictOf(failed(3))).toEqual({ headline: '', detail: '' })
  })

  it('tells a clear difference, either way', async () => {
    const better = [...column(0, 60, (problem) => problem < 10, 100), ...column(1, 60, (problem) => problem < 40, 50, 120)]
    expect((await verdictOf(better)).headline).toMatch(/^Beta is right more often than alpha, along 5\d % of the chain\.$/)
    const worse = [...column(0, 60, (problem) => problem < 40, 100), ...column(1, 60, (problem) => problem < 10, 250, 300)]
    expect((await verdictOf(worse)).headline).toBe('Beta is right less often than alpha, along a chain 2.4 times as long.')
  })

  it('speaks of the parallel column first, wherever it stands, and of columns that are alike last', async () => {
    const rows = [
      ...column(0, 60, half, 60, 200),
      ...column(1, 60, half, 60, 200),
      ...column(2, 60, (problem) => problem > 3 && half(problem), 160),
    ]
    const { headline, detail } = await verdictOf(rows)
    expect(headline).toMatch(/^Alpha .* gamma/)
    expect(detail).toContain('+3.3 points')
    expect((await verdictOf(rows, 'beta')).headline).toMatch(/^Beta .* gamma/)
  })

  it('says nothing of chains that nobody counted or that are equal', async () => {
    expect((await verdictOf([...column(0, 400, half), ...column(1, 400, half)])).headline).toBe('Beta is right as often as alpha.')
    expect((await verdictOf([...column(0, 400, half, 80), ...column(1, 400, half, 80)])).headline).toBe('Beta is right as often as alpha.')
  })

  it('gives the tokens of a few problems without an interval', async () => {
    const { headline, detail } = await verdictOf([...column(0, 2, half, 160), ...column(1, 2, half, 60, 200)])
    expect(headline).not.toContain('chain')
    expect(detail).toContain("Longest chain: 37.7 % of alpha's. All tokens: 124.9 %.")
  })

  it('of one column is its accuracy, and of none nothing', async () => {
    const { headline, detail } = await verdictOf(column(0, 40, half))
    expect(headline).toBe('Alpha is right in 50.0 % of its answers.')
    expect(detail).toMatch(/^50\.0 % \(\d+\.\d – \d+\.\d\) over 40 problems/)
    expect(await verdictOf([])).toEqual({ headline: '', detail: '' })
  })
})
