import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import type { SuiteAssertion } from '../../../src/grading/references.ts'
import { openGraders } from '../../../src/trainer/grading/grader-host.ts'
import type { Suite } from '../../../src/trainer/suite/suite.ts'
import { inProofs } from '../../proofs.ts'
import { hasPython } from '../boards/python.ts'
import { fixture, newFolder, root } from '../runs.ts'

const suiteOf = (...assert: SuiteAssertion[]): Suite => ({
  file: fixture('rl.yaml'),
  folder: fixture(''),
  provider: { label: 'p', config: {}, ours: true },
  rows: [
    { prompt: '1+1=?', promptConfig: {}, vars: { answer: '2' }, test: { assert } },
    { prompt: '1+2=?', promptConfig: {}, vars: { answer: '3' }, test: { assert } },
  ],
})
const js = (name: string, metric = 'm'): SuiteAssertion => ({ type: 'javascript', metric, value: `file://${name}` })
const response = { output: '12ab', metadata: { tree: { blocks: [{}] } } }

const score = async (timeout: number, ...assert: SuiteAssertion[]) => {
  const suite = suiteOf(...assert)
  const graders = await openGraders(suite, timeout)
  return Promise.all(suite.rows.map((row) => graders.score(row, response))).finally(() => graders.close())
}

describe('graders of others', () => {
  it('give in their worker what they give', async () => {
    expect(await score(60, js('graders.ts:digits', 'd'), js('graders.ts:blocks', 'b'))).toEqual([
      { d: 0.5, b: 1 },
      { d: 0.5, b: 1 },
    ])
    await expect(score(60, js('graders.ts:digitz'))).rejects.toThrow(/Did you mean "digits".*It is test 1 of/)
    await expect(score(60, js('crashes.mjs:throws'))).rejects.toThrow(/grader failed \(file:\/\/crashes\.mjs:throws\).*no ruler/s)
  })

  // The worker of the built package has no reader of TypeScript but the one it registers.
  it.runIf(inProofs)('may be TypeScript where the package is built', () => {
    execFileSync(process.execPath, ['scripts/build.mjs', '--if-needed'], { cwd: root })
    const suite = JSON.stringify(suiteOf(js('graders.ts:digits')))
    const script = `import('./dist/trainer/grading/grader-host.js').then(async ({ openGraders }) => {
      const suite = ${suite}
      const graders = await openGraders(suite, 60)
      process.stdout.write(JSON.stringify(await graders.score(suite.rows[0], ${JSON.stringify(response)})))
      process.exit(0)
    })`
    expect(execFileSync(process.execPath, ['-e', script], { cwd: root, encoding: 'utf8' })).toBe('{"m":0.5}')
  })

  const inline = (value: string, more: object = {}): SuiteAssertion => ({ type: 'javascript', metric: 'm', value, ...more })

  // Every case starts a worker anew, and promptfoo in it.
  it.each<[string, SuiteAssertion, string]>([
    ['a function works for ever', js('crashes.mjs:endless'), 'file://crashes.mjs:endless'],
    ...(inProofs
      ? ([
          ['inline code works for ever', inline('for (;;);\nreturn true'), 'javascript of "m": for (;;); return true'],
          ['a function never answers', js('crashes.mjs:never'), 'file://crashes.mjs:never'],
          ['inline code never answers', inline('new Promise(() => {})'), 'javascript of "m": new Promise(() => {})'],
          ['a transform never ends', inline('true', { transform: 'for (;;);\nreturn true' }), 'javascript of "m": true'],
        ] as [string, SuiteAssertion, string][])
      : []),
  ])('are ended, and no other is named, where %s', async (_, assertion, name) => {
    const ended = score(0.5, js('graders.ts:digits', 'd'), inline('output.length / 8', { metric: 'e' }), assertion)
    const message = 'gave no verdict within graderTimeout, 0.5 seconds, and was ended'
    await expect(ended).rejects.toThrow(`A grader (${name}) ${message}`)
    // The next run has a worker of its own.
    expect(await score(60, js('graders.ts:digits'))).toEqual([{ m: 0.5 }, { m: 0.5 }])
  })

  it('do not end the process', async () => {
    await expect(score(60, js('crashes.mjs:exits'))).rejects.toThrow(/crashes.mjs:exits\) ended the process \(process.exit\(0\)\)/)
    if (inProofs)
      await expect(score(60, js('crashes.mjs:throwsOutside'))).rejects.toThrow(
        /crashes.mjs:throwsOutside\) threw outside of its call: .*too late/s,
      )
  })

  it('of two folders work at the same time, each with the files of its own', async () => {
    const withPython = hasPython('json', 'graders in Python of two folders.')
    const suites = ['12', '34'].map((word): Suite => {
      const folder = newFolder()
      const write = (name: string, text: string) => writeFileSync(path.join(folder, name), text)
      write('word.txt', word)
      write('schema.json', JSON.stringify({ type: 'integer', const: Number(word) }))
      write('first.mjs', `export const first = (output) => output.includes('${word}') ? 'yes' : 'no'`)
      write('first.cjs', `module.exports = { has: (output) => output.includes('${word}') }`)
      // Of one name, and for `import` alone.
      const module = path.join('node_modules', 'graders-of-others')
      mkdirSync(path.join(folder, module), { recursive: true })
      write(
        path.join(module, 'package.json'),
        JSON.stringify({ type: 'module', exports: { '.': { types: './x.d.ts', import: './main.js' } } }),
      )
      write(path.join(module, 'main.js'), `export const deep = { has: (output) => output.includes('${word}') }`)
      write('grade.py', `def has(output, context):\n    return '${word}' in output\n`)
      const assert: SuiteAssertion[] = [
        { type: 'contains', metric: 'text', value: 'file://word.txt' },
        { type: 'contains-any', metric: 'texts', value: ['file://word.txt', 'nowhere'] },
        { type: 'is-json', metric: 'schema', value: 'file://schema.json' },
        { type: 'equals', metric: 'transform', value: 'yes', transform: 'file://first.mjs:first' },
        { type: 'javascript', metric: 'module', value: 'file://first.cjs:has' },
        { type: 'javascript', metric: 'package', value: 'package:graders-of-others:deep.has' },
        ...(withPython ? [{ type: 'python', metric: 'python', value: 'file://grade.py:has' }] : []),
      ]
      const row = { prompt: 'a number', promptConfig: {}, vars: {}, test: { assert } }
      return { file: path.join(folder, 'suite.yaml'), folder, provider: { label: 'p', config: {}, ours: true }, rows: [row] }
    })
    const graders = await Promise.all(suites.map((suite) => openGraders(suite, 60)))
    const before = process.cwd()
    const scores = await Promise.all(
      ['12', '34'].flatMap((output) => suites.map(async ({ rows }, k) => Object.values(await graders[k].score(rows[0], { output })))),
    )
    await Promise.all(graders.map((one) => one.close()))
    expect(scores.map((all) => [...new Set(all)])).toEqual([[1], [0], [0], [1]])
    expect(scores[0]).toHaveLength(withPython ? 7 : 6)
    expect(process.cwd()).toBe(before)
  })
})
