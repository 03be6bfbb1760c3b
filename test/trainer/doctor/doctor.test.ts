/** `pr1-train doctor` on the small training file, with the real engine and graders. */

import { existsSync } from 'node:fs'
import path from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { editSuite, folderWithSuites, metrics, run, wholeRun } from '../runs.ts'

let whole: string
const doctor = { prompts: 3, group: 16, color: false }
const look = (folder: string, sets: string[] = []) => run(folder, { resume: false, dryRun: true, doctor, sets })

beforeAll(async () => {
  ;({ whole } = await wholeRun())
})

describe('pr1-train doctor', () => {
  it('says of every stage what it learns, and what the reward tells apart', async () => {
    const folder = folderWithSuites(whole)
    const { outcome, text } = await look(folder)
    expect(outcome).toBe('planned')
    expect(text).toMatch(/Stage "base" \(sft\)[\s\S]*between ⟦ and ⟧[\s\S]*⟦<Parallel><Path>/)
    expect(text).toMatch(/not trained by stage "base" yet[\s\S]*--stage rl\nStage "rl" \(grpo\)\n {2}3 prompts x 16 responses/)
    expect(text).toMatch(/informative +\d+%.* of groups of 4, as in the stage\n +\d+%.* of groups of 8\n +\d+%.* of groups of 16/)
    expect(text).toMatch(/digits .*yes\n {2}blocks .*yes/)
    expect(text).toMatch(/graders\.ts:digits +[\d.]+\n/)
    expect(text).toMatch(/A step of 8 responses takes about .* to sample, .* to learn/)
    expect(existsSync(path.join(folder, 'metrics.jsonl'))).toBe(false)
    expect(existsSync(path.join(folder, 'checkpoints'))).toBe(false)
  })

  it('finds a reward that never differs, and a metric that never does', async () => {
    const { text } = await look(folderWithSuites(whole), ['stages.rl.reward=digits * 0', 'stages.rl.microBatchTokens=200'])
    expect(text).toContain('  ! The reward is 0 in all 48 responses')
    expect(text).toMatch(/informative +0%.* of groups of 4/)
  })

  it('finds that two metrics of a reward say the same', async () => {
    const folder = folderWithSuites(whole)
    editSuite(folder, 'rl', (rows) => {
      for (const { test } of rows) test.assert.push({ ...test.assert[0], metric: 'again' } as (typeof test.assert)[0])
    })
    const { text } = await look(folder, ['stages.rl.reward=digits + again'])
    expect(text).toContain('"digits" and "again" go together (correlation 1.00 of 48 responses)')
  })

  it('changes nothing in the run that follows', async () => {
    const folder = folderWithSuites(whole)
    await look(folder)
    await run(folder, { sets: ['stages.base.steps=2', 'stages.rl.steps=1'] })
    const other = folderWithSuites(whole)
    await run(other, { sets: ['stages.base.steps=2', 'stages.rl.steps=1'] })
    expect(metrics(folder)).toEqual(metrics(other))
  })
})
