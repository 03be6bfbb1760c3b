/** A harmless marker in every field that data can fill: {{ 6 * 7 }} must never become 42. */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { stringify } from 'yaml'
import { toTest } from '../../src/data/loaders.ts'
import type { Problem } from '../../src/data/problem.ts'
import { type GateSuite, type GateTest, gateSuite } from '../../src/gate/suite.ts'
import { plainText } from '../../src/gate/verbatim.ts'
import { loadSuite } from '../../src/trainer/suite/suite.ts'
import { promptfooEval, run } from '../package/route.ts'
import { inProofs } from '../proofs.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const folder = mkdtempSync(path.join(os.tmpdir(), 'pr1-gate-'))
const marker = '{{ 6 * 7 }}{% set x = 42 %}{# 42 #}'

beforeAll(() => {
  run(process.execPath, [path.join(root, 'scripts/build.mjs'), '--if-needed'], root)
  writeFileSync(
    path.join(folder, 'echo.mjs'),
    "export default class {\n  id() { return 'echo' }\n  async callApi(prompt) { return { output: prompt } }\n}\n",
  )
  // biome-ignore lint/suspicious/noTemplateCurlyInString: the text of a module
  writeFileSync(path.join(folder, 'prompt.mjs'), 'export const ask = ({ vars }) => `asked ${vars.problem.trim()} ${vars.id}`\n')
  writeFileSync(
    path.join(folder, 'rows.mjs'),
    "import { readFileSync } from 'node:fs'\nexport const load = () => JSON.parse(readFileSync(new URL('rows.json', import.meta.url), 'utf8'))\n",
  )
}, 60_000)
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const PROMPTS = [
  { id: 'file://prompt.mjs:ask', label: 'function' },
  { raw: 'asked {{ problem }} {{ id }}', label: 'template' },
  { raw: JSON.stringify([{ role: 'user', content: 'asked {{ problem }} {{ id }}' }]), label: 'chat' },
]

function write(name: string, tests: unknown, more: object = {}): string {
  const file = path.join(folder, name)
  const config = {
    prompts: PROMPTS,
    providers: [{ id: 'file://echo.mjs', label: 'echo' }],
    defaultTest: { assert: [{ type: 'contains', value: '{{ problem }}', metric: 'answer' }] },
    tests,
    extensions: [`file://${root}dist/providers/hooks.js:beforeAll`],
    env: { PROMPTFOO_PASS_RATE_THRESHOLD: '0' },
    ...more,
  }
  writeFileSync(file, JSON.stringify(config))
  return file
}

/** A problem with the marker in every text that a loader passes on. */
const problem: Problem = { id: marker, problem: marker, answer: marker, solution: marker, trace: marker, subject: marker, level: 3 }
const vars = { id: marker, problem: marker, answer: marker, note: marker }
const row = { description: marker, vars, metadata: { subject: marker } }
const csv = `__description,id,problem,answer,note,__metadata:subject\n${Array(6).fill(marker).join(',')}\n`

describe('a row is no template', () => {
  it('of a loader, of JSON lines, JSON, YAML and CSV', async () => {
    const files = {
      'rows.json': JSON.stringify([toTest(problem, 'math-test', true)]),
      'raw.jsonl': JSON.stringify(row),
      'raw.json': JSON.stringify([row]),
      'raw.yaml': stringify([row]),
      'raw.csv': csv,
    }
    for (const [name, text] of Object.entries(files)) writeFileSync(path.join(folder, name), text)
    const names = ['rows.mjs:load', 'raw.jsonl', 'raw.json', 'raw.yaml', 'raw.csv']
    const config = write(
      'config.json',
      names.map((name) => `file://${name}`),
    )
    const { rows, log } = await promptfooEval(folder, config)
    expect(rows, log).toHaveLength(names.length * PROMPTS.length)
    expect(rows.map(({ error }) => error ?? '')).toEqual(rows.map(() => ''))
    for (const { response, vars: seen, success } of rows) {
      expect(response?.output).toContain(`asked ${marker} ${marker}`)
      expect(success).toBe(true)
      // Equal rows are copies of a problem; their number is ours.
      const { _copyIndex, ...texts } = seen
      for (const value of Object.values(texts)) expect(plainText(value)).toBe(marker)
    }
    const saved = JSON.stringify(rows).replaceAll(marker, '')
    expect(saved).not.toContain('6 * 7')
    const suite = await loadSuite(config, { tests: true })
    expect(suite.rows.map(({ prompt }) => prompt.includes(`asked ${marker} ${marker}`))).toEqual(rows.map(() => true))
  })

  it.runIf(inProofs)(
    'and a test that brings one stops the run, with the way out',
    async () => {
      const tests = [{ vars, assert: [{ type: 'equals', value: marker }] }]
      const { rows, log } = await promptfooEval(folder, write('assertion.json', tests))
      expect(rows).toEqual([])
      expect(log).toMatch(/would run the assertion "equals" of test 1 as a template.*assertions of defaultTest/)
    },
    60_000,
  )
})

describe('the gate', () => {
  const gated = (test: GateTest, suite: GateSuite = {}) => gateSuite({ ...suite, tests: [test] }).tests
  const long = { disableVarExpansion: true }

  it('wraps what promptfoo would alter and leaves all else', () => {
    expect(gated({ vars: { a: 'x', n: 3 } })).toEqual([{ vars: { a: 'x', n: 3 } }])
    expect(gated({ vars: { a: marker, n: [1, 2] }, options: { temperature: 0 } })).toEqual([
      { vars: { a: [marker], n: [1, 2] }, options: { temperature: 0, ...long } },
    ])
    // Idempotent: a trainer lets a suite through that has the hook.
    const once = gated({ vars: { a: marker } })!
    expect(gated(once[0])).toEqual(once)
  })

  it('expands lists as promptfoo does where one holds such a text', () => {
    expect(gated({ vars: { a: ['x', 'y'] } })).toEqual([{ vars: { a: ['x', 'y'] } }])
    const rows = gated({ vars: { a: ['x', marker], b: ['1', '2'] } })!
    expect(rows.map((test) => test.vars)).toEqual([
      { a: 'x', b: '1' },
      { a: 'x', b: '2' },
      { a: [marker], b: '1' },
      { a: [marker], b: '2' },
    ])
  })

  it('refuses a list of answers that promptfoo would make rows of', () => {
    const list = { vars: { answer: ['1', '2'] } }
    expect(() => gated(list)).toThrow(/a row of each item of the list "answer" of test 1.*disableVarExpansion: true/)
    expect(gated({ ...list, options: long })![0].vars).toEqual(list.vars)
    expect(gated(list, { defaultTest: { options: long } })![0].vars).toEqual(list.vars)
    expect(gated({ vars: { answer: ['1'], numbers: [1, 2] } })).toHaveLength(1)
  })

  it('refuses templates where the text of a row could become one, and code that rows are written into', () => {
    expect(() => gated({ vars }, { defaultTest: { vars: { a: 'Solve {{ problem }}' } } })).toThrow(/defaultTest.vars.a .* Write it into/)
    expect(() => gated({ vars }, { defaultTest: { vars: { a: 'file://a.txt' } } })).toThrow(/defaultTest.vars.a/)
    const code = { assert: [{ type: 'javascript', value: 'output === "{{ answer }}"' }] }
    expect(() => gated({ vars }, { defaultTest: code })).toThrow(/run as code.*context.vars/)
    expect(() => gated({ vars }, { defaultTest: { assert: [{ type: 'assert-set', ...code }] } })).toThrow(/run as code/)
    expect(() => gated({ vars, options: { prefix: marker } })).toThrow(/options.prefix of test 1/)
    expect(() => gated({ assert: [{ type: 'contains-any', value: ['a', marker] }] })).toThrow(/"contains-any" of test 1/)
    expect(gated({ vars: { a: '1' } }, { defaultTest: { assert: [{ type: 'equals', value: '{{ answer }}' }] } })).toHaveLength(1)
  })

  it('reads scenarios, and says where there is no test', () => {
    const scenarios = [{ config: [{ vars: { a: marker } }], tests: [{ vars: { b: marker } }] }]
    const [scenario] = gateSuite<GateSuite>({ scenarios }).scenarios!
    expect([scenario.config![0].vars, scenario.tests![0].vars]).toEqual([{ a: [marker] }, { b: [marker] }])
    for (const empty of [{}, { tests: [] }, { tests: [], scenarios: [] }, { scenarios: [{ config: [] }] }]) {
      expect(() => gateSuite<GateSuite>(empty)).toThrow(/There is no test. Is the list of tests empty\?/)
    }
  })
})

describe('no test', () => {
  it('ends the run before it begins, and training too', async () => {
    writeFileSync(path.join(folder, 'empty.jsonl'), '')
    const config = write('empty.json', 'file://empty.jsonl')
    const { code, rows, log } = await promptfooEval(folder, config)
    expect([code, rows]).toEqual([1, []])
    expect(log).toContain('There is no test. Is the list of tests empty?')
    await expect(loadSuite(config, { tests: true })).rejects.toThrow(/empty.json cannot be trained on. There is no test/)
  })
})
