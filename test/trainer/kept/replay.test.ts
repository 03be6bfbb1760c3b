import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { encodeStep, type KeptRollout } from '../../../src/rollouts/format.ts'
import { listSteps, readStep } from '../../../src/rollouts/reader.ts'
import { replayCommand } from '../../../src/trainer/kept/replay-command.ts'
import { editSuite, fixture, folderWithSuites, metrics, states, run as trainRun, wholeRun } from '../runs.ts'
import { call, copyOf, countdownRun } from './runs.ts'

let run: string
beforeAll(async () => {
  run = await countdownRun()
})

const replay = (...args: string[]) => call(replayCommand, ...args)
const fileOf = (folder: string, step: number): string => listSteps(folder).find((one) => one.step === step)!.file

function edit(folder: string, step: number, change: (rollouts: KeptRollout[]) => void): void {
  const file = fileOf(folder, step)
  const { header, rollouts } = readStep(file)
  change(rollouts)
  writeFileSync(file, encodeStep(header, rollouts))
}

describe('pr1-train replay', () => {
  it('makes any step again bit for bit: from a state, over steps between, and from the beginning', async () => {
    expect(states(run)).toEqual(['step-00000002', 'step-00000004'])
    const before = listSteps(run).map(({ file }) => readFileSync(file))
    for (const [step, from] of [
      [3, /^From the state .*step-00000002\n$/],
      [4, /^From the state .*step-00000002, 2 steps, which took /],
      [2, /^No state before this step is kept: from the beginning of the run, 2 steps/],
    ] as const) {
      const { code, said, noted } = await replay(run, '--step', `${step}`)
      expect({ code, said }).toEqual({ code: 0, said: `Step ${step} of rl: 8 rollouts made again, equal to the kept ones bit for bit\n` })
      expect(noted).toMatch(from)
    }
    expect(listSteps(run).map(({ file }) => readFileSync(file))).toEqual(before)
  })

  it('goes through earlier stages, and through what a stage carries from step to step', async () => {
    const { whole } = await wholeRun()
    expect(await replay(whole, '--step', '2')).toMatchObject({ code: 0, noted: expect.stringContaining('7 steps') })
    const folder = folderWithSuites(whole)
    const sets = ['kl=0.1', 'klIn=reward', 'referenceEvery=2', 'entropyBonus=0.01', 'entropyTarget=5', 'updates=2', 'maskTruncated=true']
    await trainRun(folder, { sets: [...sets.map((set) => `stages.rl.${set}`), 'save.every=1'] })
    for (const step of ['2', '3']) expect(await replay(folder, '--step', step)).toMatchObject({ code: 0 })
    expect(readStep(fileOf(folder, 2)).rollouts.some(({ penalty = 0 }) => penalty !== 0)).toBe(true)
  })

  it('makes again, and goes on with, a run whose paths settle their blocks', async () => {
    const settled = (folder: string) =>
      editSuite(folder, 'rl', (_, { config }) => {
        // Paths of a problem have one length unless the model errs.
        Object.assign(config, { settledBy: ' no', temperature: 1.6 })
      })
    const [whole, parts] = [folderWithSuites(run), folderWithSuites(run)]
    for (const folder of [whole, parts]) settled(folder)
    // Rewards that differ, whatever the shipped model can do.
    const sets = ['stages.rl.steps=2', 'save.every=1', 'stages.rl.reward=answer + structure']
    await trainRun(whole, { file: 'countdown.yaml', sets })
    await trainRun(parts, { file: 'countdown.yaml', sets, stopAfter: 1 })
    await trainRun(parts, { file: 'countdown.yaml', sets })
    const kept = (folder: string) => listSteps(folder).map(({ file }) => readStep(file))
    expect(kept(parts)).toEqual(kept(whole))
    const paths = kept(whole).flatMap(({ rollouts }) =>
      rollouts.flatMap(({ metadata }) => metadata.tree.blocks.flatMap((block) => block.paths)),
    )
    expect(paths.filter(({ ended }) => ended === 'sibling').length).toBeGreaterThan(3)
    expect(await replay(whole, '--step', '2')).toMatchObject({ code: 0 })
    // What was drawn is what is trained on, to the bit.
    const gaps = metrics(whole).flatMap(({ gap }) => (gap ? [(gap as { max: number }).max] : []))
    expect(gaps.length).toBeGreaterThan(0)
    expect(new Set(gaps)).toEqual(new Set([0]))
  })

  it('says where a step differs', async () => {
    const folder = copyOf(run)
    edit(folder, 3, (rollouts) => {
      rollouts[1].text = `${rollouts[1].text.slice(0, 30)}#${rollouts[1].text.slice(31)}`
      rollouts[2].digest = 'another'
      rollouts[3].metrics.answer = 0.25
      rollouts[4].advantage += 1e-9
      rollouts.pop()
    })
    const { code, said } = await replay(folder, '--step', '3')
    expect(code).toBe(4)
    expect(said).toMatch(/^Step 3 of rl: 5 of 8 rollouts differ from the kept ones\n/)
    expect(said).toMatch(/prompt 1, response 2: text from character 31 on was "#/)
    expect(said).toMatch(/prompt 1, response 3: log-probabilities was "another"/)
    expect(said).toMatch(/prompt 1, response 4: metric answer was 0\.25, is [01]\n/)
    expect(said).toMatch(/prompt 2, response 1: advantage was /)
    expect(said).toMatch(/prompt 2, response 4: rollout was "none", is "there"/)
    const result = JSON.parse((await replay(folder, '--step', '3', '--json')).said)
    expect(result).toMatchObject({
      stage: 'rl',
      step: 3,
      total: 3,
      kept: true,
      equal: false,
      differing: 5,
      from: { total: 2 },
      diverged: null,
    })
    expect(result.differences[0]).toMatchObject({ group: 0, member: 1, what: 'text', at: 30 })
  })

  it('says which step on the way was the first to differ', async () => {
    const folder = copyOf(run)
    for (const step of [3, 4]) edit(folder, step, ([one]) => Object.assign(one, { digest: 'another' }))
    expect((await replay(folder, '--step', '4')).said).toContain('Step 3 of rl, on the way, is the first that differs')
  })

  it('makes a step that is lost or damaged, and keeps it where it is told to', async () => {
    const folder = copyOf(run)
    const file = fileOf(folder, 3)
    rmSync(file)
    expect(await replay(folder, '--step', '3')).toMatchObject({ code: 0, said: expect.stringContaining('It was not kept') })
    expect(existsSync(file)).toBe(false)
    writeFileSync(file, 'no gzip')
    expect((await replay(folder, '--step', '3')).said).toContain(`${file} is damaged`)
    expect((await replay(folder, '--step', '3', '--write')).said).toContain(`Wrote ${file}`)
    expect(readStep(file)).toEqual(readStep(fileOf(run, 3)))
    // What is whole is not written over.
    edit(folder, 3, ([one]) => Object.assign(one, { digest: 'another' }))
    const kept = readFileSync(file)
    expect((await replay(folder, '--step', '3', '--write')).code).toBe(4)
    expect(readFileSync(file)).toEqual(kept)
  })

  it('takes an earlier state where one is damaged, and a training file where the run has no configuration', async () => {
    const folder = copyOf(run)
    const file = path.join(folder, 'checkpoints', 'step-00000002', 'trainer', 'moments.safetensors')
    const bytes = readFileSync(file)
    bytes[bytes.length - 9] ^= 1
    writeFileSync(file, bytes)
    const { code, noted } = await replay(folder, '--step', '3')
    expect(code).toBe(0)
    expect(noted).toMatch(/from the beginning of the run, 3 steps/)
    rmSync(path.join(folder, 'rollouts', 'run.json'))
    await expect(replay(folder, '--step', '1')).rejects.toThrow(
      /run\.json, which holds the configuration of the run\. Name the training file of the run with -c\./,
    )
    expect((await replay(folder, '--step', '1', '-c', fixture('countdown.yaml'))).code).toBe(0)
  })

  it.each<[string, string[], RegExp]>([
    ['no step', [], /--step takes the number of a step.* Got ""/],
    ['a step beyond the stage', ['--step', '9'], /Stage "rl" has no step 9\. It has 4\./],
    ['a stage', ['--step', '1', '--stage', 'r1'], /No stage "r1" has kept rollouts\. Did you mean "rl"\?/],
  ])('refuses %s by name', async (_, args, message) => {
    await expect(replay(run, ...args)).rejects.toThrow(message)
  })
})
