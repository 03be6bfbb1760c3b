import { gunzipSync } from 'node:zlib'
import { parseHTML } from 'linkedom'
import { describe, expect, it } from 'vitest'
import { analyze } from '../../src/report/analysis.ts'
import { drawPage } from '../../src/report/page/page.ts'
import { CHUNK, type Detail, type Index, packSamples, reaches } from '../../src/report/page/payload.ts'
import type { Row } from '../../src/report/rows.ts'
import { readExperiment } from '../../src/report/samples.ts'
import { expectInert } from './inert.ts'
import { results, row, rowsOfVotes } from './synthetic.ts'

const experimentOf = (rows: readonly Row[]) => readExperiment([results(rows)])
const pageOf = async (rows: readonly Row[], options = {}) => drawPage(await analyze(experimentOf(rows)), options)
const open = (chunk: string): Detail[] => JSON.parse(gunzipSync(Buffer.from(chunk, 'base64')).toString()) as Detail[]

/** The page without its script, which may say `undefined`. */
const withoutCode = (page: string) => page.replace(/<script>[\s\S]*?<\/script>/g, '')

const BLOCK = '<Parallel><Path>one</Path><Path>two</Path></Parallel>\n<Summary>both</Summary>'

describe('hostile content', () => {
  const attack = `</script><script>alert(1)</script><img src=x onerror="alert(2)">'"&<!--<script>`
  const rows = [0, 1].flatMap((column) =>
    [1, 2].map((problem) =>
      row({
        problem,
        column,
        output: attack + BLOCK.replace('one', attack),
        scores: { [attack]: 0.5 },
        metadata: { finishReason: attack },
        extra: {
          vars: { problem: `${attack} ${problem}`, [attack]: attack },
          prompt: { raw: attack, label: attack },
          provider: { label: `${attack} ${column}` },
          gradingResult: { componentResults: [{ pass: false, score: 0, reason: attack, assertion: { metric: attack } }] },
        },
      }),
    ),
  )

  it('is text in the page, nowhere markup', async () => {
    const page = drawPage(
      await analyze(
        readExperiment([
          { ...results(rows), description: attack, evalId: attack, configs: new Map([[`${attack} 0`, { checkpoint: attack }]]) },
        ]),
      ),
    )
    expect(page).not.toContain('<script>alert')
    expect(page).not.toContain('<img')
    expect(page).not.toContain('<!--')
    const { document } = parseHTML(page)
    expectInert(document)
    expect(document.querySelector('h1')?.textContent).toBe(attack)
  })

  it('reaches the browser as it was', () => {
    const { index, chunks } = packSamples(experimentOf(rows), 100)
    expect(index.columns).toEqual([`${attack} 0`, `${attack} 1`])
    const [detail] = open(chunks[0])
    expect(detail.prompt).toBe(attack)
    expect(detail.tree[0]).toEqual({ text: attack, tokens: -1 })
    expect(detail.grades).toEqual([{ metric: attack, pass: false, score: 0, reason: attack }])
  })
})

describe('the page', () => {
  it('loads nothing and forbids itself to', async () => {
    const page = await pageOf([...rowsOfVotes(['RRaR', 'aaRa']), ...rowsOfVotes(['aaaa', 'RRRR'], 1)])
    expect(page).toContain("default-src 'none'")
    const { document } = parseHTML(page)
    const sources = [...document.querySelectorAll('[src], link, [href]')].map(
      (node) => node.getAttribute('src') ?? node.getAttribute('href'),
    )
    expect(sources.every((source) => source?.startsWith('#'))).toBe(true)
    expect(page.replace(/xmlns="[^"]*"/g, '')).not.toMatch(/https?:\/\//)
    expect(withoutCode(page)).not.toMatch(/NaN|undefined|Infinity/)
  })

  it('draws accuracy, pass@k, maj@k, tokens and behaviour', async () => {
    const told = (problem: number, column: number, i: number) =>
      row({
        problem,
        column,
        right: (problem + i) % 3 === 0,
        answer: String(i % 2),
        output: BLOCK,
        metadata: { totalTokens: 40 + 7 * i, criticalPathTokens: 30 + i },
      })
    const rows = [0, 1].flatMap((column) => [1, 2, 3, 4].flatMap((problem) => [0, 1, 2, 3].map((i) => told(problem, column, i))))
    const { document } = parseHTML(await pageOf(rows))
    const labels = [...document.querySelectorAll('figure svg')].map((svg) => svg.getAttribute('aria-label') ?? '')
    expect(labels.map((label) => label.split(/[:,]/)[0])).toEqual([
      'Accuracy of each provider with 95 % intervals',
      'pass@k against the number of samples',
      'maj@k against the number of samples',
      'Accuracy against total tokens',
      'Accuracy against tokens on the critical path',
      'right',
      'with a block',
      'first block at',
      'total tokens',
      'critical path',
    ])
    const row1 = [...document.querySelectorAll('tr')].find((tr) => tr.querySelector('th')?.textContent === 'mean@k')
    expect(row1?.textContent).toContain('31.3 %')
  })

  it('tells of a config what it is, and no secrets', async () => {
    const configs = new Map([['alpha', { mode: 'parallel', paths: 5, apiKey: 'secret-key' }]])
    const page = drawPage(await analyze(readExperiment([{ ...results(rowsOfVotes(['Ra', 'aa'])), configs }])))
    expect(page).toContain('mode parallel, paths 5')
    expect(page).not.toContain('secret-key')
  })

  it('tells how a column was decoded where the run said otherwise than its config', async () => {
    const configs = new Map([['alpha', { mode: 'parallel', temperature: 1 }]])
    const rows = [row({ problem: 1, metadata: { decoding: { temperature: 0 } } })]
    expect(drawPage(await analyze(readExperiment([{ ...results(rows), configs }])))).toMatch(/mode parallel.*temperature 0/)
  })

  it('is whole with one column, one problem, one sample and no tokens', async () => {
    const page = await pageOf([row({ problem: 1, right: true })])
    expect(page).toContain('nothing to compare')
    expect(page).toContain('do not report their tokens')
    expect(withoutCode(page)).not.toMatch(/NaN|undefined/)
  })
})

describe('samples', () => {
  it('are drawn from the text, with the tokens that the provider counted', () => {
    const tree = { blocks: [{ start: 3, paths: [{ text: 'one', tokens: 4 }, { text: 'two', tokens: 5 }], summary: { text: 'both', tokens: 6 } }] } // biome-ignore format: one block
    const shown = row({ problem: 1, output: `before ${BLOCK} after`, metadata: { tree, totalTokens: 20, criticalPathTokens: 15 } })
    const hidden = row({ problem: 2, output: 'one\ntwo', metadata: { tree } })
    const broken = row({ problem: 3, output: `${BLOCK}${BLOCK.replace('</Summary>', '')}`, metadata: { tree } })
    const lost = row({ problem: 4, error: 'the engine failed' })
    const { index, chunks } = packSamples(experimentOf([lost, broken, hidden, shown]), 100)
    const details = open(chunks[0])
    const byProblem = (problem: number) => details[index.problem.indexOf(index.problems.indexOf(`What is ${problem}?`))]
    const paths = [
      { text: 'one', tokens: 4 },
      { text: 'two', tokens: 5 },
    ]
    const summary = { text: 'both', tokens: 6 }
    expect(byProblem(1).tree).toEqual([
      { text: 'before ', tokens: 3 },
      { paths, summary },
      { text: ' after', tokens: 0 },
    ])
    expect(byProblem(2).tree).toEqual([
      { paths, summary },
      { text: 'one\ntwo', tokens: -1 },
    ])
    // Two blocks, one count: whose it is cannot be told.
    expect(byProblem(3).tree[0]).toMatchObject({ paths: [{ tokens: -1 }, { tokens: -1 }] })
    expect(byProblem(3).violations).toHaveLength(1)
    expect(byProblem(4).error).toBe('the engine failed')
    expect(index.verdict.filter((verdict) => verdict === 2)).toHaveLength(1)
  })

  it('keep beginning and end of very long texts', () => {
    const long = `start${'x'.repeat(100_000)}end`
    const [detail] = open(packSamples(experimentOf([row({ problem: 1, output: long })]), 1).chunks[0])
    const [part] = detail.tree as { text: string }[]
    expect(part.text.length).toBeLessThan(17_000)
    expect(part.text).toMatch(/^start[\s\S]*84008 characters left out[\s\S]*end$/)
  })

  it('keep the first repeats of every problem where there are too many, and say so', async () => {
    const rows = rowsOfVotes(Array(10).fill('RRaa'))
    const { index, omitted } = packSamples(experimentOf(rows), 20)
    expect(omitted).toBe(20)
    expect(new Set(index.problem).size).toBe(10)
    expect([...new Set(index.repeat)]).toEqual([0, 1])
    expect(await pageOf(rows, { samples: 20 })).toContain('20 of 40 samples are left out')
  })

  it('of 10,000 rows of 2 kB fit into a few megabytes, in chunks that are opened one by one', async () => {
    const words = ['so', 'the', 'sum', 'of', 'both', 'sides', 'is', 'even', '12', '7', '+', '=', 'hence', 'not']
    let state = 1
    const word = () => {
      state = (state * 48_271) % 2_147_483_647
      return words[state % words.length]
    }
    const rows = Array.from({ length: 10_000 }, (_, i) =>
      row({
        problem: i >> 3,
        column: i & 1,
        right: i % 3 === 0,
        answer: String(i % 5),
        output: Array.from({ length: 500 }, word).join(' '),
      }),
    )
    const page = await pageOf(rows)
    expect(page.length).toBeLessThan(16 * 1024 ** 2)
    const { document } = parseHTML(page.replace(/<style>[\s\S]*?<\/style>/, ''))
    const index = JSON.parse(document.querySelector('#index')!.textContent) as Index
    expect(index.column).toHaveLength(10_000)
    expect(JSON.stringify(index).length).toBeLessThan(1024 ** 2)
    const chunks = [...document.querySelectorAll('script[type="text/plain"]')]
    expect(chunks).toHaveLength(10_000 / CHUNK)
    expect(open(chunks[17].textContent)).toHaveLength(CHUNK)
  })
})

describe('a path comes to the answer', () => {
  it('where it states the same value, or, outside mathematics, the same words', () => {
    expect(reaches('so x = 3 and the answer is \\boxed{12}', '12', true)).toBe(true)
    expect(reaches('so x = 12 and the answer is \\boxed{3}', '12', true)).toBe(false)
    expect(reaches('9 - 3 = 6, 11 - 6 = 5,\n12 * 5 = 60 yes', '9 - 3 = 6, 11 - 6 = 5, 12 * 5 = 60', false)).toBe(true)
    expect(reaches('9 - 3 = 6, 11 - 6 = 5, 12 * 5 = 601', '9 - 3 = 6, 11 - 6 = 5, 12 * 5 = 60', false)).toBe(false)
  })
})
