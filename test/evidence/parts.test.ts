import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { trainingFile } from '../../scripts/evidence/commands.ts'
import { type Plan, planOf, type TrainPart } from '../../scripts/evidence/parts.ts'
import { Records } from '../../scripts/evidence/records.ts'
import { readReward, switched } from '../../scripts/evidence/rewards.ts'
import { describePlan, probesOf, ratesOf } from '../../scripts/evidence/schedule.ts'
import { readTable } from '../../scripts/evidence/table.ts'
import { readTrainConfig } from '../../src/trainer/config/config-file.ts'
import { parseTrainConfig } from '../../src/trainer/config/parse-config.ts'
import { compileReward } from '../../src/trainer/rewards/rewards.ts'
import { mixedTrain } from '../../suites/countdown/data.ts'

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..')
const suite = path.join(root, 'suites', 'countdown')
const table = readTable(path.join(suite, 'evidence.yaml'))
const home = path.join(root, 'runs', 'evidence')
const plan = planOf(table, { seeds: [1, 2] }, home, root)
const partOf = (id: string, from: Plan = plan) => from.parts.find((part) => part.id === id)!
const trainOf = (id: string, from: Plan = plan) => partOf(id, from) as TrainPart
const parallel = readTrainConfig(path.join(suite, 'train.parallel-10.yaml'))

describe('the parts', () => {
  it('share what arms have in common, each behind what it needs', () => {
    const ids = plan.parts.map(({ id }) => id)
    expect(ids.filter((id) => id.startsWith('seed-1/')).slice(0, 4)).toEqual([
      'seed-1/base',
      'seed-1/cold-start-parallel',
      'seed-1/cold-start-sequential',
      'seed-1/cold-start-tag-free',
    ])
    expect(new Set(ids).size).toBe(ids.length)
    for (const [i, { needs, seed }] of plan.parts.entries()) {
      if (needs === undefined) continue
      expect(ids.indexOf(needs)).toBeLessThan(i)
      expect(needs.startsWith(`seed-${seed}/`)).toBe(true)
    }
    // Ten arms, seven of them with RL.
    expect(ids.filter((id) => id.startsWith('seed-2/'))).toHaveLength(1 + 3 + 7 + 10)
  })

  it('are training files that pr1-train takes, with the stages of the shipped ones', () => {
    for (const part of plan.parts) {
      if (part.kind !== 'train') continue
      const file = path.join(home, part.id, 'train.yaml')
      const config = parseTrainConfig(parse(trainingFile(part, path.dirname(file))), file)
      expect(config).toMatchObject({ seed: part.seed, output: path.join(home, part.id, 'run'), save: { dtype: 'float32' } })
      expect(config.precision).toBe(parallel.precision)
    }
    const [base, cold, rl] = ['base', 'cold-start-parallel', 'rl-s1'].map((id) => trainOf(`seed-1/${id}`).train.stages)
    const steps = [...base, ...cold, ...rl].map(({ name, steps }) => [name, steps])
    expect(steps).toEqual(parallel.stages.map((stage) => [stage.name, 'steps' in stage ? stage.steps : undefined]))
  })

  it('begin RL of every arm of a form with the same checkpoint', () => {
    const checkpoints = ['s1', 's2', 'strict', 'scaffold', 'curriculum'].map((arm) => trainOf(`seed-2/rl-${arm}`).train.model)
    expect(new Set(checkpoints.map((model) => JSON.stringify(model)))).toHaveLength(1)
    expect(checkpoints[0]).toEqual({ checkpoint: path.join(home, 'seed-2', 'cold-start-parallel', 'run', 'final') })
    expect(partOf('seed-1/answers-sft-parallel').needs).toBe('seed-1/cold-start-parallel')
    expect(partOf('seed-1/answers-s1')).toMatchObject({ needs: 'seed-1/rl-s1', columns: ['parallel', 'parallel, decoded sequentially'] })
  })

  it('have digests that follow from the recipe and not from the folder or the choice of arms', () => {
    const elsewhere = planOf(table, { seeds: [1], arms: ['s1'] }, path.join(tmpdir(), 'elsewhere'), root)
    expect(partOf('seed-1/answers-s1', elsewhere).digest).toBe(partOf('seed-1/answers-s1').digest)
    const short = planOf(table, { seeds: [1], arms: ['s1'], steps: 2 }, home, root)
    for (const { id, digest } of short.parts) expect(digest).not.toBe(partOf(id).digest)
    expect(trainOf('seed-1/rl-s1', short).train.stages.map(({ steps }) => steps)).toEqual([2])
    expect([short.small, plan.small]).toEqual([true, false])
  })
})

describe('rewards', () => {
  it('switched at step 200 are the ready scaffold, for every outcome', async () => {
    const ours = await compileReward(switched(readReward('s2'), readReward('s1'), 200))
    const ready = await compileReward(readReward('scaffold'))
    for (const step of [1, 8, 9, 10, 11, 199, 200, 201, 209]) {
      for (let bits = 0; bits < 8; bits++) {
        const metrics = { answer: bits & 1, parallel: (bits >> 1) & 1, structure: (bits >> 2) & 1 }
        expect(ours.evaluate(metrics, step), `${JSON.stringify(metrics)} at ${step}`).toBe(ready.evaluate(metrics, step))
      }
    }
  })

  it('of the scaffold switch after two thirds, and the curriculum has a stage of easy problems in the place of the first third', () => {
    const total = trainOf('seed-1/rl-s1').train.stages.reduce((sum, { steps }) => sum + steps!, 0)
    expect(plan.switches.get('scaffold')).toBe(Math.round(0.6667 * total))
    const { stages, suites } = { ...trainOf('seed-1/rl-curriculum').train, suites: trainOf('seed-1/rl-curriculum').suites }
    expect(stages.map(({ name }) => name)).toEqual(['first', ...trainOf('seed-1/rl-s1').train.stages.map(({ name }) => name)])
    expect(stages.reduce((sum, { steps }) => sum + steps!, 0)).toBe(total)
    expect([stages[0].reward, stages[1].reward]).toEqual([readReward('strict'), readReward('s1')])
    const [easy, mixed] = stages.map((stage) => parse(suites.get(stage.suite)!).tests.config)
    // As many easy problems as there are; the mix has thousands.
    expect(easy).toEqual({ ...mixed, hard: 0, count: 800 })
    expect(mixedTrain(easy)).toHaveLength(800)
    expect(mixed.hard).toBeGreaterThan(0)
  })

  it('count malformed blocks, as the paper does', () => {
    const { train, suites } = trainOf('seed-1/rl-s2')
    const made = parse(suites.get(train.stages[0].suite)!)
    const [assertion] = made.defaultTest.assert.filter(({ metric }: { metric: string }) => metric === 'parallel')
    expect(assertion.config).toEqual({ valid: false })
    expect(made.prompts[0].id).toBe(`file://${path.join(suite, 'prompt.j2')}`)
  })

  it('that are no file of suites/rewards, or no single expression, are refused by name', () => {
    expect(() => readReward('s3')).toThrow('There is no reward "s3"')
    expect(() => readReward('efficiency')).toThrow('is not one expression')
  })
})

describe('the table of arms', () => {
  const write = (change: (table: Record<string, Record<string, Record<string, unknown>>>) => void): string => {
    const raw = parse(readFileSync(path.join(suite, 'evidence.yaml'), 'utf8'))
    change(raw)
    const file = path.join(mkdtempSync(path.join(tmpdir(), 'pr1-arms-')), 'arms.yaml')
    writeFileSync(file, JSON.stringify(raw))
    return file
  }

  it('names what is wrong with it', () => {
    expect(() => readTable(write(({ arms }) => { arms.s1.form = 'paralel' }))).toThrow('Did you mean "parallel"?')
    expect(() => readTable(write(({ arms }) => { arms.s1.rewards = 's1' }))).toThrow('Did you mean "reward"?')
    expect(() => readTable(write(({ forms }) => { delete forms.parallel.column }))).toThrow('"column" is missing in form "parallel"')
    expect(() => readTable(write(({ arms }) => { arms['S 1'] = arms.s1 }))).toThrow('becomes a folder. Got "S 1"')
    expect(() => readTable(write(({ arms }) => { arms['sft-parallel'].first = { reward: 's1', share: 0.5 } }))).toThrow('has "first" and no "reward"')
    expect(() => planOf(table, { seeds: [1], arms: ['scafold'] }, home, root)).toThrow('Did you mean "scaffold"?')
  }) // biome-ignore format: a case a line
})

describe('records', () => {
  it('refuse a folder that was made with another recipe, and say what to do', async () => {
    const records = new Records(mkdtempSync(path.join(tmpdir(), 'pr1-records-')))
    const part = { id: 'seed-1/base', digest: 'a' }
    expect(records.done(part)).toBeUndefined()
    await records.begin(part)
    expect(records.done(part)).toBeUndefined()
    const done = { digest: 'a', seconds: 3, finished: '2026-11-30T00:00:00.000Z', learnt: true, suite: 'x' }
    await records.finish(part, done)
    expect(records.done(part)).toEqual(done)
    expect(() => records.done({ ...part, digest: 'b' })).toThrow(/was made with another recipe.*--out/)
    writeFileSync(path.join(records.folder(part), 'done.json'), '{')
    expect(() => records.done(part)).toThrow(/done\.json is damaged/)
  })
})

describe('the planned time', () => {
  const records = new Records(mkdtempSync(path.join(tmpdir(), 'pr1-plan-')))

  it('is not invented: without a measured step it says so', () => {
    const text = describePlan(plan, ratesOf(plan, [], records), records)
    expect(text).toContain('Nothing is measured yet')
    expect(text).toMatch(/^base +\d+ +not measured +0 of 2$/m)
  })

  it('is the steps of a part times what a step took', () => {
    const rates = {
      step: new Map([...new Set(plan.parts.flatMap((part) => (part.kind === 'train' ? part.rates : [])))].map((rate) => [rate, 2])),
      evaluation: 5,
    }
    const text = describePlan(plan, rates, records)
    const { stages } = trainOf('seed-1/rl-s1').train
    expect(text).toMatch(new RegExp(`^parallel RL, S1, no curriculum +${stages[0].steps} +`, 'm'))
    expect(text).not.toContain('not measured')
  })

  it('is measured from every kind of stage once: of RL from a trained checkpoint', () => {
    const probes = probesOf(plan)
    const rates = probes.flatMap(({ rates }) => rates)
    expect(new Set(rates).size).toBe(rates.length)
    expect(rates).toEqual(expect.arrayContaining(['RL, parallel', 'RL, sequential', 'cold-start, parallel', 'cold-start, tag-free']))
    for (const { train, rates } of probes) {
      expect(train.stages).toHaveLength(rates.length)
      for (const { steps } of train.stages) expect(steps).toBe(3)
    }
    const rl = probes.find(({ rates }) => rates[0] === 'RL, parallel')!
    expect(rl.train.model).toEqual({ checkpoint: path.join(suite, 'checkpoints', 'parallel-10') })
  })
})
