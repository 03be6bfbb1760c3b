import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { promptfooEval, root, run } from '../package/route.ts'
import { inProofs } from '../proofs.ts'
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
function evaluate({ assert, tests = TESTS, provider = {}, other, hooks = ['afterAll'], args = [] }: Setup) {
  const entry = (label: string, own: object) => ({
    id: 'package:parallel-r1:ParallelThinkingProvider',
    label,
    config: { checkpoint: 'none', ...own },
  })
  const config = {
    prompts: ['What is {{ problem }}?'],
    providers: [entry('local', provider), ...(other ? [entry('other', other)] : [])],
    ...(assert && { defaultTest: { assert } }),
    tests,
    extensions: hooks.map((hook) => `file://node_modules/parallel-r1/dist/providers/hooks.js:${hook}`),
  }
  writeFileSync(path.join(project, 'promptfooconfig.yaml'), JSON.stringify(config))
  return promptfooEval(project, 'promptfooconfig.yaml', args)
}

interface Setup {
  assert?: object[]
  tests?: (object | string)[]
  provider?: object
  /** A second entry. */
  other?: object
  hooks?: string[]
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
    // Without the hook beforeAll promptfoo runs a row of a file as a template.
    writeFileSync(path.join(project, 'template.jsonl'), JSON.stringify({ vars: { problem: '{{ 6 * 7 }}' } }))
    const tests = [...causes.map(([assertion], i) => ({ vars: { problem: i }, assert: [assertion] })), 'file://template.jsonl']
    const { rows, log } = await evaluate({ tests })
    expect(rows.map(({ failureReason }) => failureReason)).toEqual(tests.map(() => 2))
    for (const [i, [, cause]] of causes.entries()) expect(rows[i].error).toContain(cause)
    expect(rows.at(-1)!.error).toMatch(/promptfoo ran the variable "problem" as a template\. Got "\{\{ 6 \* 7 \}\}".*hooks\.js:beforeAll/)
    expect(log).toMatch(/15 of 15 rows ended with an error and count as neither right nor wrong\. The first, of local: parallel-r1: /)
    expect(log).not.toContain('Accuracy')
  }, 60_000)

  it.each<[object[] | undefined]>(inProofs ? [[[grader(ANSWER)]], [undefined]] : [[undefined]])(
    'says that the list of tests is empty, with the assertions %j',
    async (assert) => {
      const { rows, log } = await evaluate({ assert, tests: [] })
      expect(rows.map(({ failureReason }) => failureReason)).toEqual([2])
      expect(log).toMatch(/1 of 1 row ended with an error.*Is the list of tests empty\?/)
    },
    60_000,
  )

  const provider = { checkpoint: 'tiny', maxTokens: 40 }

  it('samples where the config is whole, and a grader that throws costs its row only', async () => {
    const asserts = [
      [grader('output.missing.field')],
      [grader(ANSWER), grader('file://grade.ts:one', { metric: 'one' })],
      [grader('file://grade.mjs:broken')],
    ]
    const tests = asserts.map((assert, i) => ({ vars: { problem: `${i}+1`, answer: String(i + 1) }, assert }))
    const { rows, log } = await evaluate({ provider, tests })
    // promptfoo itself makes of inline code that throws a wrong answer.
    expect(rows.map(({ failureReason }) => failureReason === 2)).toEqual([false, false, true])
    expect(rows[0].failureReason).toBe(1)
    expect(rows[2].error).toContain('no ruler')
    expect(log).toMatch(
      /2 of 3 rows ended with an error and count as neither right nor wrong\. The first, of local: .*the grader of "answer" failed/,
    )
    expect(log).toContain('Accuracy by metric "answer"')
  }, 60_000)

  it('samples what nothing scores, and warns once that greedy paths are equal', async () => {
    const { rows, log } = await evaluate({ provider: { ...provider, temperature: 0 } })
    expect(rows.map(({ success }) => success)).toEqual([true, true])
    expect(log).toContain('2 of 2 rows had no assertion. There is nothing to score in them.')
    expect(log).not.toContain('100.0 %')
    expect(log.match(/temperature: 0 makes the 3 paths of a block equal/g)).toHaveLength(1)
    expect(log).toContain('Use temperature: 1 (the paths then differ), or mode: sequential')
  }, 60_000)

  /** The last line is ours, and no stack stands around it. */
  const alone = /\nparallel-r1: [^\n]*\n?$/

  it('ends at a wrong key with one line', async () => {
    const { code, log, rows } = await evaluate({ provider: { ...provider, maxTokns: 40 } })
    expect([code, rows]).toEqual([1, []])
    expect(`\n${log}`).toMatch(alone)
    expect(log).toContain('parallel-r1: Unknown key "maxTokns" in the provider config. Did you mean "maxTokens"?')
    expect(log).not.toMatch(/^\s+at /m)
  }, 60_000)

  it('asks no row where a provider of a later column has no checkpoint, with the hook beforeAll', async () => {
    const { code, log, rows } = await evaluate({ provider, other: {}, hooks: ['beforeAll', 'afterAll'] })
    expect([code, rows]).toEqual([1, []])
    expect(log).toContain('parallel-r1: The provider "other" cannot answer. No checkpoint at ')
    expect(log).not.toMatch(/^\s+at /m)
  }, 60_000)

  it.runIf(inProofs)(
    'says beside the first row that a later column has no checkpoint, without the hook',
    async () => {
      const { log, rows } = await evaluate({ provider, other: {} })
      expect(rows.map(({ error }) => Boolean(error)).sort()).toEqual([false, false, true, true])
      expect(log.match(/parallel-r1: The provider "other" cannot answer\. No checkpoint at /g)).toHaveLength(1)
      expect(log).toContain('Each of its rows will be an error.')
    },
    60_000,
  )

  it.runIf(inProofs)(
    'says that --no-write leaves no statistics',
    async () => {
      const { log } = await evaluate({ assert: [grader(ANSWER)], args: ['--no-write'] })
      expect(log).toContain('no statistics: promptfoo hands no rows on with --no-write. Leave it out.')
    },
    60_000,
  )
})
