import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { passedResponses } from '../../src/data/loaders.ts'
import { parseThinking } from '../../src/thinking/grammar.ts'
import { withoutLayout } from '../../src/thinking/writing.ts'
import { loadSuite } from '../../src/trainer/suite/suite.ts'
import { promptfooEval, root, run } from '../package/route.ts'
import { row, saved } from '../report/synthetic.ts'

const folder = mkdtempSync(path.join(os.tmpdir(), 'pr1-teacher-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function resultsFile(...rows: Parameters<typeof row>[0][]): string {
  writeFileSync(path.join(folder, 'some.json'), saved(rows.map((told) => row(told))))
  return 'some.json'
}

describe('the responses of a teacher', () => {
  const told = [
    { problem: 1, right: true, output: 'one' },
    { problem: 1, right: false, output: 'wrong' },
    { problem: 1, right: true, output: 'one' },
    { problem: 1, right: true, output: 'uno' },
    { problem: 2, error: 'lost' },
    { problem: 3, right: true, output: 'three {{ answer }}' },
  ]
  const load = (config: Record<string, unknown>) => passedResponses({ basePath: folder, ...config })

  it('are those that passed, each once, with the vars of their rows', async () => {
    const tests = await load({ results: resultsFile(...told) })
    expect(tests.map(({ vars }) => [vars.answer, vars.response])).toEqual([
      ['1', 'one'],
      ['1', 'uno'],
      ['3', ['three {{ answer }}']],
    ])
    expect(tests[0].vars.problem).toBe('What is 1?')
    expect((await load({ results: 'some.json', perProblem: 1 })).map(({ vars }) => vars.answer)).toEqual(['1', '3'])
  })

  it('are missed with a word that says where', async () => {
    await expect(load({ results: resultsFile({ problem: 1, output: 'wrong' }) })).rejects.toThrow(
      /No response of .*some\.json passed. Got 1 row/,
    )
    await expect(load({ results: 'none.json' })).rejects.toThrow(/none\.json cannot be read: it does not exist/)
    await expect(load({})).rejects.toThrow(/"results" in the loader config of passedResponses must name a file/)
    await expect(load({ result: 'some.json' })).rejects.toThrow(/Did you mean "results"/)
    await expect(load({ results: 'some.json', perProblem: 0 })).rejects.toThrow(/perProblem/)
  })
})

/** Writes tags on lines of their own, as an API's model does; its last answer is malformed. */
const TEACHER = `export default class {
  id() { return 'teacher' }
  async callApi(prompt, { vars: { a, b } }) {
    const block = \`<Parallel>\\n<Path>\\n\${a}+\${b}=\${+a + +b}\\n</Path>\\n<Path>\\n\${b}+\${a}\\n</Path>\\n</Parallel>\\n\\n<Summary>\\n\${+a + +b}\\n</Summary>\`
    return { output: { role: 'assistant', content: \`\${a === '7' ? block.replace('</Path>', '') : block}\\n\\nFinal Answer: \${+a + +b}\` } }
  }
}
`

it('go from promptfoo eval to the rows of an SFT stage', async () => {
  run(process.execPath, [path.join(root, 'scripts/build.mjs'), '--if-needed'], root)
  writeFileSync(path.join(folder, 'teacher.mjs'), TEACHER)
  const assertion = (name: string, config = {}) => ({
    type: 'javascript',
    metric: name,
    value: `file://${path.join(root, 'dist/index.js')}:${name}`,
    config,
  })
  const write = (name: string, config: object) => writeFileSync(path.join(folder, name), JSON.stringify(config))
  write('teacher.yaml', {
    prompts: ['Think in parallel: {{ a }}+{{ b }}=?'],
    providers: ['file://teacher.mjs'],
    defaultTest: { assert: [assertion('mathAnswer'), assertion('parallelStructure', { minBlocks: 1 })] },
    tests: ['1 2', '7 5', '4 4'].map((pair) => {
      const [a, b] = pair.split(' ')
      return { vars: { a, b, answer: String(Number(a) + Number(b)) } }
    }),
  })
  write('student.yaml', {
    prompts: ['{{ a }}+{{ b }}=?'],
    providers: ['echo'],
    tests: { path: `file://${path.join(root, 'dist/data/loaders.js')}:passedResponses`, config: { results: 'teacher.json' } },
  })
  await promptfooEval(folder, 'teacher.yaml', ['-o', path.join(folder, 'teacher.json')])
  const { rows } = await loadSuite(path.join(folder, 'student.yaml'), { tests: false })
  expect(rows.map(({ prompt }) => prompt)).toEqual(['1+2=?', '4+4=?'])
  const responses = rows.map(({ vars }) => withoutLayout(String(vars.response)))
  expect(responses[0]).toBe('<Parallel><Path>1+2=3</Path><Path>2+1</Path></Parallel>\n<Summary>3</Summary>\n\nFinal Answer: 3')
  for (const response of responses) expect(parseThinking(response, { strictLayout: true }).violations).toEqual([])
}, 60_000)
