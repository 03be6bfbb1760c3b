import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { reportCommand } from '../../../src/report/command.ts'
import { ReportError } from '../../../src/report/rows.ts'
import { curvesOf, quantitiesOf, stagesOf } from '../../../src/report/run/quantities.ts'
import { readRuns } from '../../../src/report/run/read.ts'
import { grpoLine, runFolder, sftLine, usualLines } from './runs.ts'

const empty = () => mkdtempSync(path.join(tmpdir(), 'pr1-run-page-'))

describe('the lines of a run', () => {
  it('are steps in their stages, with every number by its key', () => {
    const [run] = readRuns([runFolder(usualLines())])
    expect(run.steps).toHaveLength(50)
    expect(stagesOf(run)).toEqual([
      { name: 'base', kind: 'sft', from: 0, done: 10, steps: 10 },
      { name: 'rl', kind: 'grpo', from: 10, done: 40, steps: 40 },
    ])
    expect(Object.fromEntries(run.steps[49].values)).toMatchObject({ reward: 1, 'metrics.answer': 1, 'gap.max': 0, loss: 0.01 })
    expect(run.torn).toBe(false)
  })

  it('become curves: shares of groups, one curve a stage, numbers that are not finite left out', () => {
    const [run] = readRuns([runFolder([sftLine(1), sftLine(2, { loss: null }), grpoLine(1), grpoLine(2, { groups: 4, informative: 1 })])])
    const by = new Map(quantitiesOf([run]).map((quantity) => [quantity.name, curvesOf(run, quantity.value).map(({ points }) => points)]))
    expect(by.get('loss')).toEqual([
      [{ at: 1, value: 4 }],
      [
        { at: 3, value: 0.01 },
        { at: 4, value: 0.01 },
      ],
    ])
    expect(by.get('informative groups')).toEqual([
      [
        { at: 3, value: 0.75 },
        { at: 4, value: 0.25 },
      ],
    ])
  })

  it('leave out of a curve what a step without loss does not tell', async () => {
    const nothing = { loss: undefined, entropy: undefined, clipFraction: undefined, gap: undefined, informative: 0, lossTokens: 0 }
    const folder = runFolder([grpoLine(1), grpoLine(2, nothing), grpoLine(3)])
    const [run] = readRuns([folder])
    for (const key of ['entropy', 'loss', 'gap.max']) {
      const { value } = quantitiesOf([run]).find((quantity) => quantity.key === key)!
      expect(curvesOf(run, value).map(({ points }) => points.map(({ at }) => at))).toEqual([[1, 3]])
    }
    expect(await said(folder)).toMatch(/entropy +0\.5 +0\.5/)
    expect(await said(runFolder([grpoLine(1, nothing)]))).not.toContain('entropy')
  })

  it('name every metric, and a number that this version does not know', () => {
    const [run] = readRuns([runFolder([grpoLine(1, { metrics: { answer: 1, 'my own': 0.5 }, novel: 3 })])])
    const names = quantitiesOf([run]).map(({ name }) => name)
    expect(names.slice(0, 3)).toEqual(['reward', 'answer', 'my own'])
    expect(names.at(-1)).toBe('novel')
    expect(names).not.toContain('groups')
  })

  it('may end in the middle of one, which counts for nothing and is said', async () => {
    const folder = runFolder([...usualLines(), JSON.stringify(grpoLine(41)).slice(0, 80)])
    expect(readRuns([folder])[0]).toMatchObject({ torn: true, steps: { length: 50 } })
    expect(await said(folder)).toContain('The last line of metrics.jsonl breaks off and is left out')
  })

  it('tell of keys that were changed at a resume', async () => {
    const change = { change: { total: 10, path: 'stages.rl.reward', was: 'answer', is: 'answer * structure' } }
    expect(await said(runFolder([...usualLines().slice(0, 10), change, grpoLine(1)]))).toContain(
      'After step 10 stages.rl.reward was changed from answer to answer * structure.',
    )
  })

  it('of several runs have names that tell them apart', () => {
    const [a, b] = [runFolder([sftLine(1)], 'same'), runFolder([sftLine(1)], 'same')]
    const labels = readRuns([a, b]).map(({ label }) => label)
    expect(new Set(labels).size).toBe(2)
    expect(labels[0]).toMatch(/\/same$/)
    expect(readRuns([a, a]).map(({ label }) => label.slice(-4))).toEqual([' (1)', ' (2)'])
  })
})

const page = path.join(empty(), 'run.html')

async function said(...args: string[]): Promise<string> {
  let text = ''
  await reportCommand([...args, '-o', page], (part) => {
    text += part
  })
  return text
}

describe('pr1-report of a run', () => {
  it('prints where figures began and ended, and writes one page', async () => {
    const text = await said(runFolder(usualLines()))
    expect(text).toMatch(/^The reward went from 0\.0625 to 0\.963 in 40 steps of rl\.\nMeans of the first and the last 4 steps\./)
    expect(text).toContain('base (sft) 10/10, rl (grpo) 40/40')
    expect(text).toMatch(/informative groups +75\.0 % +75\.0 %/)
    expect(readFileSync(page, 'utf8')).toMatch(/^<!doctype html>[\s\S]*<\/html>\n$/)
  })

  it('puts several runs side by side', async () => {
    const text = await said(runFolder(usualLines(), 'one'), runFolder([sftLine(1)], 'two'))
    expect(text).toMatch(/^one: reward from 0\.0625 to 0\.963 in 40 steps of rl\. two: loss from 4 to 4 in 1 step of base\./)
    expect(text).toMatch(/reward +0\.0625 +0\.963 +– +–/)
  })

  it.each<[string, () => string[], RegExp]>([
    ['a folder with something else', () => [withFile('notes.txt')], /holds no run: there is no metrics\.jsonl in it\. Got a folder with notes\.txt\./],
    ['an empty folder', () => [empty()], /holds no run.*Got an empty folder\. Name the output folder/],
    ['a folder above runs', () => [path.dirname(runFolder([sftLine(1)]))], /There are runs below it: .*run\./],
    ['a run without a step', () => [runFolder([])], /has no step yet: metrics\.jsonl, and it is empty\. Report on it once/],
    ['a run whose first line breaks off', () => [runFolder(['{"stage":'])], /has no step yet.*its only line breaks off/],
    ['a damaged line', () => [runFolder([sftLine(1), '{"stage": "ba\n', sftLine(2)])], /Line 2 of .*metrics\.jsonl is damaged: .*--resume/],
    ['a damaged last line', () => [runFolder([sftLine(1), 'garbage\n'])], /Line 2 of .*metrics\.jsonl is damaged/],
    ['a line that is a list', () => [runFolder(['[1]\n'])], /Line 1 of .* is no line of a run: it must be an object\. Got \[1\]/],
    ['a step without its place', () => [runFolder([{ kind: 'sft', loss: 1 }])], /Line 1 of .* needs stage, step and steps\. Got kind, loss/],
    ['a line nested without end', () => [runFolder([`${'['.repeat(9000)}${']'.repeat(9000)}\n`])], /Line 1 of .* is damaged: .*nested/],
    ['a run beside an evaluation', () => [runFolder([sftLine(1)]), 'latest'], /of runs or of evaluations\. Got latest beside/],
    ['an option for evaluations', () => [runFolder([sftLine(1)]), '--metric', 'answer'], /--metric is an option for evaluations/],
  ])('refuses %s with a clear message', async (_, args, message) => {
    await expect(said(...args())).rejects.toThrow(message)
  }) // biome-ignore format: a table

  it('never names a metrics.jsonl that is a folder as an internal error', async () => {
    const folder = empty()
    mkdirSync(path.join(folder, 'metrics.jsonl'))
    await expect(said(folder)).rejects.toBeInstanceOf(ReportError)
    rmSync(folder, { recursive: true })
  })
})

function withFile(name: string): string {
  const folder = empty()
  writeFileSync(path.join(folder, name), '')
  return folder
}
