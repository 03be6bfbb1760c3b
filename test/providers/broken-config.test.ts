import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { promptfooEval, root, run } from '../package/route.ts'
import { writeTinyCheckpoint } from './tiny-checkpoint.ts'

/** A user's project: this checkout stands in its node_modules. */
const project = mkdtempSync(path.join(os.tmpdir(), 'pr1-broken-'))

beforeAll(async () => {
  run(process.execPath, [path.join(root, 'scripts/build.mjs'), '--if-needed'], root)
  const modules = path.join(project, 'node_modules')
  mkdirSync(modules)
  for (const name of readdirSync(path.join(root, 'node_modules'))) {
    if (name !== 'parallel-r1' && !name.startsWith('.')) symlinkSync(path.join(root, 'node_modules', name), path.join(modules, name))
  }
  symlinkSync(root, path.join(modules, 'parallel-r1'))
  writeFileSync(path.join(project, 'package.json'), '{ "private": true }')
  writeFileSync(
    path.join(project, 'grade.mjs'),
    'export const one = () => true\nexport const broken = () => { throw new Error("no ruler") }\n',
  )
  for (const [name, text] of [
    ['grade.ts', 'interface Verdict { pass: boolean }\nexport const one = (): Verdict["pass"] => true\n'],
    ['grade.cjs', 'exports.one = () => true\n'],
    ['grade.js', 'exports.one = () => true\n'],
    ['grade.py', 'def get_score(output, context):\n    return True\n'],
  ]) {
    writeFileSync(path.join(project, name), text)
  }
  await writeTinyCheckpoint(path.join(project, 'tiny'))
}, 60_000)
afterAll(() => rmSync(project, { recursive: true, force: true }))

const ANSWER = 'package:parallel-r1:mathAnswer'
const TESTS = [2, 3].map((n) => ({ vars: { problem: `${n}+${n}`, answer: String(2 * n) } }))
const grader = (value: string, more: object = {}) => ({ type: 'javascript', metric: 'answer', value, ...more })

/** There is no checkpoint at "none": a row that reached the model would say so. */
function evaluate({ assert, tests = TESTS, provider = {}, args = [] }: Setup) {
  const config = {
    prompts: ['What is {{ problem }}?'],
    providers: [{ id: 'package:parallel-r1:ParallelThinkingProvider', label: 'local', config: { checkpoint: 'none', ...provider } }],
    ...(assert && { defaultTest: { assert } }),
    tests,
    extensions: ['file://node_modules/parallel-r1/dist/providers/hooks.js:afterAll'],
  }
  writeFileSync(path.join(project, 'promptfooconfig.yaml'), JSON.stringify(config))
  return promptfooEval(project, 'promptfooconfig.yaml', args)
}

interface Setup {
  assert?: object[]
  tests?: object[]
  provider?: object
  args?: string[]
}

describe('promptfoo eval', () => {
  it('makes of what cannot be scored the error of its row, before anything is sampled', async () => {
    const causes: [object, string][] = [
      [grader(ANSWER), 'mathAnswer needs a reference answer: there is none'],
      [grader(ANSWER.replace('mathAnswer', 'countdownAnswer')), 'The numbers of the problem must be given'],
      [grader(ANSWER, { config: { extrat: 'boxed', answer: '4' } }), 'Did you mean "extract"?'],
      [grader('package:parallel-r1:mathAnswr'), 'Did you mean "mathAnswer"?'],
      [grader('package:paralel-r1:mathAnswer'), 'the package paralel-r1 is not installed'],
      [grader('file://grad.mjs:one'), 'there is no file '],
      ...['mjs', 'ts', 'cjs', 'js'].map((ending): [object, string] => [grader(`file://grade.${ending}:on`), 'Did you mean "one"?']),
      [{ type: 'python', value: 'file://grade.py:get_scor' }, 'Did you mean "get_score"?'],
      [{ type: 'python', value: 'file://grade.py' }, '"get_assert" is not in it. Defined are: get_score.'],
      [grader('file://grade.ts:one', { transform: 'file://grade.mjs:on' }), 'Did you mean "one"?'],
      [{ type: 'equals', value: 'file://answer.txt' }, 'there is no file '],
    ]
    const { rows, log } = await evaluate({ tests: causes.map(([assertion], i) => ({ vars: { problem: i }, assert: [assertion] })) })
    expect(rows.map(({ failureReason }) => failureReason)).toEqual(causes.map(() => 2))
    for (const [i, [, cause]] of causes.entries()) expect(rows[i].error).toContain(cause)
    expect(log).toMatch(/14 of 14 rows ended with an error and count as neither right nor wrong\. The first, of local: parallel-r1: /)
    expect(log).not.toContain('Accuracy')
  }, 60_000)

  it.each([[[grader(ANSWER)]], [undefined]])(
    'says that the list of tests is empty, with the assertions %j',
    async (assert) => {
      const { rows, log } = await evaluate({ assert, tests: [] })
      expect(rows.map(({ failureReason }) => failureReason)).toEqual([2])
      expect(log).toMatch(/1 of 1 row ended with an error.*Is the list of tests empty\?/)
    },
    60_000,
  )

  it('samples where the config is whole, and what nothing scores; a grader that throws costs its row only', async () => {
    const provider = { checkpoint: 'tiny', maxTokens: 40 }
    const scored = await evaluate({ assert: [grader(ANSWER), grader('file://grade.ts:one', { metric: 'one' })], provider })
    expect(scored.rows.map(({ failureReason, error }) => (failureReason === 2 ? error : ''))).toEqual(['', ''])
    expect(scored.log).toContain('Accuracy by metric "answer"')

    const bare = await evaluate({ provider })
    expect(bare.rows.map(({ success }) => success)).toEqual([true, true])
    expect(bare.log).toContain('2 of 2 rows had no assertion. There is nothing to score in them.')
    expect(bare.log).not.toContain('100.0 %')

    const thrown = await evaluate({ provider, assert: [grader('output.missing.field')] })
    expect(thrown.rows.map(({ failureReason }) => failureReason)).toEqual([1, 1])
    expect(thrown.log).toContain('2 of 2 rows ended with an error')
    expect(thrown.log).toContain('the grader of "answer" failed')

    const mixed = await evaluate({
      provider,
      tests: [
        { ...TESTS[0], assert: [grader('file://grade.mjs:broken')] },
        { ...TESTS[1], assert: [grader(ANSWER)] },
      ],
    })
    expect(mixed.log).toMatch(/1 of 2 rows ended with an error and count as neither right nor wrong\. The first, of local: no ruler/)
    expect(mixed.log).toContain('Accuracy by metric "answer"')
  }, 120_000)

  it('says that --no-write leaves no statistics', async () => {
    const { log } = await evaluate({ assert: [grader(ANSWER)], args: ['--no-write'] })
    expect(log).toContain('no statistics: promptfoo hands no rows on with --no-write. Leave it out.')
  }, 60_000)

  it('warns once that greedy paths are equal', async () => {
    const provider = { checkpoint: 'tiny', maxTokens: 40, temperature: 0 }
    const { log } = await evaluate({ assert: [grader(ANSWER)], provider })
    expect(log.match(/temperature: 0 makes the 3 paths of a block equal/g)).toHaveLength(1)
    expect(log).toContain('Use temperature: 1 (the paths then differ), or mode: sequential')
  }, 60_000)
})
