import { mkdirSync, mkdtempSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import type { KeptRollout } from '../../../src/rollouts/format.ts'
import { listSteps, readStep } from '../../../src/rollouts/reader.ts'
import { regradeCommand } from '../../../src/trainer/kept/regrade-command.ts'
import { RowFinder } from '../../../src/trainer/kept/rows.ts'
import type { Suite } from '../../../src/trainer/suite/suite.ts'
import { editSuite, fixture, root, wholeRun } from '../runs.ts'
import { call, copyOf, countdownRun } from './runs.ts'

let run: string
let kept: (KeptRollout & { step: number })[]
beforeAll(async () => {
  run = await countdownRun()
  kept = listSteps(run).flatMap(({ file, step }) => readStep(file).rollouts.map((one) => ({ ...one, step })))
})

const regrade = (...args: string[]) => call(regradeCommand, ...args)
const regraded = async (...args: string[]) => {
  const { code, said, noted } = await regrade(...args, '--json')
  return { code, noted, ...JSON.parse(said) }
}

/** (r − mean) / (std + 1e-6) within each group, by hand; 0 where a group does not differ. */
function advantagesOf(rewards: readonly number[]): number[] {
  return rewards.map((reward, i) => {
    const at = i - (i % 4)
    const group = rewards.slice(at, at + 4)
    const mean = group.reduce((a, b) => a + b) / 4
    const std = Math.sqrt(group.reduce((sum, r) => sum + (r - mean) ** 2, 0) / 3)
    return std < 1e-9 ? 0 : (reward - mean) / (std + 1e-6)
  })
}

describe('pr1-train regrade', () => {
  it('finds nothing to change in the run as it is: the graders are those of training', async () => {
    const { code, said } = await regrade(run)
    expect(code).toBe(0)
    expect(said).toContain('32 rollouts of 4 steps graded again\nAdvantages that change their sign: 0 of 32\n')
    expect(await regraded(run)).toMatchObject({
      reward: { changed: 0, of: 32 },
      metrics: { answer: { changed: 0, of: 32 }, structure: { changed: 0, of: 32 } },
      changes: [],
    })
    // Graders of others run in a thread of their own, and read the metadata.
    const { whole } = await wholeRun()
    expect(await regraded(whole)).toMatchObject({
      code: 0,
      steps: 3,
      metrics: { digits: { changed: 0, of: 24 }, blocks: { changed: 0, of: 24 } },
    })
  })

  it('says which advantages change their sign under another reward', async () => {
    const found = await regraded(run, '--reward', '1 - answer + 0.1 * structure * step')
    const now = kept.map(({ metrics, step }) => 1 - metrics.answer + 0.1 * metrics.structure * step)
    const advantages = advantagesOf(now)
    const was = kept.map(({ teaches, advantage }) => (teaches ? advantage : 0))
    const changed = kept.flatMap((_, i) => (Math.sign(was[i]) === Math.sign(advantages[i]) ? [] : [i]))
    expect(changed.length).toBeGreaterThan(0)
    expect(found.code).toBe(4)
    expect(found.changes).toHaveLength(changed.length)
    expect(found.reward.is).toBeCloseTo(now.reduce((a, b) => a + b) / 32, 12)
    expect(found.reward.was).toBeCloseTo(kept.reduce((sum, { reward }) => sum + reward, 0) / 32, 12)
    const count = (from: number, to: number) => changed.filter((i) => Math.sign(was[i]) === from && Math.sign(advantages[i]) === to).length
    expect(found.flipped).toEqual({ toNegative: count(1, -1), toPositive: count(-1, 1) })
    expect([found.silenced, found.awakened]).toEqual([count(1, 0) + count(-1, 0), count(0, 1) + count(0, -1)])
    for (const { step, group, member, advantage } of found.changes) {
      const i = kept.findIndex((one) => one.step === step && one.group === group && one.member === member)
      expect(advantage[0]).toBe(was[i])
      expect(advantage[1]).toBeCloseTo(advantages[i], 10)
    }
    // What was made likelier would be made less likely, and the other way round.
    const part = kept.filter(({ step, teaches }) => teaches && (step === 2 || step === 3))
    const { code, said } = await regrade(run, '--reward=-answer', '--step', '2-3')
    expect(code).toBe(part.length > 0 ? 4 : 0)
    expect(said).toMatch(/^16 rollouts of 2 steps graded again\n/)
    expect(said).toMatch(new RegExp(`from above 0 to below +${part.filter(({ advantage }) => advantage > 0).length}\n`))
    expect(said).toMatch(new RegExp(`from below 0 to above +${part.filter(({ advantage }) => advantage < 0).length}\n`))
  })

  it('takes a reward file, whose ways of comparing count', async () => {
    const file = path.join(mkdtempSync(path.join(tmpdir(), 'pr1-regrade-')), 'reward.yaml')
    writeFileSync(file, 'rewards: [{ reward: answer }, { reward: structure, weight: 0.5, where: answer }]\nadvantage: mean\n')
    const found = await regraded(run, '--reward', `file://${file}`)
    const rewards = kept.map(({ metrics: { answer, structure } }) => answer + (answer === 0 ? 0 : 0.5 * structure))
    expect(found.reward.is).toBeCloseTo(rewards.reduce((a, b) => a + b) / 32, 12)
    // Signs are those of the answer alone, unless structure sets right answers apart.
    expect(found.flipped.toPositive).toBe(0)
  })

  it('grades with the assertions of an edited suite, found by its prompts', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'pr1-regrade-'))
    const text = readFileSync(fixture('countdown-rl.yaml'), 'utf8')
    const [first, ...rest] = readFileSync(fixture('countdown.jsonl'), 'utf8').trimEnd().split('\n')
    // Turned around, one test less, a target corrected, and a metric more.
    writeFileSync(path.join(folder, 'countdown.jsonl'), `${[...rest].reverse().join('\n')}\n`)
    const more = '    - { type: javascript, metric: length, value: "output.length" }\n'
    writeFileSync(path.join(folder, 'edited.yaml'), text.replaceAll('../../..', root).replace('  assert:\n', `  assert:\n${more}`))
    mkdirSync(path.join(folder, 'node_modules'))
    symlinkSync(root, path.join(folder, 'node_modules/parallel-r1'))
    const gone = JSON.parse(first).vars.id
    const left = kept.filter(({ problem }) => problem !== gone)
    const found = await regraded(run, '--suite', path.join(folder, 'edited.yaml'), '--reward', 'length')
    expect(found.leftOut).toBe((kept.length - left.length) / 4)
    expect(found.rollouts).toBe(left.length)
    expect(found.metrics.answer).toMatchObject({ changed: 0, of: left.length })
    expect(found.metrics.length).toMatchObject({ changed: left.length, of: left.length })
    expect(found.reward.is).toBeCloseTo(left.reduce((sum, { text }) => sum + text.length, 0) / left.length, 8)
  })

  it('loses a damaged step, not the others', async () => {
    const folder = copyOf(run)
    const { file } = listSteps(folder)[1]
    writeFileSync(file, readFileSync(file).subarray(0, 200))
    const found = await regraded(folder)
    expect(found).toMatchObject({ code: 0, steps: 3, rollouts: 24, damaged: [expect.stringContaining(`${file} is damaged`)] })
    expect(found.noted).toContain(`${file} is damaged`)
    await expect(regrade(folder, '--step', '2')).rejects.toThrow(`Nothing can be graded again. ${file} is damaged`)
  })

  it.each<[string, string[], RegExp]>([
    ['a metric', ['--reward', 'anser'], /uses "anser", which no assertion of test 1 of .*countdown-rl\.yaml has\. Did you mean "answer"\?/],
    ['an expression', ['--reward', 'answer +'], /The reward does not parse/],
    ['an empty reward', ['--reward', ' '], /--reward takes an expression/],
    ['a reward file', ['--reward', 'file://none.yaml'], /There is no reward file .*none\.yaml/],
    ['a suite', ['--suite', 'none.yaml'], /There is no promptfoo config .*none\.yaml/],
    ['a step', ['--step', '2,9'], /No step 9 of "rl" is kept: 4 steps from 1 to 4/],
    ['a range', ['--step', '5-'], /No step from 5 to the end of "rl" is kept/],
    ['steps that are none', ['--step', '3-2'], /--step takes steps such as 40, 10-20 or 10,20,30-\. Got "3-2"/],
  ])('refuses %s by name', async (_, args, message) => {
    await expect(regrade(run, ...args)).rejects.toThrow(message)
  })

  it('names a grader that fails, and says what to do', async () => {
    const folder = copyOf((await wholeRun()).whole)
    editSuite(folder, 'rl', (rows) => {
      for (const row of rows) row.test.assert[0].value = 'file://crashes.mjs:throws'
    })
    const error = (await regrade(folder).catch((caught: unknown) => caught)) as Error
    expect(error.message).toMatch(/A grader failed \(file:\/\/crashes\.mjs:throws\).*no ruler.*Correct the grader and regrade again\.$/s)
    expect(error.message).not.toContain('--resume')
  })
})

describe('the test of an edited suite that a rollout answers', () => {
  const suite = (...rows: [prompt: string, vars: object][]) =>
    ({ rows: rows.map(([prompt, vars]) => ({ prompt, vars })) }) as unknown as Suite
  const own = suite(['a', { answer: 1 }], ['b', { answer: 2 }], ['b', { answer: 3 }])

  it.each<[string, Suite, number, string, number | undefined]>([
    ['is the one at its place', own, 0, 'a', 0],
    ['is the one with the same variables where prompts are alike', suite(['b', { answer: 3 }], ['b', { answer: 2 }]), 1, 'b', 1],
    ['is the one with the same prompt, its reference corrected', suite(['c', {}], ['a', { answer: 9 }]), 0, 'a', 1],
    ['is at the same place where both were corrected', suite(['a', {}], ['b', { answer: 8 }], ['b', { answer: 9 }]), 2, 'b', 2],
    ['is none where the prompt is gone', suite(['b', { answer: 2 }]), 0, 'a', undefined],
    ['is none where it cannot be told', suite(['b', { answer: 8 }], ['b', { answer: 9 }]), 2, 'b', undefined],
  ])('%s', (_, edited, row, prompt, index) => {
    expect(new RowFinder(edited, own).find({ row, prompt })).toBe(index === undefined ? undefined : edited.rows[index])
  })
})
