/** The suites of mathematical problems: their files, and a run of each without a network. */

import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import * as loaders from '../../src/data/loaders.ts'
import { SETS } from '../../src/data/sets.ts'
import { parseThinkingConfig } from '../../src/providers/config.ts'
import { promptfooEval } from '../package/route.ts'
import { inProofs } from '../proofs.ts'
import { sharedPath } from '../shared.ts'
import { haveCountdown, writeLongCountdown, writeRandomQwen3 } from './random-checkpoints.ts'

const suites = fileURLToPath(new URL('../../suites/', import.meta.url))
const NAMES = ['gsm8k', 'math', 'amc23', 'aime24', 'aime25', 'problems']
const REPEATS: Record<string, number> = { gsm8k: 1, math: 1, amc23: 16, aime24: 16, aime25: 16, problems: 16 }

interface SuiteConfig {
  prompts: { id: string; label: string }[]
  providers: { id: string; label: string; prompts: string[]; config: Record<string, unknown> }[]
  defaultTest: { assertScoringFunction: string; assert: { metric: string; value: string }[] }
  tests: { path: string }
  extensions: string[]
  commandLineOptions: { repeat: number }
}

const read = (...parts: string[]) => readFileSync(path.join(suites, ...parts), 'utf8')
const configOf = (name: string) => parse(read(name, 'promptfooconfig.yaml')) as SuiteConfig

describe('configs', () => {
  it.each(NAMES)('%s names the schema, files that exist, a loader and provider keys that are known', (name) => {
    const config = configOf(name)
    expect(
      read(name, 'promptfooconfig.yaml').startsWith('# yaml-language-server: $schema=https://promptfoo.dev/config-schema.json\n'),
    ).toBe(true)
    for (const provider of config.providers) {
      parseThinkingConfig(provider.config, name)
      expect(config.prompts.map(({ label }) => label)).toEqual(expect.arrayContaining(provider.prompts))
    }
    for (const { id } of config.prompts) expect(existsSync(path.resolve(suites, name, id.replace('file://', '')))).toBe(true)
    const [file, loader] = config.tests.path.replace('file://', '').split(':')
    expect(path.resolve(suites, name, file)).toBe(path.resolve(suites, '../dist/data/loaders.js'))
    expect(loaders).toHaveProperty(loader)
    for (const { value } of config.defaultTest.assert)
      expect(value).toMatch(/^package:parallel-r1:\w+$|^file:\/\/\.\.\/countdown\/scoring\.ts:\w+$/)
    expect(config.commandLineOptions.repeat).toBe(REPEATS[name])
  })

  it('differ in nothing but problems, repeats and tokens', () => {
    const [first, ...others] = NAMES.map(configOf).map(({ providers, prompts, defaultTest, extensions }) => ({
      providers: providers.map((provider) => ({ ...provider, config: { ...provider.config, maxTokens: 0 } })),
      prompts,
      defaultTest,
      extensions,
    }))
    for (const other of others) expect(other).toEqual(first)
  })

  it('compare at the same budget, and ask each checkpoint as it is meant to be asked', () => {
    for (const { providers } of NAMES.map(configOf)) {
      const [sequential, parallel, plain] = providers
      expect(new Set(providers.map(({ config }) => config.maxTokens)).size).toBe(1)
      expect(plain.config.checkpoint).toBe(parallel.config.checkpoint)
      expect(plain.prompts).toEqual(parallel.prompts)
      expect([sequential.config.mode, parallel.config.mode, plain.config.mode]).toEqual(['sequential', 'parallel', 'sequential'])
    }
  })

  it.each([...NAMES, 'dapo'])('%s has a README with size, licence, source and memory', (name) => {
    for (const word of ['Problems', 'Licence', 'Source', 'Answers', 'Memory', 'Time']) expect(read(name, 'README.md')).toContain(word)
  })
})

describe('the table of problem sets', () => {
  const rows = read('problems', 'README.md')
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) => line.split('|').map((cell) => cell.trim()))
    .filter((cells) => cells.length === 9)
  const table = new Map(rows.map(([, name, ...cells]) => [name.replaceAll('`', ''), cells.join(' | ')]))

  it.each(SETS.map((set) => [set.name, set] as const))('has %s with number, licence and source', (name, set) => {
    const row = table.get(name) ?? ''
    expect(row).toContain(` | ${set.problems.toLocaleString('en-US')} | `)
    expect(row).toContain(` | ${set.licence} | `)
    if ('hub' in set) expect(row).toContain(`(https://huggingface.co/datasets/${set.hub.dataset})`)
    expect(row.includes('not seen here')).toBe('hub' in set && !('manifest' in set))
  })
})

const data = sharedPath('data/math_test.jsonl')

describe.runIf(inProofs && data)('a checkpoint that is not set', () => {
  it('is named before a model is loaded', async () => {
    for (const name of ['PR1_SEQUENTIAL', 'PR1_PARALLEL']) delete process.env[name]
    process.env.PR1_DATA = path.dirname(data!)
    const run = await promptfooEval(suites, 'aime24/promptfooconfig.yaml')
    expect(run.code).toBe(1)
    expect(run.log).toContain('Set the environment variable PR1_SEQUENTIAL to a checkpoint folder')
  })
})

describe.skipIf(!data || !haveCountdown)('every suite runs from the data folder, without a network', () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'pr1-suites-'))
  beforeAll(async () => {
    writeLongCountdown(path.join(folder, 'countdown'), 'sequential')
    await writeRandomQwen3(path.join(folder, 'qwen3'))
    Object.assign(process.env, {
      PR1_DATA: path.dirname(data!),
      PR1_SEQUENTIAL: path.join(folder, 'countdown'),
      PR1_PARALLEL: path.join(folder, 'qwen3'),
      PR1_SET: 'hmmt25-feb',
      // Nobody answers there.
      HF_ENDPOINT: 'http://127.0.0.1:9',
    })
  })
  afterAll(() => {
    rmSync(folder, { recursive: true, force: true })
    for (const name of ['PR1_DATA', 'PR1_SEQUENTIAL', 'PR1_PARALLEL', 'PR1_SET', 'HF_ENDPOINT']) delete process.env[name]
  })

  // They differ in nothing but problems, repeats and tokens (above).
  it.each(inProofs ? NAMES : ['problems'])('%s', async (name) => {
    const run = await promptfooEval(suites, `${name}/promptfooconfig.yaml`, ['--filter-first-n', '1', '--repeat', '1'])
    expect(run.code, run.log).toBe(0)
    expect(run.rows.map(({ provider, failureReason, error }) => [provider.label, failureReason === 2 ? error : ''])).toEqual(
      expect.arrayContaining([
        ['sequential', ''],
        ['parallel', ''],
        ['parallel, decoded sequentially', ''],
      ]),
    )
    expect(run.rows).toHaveLength(3)
    for (const { response, namedScores, provider } of run.rows) {
      const { mode, totalTokens, criticalPathTokens } = response!.metadata as Record<string, number | string>
      expect(mode).toBe(provider.label === 'parallel' ? 'parallel' : 'sequential')
      // By chance a random model is right now and then.
      expect([0, 1]).toContain(namedScores.answer)
      expect(namedScores).toMatchObject({ tokens: totalTokens, 'critical path': criticalPathTokens })
      for (const metric of ['structure', 'parallel', 'agreement', 'efficiency']) expect(namedScores).toHaveProperty(metric)
    }
  })
})
