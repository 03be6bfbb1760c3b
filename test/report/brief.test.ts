import stringWidth from 'string-width'
import { expect, it } from 'vitest'
import { analyze } from '../../src/report/analysis.ts'
import { describeBriefly, describeSources } from '../../src/report/brief.ts'
import type { Row } from '../../src/report/rows.ts'
import { readExperiment } from '../../src/report/samples.ts'
import { describeAnalysis } from '../../src/report/terminal.ts'
import { results, row } from './synthetic.ts'

const brief = async (rows: readonly Row[], width?: number) => describeBriefly(await analyze(readExperiment([results(rows)])), width)

function rowsOf(label: string, column: number, critical: number): Row[] {
  return Array.from({ length: 20 }, (_, problem) =>
    row({
      problem,
      column,
      right: problem % 4 === column,
      metadata: { totalTokens: 100, criticalPathTokens: critical },
      extra: { provider: { id: 'p', label } },
    }),
  )
}
const two = [...rowsOf('sequential', 0, 100), ...rowsOf('parallel, with a label that no line of 80 cells could hold as a whole', 1, 40)]

it('says the verdict, then one line a column, within the width', async () => {
  for (const width of [60, 80]) {
    const lines = (await brief(two, width)).split('\n')
    expect(Math.max(...lines.map((line) => stringWidth(line)))).toBeLessThanOrEqual(width)
    const table = lines.slice(lines.indexOf('') + 1)
    expect(table[0]).toMatch(/^20 problems x 1 .*right \(95 %\) .*tokens {2}longest chain$/)
    expect(table[1]).toMatch(/^sequential .*25\.0 % \(.* – .*\) +100 +100$/)
    expect(table[2]).toMatch(/^parallel, w.*… +25\.0 % \(.* – .*\) +100 +40$/)
    expect(table[3]).toBe('')
  }
  expect((await brief(two)).replace(/\s+/g, ' ')).toContain('along 40 % of the chain.')
})

it('prints labels, and what an error says, without what moves a terminal', async () => {
  const rows = [...rowsOf('a\x1b[31mb\x9bc\u202ed', 0, 100), row({ problem: 0, column: 0, error: 'lost \x1b]0;title' })]
  const analysis = await analyze(readExperiment([results(rows)]))
  for (const text of [describeBriefly(analysis), describeAnalysis(analysis)]) {
    expect(text).toContain('a␛[31mb\ufffdc\ufffdd')
    expect(text).not.toMatch(/[\0-\x09\x0b-\x1f\x7f-\x9f\u202e]/)
  }
})

it('keeps columns in line where they have different numbers of problems', async () => {
  const lines = (await brief([...rowsOf('alpha', 0, 100), ...rowsOf('beta', 1, 40).slice(1)])).split('\n')
  const header = lines.findIndex((line) => line.includes('longest chain'))
  expect(lines[header].indexOf('right')).toBe(lines[header + 1].indexOf('25.0'))
})

it('tells of rows that count in no figure, also where there is no other', async () => {
  const failed = row({ problem: 0, error: 'the model is gone' })
  expect(await brief([failed])).toContain('the model is gone')
  expect(await brief([...two, failed])).toContain('the model is gone')
})

it('counts what was generated and what a store had', () => {
  const rows = Array.from({ length: 1203 }, (_, problem) =>
    row({ problem, extra: { response: { output: '5', metadata: {}, ...(problem < 3 && { cached: true }) } } }),
  )
  const failed = row({ problem: 0, error: 'lost', extra: { response: undefined } })
  expect(describeSources(readExperiment([results([...rows, failed])]))).toBe(
    'Of the answers 1,200 were generated on this machine now, and 3 were taken from its stored samples.',
  )
})

it('writes no control character of a label', async () => {
  expect(await brief(rowsOf('a\x1b[31m\nb', 0, 100))).toContain('a␛[31m b')
})
