import { describe, expect, it } from 'vitest'
import { analyze } from '../../src/report/analysis.ts'
import type { Estimate } from '../../src/report/intervals.ts'
import type { Row } from '../../src/report/rows.ts'
import { readExperiment } from '../../src/report/samples.ts'
import type { Summary } from '../../src/report/statistics.ts'
import fixture from './fixtures/statistics.json' with { type: 'json' }
import { results, row, rowsOfVotes } from './synthetic.ts'

const analysisOf = (rows: readonly Row[], options = {}) => analyze(readExperiment([results(rows)], options))

const bounds = ({ value, low, high }: Estimate): number[] => [value, low, high]

function expectClose(found: Estimate, expected: readonly number[]): void {
  bounds(found).forEach((value, i) => {
    expect(value).toBeCloseTo(expected[i], 9)
  })
}

const behaviour = ({ behaviour: all }: Summary, name: string): Estimate | undefined => all.find((one) => one.name === name)?.estimate

describe('accuracy against numpy and scipy (fixtures/statistics.py.txt)', () => {
  for (const [i, expected] of fixture.cases.entries()) {
    it(`case ${i}: ${expected.votes.length} problems x ${expected.votes[0].length} samples`, async () => {
      const { summaries } = await analysisOf(rowsOfVotes(expected.votes))
      const [{ mean, passAt, majAt, bestAt, problems, samples, k }] = summaries
      expect({ problems, samples, k }).toEqual({
        problems: expected.votes.length,
        samples: expected.votes.join('').length,
        k: expected.votes[0].length,
      })
      expectClose(mean, expected.mean)
      for (const [found, table] of [
        [passAt, expected.pass],
        [majAt, expected.maj],
        [bestAt, expected.best],
      ] as const) {
        expect(found.map(({ k: samplesDrawn }) => String(samplesDrawn))).toEqual(Object.keys(table))
        for (const one of found) expectClose(one, (table as unknown as Record<string, number[]>)[one.k])
      }
    })
  }
})

describe('what counts as a problem, a sample, a right answer', () => {
  it('groups repeats by their vars, in whatever order rows were saved', async () => {
    const rows = [0, 1, 2].flatMap((problem) => [0, 1].map((repeat) => row({ problem, right: problem > repeat })))
    const { summaries } = await analysisOf([rows[5], rows[0], rows[3], rows[1], rows[4], rows[2]])
    expect(summaries[0]).toMatchObject({ problems: 3, samples: 6, k: 2 })
    expect(summaries[0].mean.value).toBeCloseTo((0 + 0.5 + 1) / 3, 12)
  })

  it("ignores promptfoo's own vars", async () => {
    const rows = [0, 1].map((repeat) => row({ problem: 1, extra: { vars: { problem: 'same', __repeatIndex: repeat } } }))
    expect((await analysisOf(rows)).summaries[0]).toMatchObject({ problems: 1, samples: 2 })
  })

  it('leaves rows with an error out and counts them', async () => {
    const { summaries, experiment } = await analysisOf([
      row({ problem: 1, right: true }),
      row({ problem: 1, error: 'engine failed' }),
      row({ problem: 2, right: true }),
      row({ problem: 2, right: true }),
    ])
    expect(summaries[0].mean.value).toBe(1)
    expect(summaries[0]).toMatchObject({ samples: 3, k: 1, mostSamples: 2 })
    expect(experiment.columns[0].errors).toBe(1)
  })

  it('takes the metric that is named, by default "answer", else the verdict of promptfoo', async () => {
    const rows = [1, 2].map((problem) => row({ problem, right: true, scores: { strict: problem - 1 } }))
    expect((await analysisOf(rows)).summaries[0].mean.value).toBe(1)
    expect((await analysisOf(rows, { metric: 'strict' })).summaries[0].mean.value).toBe(0.5)
    const plain = rows.map((one, i) => ({ ...one, namedScores: {}, success: i === 0 }))
    const analysis = await analysisOf(plain)
    expect(analysis.experiment.metric).toBeUndefined()
    expect(analysis.summaries[0].mean.value).toBe(0.5)
    expect(() => readExperiment([results(rows)], { metric: 'strcit' })).toThrow(/no row has the metric "strcit".*answer, strict/i)
  })

  it('counts equal mathematics as one vote and says nothing where the grader tells no answer', async () => {
    const votes = [
      { right: true, answer: '0.5' },
      { right: true, answer: '\\frac{1}{2}' },
      { answer: '2' },
      { answer: '2.0' },
      { answer: '4/2' },
      { answer: null },
    ]
    const rows = [1, 2].flatMap((problem) => votes.map((vote) => row({ problem, ...vote })))
    // Three votes for 2, two for a half, one silent.
    expect((await analysisOf(rows)).summaries[0].majAt.at(-1)).toMatchObject({ k: 6, value: 0 })
    const silent = await analysisOf([...rows, row({ problem: 3, right: true })])
    expect(silent.summaries[0].majAt).toEqual([])
  })

  it('tells columns of equal names apart', () => {
    const twice = readExperiment([results([row({ problem: 1 })], 'a.json'), results([row({ problem: 1 })], 'b.json')])
    expect(twice.columns.map(({ label }) => label)).toEqual(['alpha', 'alpha (b.json)'])
    expect(twice.problems).toHaveLength(1)
    const labelsOf = (prompts: string[]) => {
      const rows = prompts.map((label, column) => row({ problem: 1, column, extra: { provider: { label: 'one' }, prompt: { label } } }))
      return readExperiment([results(rows)]).columns.map(({ label }) => label)
    }
    expect(labelsOf(['prompt 0', 'prompt 1'])).toEqual(['one, prompt 0', 'one, prompt 1'])
    // As promptfoo names prompts of files: the path, and how the text begins.
    const folder = 'node_modules/parallel-r1/suites/prompts'
    expect(labelsOf([`${folder}/parallel.j2: {{ problem }}\n\nWork on…`, `${folder}/parallel-example.j2: [\n  {\n`])).toEqual([
      'one, parallel.j2',
      'one, parallel-example.j2',
    ])
    expect(labelsOf(['a/same.txt: one', 'b/same.txt: two'])).toEqual(['one, same.txt', 'one, same.txt (column 2)'])
  })
})

describe('behaviour', () => {
  const block = '<Parallel><Path>a</Path><Path>b</Path></Parallel>\n<Summary>s</Summary>'
  const rows = [
    row({
      problem: 1,
      output: `xx${block}`,
      metadata: { totalTokens: 40, criticalPathTokens: 25, tree: { blocks: [{ start: 10, paths: [{}, {}] }] } },
      scores: { agreement: 0.5, rescue: 1, diversity: 0.25 },
      extra: { latencyMs: 1000 },
    }),
    row({
      problem: 2,
      output: `${block}${block.replace('</Summary>', '')}`,
      metadata: { totalTokens: 80, criticalPathTokens: 60, finishReason: 'length' },
      scores: { agreement: 1, rescue: 0, diversity: 0.75 },
      extra: { latencyMs: 3000 },
    }),
    row({
      problem: 3,
      output: 'plain',
      metadata: { totalTokens: 30, criticalPathTokens: 30, finishReason: 'stop' },
      scores: { agreement: 0, rescue: 0, diversity: 0 },
      extra: { response: { output: 'plain', cached: true, metadata: { totalTokens: 30, criticalPathTokens: 30, finishReason: 'stop' } } },
    }),
  ]

  it('is measured as its meaning says', async () => {
    const [summary] = (await analysisOf(rows)).summaries
    const values = Object.fromEntries(summary.behaviour.map(({ name, estimate }) => [name, estimate.value]))
    expect(values).toEqual({
      'parallel ratio': expect.closeTo(2 / 3, 12),
      blocks: 1,
      paths: 2,
      'structure valid': 0.5,
      // By tokens where the provider tells them (10 of 40), else by characters.
      'first block at': expect.closeTo(0.125, 12),
      agreement: 0.75,
      rescue: 0.5,
      'total tokens': 50,
      'critical path': expect.closeTo(115 / 3, 12),
      // The third response came from a store: 120 tokens in 4 seconds.
      'tokens/s': 30,
      'cut off': 0.5,
    })
    expect(summary.scores.map(({ name, estimate }) => [name, estimate.value])).toEqual([['diversity', expect.closeTo(1 / 3, 12)]])
  })

  it('tells of ended paths where a path may settle its block', async () => {
    const metadata = (ended: number, saved: number) => ({
      savedTokensAtMost: saved,
      tree: { blocks: [{ start: 0, paths: [{}, {}].map((path, k) => (k < ended ? { ...path, ended: 'sibling' } : path)) }] },
    })
    // The first was ended before it differed from the second.
    const cut = block.replace('<Path>b', '<Path>a')
    const [summary] = (
      await analysisOf([
        row({ problem: 1, output: cut, metadata: metadata(1, 10) }),
        row({ problem: 2, output: block, metadata: metadata(0, 0) }),
        row({ problem: 3, output: 'plain', metadata: { savedTokensAtMost: 0 } }),
      ])
    ).summaries
    expect(behaviour(summary, 'ended paths')?.value).toBe(0.25)
    expect(behaviour(summary, 'saved tokens, at most')?.value).toBeCloseTo(10 / 3, 12)
    expect(behaviour(summary, 'structure valid')?.value).toBe(1)
  })

  it('leaves out what nobody reports', async () => {
    const [summary] = (await analysisOf([1, 2].map((problem) => row({ problem, output: 'x', extra: { latencyMs: undefined } })))).summaries
    expect(summary.behaviour.map(({ name }) => name)).toEqual(['parallel ratio', 'blocks'])
    expect(behaviour(summary, 'parallel ratio')?.value).toBe(0)
  })
})

describe('comparison', () => {
  const tokens = (total: number, critical: number) => ({ totalTokens: total, criticalPathTokens: critical })

  it('pairs problems and ignores those that one side lacks', async () => {
    const rows = [
      ...[1, 2, 3, 4].map((problem) => row({ problem, column: 0, right: problem > 2 })),
      ...[2, 3, 4, 5].map((problem) => row({ problem, column: 1, right: problem > 3 })),
    ]
    const [comparison] = (await analysisOf(rows)).comparisons
    expect(comparison).toMatchObject({ a: { label: 'beta' }, b: { label: 'alpha' }, problems: 3 })
    expect(comparison.accuracy.map(({ name }) => name)).toEqual(['mean@1'])
    expect(comparison.accuracy[0].value).toBeCloseTo(1 / 3 - 2 / 3, 12)
    expect(comparison.mcnemar).toEqual({ onlyA: 0, onlyB: 1, p: 1 })
  })

  it('compares pass@k, pass^k and maj@k where there are several samples, and no McNemar', async () => {
    const rows = [...rowsOfVotes(['Ra', 'ab', 'RR']), ...rowsOfVotes(['aa', 'aR', 'RR'], 1)]
    const [comparison] = (await analysisOf(rows)).comparisons
    expect(comparison.accuracy.map(({ name, value }) => [name, value])).toEqual([
      ['mean@2', 0],
      ['pass@2', 0],
      ['pass^2', 0],
      ['maj@2', 0],
    ])
    expect(comparison.mcnemar).toBeUndefined()
  })

  it('compares within equal budgets of total tokens and of the critical path', async () => {
    // Both are always right; alpha takes 100 tokens one after the other, beta 160 with a chain of 40.
    const rows = [1, 2, 3, 4].flatMap((problem) => [
      row({ problem, column: 0, right: true, metadata: tokens(100, 100) }),
      row({ problem, column: 1, right: true, metadata: tokens(160, 40) }),
    ])
    const analysis = await analysisOf(rows)
    const [{ atTotalTokens, atCriticalPath }] = analysis.comparisons
    expect(atTotalTokens.map(({ budget, value }) => [budget, value])).toEqual([
      [100, -1],
      [130, -1],
      [160, 0],
    ])
    expect(atCriticalPath.map(({ budget, value }) => [budget, value])).toEqual([
      [40, 1],
      [70, 1],
      [100, 0],
    ])
    const at = (curve: (typeof analysis.curves.totalTokens)[number], t: number) => curve.points.findLast(({ tokens: x }) => x <= t)?.value
    expect(analysis.curves.totalTokens.map((curve) => [at(curve, 99), at(curve, 110), at(curve, 160)])).toEqual([
      [0, 1, 1],
      [0, 0, 1],
    ])
    expect(analysis.curves.criticalTokens.map((curve) => [at(curve, 39), at(curve, 45), at(curve, 100)])).toEqual([
      [0, 0, 1],
      [0, 1, 1],
    ])
  })

  it('ends its curves at the accuracy, whatever lengths are reported', async () => {
    const rows = [1, 2, 3].flatMap((problem) =>
      [0.5, 3, 10.4].map((total, i) => row({ problem, right: i < problem, metadata: tokens(total, -1) })),
    )
    const analysis = await analysisOf(rows)
    const [curve] = analysis.curves.totalTokens
    expect(curve.points.at(-1)).toMatchObject({ tokens: 11, value: analysis.summaries[0].mean.value })
    expect(curve.points.map(({ value }) => value)).toEqual([...curve.points.map(({ value }) => value)].sort((a, b) => a - b))
  })

  it('compares all pairs of four columns, else with the first, or with a baseline', async () => {
    const columns = (n: number) => Array.from({ length: n }, (_, column) => [1, 2].map((problem) => row({ problem, column }))).flat()
    expect((await analysisOf(columns(4))).comparisons).toHaveLength(6)
    expect((await analysisOf(columns(5))).comparisons.map(({ b }) => b.label)).toEqual(Array(4).fill('alpha'))
    const experiment = readExperiment([results(columns(3))])
    const based = await analyze(experiment, { baseline: 'beta' })
    expect(based.comparisons.map(({ a, b }) => [a.label, b.label])).toEqual([
      ['alpha', 'beta'],
      ['gamma', 'beta'],
    ])
    await expect(analyze(experiment, { baseline: 'betta' })).rejects.toThrow(/not a column.*alpha; beta; gamma/)
  })

  it('corrects for the number of comparisons', async () => {
    const rows = Array.from({ length: 12 }, (_, problem) =>
      [0, 1, 2].map((column) => row({ problem, column, right: column * 5 > problem })),
    ).flat()
    const { comparisons } = await analysisOf(rows)
    const ps = comparisons.map(({ accuracy }) => accuracy[0].p)
    const corrected = comparisons.map(({ accuracy }) => accuracy[0].corrected)
    const least = ps.indexOf(Math.min(...ps))
    expect(corrected[least]).toBeCloseTo(3 * ps[least], 12)
    corrected.forEach((value, i) => {
      expect(value).toBeGreaterThanOrEqual(ps[i])
    })
  })
})
