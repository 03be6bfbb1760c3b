import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { reportCommand } from '../../src/report/command.ts'
import { ReportError } from '../../src/report/rows.ts'
import { row, rowsOfVotes, saved } from './synthetic.ts'

const folder = mkdtempSync(path.join(os.tmpdir(), 'pr1-report-'))
afterAll(() => rmSync(folder, { recursive: true }))

function file(name: string, content: string): string {
  const full = path.join(folder, name)
  writeFileSync(full, content)
  return full
}

async function run(...args: string[]): Promise<{ code: number; said: string }> {
  let said = ''
  const code = await reportCommand(args, (text) => {
    said += text
  })
  return { code, said }
}

const good = file('good.json', saved([...rowsOfVotes(['RRaR', 'aaRa']), ...rowsOfVotes(['aaaa', 'RRRR'], 1)]))
const page = path.join(folder, 'page.html')

/** As promptfoo saves a row without assertions. */
const unscored = { ...row({ problem: 1, right: true }), namedScores: {}, gradingResult: { pass: true, score: 1, reason: 'No assertions' } }

describe('pr1-report', () => {
  it('prints the statistics and writes one page', async () => {
    const { code, said } = await run(good, '-o', page)
    expect(code).toBe(0)
    expect(said).toMatch(/alpha +2 x 4 +50\.0 %/)
    expect(said).toContain(`${page}: `)
    expect(readFileSync(page, 'utf8')).toMatch(/^<!doctype html>[\s\S]*<\/html>\n$/)
  })

  it('writes the statistics as JSON, the same every time', async () => {
    const json = path.join(folder, 'statistics.json')
    await run(good, '-o', page, '--json', json)
    const first = readFileSync(json, 'utf8')
    await run(good, '-o', page, '--json', json)
    expect(readFileSync(json, 'utf8')).toBe(first)
    const parsed = JSON.parse(first) as { columns: { column: string; mean: object }[]; comparisons: { a: string }[] }
    expect(parsed).toMatchObject({ metric: 'answer', problems: 2, seed: 1, level: 0.95 })
    expect(parsed.columns.map(({ column }) => column)).toEqual(['alpha', 'beta'])
    expect(parsed.columns[0].mean).toMatchObject({ value: 0.5 })
    expect(parsed.comparisons).toMatchObject([{ a: 'beta', b: 'alpha' }])
  })

  it('compares two files on the problems they share', async () => {
    const other = file('other.json', saved(rowsOfVotes(['RRRR', 'aaRa', 'RRRR'])))
    const { said } = await run(good, other, '-o', page, '--baseline', 'alpha')
    expect(said).toContain('alpha (other.json) against alpha')
    expect(said).toContain('beta against alpha')
  })

  it('says how it is used', async () => {
    expect(await run('--help')).toMatchObject({ code: 0, said: expect.stringContaining('pr1-report results.json') })
    expect((await run()).code).toBe(2)
    await expect(run(good, '--sede', '3')).rejects.toThrow(/--sede/)
    await expect(run(good, '--seed', 'three')).rejects.toThrow(/"seed".*must be an integer.*"three"/)
  })

  it.each([
    ['nothing there', () => path.join(folder, 'absent.json'), /absent\.json cannot be read: it does not exist/],
    ['a folder', () => folder, /holds no run: .* Name the output folder of a run of pr1-train, or the file of an evaluation\./],
    ['an empty file', () => file('empty.json', ''), /not valid JSON: it is empty/],
    ['a file that was cut', () => file('cut.json', saved(rowsOfVotes(['RR'])).slice(0, 400)), /not valid JSON.*npx promptfoo export/],
    [
      'a package.json',
      () => file('foreign.json', '{"name":"x","version":"1"}'),
      /no list at results\.results\. Got an object with name, version\./,
    ],
    ['a list', () => file('list.json', '[1,2]'), /Got a list of 2/],
    ['null', () => file('null.json', 'null'), /Got null/],
    [
      'rows of something else',
      () => file('rows.json', '{"results":{"results":[{"a":1}]}}'),
      /Row 0 of .*rows\.json is no result.*Got an object with a/,
    ],
    ['a row without vars', () => file('vars.json', '{"results":{"results":[{"promptIdx":0,"vars":null}]}}'), /needs a promptIdx and vars/],
    ['no rows', () => file('none.json', '{"results":{"results":[]}}'), /no sample to report on/],
    [
      'errors only',
      () => file('errors.json', saved([row({ problem: 1, error: 'x' })])),
      /There is no sample.*1 of 1 row ended with an error .*The first, of alpha: x\n/s,
    ],
    ['nothing scored', () => file('unscored.json', saved([unscored])), /1 of 1 row had no assertion\. There is nothing to score/],
  ])('refuses %s with a clear message', async (_, input, message) => {
    await expect(run(input(), '-o', page)).rejects.toThrow(message)
    await expect(run(input(), '-o', page)).rejects.toBeInstanceOf(ReportError)
  })

  it('reads rows whose fields are of any type without falling over', async () => {
    const odd = [1, 2].map((promptIdx) => ({
      promptIdx,
      vars: { x: { deep: [1] } },
      provider: null,
      prompt: [],
      response: { output: { content: 'x' }, metadata: { tree: { blocks: [null, { paths: 'no', summary: 3 }] }, totalTokens: 'many' } },
      namedScores: { answer: 'yes', '': 1 },
      gradingResult: { componentResults: [null, 7, { assertion: null, reason: 5 }] },
      latencyMs: -1,
      testIdx: 'first',
      failureReason: {},
    }))
    const { code } = await run(
      file('odd.json', JSON.stringify({ results: { results: odd }, config: { providers: 'file://x.js' } })),
      '-o',
      page,
    )
    expect(code).toBe(0)
  })

  it('never writes over what it reads, and leaves nothing half-written', async () => {
    await expect(run(good, '-o', good)).rejects.toThrow(/both read and written/)
    await expect(run(good, '-o', path.join(folder, 'absent', 'page.html'))).rejects.toThrow(/cannot be written.*existing folder/)
    expect(readdirSync(folder).filter((name) => name.endsWith('.tmp'))).toEqual([])
  })
})
