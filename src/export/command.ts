/** What `pr1-export` does with its arguments. */

import { existsSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import path from 'node:path'
import { runCommand, UsageError } from '../cli/arguments.ts'
import { Progress } from '../cli/progress.ts'
import { configFile } from '../engine/checkpoint/files.ts'
import { openCheckpoint } from '../engine/checkpoint/folder.ts'
import { formatBytes } from '../engine/checkpoint/problem.ts'
import { exportGguf, type GgufFileType, ggufFileTypes } from '../engine/gguf/export.ts'
import { checkpointFolder, checkpointPlace } from '../hub/place.ts'
import { notice } from '../plain.ts'

const USAGE = `pr1-export <model> <out.gguf> [options]

Writes a model as a GGUF file, for llama.cpp and what is built on it. The model is a folder with a checkpoint, the folder of a
pr1-train run, or an id of the Hugging Face hub.

  -t, --type <type>               f32, f16 (default), bf16, q8_0 or q4_0
      --pre <name>                pre-tokenizer to name where llama.cpp has none that cuts as the model's own
  -h, --help                      this text
      --version                   version of the package`

const OPTIONS = { type: { type: 'string', short: 't' }, pre: { type: 'string' } } as const

/** Runs the command and returns its exit code. Throws UsageError, CheckpointError, ConfigError and HubError. */
export function exportCommand(args: readonly string[], print: (text: string) => void): Promise<number> {
  return runCommand({ name: 'pr1-export', usage: USAGE, options: OPTIONS }, args, print, async ({ values, positionals }) => {
    const [model, out, extra] = positionals
    if (model === undefined || out === undefined || extra !== undefined || !/\.gguf$/i.test(out)) {
      const got = positionals.length === 0 ? 'nothing' : positionals.join(' ')
      throw new UsageError(
        `pr1-export takes a model and a file that ends in .gguf. Got ${got}. Run: pr1-export ${model ?? 'runs/mine'} out.gguf`,
      )
    }
    const { type = 'f16', pre } = values
    if (!isFileType(type)) throw new UsageError(`--type takes ${ggufFileTypes.join(', ')}. Got "${type}".`)
    const place = runExport(checkpointPlace(model, process.cwd()))
    const checkpoint = await openCheckpoint(await checkpointFolder(place))
    const file = path.resolve(out)
    await mkdir(path.dirname(file), { recursive: true })
    const bar = new Progress({ label: path.basename(file), unit: 'tensors', quietMs: 500 })
    const { size, notes } = await exportGguf(checkpoint, file, {
      ...{ type, pre, name: nameOf(place), onTensor: (done, total) => bar.update(done, total) },
    }).finally(() => bar.stop())
    for (const note of notes) notice(note)
    print(`Wrote ${out}, ${formatBytes(size)}, ${type}.\n`)
    return 0
  })
}

function isFileType(type: string): type is GgufFileType {
  return (ggufFileTypes as readonly string[]).includes(type)
}

/** The export of a run in its folder, or the place itself. */
function runExport(place: string): string {
  const final = path.join(place, 'final')
  return !existsSync(path.join(place, configFile)) && existsSync(path.join(final, configFile)) ? final : place
}

/** `runs/mine/final` is called mine. */
function nameOf(place: string): string {
  const name = path.basename(place)
  return name === 'final' ? path.basename(path.dirname(place)) : name
}
