/** The documents that say what may stand in a configuration. `npm run docs` writes them; a test says when one is stale. */

import { holdsKeys, jsonSchema, markdownTable } from '../config/page.ts'
import { entryOf, keysOf, type Schema } from '../config/table.ts'
import { thinkingSchema } from '../providers/config.ts'
import { trainSchema } from './config.ts'

interface Document {
  /** From the root of the package. */
  file: string
  /** The new text; `old` is the present one, empty where there is none. */
  render(old: string): string
}

export const documents: readonly Document[] = [
  { file: 'docs/train-config.md', render: trainPage },
  { file: 'schema/train.schema.json', render: () => `${JSON.stringify(jsonSchema(trainSchema, 'parallel-r1: train.yaml'), null, 2)}\n` },
  {
    file: 'README.md',
    render: (old) => between(old, 'provider keys', linksFromRoot(markdownTable(thinkingSchema.shape, { resume: false }))),
  },
]

function trainPage(): string {
  const keys = (at: Schema, value?: unknown) => Object.fromEntries(Object.entries(keysOf(at, value)).filter(([, key]) => !holdsKeys(key)))
  const rows = (some: Record<string, Schema>) => markdownTable(some, { resume: true })
  const { model, stages, save } = trainSchema.shape
  const init = keysOf(model).init
  const [sft, grpo] = ['sft', 'grpo'].map((kind) => keys(entryOf(stages), { kind }))
  const pick = (from: Record<string, Schema>, shared: boolean) =>
    Object.fromEntries(Object.entries(from).filter(([name]) => (sft[name] === grpo[name]) === shared))
  return `<!-- Written by npm run docs from src/trainer/config.ts. -->
# train.yaml

What \`pr1-train -c train.yaml\` reads. Only \`output\`, \`model\` and \`stages\` must be there. The first line of a shipped file,
\`# yaml-language-server: $schema=../../schema/train.schema.json\`, lets an editor complete and check the keys; in a project that has
installed the package the schema is \`node_modules/parallel-r1/schema/train.schema.json\`.

An unknown key is an error that names the nearest one. A key without a value (\`null\`) counts as absent, text that is a number as that number.
\`--set key.path=value\` overrides a key for one call and is checked alike; a stage is named by its name or its index: \`--set stages.rl.lr=1e-5\`.
\`pr1-train -c train.yaml --dry-run\` prints the whole table as it will hold.

**At \`--resume\`** every key must be as it was, but for those marked "may change": no number depends on them. A key that the run was begun
without counts as its default, so a newer version goes on with an older run. \`steps\` may change too, of the stage under way, of a later one and of
the last stage of a finished run, which then goes on; what is done is not computed anew. \`schedule: cosine\` and \`linear\` end with the stage, so from
there on their rate is that of the new length: the run is then not the one that the new \`steps\` would have given from the start. With
\`constant\` it is.

${rows(keys(trainSchema))}

## model

${rows(keys(model))}

### model.init

${rows(keys(init))}

### model.init.architecture

${rows(keys(keysOf(init).architecture))}

## stages

A list; each entry has the keys of both kinds and those of its own kind.

### Both kinds

${rows(pick(sft, true))}

### kind: sft

Supervised: the rows of the suite are prompts, \`response\` writes what is learnt.

${rows(pick(sft, false))}

### kind: grpo

Reinforcement: responses are sampled, graded by the suite's assertions, and the better ones of a prompt made likelier.

${rows(pick(grpo, false))}

## save

${rows(keys(save))}

## The form of prompts

A model answers well only to prompts in the form of its training. For a small model one line break at the end can decide.
So every saved checkpoint carries the form of its prompts.

- **A chat template.** A model that has one keeps it. A model without one gets one that is made from the prompts of all stages. It takes
  off the white space around a prompt and writes the white space that all training prompts shared, and the start token where the
  tokenizer adds one. Where prompts differ in their white space, it leaves that of a prompt alone. It is written only if it gives every
  prompt the ids that it is trained with. The plan shows the first prompt as the model reads it. So a prompt from a file, from a line of YAML and from chat messages give
  the same ids, here and in any other program that applies chat templates.
- **System messages and turns.** If a stage had them without a template, their texts are joined by blank lines. If none had, the template
  refuses them.
- **\`chatTemplate: false\`** in the provider config of every stage's suite trains without the model's own template. The checkpoint then gets
  one made from the prompts in its place.
- **First and last tokens.** \`parallel_r1.json\` lists in \`prompts\` the ids that training prompts began and ended with. A list has eight ids at most,
  and at least four prompts for each. Otherwise it stays empty, because texts that end freely say nothing about their form. The
  provider warns once for each checkpoint when a prompt begins or ends with a token that is not in its list. Nobody is warned about a
  checkpoint without such lists.

A changed template is another checkpoint to the store of samples. No sample of the old one is used again.
`
}

/** `old` with what stands between the two marks replaced. */
function between(old: string, name: string, text: string): string {
  const [begin, end] = [`<!-- ${name}: written by npm run docs -->`, `<!-- end of ${name} -->`]
  const [from, to] = [old.indexOf(begin), old.indexOf(end)]
  if (from < 0 || to < from) throw new Error(`The marks are missing. Got no "${begin}" before "${end}". Put both back.`)
  return `${old.slice(0, from + begin.length)}\n\n${text}\n\n${old.slice(to)}`
}

function linksFromRoot(markdown: string): string {
  return markdown.replace(/\]\((?=\w+\.md)/g, '](docs/')
}
