/** The suite of a teacher, whole: any provider answers, what passes is what the student's training is planned on. */

import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, expect, it, vi } from 'vitest'
import { parse, stringify } from 'yaml'
import * as loaders from '../../src/data/loaders.ts'
import { parseThinkingConfig } from '../../src/providers/config.ts'
import { readTrainConfig } from '../../src/trainer/config/config-file.ts'
import { train } from '../../src/trainer/train.ts'
import { promptfooEval, root, run } from '../package/route.ts'
import { writeTinyCheckpoint } from '../providers/tiny-checkpoint.ts'

const home = mkdtempSync(path.join(os.tmpdir(), 'pr1-teacher-suite-'))
const suite = path.join(home, 'suites/gsm8k/teacher')
afterAll(() => {
  vi.unstubAllEnvs()
  rmSync(home, { recursive: true, force: true })
})

/** An API's model: tags on lines of their own. It is wrong about a, and forgets to close a path in b. */
const TEACHER = `export default class {
  id() { return 'teacher' }
  async callApi(prompt, { vars: { problem, answer } }) {
    const said = problem === 'a' ? '0' : answer
    const block = \`<Parallel>\\n<Path>\\n\${said}\\n</Path>\\n<Path>\\nalso \${said}\\n</Path>\\n</Parallel>\\n\\n<Summary>\\n\${said}\\n</Summary>\`
    return { output: \`\${problem === 'b' ? block.replace('</Path>', '') : block}\\n\\nFinal Answer: \${said}\` }
  }
}
`

it('goes from any provider to the plan of a cold start', async () => {
  run(process.execPath, [path.join(root, 'scripts/build.mjs'), '--if-needed'], root)
  cpSync(path.join(root, 'suites'), path.join(home, 'suites'), { recursive: true, filter: (name) => !name.includes('checkpoints') })
  mkdirSync(path.join(home, 'node_modules'))
  symlinkSync(root, path.join(home, 'node_modules/parallel-r1'))
  symlinkSync(path.join(root, 'dist'), path.join(home, 'dist'))
  writeFileSync(path.join(suite, 'teacher.mjs'), TEACHER)
  await writeTinyCheckpoint(path.join(home, 'student'), { maxPositions: 2048 })

  const file = path.join(suite, 'teacher.yaml')
  const config = parse(readFileSync(file, 'utf8'))
  const loader = config.tests.path.split(':').at(-1)
  expect(loaders).toHaveProperty(loader)
  for (const { config: own } of config.providers) if (own) parseThinkingConfig(own, file)
  // Its own problems are thousands.
  const tests = Object.entries({ a: 1, b: 2, c: 3, d: 4 }).map(([problem, answer]) => ({ vars: { problem, answer: String(answer) } }))
  writeFileSync(file, stringify({ ...config, tests }))
  vi.stubEnv('PR1_TEACHER', 'file://teacher.mjs')
  vi.stubEnv('PR1_STUDENT', path.join(home, 'student'))

  const results = path.join(home, 'runs/teacher.json')
  const { rows, log } = await promptfooEval(home, file, ['--filter-providers', '^any$', '--repeat', '2', '-o', results])
  expect(
    rows.map(({ success }) => success),
    log,
  ).toHaveLength(8)
  expect(rows.filter(({ success }) => success).map(({ vars }) => vars.problem)).toEqual(['c', 'c', 'd', 'd'])

  let plan = ''
  const output = {
    write(text: string) {
      plan += text
    },
  }
  await train(readTrainConfig(path.join(suite, 'train.yaml')), { dryRun: true, output })
  // Equal responses to a problem count once.
  expect(plan).toMatch(/cold-start\s+sft, 2 samples/)
  expect(plan).toContain('First prompt\n"c\\n\\nWork on the problem above step by step')
}, 120_000)
