/** docs/library.md: what it shows type checks and runs, and importing the package stays cheap. */

import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { writeTinyCheckpoint } from '../providers/tiny-checkpoint.ts'
import { root, run } from './route.ts'

const page = readFileSync(path.join(root, 'docs', 'library.md'), 'utf8')
const snippets = [...page.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, text]) => text)
const program = snippets.join('\n')

let folder: string

beforeAll(async () => {
  run(process.execPath, [path.join(root, 'scripts', 'build.mjs'), '--if-needed'], root)
  folder = mkdtempSync(path.join(os.tmpdir(), 'pr1-library-'))
  writeFileSync(path.join(folder, 'package.json'), '{ "private": true }')
  mkdirSync(path.join(folder, 'node_modules'))
  symlinkSync(root, path.join(folder, 'node_modules', 'parallel-r1'))
  await writeTinyCheckpoint(path.join(folder, 'models', 'my-model'))
  const file = (name: string, json: object) => writeFileSync(path.join(folder, name), JSON.stringify(json)) // JSON is YAML
  file('cold-start.yaml', {
    prompts: ['{{ question }}'],
    providers: ['echo'],
    tests: [{ vars: { question: '1 + 2', answer: '3' } }, { vars: { question: '2 + 2', answer: '4' } }],
  })
  file('train.yaml', {
    output: 'run',
    precision: 'f32',
    model: { checkpoint: 'models/my-model' },
    stages: [{ name: 'cold-start', kind: 'sft', suite: 'cold-start.yaml', response: '{{ answer }}', steps: 1, batchTokens: 64, lr: 0.001 }],
  })
})
afterAll(() => folder && rmSync(folder, { recursive: true, force: true }))

function script(name: string, text: string): string {
  const file = path.join(folder, name)
  writeFileSync(file, text)
  return run(process.execPath, [file], folder, { ...process.env, PROMPTFOO_CONFIG_DIR: path.join(folder, 'promptfoo'), PR1_SAMPLES: 'off' })
}

describe('docs/library.md', () => {
  it('shows every task and type checks against the declarations of the package', () => {
    for (const name of [
      'openCheckpoint',
      'promptIds',
      'localThinker',
      'remoteThinker',
      'parseThinking',
      'mathAnswer',
      'judgeAnswer',
      'train',
    ]) {
      expect(program).toMatch(new RegExp(`import \\{[^}]*\\b${name}\\b[^}]*\\} from 'parallel-r1'`))
    }
    writeFileSync(path.join(folder, 'page.mts'), program)
    const compilerOptions = { typeRoots: [path.join(root, 'node_modules/@types')] }
    writeFileSync(
      path.join(folder, 'tsconfig.json'),
      JSON.stringify({ extends: path.join(root, 'tsconfig.json'), compilerOptions, files: ['page.mts'], include: [] }),
    )
    run(process.execPath, [path.join(root, 'node_modules/typescript/bin/tsc'), '-p', folder], folder)
  })

  it('runs from top to bottom', () => {
    const out = script('page.mjs', program)
    const lines = out.trim().split('\n')
    expect(lines[0]).toMatch(/^qwen3 \d+ native CPU engine/)
    expect(lines.filter((line) => /^\d+ \d+ (stop|length)$/.test(line))).toHaveLength(4)
    expect(lines).toContain('true')
    expect(lines.find((line) => line.startsWith('finished {'))).toBeDefined()
    expect(out).toContain("stage: 'cold-start'")
    expect(out).toContain('step: 2')
  })
})

describe('importing the package', () => {
  it('loads its own small files and of packages only zod, which checks the config of a provider as it is made', () => {
    const recorder = `import { writeSync } from 'node:fs'
      export async function resolve(specifier, context, next) {
        const result = await next(specifier, context)
        writeSync(1, result.url + '\\n')
        return result
      }`
    const urls = script(
      'import.mjs',
      `import { createRequire, register } from 'node:module'
       register('data:text/javascript,' + encodeURIComponent(${JSON.stringify(recorder)}))
       const names = Object.keys(await import('parallel-r1'))
       process.stdout.write([...Object.keys(createRequire(import.meta.url).cache), 'names ' + names.join(' ')].join('\\n'))`,
    ).split('\n')
    const names = urls.at(-1)!.split(' ')
    expect(names).toEqual(expect.arrayContaining(['openCheckpoint', 'train', 'mathAnswer']))
    expect(names).not.toContain('default')
    const loaded = urls.slice(0, -1).filter((url) => !url.startsWith('node:'))
    expect(loaded.length).toBeGreaterThan(20)
    const own = `${pathToFileURL(path.join(root, 'dist'))}/`
    expect(loaded.filter((url) => !url.startsWith(own) && !url.includes('/node_modules/zod/'))).toEqual([])
    expect(loaded.filter((url) => /^(trainer|data|engine\/(native|tfjs|checkpoint))\//.test(url.slice(own.length)))).toEqual([])
  })
})
