/** Runs that credit paths, with the real engine and the real assertions. */

import path from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { countdownAnswer } from '../../../src/assertions/countdown-answer.ts'
import type { KeptRollout } from '../../../src/rollouts/format.ts'
import { listSteps, readStep } from '../../../src/rollouts/reader.ts'
import { replayCommand } from '../../../src/trainer/kept/replay-command.ts'
import { showCommand } from '../../../src/trainer/kept/show.ts'
import { pathAdvantages } from '../../../src/trainer/rewards/path-credit.ts'
import { once } from '../../once.ts'
import { call, countdownRun } from '../kept/runs.ts'
import { newFolder, results, run } from '../runs.ts'

const SETS = ['steps=3', 'pathCredit={"reward":"answer","response":"Final Answer: {{ path }}","claim":" yes"}'].map(
  (set) => `stages.rl.${set}`,
)
const file = 'countdown.yaml'
const first = 'rl'

let credited: string
let rollouts: KeptRollout[]
beforeAll(async () => {
  const home = await once('path-credit', async (folder) => {
    await run(path.join(folder, 'run'), { file, sets: [...SETS, 'save.every=1'] })
  })
  credited = path.join(home, 'run')
  rollouts = listSteps(credited).flatMap(({ file }) => readStep(file).rollouts)
})

/** What each path alone is worth, [block][path]. */
function rightOf({ prompt, metadata }: Pick<KeptRollout, 'prompt' | 'metadata'>): number[][] {
  const [numbers, target] = /Use (.*) once.* make (\d+)/.exec(prompt)!.slice(1)
  const score = (text: string) => countdownAnswer(`Final Answer: ${text}`, { vars: { numbers, target } }).score
  return metadata.tree.blocks.map(({ paths }) => paths.map(({ text }) => score(text)))
}

describe('a run that credits paths', () => {
  it('judges each path alone by the assertions of its row, as far as its response used it', () => {
    let found = 0
    for (const { metrics, paths, ...rollout } of rollouts) {
      const right = rightOf(rollout)
      expect(paths).toHaveLength(right.length)
      right.forEach((block, b) => {
        expect(paths![b].map((one) => Math.max(0, one.found))).toEqual(block.map((score) => score * metrics.answer))
        found += block.filter((score) => score * metrics.answer > 0).length
      })
    }
    expect(found).toBeGreaterThan(0)
  })

  it('gives each its advantage within its group, and teaches where paths differ though rewards do not', () => {
    for (const { file } of listSteps(credited)) {
      const step = readStep(file).rollouts
      const groups = [0, 1].map((group) => step.filter((one) => one.group === group))
      const found = groups.map((group) =>
        group.map((rollout) => ({
          paths: rightOf(rollout),
          response: rollout.metrics.answer,
          claims: rollout.metadata.tree.blocks.map(({ paths }) => paths.map(({ text }) => text.endsWith(' yes'))),
        })),
      )
      const { advantages, found: kept } = pathAdvantages(found, 'std')
      groups.forEach((group, g) => {
        expect(group.map(({ paths }) => paths!.map((block) => block.map((one) => one.found)))).toEqual(kept[g])
        expect(group.map(({ paths }) => paths!.map((block) => block.map(({ advantage }) => advantage)))).toEqual(advantages[g])
        const differ = new Set(group.map(({ reward }) => reward)).size > 1 || advantages[g].flat(2).some((a) => a !== 0)
        for (const { teaches } of group) expect(teaches).toBe(differ)
      })
    }
  })

  it('learns otherwise than a run that does not, and goes on with the same bits', async () => {
    const without = listSteps(await countdownRun()).map(({ file }) => readStep(file).rollouts.map(({ digest }) => digest))
    const own = listSteps(credited).map(({ file }) => readStep(file).rollouts.map(({ digest }) => digest))
    expect(own[0]).toEqual(without[0])
    expect(own.slice(1)).not.toEqual(without.slice(1, 3))
    const folder = newFolder()
    expect((await run(folder, { file, sets: SETS, stopAfter: 1 })).outcome).toBe('interrupted')
    await run(folder, { file, sets: SETS })
    expect(results(folder, first).final).toBe(results(credited, first).final)
    expect(results(folder, first).metrics).toEqual(results(credited, first).metrics)
    expect(await call(replayCommand, credited, '--step', '3')).toMatchObject({ code: 0, said: expect.stringContaining('bit for bit') })
  })

  it('shows the advantage of every path', async () => {
    const { said } = await call((own, print) => showCommand(own, print, {}), credited, '--step', '1', '--limit', '0')
    expect(said.match(/advantages of the paths of block \d+: /g)).toHaveLength(
      readStep(listSteps(credited)[0].file).rollouts.reduce((sum, { metadata }) => sum + metadata.tree.blocks.length, 0),
    )
  })
})

describe('a reward of paths that cannot be', () => {
  it.each([
    ['a metric that there is none of', '{"reward":"anwser"}', /The reward of "pathCredit" "anwser" uses "anwser".*Did you mean "answer"/],
    ['one that does not parse', '{"reward":"answer +"}', /The reward of "pathCredit" does not parse/],
    ['one above 1', '{"reward":"2 * answer","response":"Final Answer: {{ path }}"}', /must be from 0 to 1. Got 2/],
    [
      'a template of what there is not',
      '{"reward":"answer","response":"{{ answer_line }}"}',
      /The response of "pathCredit".*does not render/,
    ],
  ])('ends the run with what is wrong: %s', async (_, credit, message) => {
    await expect(run(newFolder(), { file, sets: ['stages.rl.steps=3', `stages.rl.pathCredit=${credit}`] })).rejects.toThrow(message)
  })
})
