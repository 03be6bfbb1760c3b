/** The documents of pr1-serve that are made from its tables. `npm run docs` writes them; a test says when one is stale. */

import { type Document, holdsKeys, jsonSchema, markdownTable } from '../config/page.ts'
import { entryOf, keysOf, type Schema } from '../config/table.ts'
import { serveSchema } from './config.ts'
import { fieldTables } from './openai/fields.ts'
import { scoreSchema } from './suite.ts'

export const documents: readonly Document[] = [
  { file: 'docs/serve-config.md', render: page },
  { file: 'schema/serve.schema.json', render: () => `${JSON.stringify(jsonSchema(serveSchema, 'parallel-r1: serve.yaml'), null, 2)}\n` },
]

function page(): string {
  const rows = (keys: Record<string, Schema>) => markdownTable(keys, { resume: false })
  const { models, suites, limits } = serveSchema.shape
  const { name, checkpoint, seed } = keysOf(entryOf(models))
  const { prompt, messages, ...rest } = { ...fieldTables.completions.shape, ...fieldTables.chat.shape }
  const { logprobs: _, ...shared } = rest
  return `<!-- Written by npm run docs from src/serve/config.ts and src/serve/openai/fields.ts. -->
# serve.yaml

Every key that \`pr1-serve -c serve.yaml\` reads, and every field that its server takes. [Serving](serve.md) shows them at work.

The schema for your editor is \`schema/serve.schema.json\`. An unknown key is an error that names the nearest one.

${rows(Object.fromEntries(Object.entries(serveSchema.shape).filter(([, schema]) => !holdsKeys(schema))))}

## models

A list. Each entry has these keys, and may have every key of [the provider's config](provider-config.md) but \`samples\`.

${rows({ name, checkpoint, seed })}

## suites

A list. Each entry has these keys.

${rows(keysOf(entryOf(suites)))}

## limits

${rows(keysOf(limits))}

## Fields of a request

### /v1/completions

It has these fields, and [those of both](#both):

${rows({ prompt, logprobs: fieldTables.completions.shape.logprobs })}

### /v1/chat/completions

It has these fields, and [those of both](#both):

${rows({ messages, logprobs: fieldTables.chat.shape.logprobs })}

### Both

Only a chat takes \`max_completion_tokens\` and \`top_logprobs\`.

${rows(shared)}

The server refuses fields of OpenAI's API that it cannot follow, by name. It takes them where their value asks for nothing. So \`frequency_penalty: 0\` is taken, and
\`frequency_penalty: 1\` is refused.

### /v1/score

${rows(scoreSchema.shape)}

Next: [serving](serve.md) with each client.
`
}
