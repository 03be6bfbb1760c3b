/** Verdicts and tables of made-up answers whose outcome is known. */

import { readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { CLAIMS, decideClaims } from '../../scripts/evidence/claims.ts'
import { evidenceSection, withSection } from '../../scripts/evidence/markdown.ts'
import { type Answer, type Column, type Measured, NOTHING, type Trained } from '../../scripts/evidence/measured.ts'
import { drawEvidence, meanRun } from '../../scripts/evidence/page.ts'
import { readTable } from '../../scripts/evidence/table.ts'
import { seededRandom } from '../../src/random.ts'
import type { Run } from '../../src/report/run/read.ts'

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..')
const { arms } = readTable(path.join(root, 'suites', 'countdown', 'evidence.yaml'))
const armOf = (name: string) => arms.find((arm) => arm.name === name)!

interface Made {
  right: number
  parallel?: number
  critical?: number
  total?: number
}

const PROBLEMS = 100
const SAMPLES = 4

/** Answers that are right in this share of cases, with seeds that differ by little. */
function made(name: string, { right, parallel = 0, critical = 100, total = 100 }: Made, seeds: readonly number[], plain = false): Column {
  const random = seededRandom(name.length + 100 * right)
  const answer = (): Answer => ({ right: random() < right, parallel: random() < parallel, critical, total })
  const answers = () =>
    new Map(Array.from({ length: PROBLEMS }, (_, p): [string, Answer[]] => [`problem ${p}`, Array.from({ length: SAMPLES }, answer)]))
  const arm = armOf(name)
  return {
    arm,
    plain,
    title: plain ? `${arm.title}, decoded sequentially` : arm.title,
    bySeed: new Map(seeds.map((seed) => [seed, answers()])),
  }
}

/** A run whose figures go in a straight line from the first value to the last. */
function trained(name: string, lines: Record<string, [number, number]>, seeds: readonly number[], switchAfter?: number): Trained {
  const steps = 40
  const runOf = (seed: number): Run => ({
    folder: `seed-${seed}`,
    label: name,
    changes: [],
    others: [],
    torn: false,
    steps: Array.from({ length: steps }, (_, i) => ({
      total: i + 1,
      stage: 'rl',
      kind: 'grpo',
      step: i + 1,
      steps,
      values: new Map(Object.entries(lines).map(([key, [from, to]]) => [key, from + ((to - from) * i) / (steps - 1) + 0.001 * seed])),
    })),
  })
  return { arm: armOf(name), switchAfter, bySeed: new Map(seeds.map((seed) => [seed, runOf(seed)])) }
}

function measured(seeds: readonly number[]): Measured {
  return {
    ...NOTHING,
    columns: [
      made('sft-parallel', { right: 0.2, parallel: 0.95, critical: 50, total: 160 }, seeds),
      made('sequential', { right: 0.4, critical: 160, total: 160 }, seeds),
      made('s1', { right: 0.6, parallel: 0.5, critical: 60, total: 200 }, seeds),
      made('s1', { right: 0.6, critical: 150, total: 150 }, seeds, true),
      made('s2', { right: 0.61, parallel: 0.9, critical: 60, total: 200 }, seeds),
      made('strict', { right: 0.3, parallel: 0.4, critical: 60, total: 200 }, seeds),
      made('tag-free', { right: 0.7, critical: 200, total: 200 }, seeds),
    ],
    trained: [
      trained('s1', { 'kept.position': [0.2, 0.4], parallelRatio: [0.9, 0.5], reward: [-0.5, 0.2] }, seeds),
      trained('scaffold', { parallelRatio: [0.9, 0.3], reward: [-0.5, 0.3] }, seeds, 27),
    ],
    done: 10,
    parts: 12,
  }
}

const told = { command: 'npm run evidence', where: 'a day, a machine' }

describe('claims', () => {
  it('are decided as the answers were made', () => {
    const found = Object.fromEntries(decideClaims(measured([1, 2, 3])).map(({ claim, verdict }) => [claim.id, verdict]))
    expect(found).toMatchObject({
      rl: 'seen',
      parallel: 'seen',
      ratio: 'seen',
      decay: 'seen',
      any: 'seen',
      position: 'seen',
      'scaffold-ratio': 'seen',
      tags: 'not seen',
      strict: 'not seen',
      chain: 'seen',
      work: 'seen',
      'parallel-curriculum': 'not run',
      curriculum: 'not run',
      scaffold: 'not run',
    })
  })

  it('of one seed are undecided, whatever the difference', () => {
    for (const { estimate, verdict } of decideClaims(measured([1]))) {
      expect(verdict).toBe(estimate ? 'undecided at this size' : 'not run')
    }
  })

  it('name arms of the table, and each has a name of its own', () => {
    const names = CLAIMS.flatMap(({ of }) =>
      'arm' in of ? [of.arm] : [of.a, of.b].map((side) => (typeof side === 'string' ? side : side.plain)),
    )
    for (const name of names) expect(armOf(name), name).toBeDefined()
    expect(new Set(CLAIMS.map(({ id }) => id)).size).toBe(CLAIMS.length)
  })
})

describe('the section of the documentation', () => {
  it('has a line an arm and a claim, with every cell', () => {
    const lines = evidenceSection(measured([1, 2, 3]), told).split('\n')
    const rows = lines.filter((line) => line.startsWith('| ')).map((line) => line.split(' | ').length)
    expect(rows.filter((cells) => cells === 8)).toHaveLength(1 + 7)
    expect(rows.filter((cells) => cells === 6)).toHaveLength(3 + CLAIMS.length)
    expect(rows).toHaveLength(1 + 7 + 3 + CLAIMS.length)
    expect(lines).toContain('**10 of 12 parts are done. A dash stands where nothing was measured.**')
    expect(lines.join('\n')).not.toMatch(/NaN|undefined|Infinity/)
  })

  it('says plainly that nothing was run', () => {
    const section = evidenceSection(NOTHING)
    expect(section).toContain('**Nothing has been run at full size yet.**')
    expect(section.match(/\| not run \|/g)).toHaveLength(CLAIMS.length)
    expect(section).not.toMatch(/NaN|undefined/)
  })

  it('takes its place in docs/evidence.md, which holds what this code writes', () => {
    const page = readFileSync(path.join(root, 'docs', 'evidence.md'), 'utf8')
    if (page.includes('Nothing has been run at full size yet')) expect(withSection(page, evidenceSection(NOTHING))).toBe(page)
    else expect(page).toContain('Verdicts: ')
    expect(() => withSection('# A page', 'section')).toThrow('no place for the figures')
  })
})

describe('the page', () => {
  it('has the tables, the intervals and the curves of every arm that trained', () => {
    const page = drawEvidence(measured([1, 2, 3]), told)
    expect(page).toContain('Content-Security-Policy')
    expect(page.match(/<figure class="curves"/g)).toHaveLength(3)
    expect(page).toContain('relative position of the blocks')
    for (const { says } of CLAIMS) expect(page).toContain(says)
    expect(page.slice(0, page.lastIndexOf('<script>'))).not.toMatch(/NaN|undefined/)
  })

  it('stands without anything that was trained', () => {
    expect(drawEvidence({ ...measured([1]), trained: [] }, told)).toContain('No arm has trained yet.')
  })

  it('draws the mean over seeds', () => {
    const run = meanRun(trained('s1', { reward: [0, 1] }, [1, 3]))!
    expect(run.steps[0].values.get('reward')).toBeCloseTo(0.002, 12)
    expect(run.steps).toHaveLength(40)
  })
})
