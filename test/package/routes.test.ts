import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { inProofs } from '../proofs.ts'
import { writeTinyCheckpoint } from '../providers/tiny-checkpoint.ts'
import { haveCountdown } from '../suites/random-checkpoints.ts'
import { type InstalledPackage, installTarball, promptfooEval, root } from './route.ts'

let installed: InstalledPackage
const suite = path.join('suites', 'countdown', 'promptfooconfig.yaml')

const userConfig = (provider: object) => ({
  prompts: ['Use {{ numbers }} once each to make {{ target }}.'],
  providers: [
    { id: 'package:parallel-r1:ParallelThinkingProvider', label: 'forked', config: { checkpoint: 'models/tiny', seed: 3, ...provider } },
    {
      id: 'package:parallel-r1:ParallelThinkingProvider',
      label: 'plain',
      config: { checkpoint: '{{ env.PR1_TINY | default("models/tiny", true) }}', mode: 'sequential', maxTokens: 40, seed: 3 },
    },
  ],
  defaultTest: { assert: [{ type: 'javascript', metric: 'answer', value: 'package:parallel-r1:countdownAnswer' }] },
  tests: [
    { vars: { numbers: '1 2 3', target: 6 } },
    { vars: { numbers: '4 5 6', target: 26 }, options: { temperature: 0 } },
    { vars: { numbers: '7 8 9', target: 24 }, options: { maxTokens: 70 } },
  ],
  extensions: ['beforeAll', 'afterAll'].map((hook) => `file://node_modules/parallel-r1/dist/providers/hooks.js:${hook}`),
})

beforeAll(async () => {
  installed = await installTarball()
  await writeTinyCheckpoint(path.join(installed.folder, 'project', 'models', 'tiny'))
})
afterAll(() => installed?.remove())

/** A user's project inside the folder, so that nothing resolves by accident from where promptfoo was started. */
function writeConfig(name: string, config: object): string {
  const project = path.join(installed.folder, 'project')
  mkdirSync(project, { recursive: true })
  const file = path.join(project, name)
  // JSON is YAML.
  writeFileSync(file, JSON.stringify(config).replaceAll('file://node_modules', 'file://../node_modules'))
  return file
}

describe('the tarball', () => {
  it('holds what runs, what compiles and the suites, and nothing else', () => {
    const names = installed.files.map((file) => file.path)
    for (const needed of [
      'dist/index.js',
      'dist/index.d.ts',
      'dist/providers/hooks.js',
      'dist/trainer/cli.js',
      'dist/data/loaders.js',
      'dist/data/cli.js',
      'binding.gyp',
      'scripts/install.mjs',
      'LICENSE',
      'README.md',
      'suites/countdown/promptfooconfig.yaml',
      'suites/countdown/train.parallel.yaml',
      'suites/countdown/test.hard.jsonl',
      'suites/prompts/parallel.j2',
      'suites/math/promptfooconfig.yaml',
      'suites/math/test.sums',
      'suites/dapo/train.parallel.yaml',
    ]) {
      expect(names).toContain(needed)
    }
    expect(names.filter((name) => /^native\/.*\.(cpp|h)$/.test(name)).length).toBeGreaterThan(3)
    for (const variant of ['sequential', 'parallel', 'sequential-10', 'parallel-10'])
      expect(names).toContain(`suites/countdown/checkpoints/${variant}/model.safetensors`)
    expect(names.filter((name) => /^(src|test|bench|build|runs|node_modules)\/|\.test\.|\.tmp|\.tgz$|dist\/\.built/.test(name))).toEqual([])
    const bytes = installed.files.reduce((sum, { size }) => sum + size, 0)
    expect(bytes).toBeLessThan(20e6)
  })
})

describe('promptfoo eval with the installed tarball', () => {
  it('runs from a config of the user, with package: references', async () => {
    const config = writeConfig('promptfooconfig.yaml', userConfig({}))
    const run = await promptfooEval(installed.folder, config, ['--repeat', '2', '-j', '12'])
    // The tiny model is random: wrong answers, which promptfoo reports as 100.
    expect(run.log).not.toContain('ParallelR1Error')
    expect(run.rows.map(({ failureReason, error }) => (failureReason === 2 ? error : ''))).toEqual(Array(12).fill(''))
    expect(run.code).toBe(run.rows.every(({ success }) => success) ? 0 : 100)
    const metadata = run.rows.map((row) => row.response?.metadata ?? {})
    expect(new Set(metadata.map(({ mode }) => mode))).toEqual(new Set(['parallel', 'sequential']))
    expect(metadata.map(({ repeatIndex }) => repeatIndex).sort()).toEqual([0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1])
    for (const row of run.rows) {
      expect(row.namedScores).toHaveProperty('answer')
      expect(row.response?.tokenUsage?.completion).toBe(row.response?.metadata?.totalTokens)
      expect(row.response?.metadata?.tree).toHaveProperty('blocks')
    }
    const greedy = run.rows.filter((row) => row.provider.label === 'plain').slice(2, 4)
    expect(greedy[0].response?.output).toBe(greedy[1].response?.output)
  })

  it.runIf(inProofs)('stops at a mistyped key with the nearest name', async () => {
    const config = writeConfig('mistyped.yaml', userConfig({ pathes: 2 }))
    const run = await promptfooEval(installed.folder, config)
    expect(run.code).toBe(1)
    expect(run.log).toContain('Unknown key "pathes" in the provider config. Did you mean "paths"?')
  })

  it.skipIf(!haveCountdown)('answers alike from a file, a line and a chat, with the shipped checkpoint', async () => {
    const line = `Use {{ numbers | replace(" ", ", ") }} once each with + - * / to make {{ target }}.`
    const shipped = path.join(root, 'suites/countdown')
    const rows = readFileSync(path.join(shipped, 'test.hard.jsonl'), 'utf8').split('\n').slice(0, 8)
    const config = writeConfig('forms.yaml', {
      prompts: [`file://${shipped}/prompt.j2`, line, JSON.stringify([{ role: 'user', content: line.replaceAll('"', "'") }])],
      providers: [
        {
          id: 'package:parallel-r1:ParallelThinkingProvider',
          config: { checkpoint: path.join(shipped, 'checkpoints/parallel-10'), precision: 'f32', seed: 1, samples: 'off' },
        },
      ],
      defaultTest: { assert: [{ type: 'javascript', metric: 'answer', value: 'package:parallel-r1:countdownAnswer' }] },
      tests: rows.map((row) => JSON.parse(row)),
    })
    const run = await promptfooEval(installed.folder, config, ['-j', '24'])
    expect(run.rows).toHaveLength(24)
    const outputs = new Map<string, Set<unknown>>()
    for (const { vars, response } of run.rows) outputs.set(vars.numbers, (outputs.get(vars.numbers) ?? new Set()).add(response?.output))
    expect([...outputs.values()].map(({ size }) => size)).toEqual(Array(8).fill(1))
    const right = run.rows.filter(({ namedScores }) => namedScores.answer === 1).length
    expect(right).toBeGreaterThan(0)
    expect(run.log).not.toContain('unlike every prompt')
  })

  it.skipIf(!haveCountdown)('runs the shipped suite from node_modules', async () => {
    const run = await promptfooEval(installed.folder, path.join('node_modules', 'parallel-r1', suite), [
      '--filter-first-n',
      '2',
      '--repeat',
      '1',
    ])
    expect(run.log).not.toContain('Error:')
    expect(run.code).toBe(0)
    expect(run.rows.map(({ failureReason, error }) => (failureReason === 2 ? error : ''))).toEqual(Array(8).fill(''))
  })
})

describe('promptfoo eval in the clone', () => {
  it.runIf(inProofs && haveCountdown)('runs the shipped suite', async () => {
    const run = await promptfooEval(root, suite, ['--filter-first-n', '2', '--repeat', '1'])
    expect(run.code).toBe(0)
    expect(run.rows).toHaveLength(8)
    expect(run.rows.every(({ failureReason }) => failureReason !== 2)).toBe(true)
  })
})
