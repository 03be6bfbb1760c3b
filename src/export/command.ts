/** What `pr1-export` does with its arguments. */

import { existsSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import path from 'node:path'
import { runCommand, UsageError } from '../cli/arguments.ts'
import { Progress } from '../cli/progress.ts'
import { merged } from '../engine/adapters/merge.ts'
import { adapterConfigFile, configFile } from '../engine/checkpoint/files.ts'
import { type Checkpoint, openCheckpoint, type SaveContent, saveCheckpoint } from '../engine/checkpoint/folder.ts'
import { exportGguf, type GgufFileType, ggufFileTypes } from '../engine/gguf/export.ts'
import { checkpointPlace, checkpointPlaces } from '../hub/place.ts'
import { notice } from '../plain.ts'

const USAGE = `pr1-export <model> <out.gguf> [options]
pr1-export <model.gguf> <folder> [options]

Writes a model as a GGUF file, for llama.cpp and what is built on it, or a GGUF file as a Hugging Face folder. The model is a folder
with a checkpoint, the folder of a pr1-train run, a GGUF file, or an id of the Hugging Face hub. An adapter is merged into its base.

  -t, --type <type>               of a file: f32, f16 (default), bf16, q8_0 or q4_0. Of a folder: f32 or bf16 (default)
      --pre <name>                pre-tokenizer to name where llama.cpp has none that cuts as the model's own
      --base <model>              of an adapter: the model below it. Default: the one that it names
  -h, --help                      this text
      --version                   version of the package`

const OPTIONS = { type: { type: 'string', short: 't' }, pre: { type: 'string' }, base: { type: 'string' } } as const

const folderTypes: Readonly<Record<string, SaveContent['dtype']>> = { f32: 'float32', bf16: 'bfloat16' }

/** Runs the command and returns its exit code. Throws UsageError, CheckpointError, ConfigError and HubError. */
export function exportCommand(args: readonly string[], print: (text: string) => void): Promise<number> {
  return runCommand({ name: 'pr1-export', usage: USAGE, options: OPTIONS }, args, print, async ({ values, positionals }) => {
    const [model, out, extra] = positionals
    if (model === undefined || out === undefined || extra !== undefined) {
      throw new UsageError(
        `pr1-export takes a model and what to write. Got ${positionals.join(' ') || 'nothing'}. Run: pr1-export ${model ?? 'runs/mine'} out.gguf`,
      )
    }
    const toFile = /\.gguf$/i.test(out)
    const { type = toFile ? 'f16' : 'bf16', pre, base: below } = values
    const types: readonly string[] = toFile ? ggufFileTypes : Object.keys(folderTypes)
    if (!types.includes(type))
      throw new UsageError(`--type of ${toFile ? 'a file' : 'a folder'} is one of ${types.join(', ')}. Got "${type}".`)
    if (!toFile && pre !== undefined)
      throw new UsageError('--pre names what a GGUF file says. A folder keeps the tokenizer itself. Leave it out.')
    const place = runExport(checkpointPlace(model, process.cwd()))
    const { folder, base } = await checkpointPlaces(place, below && checkpointPlace(below, process.cwd()))
    const opened = await openCheckpoint(folder, { base })
    for (const warning of opened.warnings ?? []) notice(warning)
    const checkpoint = merged(opened)
    const target = path.resolve(out)
    await mkdir(path.dirname(target), { recursive: true })
    const bar = new Progress({ label: path.basename(target), unit: 'tensors', quietMs: 500 })
    const onTensor = (done: number, total: number) => bar.update(done, total)
    const write = toFile
      ? exportGguf(checkpoint, target, { type: type as GgufFileType, pre, name: nameOf(place), onTensor })
      : writeFolder(checkpoint, target, folderTypes[type], onTensor)
    const { notes } = await write.finally(() => bar.stop())
    for (const note of notes) notice(note)
    print(`Wrote ${out} in ${type}.\n`)
    return 0
  })
}

/** The same checkpoint as a folder, one tensor in memory at a time. */
async function writeFolder(
  { weights, ...info }: Checkpoint,
  folder: string,
  dtype: SaveContent['dtype'],
  onTensor: (done: number, total: number) => void,
): Promise<{ notes: string[] }> {
  const reader = await weights.open()
  let done = 0
  try {
    await saveCheckpoint(folder, {
      ...{ ...info, dtype },
      weights({ name }) {
        onTensor(done++, weights.specs.length)
        return reader.read(name)
      },
    })
  } finally {
    await reader.close()
  }
  return { notes: [] }
}

/** The export of a run in its folder, or the place itself. */
function runExport(place: string): string {
  const final = path.join(place, 'final')
  const holds = (folder: string) => [configFile, adapterConfigFile].some((name) => existsSync(path.join(folder, name)))
  return !holds(place) && holds(final) ? final : place
}

/** `runs/mine/final` is called mine. */
function nameOf(place: string): string {
  const name = path.basename(place, '.gguf')
  return name === 'final' ? path.basename(path.dirname(place)) : name
}
