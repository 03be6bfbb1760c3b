import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { encodeStep, type KeptRollout, type KeptStep } from '../../../src/rollouts/format.ts'
import { listSteps, readStep } from '../../../src/rollouts/reader.ts'
import { showCommand } from '../../../src/trainer/kept/show.ts'
import { newRun } from '../../rollouts/steps.ts'
import { metrics } from '../runs.ts'
import { call, copyOf, countdownRun } from './runs.ts'

let run: string
let steps: KeptStep[]
beforeAll(async () => {
  run = await countdownRun()
  steps = listSteps(run).map(({ file }) => readStep(file))
})

const show = (...args: string[]) => call((own, print) => showCommand(own, print, {}), ...args)
const json = async (...args: string[]): Promise<KeptStep> => JSON.parse((await show(run, '--json', '--limit', '0', ...args)).said)

/** Changes the rollouts of a step as if a model had written them. */
function edit(folder: string, step: number, change: (rollouts: KeptRollout[]) => void): void {
  const { file } = listSteps(folder)[step - 1]
  const { header, rollouts } = readStep(file)
  change(rollouts)
  writeFileSync(file, encodeStep(header, rollouts))
}

describe('a run', () => {
  it('keeps what its log says of the step', () => {
    expect(steps.map(({ header }) => header.step)).toEqual([1, 2, 3, 4])
    const logged = metrics(run)
    const mean = (values: readonly number[]) => values.reduce((a, b) => a + b) / values.length
    for (const [i, { header, rollouts }] of steps.entries()) {
      expect(rollouts).toHaveLength(8)
      expect(header).toMatchObject({ stage: 'rl', total: i + 1, terms: [{ reward: 'answer', weight: 1 }], advantage: 'std' })
      expect(mean(rollouts.map(({ reward }) => reward))).toBeCloseTo(logged[i].reward as number, 12)
      expect(mean(rollouts.map(({ metadata }) => metadata.totalTokens))).toBeCloseTo(logged[i].responseTokens as number, 10)
      expect(new Set(rollouts.filter(({ teaches }) => teaches).map(({ group }) => group)).size).toBe(logged[i].informative)
      for (const one of rollouts) {
        expect(one.prompt).toMatch(/^Use .* once each with \+ - \* \/ to make \d+\.\n?$/)
        expect(one.problem).toMatch(/^c\d+$/)
        expect(one.rewards).toEqual([one.metrics.answer])
        expect(one.metadata.tree.blocks.length).toBe(one.text.split('<Parallel>').length - 1)
      }
    }
    // Otherwise little of it was tried.
    expect(steps.some(({ rollouts }) => rollouts.some(({ teaches }) => teaches))).toBe(true)
    expect(new Set(steps.flatMap(({ rollouts }) => rollouts.map(({ metadata }) => metadata.seed))).size).toBe(32)
  })
})

describe('pr1-train show', () => {
  it('prints prompt, tree, scores and advantage of the newest step', async () => {
    const { said, code } = await show(run)
    expect(code).toBe(0)
    const [{ prompt, advantage, metadata }] = steps[3].rollouts
    expect(said).toContain('Step 4 of rl: 2 prompts, 8 responses')
    expect(said).toContain(prompt)
    expect(said).toContain('┌ Path 1')
    expect(said).toContain('╰ Summary')
    expect(said).toContain(`advantage ${Number(advantage.toPrecision(4))}`)
    expect(said).toContain(
      `${metadata.criticalPathTokens} tokens along the longest chain, ${metadata.totalTokens} in all, seed ${metadata.seed}`,
    )
    expect(said.match(/response \d of 4/g)).toHaveLength(8)
    expect((await show(run, '--limit', '3')).said).toMatch(/5 more: --limit 0 prints all\.\n$/)
  })

  it('chooses and sorts, in words and as JSON', async () => {
    const { rollouts } = steps[1]
    expect(await json('--step', '2')).toEqual(steps[1])
    expect((await json('--step', '2', '--prompt', '2')).rollouts).toEqual(rollouts.filter(({ group }) => group === 1))
    expect((await json('--step', '2', '--only', 'wrong')).rollouts).toEqual(rollouts.filter((one) => one.metrics.answer < 1))
    expect((await json('--step', '2', '--only', 'right')).rollouts).toEqual(rollouts.filter((one) => one.metrics.answer === 1))
    expect((await json('--step', '2', '--only', 'teaching')).rollouts).toEqual(rollouts.filter(({ teaches }) => teaches))
    expect((await json('--step', '2', '--only', 'wrong', '--metric', 'structure')).rollouts).toEqual(
      rollouts.filter((one) => one.metrics.structure < 1),
    )
    for (const [sort, value] of [
      ['advantage', (one: KeptRollout) => -one.advantage],
      ['-reward', (one: KeptRollout) => one.reward],
      ['tokens', (one: KeptRollout) => -one.metadata.totalTokens],
      ['-structure', (one: KeptRollout) => one.metrics.structure],
    ] as const) {
      const sorted = (await json('--step', '2', `--sort=${sort}`)).rollouts.map(value)
      expect(sorted, sort).toEqual(rollouts.map(value).sort((a, b) => a - b))
    }
  })

  it('sends nothing of a model to the terminal as a control, and loses nothing of it in JSON', async () => {
    const folder = copyOf(run)
    const evil = 'a\x1b[2Jb\u202ec\x9bd <Parallel>\n<Path>\x1b]0;x\x07</Path>\n<Path>q</Path>\n</Parallel>\n<Summary>\x1b[1m</Summary>'
    edit(folder, 4, ([one]) => Object.assign(one, { text: evil, prompt: evil, problem: evil, metrics: { [evil]: 1 } }))
    const { said } = await show(folder, '--prompt', '1')
    expect(said).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]/)
    expect(said).toContain('a␛[2Jb')
    const printed = (await show(folder, '--json', '--limit', '1')).said
    expect(printed).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]/)
    expect(JSON.parse(printed).rollouts[0]).toMatchObject({ text: evil, metrics: { [evil]: 1 } })
  })

  it.each<[string, string[], RegExp]>([
    ['a step that is not kept', ['--step', '7'], /No step 7 of "rl" is kept: 4 steps from 1 to 4 are\. The nearest is --step 4\./],
    ['a step that is none', ['--step', 'four'], /--step takes the number of a step, counted from 1\. Got "four"/],
    ['a stage', ['--stage', 'lr'], /No stage "lr" has kept rollouts\. Did you mean "rl"\?|There are: rl/],
    ['a prompt', ['--prompt', '3'], /no prompt 3 in this step\. There are 2/],
    ['a metric', ['--metric', 'anser'], /--metric has no "anser" in this step\. Did you mean "answer"\?/],
    ['a key to sort by', ['--sort', 'lenght'], /--sort has no "lenght".* There are: reward, advantage, tokens, answer, structure/],
    ['a choice', ['--only', 'wrongs'], /--only has no "wrongs".* Did you mean "wrong"\?/],
  ])('refuses %s by name', async (_, args, message) => {
    await expect(show(run, ...args)).rejects.toThrow(message)
  })

  it('says what is wrong with a run or a file', async () => {
    await expect(show()).resolves.toMatchObject({ code: 2, said: expect.stringContaining('pr1-train show <run>') })
    await expect(show(run, run)).rejects.toThrow('takes the folder of one run. Got 2.')
    await expect(show(`${run}s`)).rejects.toThrow(`There is no run ${run}s. Did you mean ${run}?`)
    await expect(show(path.join(run, 'metrics.jsonl'))).rejects.toThrow(/metrics\.jsonl is a file/)
    await expect(show(newRun())).rejects.toThrow(/keeps no rollouts\. A grpo stage keeps them unless save\.rollouts is false/)
    const folder = copyOf(run)
    const [first, second] = listSteps(folder)
    writeFileSync(second.file, readFileSync(second.file).subarray(0, 99))
    await expect(show(folder, '--step', '2')).rejects.toThrow(`${second.file} is damaged`)
    expect((await show(folder, '--step', '1')).code).toBe(0)
    rmSync(first.file)
    await expect(show(folder, '--step', '1')).rejects.toThrow(
      'No step 1 of "rl" is kept: 3 steps from 2 to 4 are. The nearest is --step 2.',
    )
  })
})
