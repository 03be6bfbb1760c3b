/** The suite that trains a small real model: both forms differ in form only, and its files resolve. */

import { readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { parse } from 'yaml'
import * as loaders from '../../src/data/loaders.ts'
import { parseThinkingConfig } from '../../src/providers/config.ts'
import { readTrainConfig } from '../../src/trainer/config/config-file.ts'

const suite = fileURLToPath(new URL('../../suites/gsm8k/smollm2/', import.meta.url))
const train = (form: string) => readTrainConfig(path.join(suite, `train.${form}.yaml`))
const read = (name: string) => parse(readFileSync(path.join(suite, name), 'utf8'))

afterEach(() => vi.unstubAllEnvs())

describe('the suite of a small real model', () => {
  it('starts from the id of the hub, or from what PR1_SMOLLM2 names', () => {
    vi.stubEnv('PR1_SMOLLM2', '')
    expect(train('parallel').model.checkpoint).toBe('HuggingFaceTB/SmolLM2-135M-Instruct')
    vi.stubEnv('PR1_SMOLLM2', '/models/other')
    expect(train('sequential').model.checkpoint).toBe('/models/other')
  })

  it('trains both forms alike but for responses, decoding and what the reward asks of them', () => {
    const bare = (form: string) => {
      const { output, stages, model } = train(form)
      return {
        output: output.replace(form, ''),
        checkpoint: model.checkpoint,
        stages: stages.map((stage) => ({ ...stage, suite: stage.suite.replace(/parallel|sequential/, ''), provider: '', reward: '' })),
      }
    }
    expect(bare('parallel')).toEqual(bare('sequential'))
    expect(train('parallel').stages[0]).toEqual(train('sequential').stages[0])
  })

  it('names loaders and provider keys that there are', () => {
    for (const name of ['promptfooconfig.yaml', 'rl.yaml', 'cold-start.parallel.yaml', 'cold-start.sequential.yaml']) {
      const { tests, providers } = read(name) as { tests: { path: string }; providers: (string | { config: object })[] }
      const [file, loader] = tests.path.replace('file://', '').split(':')
      expect(path.resolve(suite, file)).toBe(path.resolve(suite, '../../../dist/data/loaders.js'))
      expect(loaders).toHaveProperty(loader)
      for (const provider of providers) if (typeof provider === 'object') parseThinkingConfig(provider.config, name)
    }
  })
})
