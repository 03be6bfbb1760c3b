import { randomBytes } from 'node:crypto'
import { type FileHandle, lstat, mkdir, open, readdir, readlink, rename, rm } from 'node:fs/promises'
import path from 'node:path'
import { CheckpointError } from '../errors.ts'
import { errorCode, problem } from './problem.ts'

/**
 * Files and folders that are replaced as a whole: written beside, flushed, renamed. A folder cannot be renamed over another
 * one, so a swap takes two renames, and a kill between them leaves the name empty: `recoverFolder` finishes such a swap.
 *
 * Beside `name` stand, for as long as they are needed (writer = process id and a random number):
 *   .name.tmp-<writer>   being written; never used
 *   .name.new-<writer>   complete and flushed, about to take the name
 *   .name.old-<writer>   the previous folder, moved aside
 */

/** Writes one new file; `close` flushes it to the disk. */
export interface FileWriter {
  write(data: Uint8Array): Promise<void>
  /** Writes over the first bytes; `write` goes on at the end. */
  rewriteStart(data: Uint8Array): Promise<void>
  close(): Promise<void>
}

/** Every effect on the disk that a save has: tests put a failing disk or a recorder here. */
export interface FileOps {
  mkdir(folder: string): Promise<void>
  create(file: string): Promise<FileWriter>
  rename(from: string, to: string): Promise<void>
  /** Flushes a file or folder. */
  sync(file: string): Promise<void>
  /** Removes a file, or a folder with all it holds. */
  remove(file: string): Promise<void>
}

export const diskOps: FileOps = {
  async mkdir(folder) {
    await mkdir(folder, { recursive: true })
  },
  async create(file) {
    const handle = await open(file, 'wx')
    return {
      write: (data) => writeFully(handle, data),
      rewriteStart: (data) => writeFully(handle, data, 0),
      close: () => flushAndClose(handle),
    }
  },
  rename,
  async sync(file) {
    await flushAndClose(await open(file, 'r'))
  },
  async remove(file) {
    await rm(file, { recursive: true, force: true })
  },
}

/** At the end of what was written, or at `position`. */
async function writeFully(handle: FileHandle, data: Uint8Array, position?: number): Promise<void> {
  for (let at = 0; at < data.length; ) {
    const from = position === undefined ? null : position + at
    at += (await handle.write(data, at, data.length - at, from)).bytesWritten
  }
}

async function flushAndClose(handle: FileHandle): Promise<void> {
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** What a file will hold, or a function that writes it piece by piece. */
type FileContent = string | Uint8Array | ((writer: FileWriter) => Promise<void>)

/** Writes and flushes a new file. */
export async function writeNewFile(file: string, content: FileContent, ops: FileOps = diskOps): Promise<void> {
  const writer = await ops.create(file)
  try {
    if (typeof content === 'function') await content(writer)
    else await writer.write(typeof content === 'string' ? Buffer.from(content) : content)
  } finally {
    await writer.close()
  }
}

/** Writers of this process that are at work: their files beside a folder are not leftovers. */
const active = new Set<string>()

function newWriter(): string {
  return `${process.pid}-${randomBytes(6).toString('hex')}`
}

function isAlive(writer: string): boolean {
  if (active.has(writer)) return true
  const pid = Number.parseInt(writer, 10)
  if (pid === process.pid) return false
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return errorCode(error) === 'EPERM'
  }
}

type Kind = 'tmp' | 'new' | 'old'

function beside(target: string, kind: Kind, writer: string): string {
  return path.join(path.dirname(target), `.${path.basename(target)}.${kind}-${writer}`)
}

/** The path that the links at `name` lead to, which need not exist. */
export async function resolveTarget(name: string): Promise<string> {
  let target = path.resolve(name)
  for (let hops = 0; hops < 16; hops++) {
    try {
      if (!(await lstat(target)).isSymbolicLink()) return target
    } catch {
      return target
    }
    target = path.resolve(path.dirname(target), await readlink(target))
  }
  throw problem({ file: name }, 'a file or folder', 'a symbolic link that leads back to itself')
}

/** Replaces a file by one with this content; a reader sees the old or the new one, whole, at any moment. */
export async function writeFileAtomic(file: string, content: FileContent, ops: FileOps = diskOps): Promise<void> {
  const target = await resolveTarget(file)
  // A long write may have been killed before: what it left takes the room of this one.
  if (typeof content === 'function') await recoverFolder(target)
  const writer = newWriter()
  const temporary = beside(target, 'tmp', writer)
  active.add(writer)
  try {
    await writeNewFile(temporary, content, ops)
    await ops.rename(temporary, target)
  } catch (error) {
    await ops.remove(temporary).catch(() => {})
    throw error
  } finally {
    active.delete(writer)
  }
  await ops.sync(path.dirname(target))
}

async function exists(file: string): Promise<boolean> {
  try {
    await lstat(file)
    return true
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return false
    throw error
  }
}

/** Flushes everything in a folder, the folder last. */
async function syncTree(folder: string, ops: FileOps): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const full = path.join(folder, entry.name)
    if (entry.isDirectory()) await syncTree(full, ops)
    else if (entry.isFile()) await ops.sync(full)
  }
  await ops.sync(folder)
}

/**
 * Puts the complete folder `temporary` in the place of `final` (same parent folder, or at least the same disk): flushes it, moves
 * the previous folder aside, renames, removes the previous one. After a kill at any moment, `recoverFolder(final)` finds
 * the previous or the new folder, whole. When it throws, the previous folder is in its place and `temporary` is gone or as it was.
 */
export async function replaceFolder(temporary: string, final: string, ops: FileOps = diskOps): Promise<void> {
  const target = await resolveTarget(final)
  const writer = newWriter()
  active.add(writer)
  try {
    await syncTree(temporary, ops)
    const ready = beside(target, 'new', writer)
    const previous = beside(target, 'old', writer)
    const parent = path.dirname(target)
    await ops.rename(temporary, ready)
    try {
      await ops.sync(parent)
      await swap(ready, target, previous, ops)
    } catch (error) {
      await ops.remove(ready).catch(() => {})
      throw error
    }
    // A failure here costs disk space only: the next recovery tries again.
    await ops.remove(previous).catch(() => {})
  } finally {
    active.delete(writer)
  }
}

async function swap(ready: string, target: string, previous: string, ops: FileOps): Promise<void> {
  let moved = true
  try {
    await ops.rename(target, previous)
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error
    moved = false
  }
  try {
    await ops.rename(ready, target)
  } catch (error) {
    // A reader that opened the name in this very moment has recovered it, with our new folder.
    if (errorCode(error) !== 'ENOENT' || (await exists(ready)) || !(await exists(target))) {
      if (moved) await ops.rename(previous, target)
      throw error
    }
  }
  try {
    await ops.sync(path.dirname(target))
  } catch (error) {
    // Not known to be on the disk: back to the folder that is.
    await ops.rename(target, ready)
    if (moved) await ops.rename(previous, target)
    throw error
  }
}

/**
 * Makes a new folder for `final` with `fill`, and puts it in place when it is complete. Leftovers of killed writers are
 * cleaned up first; when `fill` or the disk fails, what was written is removed and `final` stays as it was.
 */
export async function writeFolderAtomic(final: string, fill: (folder: string) => Promise<void>, ops: FileOps = diskOps): Promise<void> {
  const target = await resolveTarget(final)
  await recoverFolder(target)
  const writer = newWriter()
  const temporary = beside(target, 'tmp', writer)
  active.add(writer)
  try {
    await ops.mkdir(temporary)
    await fill(temporary)
    await replaceFolder(temporary, target, ops)
  } catch (error) {
    await ops.remove(temporary).catch(() => {})
    throw error
  } finally {
    active.delete(writer)
  }
}

/** Removes a folder: at any moment it is there whole, or not at all. What a kill leaves of it, `recoverFolder` removes. */
export async function removeFolder(folder: string, ops: FileOps = diskOps): Promise<void> {
  const doomed = beside(folder, 'tmp', newWriter())
  await ops.rename(folder, doomed)
  await ops.remove(doomed)
}

/** What `recoverFolder` found: nothing to do, a swap it finished with the new folder, or one it undid. */
type Recovery = 'nothing' | 'finished' | 'restored'

/**
 * Finishes or undoes a replacement of `folder` (or file) that was interrupted, and removes what killed writers left beside it. Run
 * before a folder is opened or saved. Files of writers that still run are left alone.
 * @throws CheckpointError when only an unfinished folder could be found but not put in place
 */
export async function recoverFolder(folder: string): Promise<Recovery> {
  const target = await resolveTarget(folder)
  const parent = path.dirname(target)
  let names: string[]
  try {
    names = await readdir(parent)
  } catch {
    return 'nothing'
  }
  const start = `.${path.basename(target)}.`
  const found: Record<Kind, { file: string; writer: string }[]> = { tmp: [], new: [], old: [] }
  for (const name of names) {
    const match = name.startsWith(start) ? /^(tmp|new|old)-(\d+-[0-9a-f]+)$/.exec(name.slice(start.length)) : null
    if (match !== null) found[match[1] as Kind].push({ file: path.join(parent, name), writer: match[2] })
  }
  let recovery: Recovery = 'nothing'
  if (!(await exists(target))) {
    // Between the two renames of a swap. The new folder is complete, or it would still be called tmp.
    const candidates = [...(await newestFirst(found.new)), ...(await newestFirst(found.old))]
    if (candidates.length > 0) {
      const chosen = candidates[0]
      try {
        await rename(chosen, target)
        await diskOps.sync(parent)
      } catch (error) {
        // Its writer, still alive, may have been faster.
        if (!(await exists(target)))
          throw new CheckpointError(
            `${target}: a save was interrupted and its complete folder ${chosen} could not be renamed. Rename it by hand.`,
            {
              cause: error,
            },
          )
      }
      recovery = found.new.some(({ file }) => file === chosen) ? 'finished' : 'restored'
    }
  }
  for (const { file, writer } of [...found.tmp, ...found.new, ...found.old]) {
    // Opening a folder must work on a disk that cannot be written, too.
    if (!isAlive(writer)) await diskOps.remove(file).catch(() => {})
  }
  return recovery
}

async function newestFirst(entries: { file: string }[]): Promise<string[]> {
  const dated: { file: string; time: number }[] = []
  for (const { file } of entries) {
    try {
      dated.push({ file, time: (await lstat(file)).mtimeMs })
    } catch {
      // Gone in the meantime.
    }
  }
  return dated.sort((a, b) => b.time - a.time).map(({ file }) => file)
}
