/** What `pr1-tags` does with its arguments. */

import { readdir } from 'node:fs/promises'
import path from 'node:path'
import { runCommand, UsageError } from '../cli/arguments.ts'
import { attentions } from '../config/engine-keys.ts'
import type { SaveContent } from '../engine/checkpoint/folder.ts'
import { wantedTags } from '../thinking/tags.ts'
import { rowKinds } from './tagged.ts'

const dtypes = ['float32', 'bfloat16'] as const satisfies readonly SaveContent['dtype'][]

const USAGE = `pr1-tags <model> <folder> [options]

Writes a copy of a model that has the six tags as tokens, so that it can be trained to think in parallel. The model is a folder, a
GGUF file or an id of the hub. The folder is new. pr1-train does the same at its start.

      --attention <mode>  structured or causal: what a path sees. Default: of the model, else structured
      --rows <kind>       how the row of a tag begins. words: the mean of the pieces that write it. mixed: halfway between
                          that and the mean of all tokens. Default: words
      --outlines          add the two tags of outlines, too: the model then plans its paths. Also to a model that has the six
      --dtype <type>      of the weights that are written, float32 or bfloat16. Default: float32, which loses nothing
  -h, --help              this text
      --version           version of the package`

const OPTIONS = {
  attention: { type: 'string' },
  rows: { type: 'string' },
  outlines: { type: 'boolean', default: false },
  dtype: { type: 'string' },
} as const

/** Runs the command and returns its exit code. Throws UsageError, and ConfigError, CheckpointError and HubError of the model. */
export function tagsCommand(args: readonly string[], print: (text: string) => void): Promise<number> {
  return runCommand({ name: 'pr1-tags', usage: USAGE, options: OPTIONS }, args, print, async ({ values, positionals }) => {
    if (positionals.length !== 2) {
      throw new UsageError(`pr1-tags takes a model and a new folder. Got ${positionals.length} name(s). See pr1-tags --help.`)
    }
    const attention = one('--attention', values.attention, attentions)
    const rows = one('--rows', values.rows, rowKinds)
    const dtype = one('--dtype', values.dtype, dtypes) ?? 'float32'
    const [model, folder] = positionals
    const target = path.resolve(folder)
    if ((await entriesOf(target)).length > 0)
      throw new UsageError(`${folder} is not empty. Name a new folder: pr1-tags ${model} ${folder}-tags`)
    // The reader of checkpoints loads after the command line was understood.
    const [{ writeTagged }, { checkpointPlace, checkpointPlaces }] = await Promise.all([import('./write.ts'), import('../hub/place.ts')])
    const source = await checkpointPlaces(checkpointPlace(model, process.cwd()))
    const { checkpoint, added } = await writeTagged(source, target, { attention, rows, dtype, outlines: values.outlines })
    const { tokenizer, parallel, config } = checkpoint
    const pieces = (ids: readonly number[]) => ids.map((id) => JSON.stringify(tokenizer.decode([id]))).join(' ')
    for (const { tag, id, pieces: ids } of added) print(`${tag.padEnd(12)} ${id}  from ${pieces(ids)}\n`)
    const kept = wantedTags(values.outlines).length - added.length
    const stayed = kept > 0 ? ` ${kept} of the tags were there, and their rows stay.` : ''
    print(`Wrote ${folder}: ${config.vocabSize} rows of embedding, ${parallel.attention} attention.${stayed}\n`)
    print('Its tags are not trained yet. Next: model.checkpoint of a train.yaml, or mode: sequential.\n')
    return 0
  })
}

function one<const N extends string>(option: string, value: string | undefined, names: readonly N[]): N | undefined {
  const found = names.find((name) => name === value)
  if (value === undefined || found !== undefined) return found
  throw new UsageError(`${option} takes ${names.join(' or ')}. Got "${value}".`)
}

async function entriesOf(folder: string): Promise<string[]> {
  return readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return []
    throw new UsageError(`${folder} must be a new folder. Got ${error.code}.`)
  })
}
