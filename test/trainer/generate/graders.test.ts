/** What fails while a stage is made ready leaves no graders open. */

import path from 'node:path'
import { expect, it } from 'vitest'
import type { GenerateStage, GrpoStage } from '../../../src/trainer/config/config.ts'
import { Generator } from '../../../src/trainer/generate/generator.ts'
import { Journal } from '../../../src/trainer/generate/journal.ts'
import { grpoRecipe } from '../../../src/trainer/grpo.ts'
import type { Session } from '../../../src/trainer/model/session.ts'
import type { Suite } from '../../../src/trainer/suite/suite.ts'
import { openedGraders } from '../opened-graders.ts'
import { fixture, newFolder } from '../runs.ts'

const suite: Suite = {
  file: fixture('rl.yaml'),
  folder: fixture(''),
  provider: { label: 'p', config: {}, ours: false },
  rows: [
    {
      prompt: '1+1=?',
      promptConfig: {},
      vars: { answer: '2' },
      test: { assert: [{ type: 'javascript', metric: 'digits', value: 'file://graders.ts:digits' }] },
    },
  ],
}
const session = { seed: 1 } as Session
const stage = (accept: string) =>
  ({ name: 'ask', kind: 'generate', teacher: 'provider', accept: [accept], graderTimeout: 60, tries: 1 }) as unknown as GenerateStage
const open = (accept: string, folder = newFolder()) =>
  openedGraders(() => Generator.open(session, stage(accept), suite, { folder, weights: {}, goesOn: false }).then((one) => one.close()))

it('where a condition names what no grader reports', async () => {
  const { error, opens, closes } = await open('unheard_of > 0')
  expect(error).toMatchObject({ message: expect.stringContaining('uses "unheard_of", which no assertion') })
  expect(opens).toHaveLength(1)
  expect(closes).toEqual(opens)
  expect(await open('digits > 0')).toEqual({ error: undefined, opens: [expect.any(Number)], closes: [expect.any(Number)] })
})

it('where the folder has answers of another teacher: nothing is opened for them', async () => {
  const folder = newFolder()
  const journal = await Journal.open(path.join(folder, 'answers.jsonl'), { teacher: 'other' })
  await journal.append({ row: 'a', try: 0, seed: 1, output: 'said' })
  journal.close()
  const { error, opens } = await open('digits > 0', folder)
  expect(error).toMatchObject({ name: 'ConfigError', message: expect.stringContaining('teacher') })
  expect(opens).toEqual([])
})

it('of a stage of RL where its rollouts cannot be made', async () => {
  const rl = { name: 'rl', kind: 'grpo', reward: 'digits', graderTimeout: 60 } as GrpoStage
  // A provider of promptfoo's that decodes nothing of ours.
  const { error, opens, closes } = await openedGraders(() => grpoRecipe({ checkpoint: { parallel: {} } } as Session, rl, suite))
  expect(error).toMatchObject({ message: expect.stringContaining('"provider" of stage "rl" must') })
  expect(opens).toHaveLength(1)
  expect(closes).toEqual(opens)
})
