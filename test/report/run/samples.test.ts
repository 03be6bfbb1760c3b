import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { gunzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import type { Detail } from '../../../src/report/page/payload.ts'
import { curvesOf, quantitiesOf } from '../../../src/report/run/quantities.ts'
import { readRuns } from '../../../src/report/run/read.ts'
import { readKept } from '../../../src/report/run/samples.ts'
import { groups, keepStep, rollout, runFolder, usualLines } from './runs.ts'

const open = (chunk: string): Detail[] => JSON.parse(gunzipSync(Buffer.from(chunk, 'base64')).toString()) as Detail[]

const none = { metadata: { ...rollout(0, 0).metadata, tree: { blocks: [] } } }

/** A run that kept steps 11 and 31. */
function kept(): string {
  const folder = runFolder(usualLines())
  keepStep(folder, { total: 11, step: 1 }, groups(4))
  keepStep(folder, { total: 31, step: 21 }, [rollout(0, 0, none), rollout(0, 1)])
  return folder
}

describe('kept rollouts', () => {
  it('say where blocks lie, how many there are and how many paths they have', () => {
    const { runs } = readKept(readRuns([kept()]), 100)
    const curves = new Map(quantitiesOf(runs).map(({ name, value }) => [name, curvesOf(runs[0], value).flatMap(({ points }) => points)]))
    // A block after 10 and one after 40 of 100 tokens, with 2 and 3 paths.
    expect(curves.get('relative position of the blocks')).toEqual([
      { at: 11, value: 0.25 },
      { at: 31, value: 0.25 },
    ])
    expect(curves.get('blocks of a response')).toEqual([
      { at: 11, value: 2 },
      { at: 31, value: 1 },
    ])
    expect(curves.get('paths of a block')).toEqual([
      { at: 11, value: 2.5 },
      { at: 31, value: 2.5 },
    ])
  })

  it('say how many paths siblings ended, where a path may settle its block', () => {
    const ended = rollout(0, 0)
    ended.metadata.tree.blocks[0].paths[1].ended = 'sibling'
    ended.metadata.savedTokensAtMost = 4
    const folder = runFolder(usualLines())
    keepStep(folder, { total: 11, step: 1 }, [ended])
    keepStep(folder, { total: 31, step: 21 }, groups(2))
    const { runs } = readKept(readRuns([folder]), 100)
    const { value } = quantitiesOf(runs).find(({ name }) => name === 'ended paths')!
    expect(curvesOf(runs[0], value).flatMap(({ points }) => points)).toEqual([{ at: 11, value: 0.2 }])
    const names = quantitiesOf(readKept(readRuns([kept()]), 100).runs).map(({ name }) => name)
    expect(names).not.toContain('ended paths')
  })

  it('are the samples of the page, by step and group, with reward and advantage', () => {
    const { samples } = readKept(readRuns([kept()]), 100)
    const { index, chunks, omitted, steps } = samples!
    expect(omitted).toBe(0)
    expect(steps).toEqual([
      ['11', '11: rl 1'],
      ['31', '31: rl 21'],
    ])
    expect(index.step).toEqual([...Array(8).fill(11), 31, 31])
    expect(index.problems[0]).toBe('step 11, p0: What is 0?')
    expect(index.verdict.slice(0, 2)).toEqual([0, 1])
    const [, second] = open(chunks[0])
    expect(second.facts).toEqual(expect.arrayContaining([['reward', '1'], ['advantage', '1'], ['seed', '1']])) // biome-ignore format: one line
    expect(second.grades).toEqual([
      { metric: 'answer', pass: true, score: 1, reason: '' },
      { metric: 'length', pass: true, score: 0.25, reason: '' },
    ])
    expect(second.tree).toHaveLength(5)
  })

  it('stand side by side where several runs asked the same at the same step', () => {
    const { samples } = readKept(readRuns([kept(), kept()]), 100)
    expect(samples!.index.problems).toHaveLength(5)
    expect(samples!.index.column.slice(0, 16)).toEqual([...Array(8).fill(0), ...Array(8).fill(1)])
  })

  it('that teach nothing are told apart', () => {
    const folder = runFolder(usualLines())
    keepStep(folder, { total: 11, step: 1 }, [rollout(0, 0, { teaches: false }), rollout(0, 1, { advantage: 0, penalty: 0.5 })])
    const { index, chunks } = readKept(readRuns([folder]), 100).samples!
    expect(index.verdict).toEqual([2, 2])
    const [first, second] = open(chunks[0])
    expect(first.facts).toContainEqual(['teaches', 'nothing'])
    expect(second.facts).toContainEqual(['KL taken off', '0.5'])
  })

  it('that are too many lose the later groups of every step, and are counted', () => {
    const folder = runFolder(usualLines())
    for (const step of [1, 2]) keepStep(folder, { total: 10 + step, step }, groups(5))
    const { index, omitted } = readKept(readRuns([folder]), 9).samples!
    expect(index.problems).toEqual([
      'step 11, p0: What is 0?',
      'step 11, p1: What is 1?',
      'step 12, p0: What is 0?',
      'step 12, p1: What is 1?',
    ])
    expect(omitted).toBe(12)
  })

  it('of a chat show the last message in the list', () => {
    const folder = runFolder(usualLines())
    const prompt = JSON.stringify([{ role: 'system', content: 'be brief' }, { role: 'user', content: 'six times\nseven?' }]) // biome-ignore format: one line
    keepStep(folder, { total: 11, step: 1 }, [rollout(0, 0, { prompt })])
    expect(readKept(readRuns([folder]), 9).samples!.index.problems).toEqual(['step 11, p0: six times seven?'])
  })

  it('that are damaged are left out, and said', () => {
    const folder = kept()
    writeFileSync(path.join(folder, 'rollouts', '00000012-rl-2.jsonl.gz'), 'no gzip')
    const { remarks, samples } = readKept(readRuns([folder]), 100)
    expect(remarks).toEqual([expect.stringMatching(/^The rollouts of step 12 are left out\. .*00000012-rl-2\.jsonl\.gz is damaged/)])
    expect(samples!.index.column).toHaveLength(10)
  })

  it('need not be there', () => {
    expect(readKept(readRuns([runFolder(usualLines())]), 100).samples).toBeUndefined()
  })
})
