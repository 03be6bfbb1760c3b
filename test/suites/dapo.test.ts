/** The training suite for large models: its files, and what its cold start shows. */

import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import * as loaders from '../../src/data/loaders.ts'
import { parseThinkingConfig } from '../../src/providers/config.ts'
import { parseThinking } from '../../src/thinking/grammar.ts'
import { withoutLayout } from '../../src/thinking/writing.ts'
import { readTrainConfig } from '../../src/trainer/config/config-file.ts'
import { loadSuite } from '../../src/trainer/suite/suite.ts'
import { sharedPath } from '../shared.ts'

const suites = fileURLToPath(new URL('../../suites/', import.meta.url))
const yaml = (file: string) => parse(readFileSync(file, 'utf8'))
const trainFile = (form: string) => path.join(suites, 'dapo', `train.${form}.yaml`)

afterEach(() => {
  for (const name of ['PR1_PARALLEL', 'PR1_SEQUENTIAL', 'PR1_DATA']) delete process.env[name]
})

describe('train files', () => {
  it('start from the checkpoint of the environment, and say which variable is not set', () => {
    expect(() => readTrainConfig(trainFile('parallel'))).toThrow(
      /"checkpoint" in .* needs the environment variable PR1_PARALLEL, which is not set/,
    )
    process.env.PR1_PARALLEL = '../models/base'
    expect(readTrainConfig(trainFile('parallel')).model.checkpoint).toBe(path.resolve(suites, 'dapo/../models/base'))
  })

  it('train by the same RL', () => {
    process.env.PR1_PARALLEL = '/models/base'
    process.env.PR1_SEQUENTIAL = '/models/base'
    const [parallel, sequential] = ['parallel', 'sequential'].map((form) => readTrainConfig(trainFile(form)).stages.at(-1)!)
    const plain = (stage: object) => JSON.parse(JSON.stringify(stage).replaceAll(/parallel|sequential/g, 'form'))
    expect(plain(sequential)).toEqual(plain(parallel))
  })

  it.each(['parallel', 'sequential'])('%s: suites, loaders, providers and metrics exist', (form) => {
    process.env[`PR1_${form.toUpperCase()}`] = '/models/base'
    for (const stage of readTrainConfig(trainFile(form)).stages) {
      const config = yaml(stage.suite)
      expect(
        readFileSync(stage.suite, 'utf8').startsWith('# yaml-language-server: $schema=https://promptfoo.dev/config-schema.json\n'),
      ).toBe(true)
      for (const { id } of config.prompts) expect(existsSync(path.resolve(path.dirname(stage.suite), id.replace('file://', '')))).toBe(true)
      const [file, loader] = config.tests.path.replace('file://', '').split(':')
      expect(path.resolve(path.dirname(stage.suite), file)).toBe(path.resolve(suites, '../dist/data/loaders.js'))
      expect(loaders).toHaveProperty(loader)
      if (stage.kind !== 'grpo') continue
      const [provider] = config.providers
      expect(provider.label).toBe(stage.provider)
      expect(parseThinkingConfig(provider.config, stage.suite)).toMatchObject({ mode: form, temperature: 1, maxTokens: 3000 })
      expect(config.defaultTest.assert.map(({ metric }: { metric: string }) => metric)).toContain('answer')
      expect(stage.reward).toBe('2 * answer - 1')
    }
  })
})

const data = sharedPath('data/parallel_gsm8k_sample.jsonl')

describe.skipIf(!data)('the cold start', () => {
  it('asks with the prompt of the evaluation, and answers with well-formed traces', async () => {
    process.env.PR1_DATA = path.dirname(data!)
    const { rows } = await loadSuite(path.join(suites, 'gsm8k/cold-start.yaml'), { tests: false })
    expect(rows.length).toBeGreaterThan(300)
    const template = readFileSync(path.join(suites, 'prompts/parallel.j2'), 'utf8')
    for (const { prompt, vars } of rows) {
      expect(prompt).toBe(template.replace('{{ problem }}', () => String(vars.problem)))
      expect(parseThinking(withoutLayout(String(vars.trace)), { strictLayout: true }).violations).toEqual([])
    }
  })
})
