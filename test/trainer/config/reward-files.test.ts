import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { ConfigError } from '../../../src/engine/errors.ts'
import { withRewardFiles } from '../../../src/trainer/config/reward-files.ts'
import { newFolder } from '../runs.ts'

const folder = newFolder()
const read = (name: string, content: string, stage: object = {}) => {
  writeFileSync(path.join(folder, name), content)
  return withRewardFiles(
    [
      { name: 'rl', reward: `file://${name}`, ...stage },
      { name: 'other', reward: 'answer' },
    ],
    folder,
  )
}

describe('reward files', () => {
  it("stand in the place of an expression, and a stage's own keys come first", () => {
    const other = { name: 'other', reward: 'answer' }
    expect(read('one.yaml', '"2 * answer - 1"')).toEqual([{ name: 'rl', reward: '2 * answer - 1' }, other])
    const several = '{ advantage: mean, rewards: [{ reward: answer }] }'
    expect(read('several.yaml', several)).toEqual([{ name: 'rl', advantage: 'mean', rewards: [{ reward: 'answer' }] }, other])
    expect(read('several.yaml', several, { advantage: 'std' })).toMatchObject([{ advantage: 'std' }, other])
  })

  it('leave what is none alone', () => {
    for (const stages of [undefined, 'text', [null, 3, { reward: 7 }, {}]]) expect(withRewardFiles(stages, folder)).toEqual(stages)
  })

  it('are refused by name', () => {
    const refused = (name: string, content: string) => {
      const attempt = () => read(name, content)
      expect(attempt).toThrow(ConfigError)
      return expect(attempt)
    }
    refused('list.yaml', '[1]').toThrow(/reward file .*list\.yaml must hold an expression/)
    refused('key.yaml', '{ rewrads: [] }').toThrow(/Unknown key "rewrads" in the reward file .*key\.yaml.*"rewards"/)
    refused('broken.yaml', '{').toThrow(/broken\.yaml cannot be read/)
    expect(() => withRewardFiles([{ reward: 'file://on.yaml' }], folder)).toThrow(
      /There is no reward file .*on\.yaml\. Did you mean .*one\.yaml/,
    )
  })
})
