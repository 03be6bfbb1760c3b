import path from 'node:path'
import { expect, it } from 'vitest'
import { ChatTemplate } from '../../../src/engine/checkpoint/chat-template.ts'
import { openCheckpoint } from '../../../src/engine/checkpoint/folder.ts'
import { Judge } from '../../../src/trainer/generate/judge.ts'
import type { Session } from '../../../src/trainer/model/session.ts'
import { readPrompts } from '../../../src/trainer/sft.ts'
import type { Suite } from '../../../src/trainer/suite/suite.ts'
import { root } from '../runs.ts'

it('counts the positions of an answer behind the prompt that the supervised stage reads', async () => {
  const chatTemplate = new ChatTemplate('A question: {{ messages[0].content }}')
  const checkpoint = { ...(await openCheckpoint(path.join(root, 'suites/countdown/checkpoints/parallel-10'))), chatTemplate }
  const suiteOf = (ours: boolean): Suite => ({
    ...{ file: 'suite.yaml', folder: root },
    provider: { label: 'p', config: { chatTemplate: false }, ours },
    rows: [{ prompt: 'Use 2, 3, 4.', promptConfig: {}, vars: {}, test: {} }],
  })
  const session = { checkpoint } as unknown as Session
  const said = 'It is 9.'
  const answer = checkpoint.tokenizer!.encode(said).length
  for (const ours of [true, false]) {
    const suite = suiteOf(ours)
    const reasons = async (maxPositions: number) => {
      const model = { config: { ...checkpoint.config, maxPositions } } as Session['model']
      const judge = await Judge.open({ ...session, model }, suite, { accept: [], graderTimeout: 60 }, 'ask')
      return (await judge.judge(suite.rows[0], { output: said })).reasons
    }
    const [{ ids }] = readPrompts(session, suite)
    const needed = ids.length + answer + 1
    expect(await reasons(needed)).toEqual([])
    expect(await reasons(needed - 1)).toEqual(['longer than the model has positions'])
  }
  const lengths = [true, false].map((ours) => readPrompts(session, suiteOf(ours))[0].ids.length)
  expect(lengths[0]).toBeLessThan(lengths[1])
})
