import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { listSteps, readStep } from '../../../src/rollouts/reader.ts'
import { type DifficultyConfig, selectByDifficulty } from '../../../src/trainer/suite/difficulty.ts'
import type { SuiteRow } from '../../../src/trainer/suite/suite.ts'
import { newFolder, run, wholeRun } from '../runs.ts'

let whole: string
let rows: SuiteRow[]
/** Mean of `digits` by prompt, over what the run kept. */
const rates = new Map<string, number>()

beforeAll(async () => {
  ;({ whole } = await wholeRun())
  rows = readFileSync(path.join(whole, 'suites/rl.jsonl'), 'utf8')
    .trimEnd()
    .split('\n')
    .slice(1)
    .map((line) => JSON.parse(line))
  const scores = new Map<string, number[]>()
  for (const { prompt, metrics } of listSteps(whole).flatMap(({ file }) => readStep(file).rollouts)) {
    scores.set(prompt, [...(scores.get(prompt) ?? []), metrics.digits])
  }
  for (const [prompt, all] of scores) rates.set(prompt, all.reduce((a, b) => a + b, 0) / all.length)
})

const config = (changes: Partial<DifficultyConfig> = {}): DifficultyConfig => ({
  ...{ from: whole, metric: 'digits', min: 0, max: 1, unknown: 'drop' },
  ...changes,
})

function select(changes: Partial<DifficultyConfig> = {}): { prompts: string[]; said: string } {
  let said = ''
  const kept = selectByDifficulty(rows, config(changes), (line) => {
    said += `${line}\n`
  })
  return { prompts: kept.map(({ prompt }) => prompt), said }
}

/** A results.json of `provider` and `other`; the first solves the first half of the problems, the other none. */
function results(): string {
  const file = path.join(newFolder(), 'results.json')
  const row = (vars: SuiteRow['vars'], label: string, answer: number, failureReason: number) => ({
    ...{ promptIdx: label === 'provider' ? 0 : 1, vars, provider: { id: 'x', label }, prompt: { raw: `Solve: ${vars.question}` } },
    ...{ namedScores: { answer }, failureReason, error: failureReason === 0 ? undefined : 'wrong' },
  })
  const all = rows.flatMap(({ vars }, i) => [
    row(vars, 'provider', i < rows.length / 2 ? 1 : 0, i < rows.length / 2 ? 0 : 1),
    row(vars, 'provider', 0, 2),
    row(vars, 'other', 0, 1),
  ])
  writeFileSync(file, JSON.stringify({ results: { results: all } }))
  return file
}

describe('difficulty', () => {
  it('takes the rows whose pass rate in the kept rollouts of a run lies within the bounds', () => {
    const known = rows.filter(({ prompt }) => rates.has(prompt)).map(({ prompt }) => prompt)
    const middle = [...rates.values()].sort((a, b) => a - b)[Math.floor(rates.size / 2)]
    expect(rates.size).toBeGreaterThan(3)
    expect(select().prompts).toEqual(known)
    const high = select({ min: middle })
    expect(high.prompts).toEqual(known.filter((prompt) => rates.get(prompt)! >= middle))
    expect(high.prompts.length).toBeLessThan(known.length)
    expect(high.said).toContain(`${high.prompts.length} of ${rows.length} rows have a pass rate that difficulty takes`)
    expect(select({ unknown: 'keep' }).prompts.length).toBe(rows.length)
  })

  it('leaves out a damaged file of rollouts, and says so', () => {
    const copy = newFolder()
    cpSync(path.join(whole, 'rollouts'), path.join(copy, 'rollouts'), { recursive: true })
    const [{ file }] = listSteps(copy)
    writeFileSync(file, readFileSync(file).subarray(0, 40))
    const { said, prompts } = select({ from: copy })
    expect(said).toMatch(/Warning: .*damaged.*left out/)
    expect(prompts.length).toBeGreaterThan(0)
  })

  it('finds problems of an evaluation by their text, and counts no row that ended with an error', () => {
    const from = results()
    expect(() => select({ from, metric: 'answer' })).toThrow('difficulty.provider must name one of the providers')
    const solved = select({ from, metric: 'answer', provider: 'provider', min: 0.5 }).prompts
    expect(solved).toEqual(rows.slice(0, Math.ceil(rows.length / 2)).map(({ prompt }) => prompt))
    expect(select({ from, metric: 'answer', provider: 'other', max: 0 }).prompts.length).toBe(rows.length)
  })

  it('says what is missing', () => {
    expect(() => select({ from: newFolder() })).toThrow('keeps no rollouts')
    expect(() => select({ metric: 'digit' })).toThrow('No response in')
    expect(() => select({ min: 0.999 })).toThrow(/leaves none of 24 rows.* above 1/)
    expect(() => select({ from: path.join(whole, 'none.json') })).toThrow('does not exist')
  })

  it('chooses the rows that a run trains on and keeps', async () => {
    const folder = newFolder()
    const sets = [`stages.rl.difficulty={ from: "${whole}", metric: digits }`, 'stages.base.steps=1', 'stages.rl.steps=1']
    const { text } = await run(folder, { resume: false, keptSuites: false, sets })
    expect(text).toContain(`${rates.size} rows, 2 prompts x 4 samples`)
    const [header] = readFileSync(path.join(folder, 'suites/rl.jsonl'), 'utf8').split('\n')
    expect(JSON.parse(header).rows).toBe(rates.size)
    await expect(run(newFolder(), { sets: [`stages.rl.difficulty={ from: "${whole}", min: 0.5, max: 0.1 }`] })).rejects.toThrow(
      'difficulty.min must be at most difficulty.max',
    )
  })
})
