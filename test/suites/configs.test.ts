import { existsSync } from 'node:fs'
import path from 'node:path'
import nunjucks from 'nunjucks'
import { describe, expect, it } from 'vitest'
import { modelSpec } from '../../src/engine/families/index.ts'
import { parameterCount } from '../../src/engine/spec.ts'
import { parseThinkingConfig } from '../../src/providers/config.ts'
import { readTrainConfig } from '../../src/trainer/config/config-file.ts'
import { compileReward, symbolOf } from '../../src/trainer/rewards/rewards.ts'
import * as data from '../../suites/countdown/data.ts'
import * as starts from '../../suites/countdown/path-starts.ts'
import { byAnswer, criticalPathTokens, totalTokens } from '../../suites/countdown/scoring.ts'
import { committedTests, type EvalProvider, folder, isReading, loaderConfig, promptOf, read, readmeRow, yaml } from './suite.ts'

/** The pair of models that the suite compares, and the smaller one that the evidence and the outlines build on. */
const PAIRS = [
  { pair: '', evaluation: 'promptfooconfig.yaml', budget: 416 },
  { pair: '-10', evaluation: 'ten-tries.yaml', budget: 264 },
]
const FORMS = ['sequential', 'parallel']
const evals = [
  'base.yaml',
  'reading.yaml',
  ...PAIRS.flatMap(({ pair, evaluation }) => [
    ...FORMS.flatMap((form) => [`cold-start.${form}${pair}.yaml`, `rl.${form}${pair}.yaml`]),
    evaluation,
  ]),
]
const loaders = { ...data, ...starts } as unknown as Record<string, (config: unknown) => data.CountdownTest[]>

describe('promptfoo configs', () => {
  it('name the schema, files that exist, loaders and provider keys that are known', () => {
    for (const name of evals) {
      const config = yaml(name)
      expect(read(name).startsWith('# yaml-language-server: $schema=https://promptfoo.dev/config-schema.json\n')).toBe(true)
      for (const { id } of config.prompts) expect(existsSync(path.join(folder, id.replace('file://', '')))).toBe(true)
      for (const provider of config.providers) {
        if (typeof provider === 'string') expect(provider).toBe('echo')
        else parseThinkingConfig(provider.config, `${name}, ${provider.label}`)
      }
      if (typeof config.tests === 'string') expect(existsSync(path.join(folder, config.tests.replace('file://', '')))).toBe(true)
      else {
        const [file, loader] = config.tests.path.replace('file://', '').split(':')
        expect(existsSync(path.join(folder, file))).toBe(true)
        expect(loaders[loader]({ ...config.tests.config, count: 3 })).toHaveLength(3)
      }
    }
  })

  it('ask every model the same prompt', () => {
    for (const name of evals) expect(yaml(name).prompts).toEqual(yaml('base.yaml').prompts)
    const row = data.toTest({ numbers: [11, 1, 5], target: 17 })
    expect(promptOf(row)).toBe('Use 11, 1, 5 once each with + - * / to make 17.\n')
    expect(promptOf({ ...row, vars: { ...row.vars, task: 'descents' } })).toBe('11, 1, 5 to make 17.\n')
    const shown = '11 + 5 = 16 yes\n3, 40 no'
    expect(promptOf({ ...row, vars: { task: 'reading', shown, trajectories: [] } })).toBe(`${shown}\n`)
  })

  it('ask for a solution wherever one is searched for, rewarded or scored, and for descents in the base task only', () => {
    const descents = data.base({ ...loaderConfig('base.yaml'), count: 30 })
    for (const row of descents) expect(promptOf(row)).toMatch(/^[\d, ]+ to make \d+\.\n$/)
    for (const row of data.reading({ ...loaderConfig('reading.yaml'), count: 60 })) {
      expect(promptOf(row)).toMatch(isReading(row) ? /^(<Parallel>|\d[^a-z]* (yes|no)\n)/ : /^[\d, ]+ to make \d+\.\n$/)
    }
    const cold = loaderConfig('cold-start.parallel.yaml')
    const forms = [data.coldStartSequential, data.coldStartParallel, starts.coldStartStarts]
    const solved = forms.flatMap((load) => load({ ...cold, count: 30 }))
    for (const row of solved) {
      for (const text of row.vars.trajectories!) expect(text).toContain('Final Answer: ')
    }
    const asked = [data.easyTrain, data.hardTrain, data.mixedTrain].flatMap((load) => load({ count: 30 }))
    for (const row of [...solved, ...asked, ...committedTests('easy'), ...committedTests('hard')]) expect(promptOf(row)).toMatch(/^Use /)
  })

  it.each(PAIRS)(
    'give both forms of a pair ("$pair") the same problems, budget, temperature and precision',
    ({ pair, evaluation, budget }) => {
      const [sequential, parallel] = FORMS.map((form) => `${form}${pair}.yaml`)
      expect(yaml(`rl.${sequential}`).tests).toEqual(yaml(`rl.${parallel}`).tests)
      const shown = loaderConfig(`cold-start.${parallel}`)
      expect(loaderConfig(`cold-start.${sequential}`)).toEqual(shown)
      const settings = [`rl.${sequential}`, `rl.${parallel}`, evaluation].flatMap((name) => yaml(name).providers)
      for (const { label, config } of settings as EvalProvider[]) {
        const { mode, maxTokens, temperature, precision, paths, maxBlocks } = config
        expect({ maxTokens, temperature, precision }).toEqual({
          maxTokens: label === 'sequential, 64 tokens' ? 64 : budget,
          temperature: 1,
          precision: 'f32',
        })
        // The decoder opens the blocks that the cold start has shown.
        if (mode === 'parallel') expect({ paths, maxBlocks }).toEqual({ paths: shown.paths, maxBlocks: shown.tries / shown.paths })
      }
    },
  )

  it('train on the same problems in either pair', () => {
    expect(yaml('rl.parallel.yaml').tests).toEqual(yaml('rl.parallel-10.yaml').tests)
    expect(yaml('promptfooconfig.yaml').tests).toEqual(yaml('ten-tries.yaml').tests)
  })
})

describe('train files', () => {
  const train = (name: string) => readTrainConfig(path.join(folder, `train.${name}.yaml`))
  const pairs = PAIRS.map(({ pair }) => FORMS.map((form) => train(`${form}${pair}`)))
  const files = pairs.flat()

  it('differ in nothing but the form, and in the credit of paths', () => {
    for (const pair of pairs) {
      const [sequential, parallel] = pair.map(({ stages, given: _, ...config }) => {
        const bare = { ...config, stages: stages.map((stage) => ({ ...stage, pathCredit: undefined })), file: undefined, output: undefined }
        return JSON.parse(JSON.stringify(bare).replaceAll(/sequential|parallel/g, 'form'))
      })
      expect(sequential).toEqual(parallel)
      expect(pair[0].stages.map(({ name }) => name)).toEqual(['base', 'reading', 'cold-start', 'rl'])
    }
    const credits = files.map(({ stages }) => stages.flatMap((stage) => (stage.kind === 'grpo' ? [stage.pathCredit] : [])))
    const credit = { reward: 'answer', response: 'Final Answer: {{ path }}', claim: ' yes' }
    expect(credits).toEqual([[undefined], [credit], [undefined], [undefined]])
  })

  it('train the larger pair as the smaller one, with more steps of RL', () => {
    const bare = (name: string) =>
      train(name).stages.map(({ suite: _, provider: __, ...stage }) =>
        stage.kind === 'grpo' ? { ...stage, pathCredit: undefined, steps: undefined } : stage,
      )
    for (const form of FORMS) expect(bare(form)).toEqual(bare(`${form}-10`))
  })

  it('learn every response of every row: the loaders fill the list that each stage names', () => {
    for (const config of files) {
      const stages = config.stages.filter((stage) => stage.kind === 'sft')
      expect(stages.map(({ name }) => name)).toEqual(['base', 'reading', 'cold-start'])
      for (const { suite, each, response } of stages) {
        const { path: loader } = yaml(path.basename(suite)).tests as { path: string }
        const settings = loaderConfig(path.basename(suite))
        const rows = loaders[loader.split(':').at(-1)!]({ ...settings, count: 40 })
        expect(Math.max(...rows.map(({ vars }) => vars.trajectories!.length))).toBe(settings.descents ?? settings.solutions)
        for (const { vars } of rows) {
          expect(vars.trajectories!.length).toBeGreaterThan(0)
          const items = (vars as unknown as Record<string, string[]>)[each!]
          const rendered = items.map((item) =>
            new nunjucks.Environment(null, { autoescape: false }).renderString(response, { ...vars, item }),
          )
          expect(rendered).toEqual(vars.trajectories)
        }
      }
    }
  })

  it('run the rows that the README says', () => {
    const rows = (title: string) => readmeRow(title)[1]
    const percent = (share: number) => `${Math.round(100 * share)} %`
    const [first, read, cold, rl] = ['base', 'reading', 'cold-start.parallel', 'rl.parallel'].map((name) => loaderConfig(`${name}.yaml`))
    const four = percent(1 - first.two - first.three)
    expect(rows('base')).toBe(
      `${first.count} problems with two (${percent(first.two)}), three (${percent(first.three)}) or four numbers (${four})`,
    )
    expect(rows('reading')).toBe(`${read.count} rows, ${percent(read.rehearsal)} of them of the base stage, half easy and half hard`)
    expect(rows('cold start')).toBe(
      `${cold.count} problems, the same in both forms, ${percent(1 - cold.hard)} easy and ${percent(cold.hard)} hard`,
    )
    expect(rows('RL')).toBe(`${rl.count} problems, ${percent(rl.hard)} of them hard`)
    expect(readmeRow('base')[2]).toContain(`${first.descents} responses a problem`)
    expect(readmeRow('cold start')[2]).toContain(`${cold.solutions} responses a problem`)
    expect(readmeRow('reading')[2]).toContain(`${read.descents} response a row`)
  })

  it('describe a model of the size that the README says, with positions for any response', () => {
    const { architecture } = files[0].model.init!
    const { ropeTheta, ...sizes } = architecture
    const vocabSize = 432
    const config = { ...sizes, vocabSize, rope: { theta: ropeTheta } }
    expect((parameterCount(modelSpec(config)) / 1e6).toFixed(2)).toBe('1.18')
    expect(read('README.md')).toContain('1.18 M parameters')
    expect(sizes.maxPositions).toBeGreaterThanOrEqual(16 + 416)
  })

  it('name suites that exist, provider entries that decode and metrics that are measured', async () => {
    for (const config of files) {
      for (const stage of config.stages) {
        expect(existsSync(stage.suite), stage.suite).toBe(true)
        if (stage.kind === 'grpo') {
          const labels = yaml(path.basename(stage.suite)).providers.map((provider) => (provider as { label: string }).label)
          expect(labels).toContain(stage.provider)
          const metrics = yaml(path.basename(stage.suite)).defaultTest!.assert.map(({ metric }) => symbolOf(metric))
          const { symbols } = await compileReward(stage.reward!)
          expect(symbols).toContain('answer')
          for (const symbol of symbols) expect(metrics).toContain(symbol)
        }
      }
    }
  })
})

describe('scoring', () => {
  it('passes a response by its answer alone', () => {
    expect(byAnswer({ answer: 1, structure: 0 })).toMatchObject({ pass: true, score: 1 })
    expect(byAnswer({ answer: 0, structure: 1, parallel: 1 })).toMatchObject({ pass: false, score: 0 })
    expect(byAnswer({ structure: 1 })).toMatchObject({ pass: false })
  })

  it('reports the token counts that the provider measured', () => {
    const metadata = { totalTokens: 200, criticalPathTokens: 80 }
    expect(totalTokens('', { providerResponse: { metadata } })).toMatchObject({ pass: true, score: 200 })
    expect(criticalPathTokens('', { metadata })).toMatchObject({ pass: true, score: 80 })
    expect(totalTokens('', {})).toMatchObject({ pass: false, score: 0, reason: 'The provider reported no tokens.' })
  })
})
