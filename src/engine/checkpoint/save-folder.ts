import { mkdir, readdir } from 'node:fs/promises'
import path from 'node:path'
import { diskOps, type FileOps, type FileWriter, resolveTarget, writeFolderAtomic, writeNewFile } from './atomic.ts'
import { adapterConfigFile, configFile } from './files.ts'
import { errorCode, problem, saveProblem, show } from './problem.ts'
import { type TensorToWrite, writeSafetensors } from './safetensors.ts'

/** Saving a folder with weights: complete, or not at all. */

export interface FolderContent {
  /** Name → content. */
  texts: Readonly<Record<string, string>>
  weights: { file: string; tensors: readonly TensorToWrite[]; dtype: 'float32' | 'bfloat16'; metadata?: Readonly<Record<string, string>> }
  /** More files: relative name → content, or a function that writes them with `ops` into the (temporary) folder it is given. */
  extraFiles?: Readonly<Record<string, string | Uint8Array>> | ((folder: string, ops: FileOps) => Promise<void>)
}

export interface SaveOptions {
  /** For tests: what does the writing. */
  ops?: FileOps
}

/** Saves of one folder by this process wait for each other. */
const running = new Map<string, Promise<void>>()

/**
 * Saves a checkpoint or an adapter in place of what `folder` held. At any moment, also after a kill, the previous or the new one is
 * whole (see atomic.ts); when the disk is full the previous one stays and the error says so.
 * @param content is made when its turn comes, and checks what could be saved but not loaded again
 * @throws CheckpointError when the folder holds something else, a weight is not finite, or the disk fails
 */
export async function saveFolder(
  folder: string,
  content: (target: string) => FolderContent,
  { ops = diskOps }: SaveOptions = {},
): Promise<void> {
  const target = await resolveTarget(folder)
  const before = running.get(target) ?? Promise.resolve()
  const save = before.catch(() => {}).then(() => saveNow(target, content(target), ops))
  running.set(target, save)
  try {
    await save
  } finally {
    if (running.get(target) === save) running.delete(target)
  }
}

async function saveNow(target: string, { texts, weights, extraFiles }: FolderContent, ops: FileOps): Promise<void> {
  await refuseForeignFolder(target)
  let writing = 'the folder'
  const watched = watch(ops, (file) => {
    writing = path.basename(file)
  })
  try {
    await mkdir(path.dirname(target), { recursive: true })
    await writeFolderAtomic(
      target,
      async (temporary) => {
        for (const [name, text] of Object.entries(texts)) await writeNewFile(path.join(temporary, name), text, watched)
        await writeSafetensors(path.join(temporary, weights.file), weights.tensors, weights.dtype, watched, weights.metadata)
        await writeExtraFiles(temporary, extraFiles, [...Object.keys(texts), weights.file], watched)
      },
      watched,
    )
  } catch (error) {
    throw asSaveError(target, error, writing, await holdsCheckpoint(target))
  }
}

function asSaveError(target: string, error: unknown, writing: string, previous: boolean): unknown {
  return saveProblem(target, `the checkpoint while writing ${writing}`, error, previous ? 'The previous checkpoint' : undefined)
}

/** Tells which file is being written when something fails. */
function watch(ops: FileOps, onFile: (file: string) => void): FileOps {
  return {
    ...ops,
    async create(file): Promise<FileWriter> {
      onFile(file)
      return ops.create(file)
    },
  }
}

async function writeExtraFiles(folder: string, extra: FolderContent['extraFiles'], taken: readonly string[], ops: FileOps): Promise<void> {
  if (extra === undefined) return
  if (typeof extra === 'function') return extra(folder, ops)
  for (const [name, data] of Object.entries(extra)) {
    const full = path.resolve(folder, name)
    if (!full.startsWith(folder + path.sep) || taken.includes(path.relative(folder, full)))
      throw problem({ file: folder, key: 'extraFiles' }, 'names inside the folder that the checkpoint does not use itself', show(name))
    await ops.mkdir(path.dirname(full))
    await writeNewFile(full, data, ops)
  }
}

async function holdsCheckpoint(folder: string): Promise<boolean> {
  try {
    const names = await readdir(folder)
    return [configFile, adapterConfigFile].some((name) => names.includes(name)) && names.some((name) => name.endsWith('.safetensors'))
  } catch {
    return false
  }
}

/** A save replaces the whole folder: one that holds anything but a checkpoint must not be named by mistake. */
async function refuseForeignFolder(folder: string): Promise<void> {
  let names: string[]
  try {
    names = await readdir(folder)
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return
    throw problem(
      { file: folder },
      'a folder to save the checkpoint in',
      errorCode(error) === 'ENOTDIR' ? 'a file' : `an error (${errorCode(error)})`,
    )
  }
  if (names.length === 0 || (await holdsCheckpoint(folder))) return
  const next = 'A save replaces the folder as a whole: name a new one.'
  throw problem(
    { file: folder },
    'a checkpoint, an empty folder, or none',
    `a folder with other files (${names.slice(0, 3).join(', ')})`,
    next,
  )
}
