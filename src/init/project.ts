/** The files of a new project: an eval that runs at once with the shipped Countdown checkpoints, and ten steps of RL on it. */

import { readFileSync } from 'node:fs'
import path from 'node:path'

const EACH = 10

/**
 * Names and contents. `library` is the folder of the installed package as the project's files name it (`./node_modules/parallel-r1`),
 * `root` the same folder for reading.
 */
export function projectFiles(library: string, root: string): Record<string, string> {
  return {
    'promptfooconfig.yaml': evalConfig(library),
    'problems.jsonl': problems(root),
    'rl.yaml': rlSuite(library),
    'train.yaml': trainConfig(library),
    'README.md': README,
  }
}

/** The first problems of each level of the shipped test set. Training draws others. */
function problems(root: string): string {
  const first = (level: string) =>
    readFileSync(path.join(root, 'suites', 'countdown', `test.${level}.jsonl`), 'utf8')
      .split('\n')
      .slice(0, EACH)
  return `${[...first('easy'), ...first('hard')].join('\n')}\n`
}

const PROMPT = 'Use {{ numbers | replace(" ", ", ") }} once each with + - * / to make {{ target }}.'

const EVAL = `# yaml-language-server: $schema=https://promptfoo.dev/config-schema.json
# npx promptfoo eval -c promptfooconfig.yaml -o results.json
description: Countdown, sequential against parallel thinking
prompts: ['${PROMPT}']
providers:
  - id: package:parallel-r1:ParallelThinkingProvider
    label: sequential
    config:
      checkpoint: LIBRARY/suites/countdown/checkpoints/sequential # or the folder of your own model
      mode: sequential
      maxTokens: 264
  - id: package:parallel-r1:ParallelThinkingProvider
    label: parallel
    config:
      checkpoint: '{{ env.PR1_PARALLEL | default("LIBRARY/suites/countdown/checkpoints/parallel", true) }}'
      mode: parallel
      paths: 5
      maxTokens: 264
defaultTest:
  assert: # for problems with a number or a formula as answer: package:parallel-r1:mathAnswer and vars.answer
    - { type: javascript, metric: answer, value: package:parallel-r1:countdownAnswer }
tests: file://problems.jsonl
extensions:
  - file://LIBRARY/dist/providers/hooks.js:beforeAll # variables are text; copies of a problem draw samples of their own
  - file://LIBRARY/dist/providers/hooks.js:afterAll # statistics; releases the models
commandLineOptions: { maxConcurrency: 64, repeat: 4 } # batch size; samples of a problem
env: { PROMPTFOO_PASS_RATE_THRESHOLD: "0" } # wrong answers are a result, no failed run
`

const RL = `# yaml-language-server: $schema=https://promptfoo.dev/config-schema.json
# What RL trains on: its prompts, its tests, its assertions as rewards. Also an eval of its own.
description: Countdown, problems for training
prompts: ['${PROMPT}']
providers:
  - id: package:parallel-r1:ParallelThinkingProvider
    label: parallel
    config: { checkpoint: LIBRARY/suites/countdown/checkpoints/parallel, mode: parallel, paths: 5, maxTokens: 264 }
defaultTest:
  assert:
    - { type: javascript, metric: answer, value: package:parallel-r1:countdownAnswer }
    - { type: javascript, metric: structure, value: package:parallel-r1:parallelStructure }
tests: # drawn from a seed, none of them among the test problems
  path: file://LIBRARY/suites/countdown/data.ts:mixedTrain
  config: { count: 400, seed: 1 }
`

const TRAIN = `# yaml-language-server: $schema=LIBRARY/schema/train.schema.json
# npx pr1-train -c train.yaml
output: ./runs/rl
seed: 1
model:
  checkpoint: LIBRARY/suites/countdown/checkpoints/parallel
stages:
  - name: rl # 64 responses a step
    kind: grpo
    suite: ./rl.yaml
    provider: parallel
    steps: 10
    prompts: 8
    group: 8
    reward: answer * structure # the metrics of rl.yaml
    lr: 1.0e-4
`

const fill = (text: string, library: string): string => text.replaceAll('LIBRARY', library)
const evalConfig = (library: string): string => fill(EVAL, library)
const rlSuite = (library: string): string => fill(RL, library)
const trainConfig = (library: string): string => fill(TRAIN, library)

const README = `# Parallel thinking, a first project

- \`npx promptfoo eval -c promptfooconfig.yaml -o results.json\` compares sequential with parallel thinking.
- \`npx pr1-report results.json\` writes a page with every sample. \`npx pr1-tree results.json\` draws one in the terminal.
- \`npx pr1-train -c train.yaml\` trains the parallel model for ten steps. It saves to \`runs/rl/rl\`.
- \`PR1_PARALLEL=./runs/rl/final npx promptfoo eval -c promptfooconfig.yaml\` evaluates what was trained.
- Your own problems go into \`problems.jsonl\`, your own model into \`checkpoint\`, your own prompt into \`prompts\`.
`
