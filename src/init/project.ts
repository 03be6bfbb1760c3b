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
    'README.md': readme(library),
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

/** What a run with an eval config does beside asking, as docs/evaluate.md says. */
const RUN = `extensions:
  - file://LIBRARY/dist/providers/hooks.js:beforeAll # variables are text; copies of a problem draw samples of their own
  - file://LIBRARY/dist/providers/hooks.js:afterAll # statistics; releases the models; a row with an error fails the run
env: { PROMPTFOO_PASS_RATE_THRESHOLD: "0" } # wrong answers are a result, no failed run
`

const EVAL = `# yaml-language-server: $schema=https://promptfoo.dev/config-schema.json
# npx promptfoo eval -c promptfooconfig.yaml -o results.json
description: Countdown, sequential against parallel thinking
prompts: ['${PROMPT}']
providers:
  - id: package:parallel-r1:ParallelThinkingProvider
    label: sequential
    config:
      checkpoint: LIBRARY/suites/countdown/checkpoints/sequential-10 # or the folder of your own model
      mode: sequential
      maxTokens: 264
  - id: package:parallel-r1:ParallelThinkingProvider
    label: parallel
    config:
      checkpoint: '{{ env.PR1_PARALLEL | default("LIBRARY/suites/countdown/checkpoints/parallel-10", true) }}'
      mode: parallel
      paths: 5
      maxTokens: 264
defaultTest:
  assert: # for problems with a number or a formula as answer: package:parallel-r1:mathAnswer and vars.answer
    - { type: javascript, metric: answer, value: package:parallel-r1:countdownAnswer }
tests: file://problems.jsonl
${RUN}commandLineOptions: { maxConcurrency: 64, repeat: 4 } # batch size; samples of a problem
`

const RL = `# yaml-language-server: $schema=https://promptfoo.dev/config-schema.json
# What RL trains on: its prompts, its tests, its assertions as rewards. Also an eval of its own:
#   npx promptfoo eval -c rl.yaml --filter-first-n 20
description: Countdown, problems for training
prompts: ['${PROMPT}']
providers:
  - id: package:parallel-r1:ParallelThinkingProvider
    label: parallel
    config: { checkpoint: LIBRARY/suites/countdown/checkpoints/parallel-10, mode: parallel, paths: 5, maxTokens: 264 }
defaultTest:
  assert:
    - { type: javascript, metric: answer, value: package:parallel-r1:countdownAnswer }
    # minBlocks: an answer without a block earns nothing. Without it answer * structure would teach the model not to fork.
    - { type: javascript, metric: structure, value: package:parallel-r1:parallelStructure, config: { minBlocks: 1 } }
tests: # drawn from a seed, none of them among the test problems
  path: file://LIBRARY/suites/countdown/data.ts:mixedTrain
  config: { count: 400, seed: 1 }
${RUN}commandLineOptions: { maxConcurrency: 64 } # batch size
`

const TRAIN = `# yaml-language-server: $schema=LIBRARY/schema/train.schema.json
# npx pr1-train -c train.yaml
output: ./runs/rl
seed: 1
model:
  checkpoint: LIBRARY/suites/countdown/checkpoints/parallel-10
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

/** What to type in the new folder, and what it does. pr1-init prints the same as the README has. */
export const NEXT_STEPS: readonly (readonly [command: string, does: string])[] = [
  ['npx promptfoo eval -c promptfooconfig.yaml -o results.json', 'compares sequential with parallel thinking'],
  ['npx pr1-report results.json', 'writes a page with every sample'],
  ['npx pr1-tree results.json', 'draws a response in the terminal'],
  ['npx pr1-train -c train.yaml', 'trains the parallel model for ten steps, into runs/rl/final'],
  ['PR1_PARALLEL=./runs/rl/final npx promptfoo eval -c promptfooconfig.yaml', 'evaluates what was trained'],
]

const OWN_PROMPT = '{{ problem }} Think step by step. End with one line: Final Answer: <the number>'

/** What becomes another where the problems are word problems with a number as answer. */
const CHANGES = `# promptfooconfig.yaml and rl.yaml
-prompts: ['${PROMPT}']
+prompts: ['${OWN_PROMPT}']
-    - { type: javascript, metric: answer, value: package:parallel-r1:countdownAnswer }
+    - { type: javascript, metric: answer, value: package:parallel-r1:mathAnswer }

# promptfooconfig.yaml
-      checkpoint: LIBRARY/suites/countdown/checkpoints/sequential-10 # or the folder of your own model
-      mode: sequential
-      maxTokens: 264
+      checkpoint: ./model
+      mode: sequential
+      maxTokens: 1024
-      checkpoint: '{{ env.PR1_PARALLEL | default("LIBRARY/suites/countdown/checkpoints/parallel-10", true) }}'
-      mode: parallel
-      paths: 5
-      maxTokens: 264
+      checkpoint: '{{ env.PR1_PARALLEL | default("./model", true) }}'
+      mode: parallel
+      paths: 2
+      maxTokens: 1024

# rl.yaml
-    config: { checkpoint: LIBRARY/suites/countdown/checkpoints/parallel-10, mode: parallel, paths: 5, maxTokens: 264 }
+    config: { checkpoint: ./model, mode: parallel, paths: 2, maxTokens: 1024 }
-tests: # drawn from a seed, none of them among the test problems
-  path: file://LIBRARY/suites/countdown/data.ts:mixedTrain
-  config: { count: 400, seed: 1 }
+tests: file://train.jsonl

# train.yaml
-  checkpoint: LIBRARY/suites/countdown/checkpoints/parallel-10
+  checkpoint: ./model
`

const readme = (library: string): string => `# Parallel thinking, a first project

${NEXT_STEPS.map(([command, does]) => `- \`${command}\` ${does}.`).join('\n')}

## Problems of your own

\`problems.jsonl\` has one problem a line. Prompt and grader read its \`vars\`:

    {"vars":{"problem":"Ann has 3 apples and buys 4 more. How many does she have?","answer":"7"}}

A CSV file works, too (\`tests: file://problems.csv\`). Its columns are the vars. The problems that training draws are not these: \`rl.yaml\` takes its own, here
from Countdown's \`data.ts\`. For word problems change all of this. \`./model\` is the folder of your model, \`train.jsonl\` your problems for training:

\`\`\`diff
${fill(CHANGES, library)}\`\`\`
`
