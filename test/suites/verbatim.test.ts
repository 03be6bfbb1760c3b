/** A problem reaches the model byte for byte: through `promptfoo eval`, and through the trainer's way of asking promptfoo. */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, it } from 'vitest'
import { toTest } from '../../src/data/loaders.ts'
import { type Problem, parseProblems } from '../../src/data/problem.ts'
import { loadSuite } from '../../src/trainer/suite/suite.ts'
import { promptfooEval } from '../package/route.ts'
import { inProofs } from '../proofs.ts'
import { sharedPath } from '../shared.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const template = (form: string) => readFileSync(path.join(root, 'suites/prompts', `${form}.j2`), 'utf8')
const asked = (form: string, problem: string) => template(form).replace('{{ problem }}', () => problem)

const folder = mkdtempSync(path.join(os.tmpdir(), 'pr1-verbatim-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Answers with the prompt, and writes down what it was asked: one line of JSON a call, in the file PR1_ECHO. */
const echo = `import { appendFileSync } from 'node:fs'
export default class {
  id() { return 'echo' }
  async callApi(prompt, { vars }) {
    appendFileSync(process.env.PR1_ECHO, JSON.stringify([vars.id, prompt]) + '\\n')
    return { output: prompt }
  }
}`
writeFileSync(path.join(folder, 'echo.mjs'), echo)

/** Rows through a loader, as the suites have them: what stands in the config itself promptfoo renders as part of the config. */
function rows(problems: readonly Problem[]): string {
  writeFileSync(path.join(folder, 'rows.json'), JSON.stringify(problems.map((problem) => toTest(problem, 'math-train', true))))
  writeFileSync(
    path.join(folder, 'rows.mjs'),
    `import { readFileSync } from 'node:fs'\nexport const load = () => JSON.parse(readFileSync(new URL('rows.json', import.meta.url), 'utf8'))\n`,
  )
  return 'file://rows.mjs:load'
}

/** The suite's prompt, loader and rows, asked of a provider that echoes. */
function writeConfig(name: string, form: string, tests: unknown): string {
  const file = path.join(folder, name)
  const config = {
    prompts: [{ id: `file://${root}suites/prompts/${form}.j2`, label: form }],
    providers: [{ id: 'file://echo.mjs', label: 'echo' }],
    tests,
    env: { PROMPTFOO_PASS_RATE_THRESHOLD: '0' },
  }
  writeFileSync(file, JSON.stringify(config))
  return file
}

async function echoed(config: string): Promise<Map<string, string>> {
  const out = `${config}.asked`
  writeFileSync(out, '')
  process.env.PR1_ECHO = out
  const run = await promptfooEval(folder, config, ['--no-write', '-j', '256'])
  expect(run.code, run.log).toBe(0)
  const lines = readFileSync(out, 'utf8').trimEnd().split('\n')
  return new Map(lines.map((line) => JSON.parse(line) as [string, string]))
}

/** What nunjucks or promptfoo would make something else of. */
const hostile = [
  '{{ answer }}',
  '{{answer}} and {{ problem }}',
  '{{ 7 * 7 }}',
  '{{1}\\over{2}}',
  '{% if x %}yes{% endif %}',
  '{% raw %}{{ x }}{% endraw %}',
  '{# a comment #}',
  '{{ env.LANG }}',
  'ends in a line break\n',
  'in two\n\n',
  'file://rows.json',
  'package:parallel-r1:mathAnswer',
  "$& $` $' $1 %s \\n \\\\ \\u0041",
  '["a", {"b": "{{ c }}"}]',
  '}} %} #} { { {% raw',
  '<b>&amp;</b> „é“ 🎲 \t x',
].map((problem, i): Problem => ({ id: `hostile-${i}`, problem, answer: problem }))

const math = sharedPath('data/math_test.jsonl')
const problemsOf = (name: string) => parseProblems(readFileSync(sharedPath(`data/${name}`)!, 'utf8'), name)

describe('hostile problems', () => {
  it('reach a model and a trainer as they are', async () => {
    const config = writeConfig('hostile.json', 'sequential', rows(hostile))
    const expected = hostile.map(({ id, problem }) => [id, asked('sequential', problem)])
    expect([...(await echoed(config))].sort()).toEqual(expected.sort())
    const suite = await loadSuite(config, { tests: true })
    expect(suite.rows.map((row) => [row.vars.id, row.prompt]).sort()).toEqual(expected)
  })
})

describe.skipIf(!math || !inProofs)('all problems of MATH', () => {
  const loader = (name: string, config: object) => ({ path: `file://${root}src/data/loaders.ts:${name}`, config })
  process.env.PR1_DATA = math && path.dirname(math)

  it('reach a model through promptfoo eval byte for byte', async () => {
    const prompts = await echoed(writeConfig('math.json', 'parallel', loader('mathTest', {})))
    const problems = problemsOf('math_test.jsonl')
    expect(prompts.size).toBe(5000)
    const altered = problems.filter(({ id, problem }) => prompts.get(id) !== asked('parallel', problem))
    expect(altered.map(({ id }) => id)).toEqual([])
    expect(problems.filter(({ problem }) => problem.includes('{{')).map(({ id }) => id)).toEqual(
      [399, 694, 1282, 1587, 1834, 3134].map((n) => `math-test-${n}`),
    )
  })

  it('reach a trainer: those with braces, and those that end in a line break', async () => {
    const problems = [...problemsOf('math_train.jsonl'), ...problemsOf('dapo17k_train.jsonl')].filter(({ problem }) =>
      /\{\{|\n$/.test(problem),
    )
    expect(problems.length).toBeGreaterThan(400)
    const config = writeConfig('train.json', 'parallel', rows(problems))
    const suite = await loadSuite(config, { tests: true })
    const prompts = new Map(suite.rows.map((row) => [row.vars.id, row.prompt]))
    const altered = problems.filter(({ id, problem }) => prompts.get(id) !== asked('parallel', problem))
    expect(altered.map(({ id }) => id)).toEqual([])
  })
})
