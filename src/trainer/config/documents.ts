/** The documents that say what may stand in a configuration. `npm run docs` writes them; a test says when one is stale. */

import { type Document, holdsKeys, jsonSchema, markdownTable } from '../../config/page.ts'
import { rayKeys } from '../../config/ray-keys.ts'
import { entryOf, keysOf, type Schema } from '../../config/table.ts'
import { serverKeys, thinkingSchema } from '../../providers/config.ts'
import { trainSchema } from './config.ts'

export const documents: readonly Document[] = [
  { file: 'docs/train-config.md', render: trainPage },
  { file: 'schema/train.schema.json', render: () => `${JSON.stringify(jsonSchema(trainSchema, 'parallel-r1: train.yaml'), null, 2)}\n` },
  { file: 'docs/provider-config.md', render: providerPage },
]

function providerPage(): string {
  return `<!-- Written by npm run docs from src/providers/config.ts. -->
# The provider's config

Every key of \`config\` in a provider entry with \`id: package:parallel-r1:ParallelThinkingProvider\`. An unknown key is an error that names the
nearest one. [Your model](model.md) shows the keys at work.

${markdownTable(thinkingSchema.shape, { resume: false })}

## \`server\`

${markdownTable(serverKeys, { resume: false })}

Beside it \`device\`, \`precision\`, \`numerics\`, \`threads\`, \`cacheTokens\` and \`speculate\` are refused: they say how a model runs in this process.

## \`ray\`

${markdownTable(rayKeys.ray.unwrap().shape, { resume: false })}

Each worker loads \`checkpoint\` on its own machine, where it must be the same model.

## One test, other settings

A test can lay its own decoding settings over those of the provider. It names them in \`options\`:

\`\`\`yaml
tests:
  - vars: { problem: "What is 17 * 23?", answer: "391" }
    options: { temperature: 0 }
\`\`\`

The keys from \`mode\` to \`showTags\` can be set so. All others choose the model, and an error says that they belong to a provider entry.

## For one run, from the environment

| variable | meaning |
| --- | --- |
| \`PR1_DECODING\` | decoding settings for this run, such as \`temperature=0\` or \`temperature=0.6,topP=0.95\`. They come before those of config and tests, in every entry. All numbers from \`paths\` to \`seed\` can be set. Training does not read it |
| \`PR1_SAMPLES\` | the file that keeps samples, or \`off\` |
| \`PR1_REPORT\` | the server that links of samples lead to, or \`off\`. See [Evaluating](evaluate.md#from-promptfoos-view-to-a-sample) |

## What a response carries

\`output\`, \`tokenUsage\`, \`logProbs\` (one for each token), \`finishReason\` and \`metadata\`. The metadata holds:

| key | what it is |
| --- | --- |
| \`mode\`, \`attention\` | how the response was decoded |
| \`tags\`, \`trained\` | \`text\` and \`false\` where tags were found in ordinary text: the model was not trained for them |
| \`repeatIndex\` | which repeat of the test this is; promptfoo itself keeps no record of it |
| \`copyIndex\` | which copy of its problem the test is: 1 for the second, nothing for the first. See [copies](statistics.md#copies-of-a-problem) |
| \`seed\` | the seed of this response |
| \`decoding\` | what \`PR1_DECODING\` set |
| \`pathStarts\` | what the provider wrote at the beginning of each path of a block |
| \`server\` | where another server decoded the response: how it was spoken to, and what is not known. See [Other people's servers](servers.md#what-the-metadata-says) |
| \`speculation\` | tokens \`drafted\`, that is guessed ahead, and \`accepted\`, that is drawn as guessed. Nothing where none was guessed, or the response was stored |
| \`thinking\` | \`cut\` where \`thinkTokens\` ended it, \`unclosed\` where the response ended inside it and so has no answer |
| \`promptTokens\`, \`totalTokens\` | tokens of the prompt, and of the response with all its paths |
| \`criticalPathTokens\` | tokens along the longest chain |
| \`tree\` | the blocks, with the text and the tokens of each path and summary, and the \`outline\` of a path that has one. A path that was ended because a sibling had settled the block has \`ended: sibling\` |
| \`savedTokensAtMost\` | with \`settledBy\`: tokens that ended paths could still have taken |

Next: [assertions](assertions.md) score the response, [train.yaml](train-config.md) has the keys of training.
`
}

function trainPage(): string {
  const keys = (at: Schema, value?: unknown) => Object.fromEntries(Object.entries(keysOf(at, value)).filter(([, key]) => !holdsKeys(key)))
  const rows = (some: Record<string, Schema>) => markdownTable(some, { resume: true })
  const { model, stages, save } = trainSchema.shape
  const init = keysOf(model).init
  const [sft, grpo, generate] = ['sft', 'grpo', 'generate'].map((kind) => keys(entryOf(stages), { kind }))
  const pick = (from: Record<string, Schema>, shared: boolean) =>
    Object.fromEntries(Object.entries(from).filter(([name]) => (sft[name] === grpo[name]) === shared))
  return `<!-- Written by npm run docs from src/trainer/config/config.ts. -->
# train.yaml

Every key that \`pr1-train -c train.yaml\` reads. Only \`output\`, \`model\` and \`stages\` must be there. [Training](train.md) shows them at work.

- **In your editor.** The first line of a shipped file is \`# yaml-language-server: $schema=../../schema/train.schema.json\`. It lets an editor complete
  and check the keys. In a project of yours the schema is \`node_modules/parallel-r1/schema/train.schema.json\`.
- **Slips.** An unknown key is an error that names the nearest one. A key without a value (\`null\`) counts as absent. Text that is a number counts as
  that number.
- **For one call.** \`--set key.path=value\` overrides a key and is checked alike. Name a stage by its name or its index: \`--set stages.rl.lr=1e-5\`.
- **Before you start.** \`pr1-train -c train.yaml --dry-run\` prints what the file sets and the few keys that matter in every run. \`--all-settings\` adds the
  keys at their defaults.

**At \`--resume\`** every key must be as it was. Those marked "may change" are free, because no number depends on them. A key that the run was begun
without counts as its default, so a newer version goes on with an older run.

\`steps\` may change too. It may be of the stage under way, of a later one, or of the last stage of a finished run, which then goes on. Nothing is
computed twice. \`schedule: cosine\` and \`linear\` end with the stage. With them a longer stage goes on at the rate of the new length, so it is not the run
that the new \`steps\` would have given from the start. With \`constant\` it is.

${rows(keys(trainSchema))}

## ray

Other machines for rollouts and gradients: [Larger and faster](scale.md). \`pr1-train --ray ADDRESS --workers N\` sets the first two.

${rows(rayKeys.ray.unwrap().shape)}

## model

${rows(keys(model))}

### model.lora

Low-rank adapters that train beside the frozen weights: [Training](train.md#lora).

${rows(keys(keysOf(model).lora))}

### model.init

${rows(keys(init))}

### model.init.architecture

${rows(keys(keysOf(init).architecture))}

## stages

A list. Each entry has a \`name\`, a \`kind\` and the keys of its kind.

### sft and grpo

What both kinds that train have:

${rows(pick(sft, true))}

### kind: sft

Supervised training. The rows of the suite are the prompts, and \`response\` writes what is learnt.

${rows(pick(sft, false))}

### kind: grpo

Reinforcement. Responses are sampled and graded by the suite's assertions. The better ones of a prompt are made likelier.

${rows(pick(grpo, false))}

#### difficulty

${rows(keysOf(keysOf(entryOf(stages), { kind: 'grpo' }).difficulty))}

#### pathCredit

The tokens of a path learn from what it adds to its block: [Losses](losses.md#credit-a-path).

${rows(keysOf(keysOf(entryOf(stages), { kind: 'grpo' }).pathCredit))}

#### rewards

A list of rewards, each compared as [Training](train.md#several-rewards) shows.

${rows(keysOf(entryOf(keysOf(entryOf(stages), { kind: 'grpo' }).rewards)))}

### kind: generate

A teacher is asked, and what of its answers holds the conditions is kept for a later stage: [Answers of a teacher](generate.md).

${rows(generate)}

#### exclude

${rows(keysOf(keysOf(entryOf(stages), { kind: 'generate' }).exclude))}

### evaluate

An evaluation during a stage that trains, as [A run](runs.md#evaluate-during-a-run) shows. A stage may have a list of them.

${rows(keysOf(entryOf(keysOf(entryOf(stages), { kind: 'sft' }).evaluate)))}

## save

${rows(keys(save))}

### save.rollouts

\`true\`, \`false\`, or these keys: [Look at rollouts](runs.md#look-at-rollouts).

${rows(keysOf(keysOf(save).rollouts))}

Next: [the rewards of the paper](assertions.md#rewards) as one line each, [the form of prompts](model.md#the-form-of-prompts) that a saved model carries.
`
}
