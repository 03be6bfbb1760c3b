import { parseHTML } from 'linkedom'
import { describe, expect, it } from 'vitest'
import { drawRunPage } from '../../../src/report/run/page.ts'
import { readRuns } from '../../../src/report/run/read.ts'
import { readKept } from '../../../src/report/run/samples.ts'
import { expectInert } from '../inert.ts'
import { grpoLine, keepStep, rollout, runFolder, sftLine, usualLines } from './runs.ts'

const drawn = (...folders: string[]) => drawRunPage(readKept(readRuns(folders), 1000))
const pageOf = (...lines: (readonly (object | string)[])[]) => drawn(...lines.map((one, i) => runFolder(one, `run-${i + 1}`)))

/** The page without its script, which may say `undefined`. */
const withoutCode = (page: string) => page.replace(/<script>[\s\S]*?<\/script>/g, '')

describe('the page of a run', () => {
  it('loads nothing and forbids itself to', () => {
    const page = pageOf(usualLines())
    expect(page).toContain("default-src 'none'")
    const { document } = parseHTML(page)
    const sources = [...document.querySelectorAll('[src], link, [href]')].map(
      (node) => node.getAttribute('src') ?? node.getAttribute('href'),
    )
    expect(sources.every((source) => source?.startsWith('#'))).toBe(true)
    expect(page.replace(/xmlns="[^"]*"/g, '').replaceAll("'http://www.w3.org/2000/svg'", '')).not.toMatch(/https?:\/\//)
    expect(withoutCode(page)).not.toMatch(/NaN|undefined|Infinity/)
  })

  it('draws a chart for every figure, and says what it shows', () => {
    const { document } = parseHTML(pageOf(usualLines()))
    const labels = [...document.querySelectorAll('figure.curves svg')].map((svg) => svg.getAttribute('aria-label') ?? '')
    expect(labels.map((label) => label.split(' over 50 steps')[0])).toEqual([
      'reward',
      'answer',
      'structure',
      'spread of the reward',
      'loss',
      'entropy',
      'informative groups',
      'groups without signal, all right',
      'groups without signal, all wrong',
      'gradient norm',
      'skipped updates',
      'learning rate',
      'clipped tokens',
      'gap, mean',
      'gap, largest',
      'parallel ratio',
      'total tokens',
      'critical path',
      'truncated',
      'tokens/s',
      'seconds',
      'tokens',
    ])
    expect(labels[0]).toBe('reward over 50 steps: run-1 from 0.0625 to 0.963')
    // The loss has a line for each stage, the reward one.
    expect(document.querySelectorAll('figure.curves')[4].querySelectorAll('path.raw')).toHaveLength(2)
    expect(document.querySelectorAll('figure.curves')[0].querySelectorAll('path.raw')).toHaveLength(1)
    expect(document.querySelectorAll('figure.curves')[0].textContent).toContain('base')
  })

  it('draws every point where the axes say', () => {
    const { document } = parseHTML(pageOf(usualLines()))
    const [figure] = document.querySelectorAll('figure.curves')
    const [x, y] = ['x', 'y'].map((axis) => figure.getAttribute(`data-${axis}`)!.split(' ').map(Number))
    const points: string[] = figure.querySelector('path.raw')!.getAttribute('d')!.slice(1).split('L')
    const values = points.map((point) => point.split(',').map(Number)).map(([px, py]: number[]) => [x[0] + x[1] * px, y[0] + y[1] * py])
    expect(values).toHaveLength(40)
    for (const [i, [at, value]] of values.entries()) {
      expect(at).toBeCloseTo(11 + i, 1)
      expect(value).toBeCloseTo((i + 1) / 40, 3)
    }
  })

  it('draws figures of very different size on a logarithmic axis', () => {
    const norms = [1e-3, 1, 40, 2e3]
    const { document } = parseHTML(pageOf(norms.map((gradNorm, i) => sftLine(i + 1, { gradNorm }))))
    const figure = document.querySelector('figure[data-log]')!
    const [start, per] = figure.getAttribute('data-y')!.split(' ').map(Number)
    const ys = figure.querySelector('path.raw')!.getAttribute('d')!.slice(1).split('L').map((point: string) => Number(point.split(',')[1])) // biome-ignore format: one path
    for (const [i, y] of ys.entries()) expect(Math.log10(norms[i])).toBeCloseTo(start + per * y, 2)
  })

  it('takes means where a line has more points than can be seen', () => {
    const page = pageOf(Array.from({ length: 2500 }, (_, i) => sftLine(i + 1, { loss: i % 2 })))
    const { document } = parseHTML(page)
    const [loss] = document.querySelectorAll('figure.curves')
    expect(loss.querySelector('path.raw')!.getAttribute('d')!.split('L')).toHaveLength(Math.ceil(2500 / 3))
    expect(loss.textContent).toContain('Each point is the mean of 3 steps.')
  })

  it('puts runs side by side, by colour and dash, with a key', () => {
    const { document } = parseHTML(pageOf(usualLines(), usualLines().slice(0, 20), [grpoLine(1)]))
    const lines = [...document.querySelectorAll('figure.curves')[0].querySelectorAll('path.raw')]
    expect(lines.map((line) => line.getAttribute('data-run'))).toEqual(['0', '1', '2'])
    expect(new Set(lines.map((line) => line.getAttribute('stroke'))).size).toBe(3)
    expect(document.querySelector('p.key')?.textContent).toBe('run-1run-2run-3')
  })

  it('draws evaluations with their intervals at the steps where they were made', () => {
    const evaluation = (total: number, value: number) => ({
      kind: 'evaluation',
      name: 'hard',
      stage: 'rl',
      step: total - 10,
      total,
      accuracy: { 'mean@4': { value, low: value - 0.05, high: value + 0.05, problems: 20, unit: 'share' } },
      behaviour: { 'total tokens': { value: 180, low: 170, high: 190, problems: 20, unit: 'tokens' } },
    })
    const lines = usualLines()
    const { document } = parseHTML(pageOf([...lines.slice(0, 10), evaluation(10, 0.3), ...lines.slice(10), evaluation(50, 0.4)]))
    const figures = [...document.querySelectorAll('figure')].filter((figure) => figure.querySelector('b')?.textContent?.startsWith('hard'))
    expect(figures.map((figure) => figure.querySelector('b')?.textContent)).toEqual(['hard: mean@4', 'hard: total tokens'])
    expect(figures[0].querySelector('svg')?.getAttribute('aria-label')).toBe(
      'hard: mean@4: run-1 step 10 30.0 % (25.0 – 35.0), step 50 40.0 % (35.0 – 45.0)',
    )
    expect([...document.querySelectorAll('nav a')].map((link) => link.textContent)).toContain('Evaluation')
  })

  it('shows what somebody else wrote as text, nowhere as markup', () => {
    const attack = `</script><script>alert(1)</script><img src=x onerror="alert(2)">'"&<!--<script>`
    const lines = [
      sftLine(1, { stage: attack, [attack]: 3 }),
      { change: { total: 1, path: attack, was: attack, is: attack } },
      grpoLine(1, { stage: `${attack} 2`, metrics: { [attack]: 0.5 } }),
      { kind: 'evaluation', name: attack, accuracy: { [attack]: { value: 0.5, low: 0.4, high: 0.6, unit: 'share' } } },
    ]
    const folder = runFolder(lines, '<b>&run')
    keepStep(folder, { total: 2, step: 1 }, [rollout(0, 0, { problem: attack, prompt: attack, text: attack, metrics: { [attack]: 0 } })])
    const page = drawn(folder, runFolder(lines, 'other'))
    expect(page).not.toMatch(/<script>alert|<img|<!--|<b>&run/)
    const { document } = parseHTML(page)
    expectInert(document)
    expect([...document.querySelectorAll('figcaption b')].map((name) => name.textContent)).toContain(attack)
  })
})
