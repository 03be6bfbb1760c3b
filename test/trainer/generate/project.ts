/** A folder with a teacher's suite and a train file over it: sums, a tiny student, whatever the test changes. */

import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { stringify } from 'yaml'
import { readTrainConfig } from '../../../src/trainer/config/config-file.ts'
import type { Outcome, TrainOptions } from '../../../src/trainer/run/options.ts'
import { writeCache } from '../../../src/trainer/suite/suite.ts'
import { train } from '../../../src/trainer/train.ts'
import { root } from '../runs.ts'

export type Sum = {
  problem: string
  answer: string
}

export const sums: readonly Sum[] = [
  [12, 3],
  [4, 5],
  [7, 8],
  [9, 6],
  [20, 2],
  [31, 11],
].map(([a, b]) => ({ problem: `What is ${a} plus ${b}?`, answer: String(a + b) }))

const assertion = (name: string, metric: string, config = {}) => ({
  type: 'javascript',
  metric,
  value: `file://${path.join(root, 'dist/index.js')}:${name}`,
  config,
})

interface Entry {
  id: string
  label?: string
  config?: Record<string, unknown>
}

export interface ProjectOptions {
  provider: Entry
  /** Leave it to promptfoo to resolve the suite, which takes seconds. */
  resolve?: boolean
  tests?: readonly { vars: Record<string, unknown> }[]
  /** Keys of the stage that asks. */
  generate?: object
  /** Further stages, behind it. */
  stages?: readonly object[]
  /** In the place of a tiny model from scratch. */
  model?: object
  more?: object
}

/** Writes the project; returns its train file. */
export async function project({
  provider,
  resolve = false,
  tests = sums.map((vars) => ({ vars })),
  generate = {},
  stages = [],
  model,
  more,
}: ProjectOptions): Promise<string> {
  const folder = mkdtempSync(path.join(tmpdir(), 'pr1-generate-'))
  const write = (name: string, content: object) => writeFileSync(path.join(folder, name), stringify(content))
  const assert = [
    assertion('mathAnswer', 'answer'),
    assertion('parallelStructure', 'structure', { minBlocks: 1 }),
    assertion('pathDiversity', 'diversity'),
  ]
  write('teacher.yaml', { prompts: ['{{ problem }}'], providers: [provider], defaultTest: { assert }, tests })
  if (!resolve) {
    const { id, label = id, config = {} } = provider
    const rows = tests.map(({ vars }) => ({ prompt: [vars.problem].flat().join(), promptConfig: {}, vars, test: { assert } }))
    const suite = { file: path.join(folder, 'teacher.yaml'), folder, provider: { label, config, ours: false, id }, rows }
    await writeCache(path.join(folder, 'run/suites/teach.jsonl'), suite)
  }
  write('train.yaml', {
    output: './run',
    seed: 3,
    device: 'cpu',
    precision: 'f32',
    threads: 1,
    model: model ?? {
      init: {
        tokenizer: path.join(root, 'suites/countdown/tokenizer'),
        architecture: { hiddenSize: 16, layers: 1, heads: 2, kvHeads: 1, headDim: 8, intermediateSize: 32, maxPositions: 512 },
      },
      attention: 'structured',
    },
    stages: [
      { name: 'teach', kind: 'generate', suite: './teacher.yaml', accept: ['answer == 1', 'structure == 1'], backoff: 0.01, ...generate },
      ...stages,
    ],
    save: { dtype: 'float32' },
    ...more,
  })
  return path.join(folder, 'train.yaml')
}

export const learn = { name: 'learn', kind: 'sft', from: 'teach', steps: 2, batchTokens: 512, lr: 1e-3, schedule: 'constant' }

export async function runFile(file: string, options: TrainOptions & { sets?: string[] } = {}): Promise<{ outcome: Outcome; text: string }> {
  const { sets, ...rest } = options
  let text = ''
  const output = {
    write(line: string) {
      text += line
    },
  }
  const outcome = await train(readTrainConfig(file, { sets }), { output, keptSuites: true, ...rest })
  return { outcome, text }
}

/** A file of the stage that asks. */
export function read(file: string, name: string): string {
  return readFileSync(path.join(path.dirname(file), 'run/teach', name), 'utf8')
}

// biome-ignore lint/suspicious/noExplicitAny: a test says what it expects in each line
export const lines = (text: string): any[] =>
  text
    .trimEnd()
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line))
