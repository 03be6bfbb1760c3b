import { createHash, type Hash } from 'node:crypto'
import { createReadStream, existsSync, statSync } from 'node:fs'
import path from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { basePlace } from '../adapters/base.ts'
import { ggufFiles } from '../gguf/files.ts'
import { recoverFolder } from './atomic.ts'
import { adapterConfigFile, adapterFiles, configFile, decisiveFiles, fileProblem, statFile } from './files.ts'
import { problem } from './problem.ts'
import { indexFile, singleFile, weightFiles } from './safetensors.ts'

/**
 * Which checkpoint a folder or a GGUF file holds. The signature notices that it was written anew and costs one look at each file; the hash says
 * what it is, wherever it lies, and costs reading all of them. Both cover every file that decides an answer, of an adapter and of its base.
 */

export interface Placed {
  /** Place of an adapter's base. Default: the one that it names, if it is here. */
  base?: string
}

export interface Identity {
  /** Places, sizes and times of the files: while they stay the same, so does the hash. */
  readonly signature: string
  /**
   * SHA-256 (hex) over names, sizes and contents: two folders with equal hashes answer alike. Read once for each signature in this process.
   * @throws CheckpointError when the folder was written anew since it was opened
   */
  hash(): Promise<string>
  /** @throws CheckpointError when the folder was written anew since */
  confirm(): Promise<void>
}

/**
 * The identity of the checkpoint in a folder, undefined where it has neither config.json nor GGUF nor an adapter. A save that was interrupted is
 * finished or undone first.
 */
export async function identityOf(folder: string, { base }: Placed = {}): Promise<Identity | undefined> {
  const signature = await signatureOf(folder, { base })
  if (signature === undefined) return undefined
  const confirm = async () => {
    if ((await signatureOf(folder, { base })) === signature) return
    throw problem({ file: folder }, 'the checkpoint that was opened', 'one that was written since', 'Open it again.')
  }
  return { signature, hash: () => knownHash(signature, () => contentHash(folder, { base }, confirm)), confirm }
}

/**
 * See {@link Identity.signature}; undefined where there is no checkpoint. Some microseconds a file, so that every request can ask. Where a file was
 * written a moment ago it waits that moment: a file system gives writes that come close together one time, and a second one would not show.
 * @throws CheckpointError where the files are written all the time, or the base of an adapter is not here
 */
export async function signatureOf(
  folder: string,
  { base, patienceMs = 5000 }: Placed & { patienceMs?: number } = {},
): Promise<string | undefined> {
  // A save that was cut short may have left the folder under another name.
  if (!holdsWhole(folder) && !holdsAdapter(folder)) await recoverFolder(folder)
  if (!holdsAdapter(folder)) return holdsWhole(folder) ? settled(folder, filesOf, patienceMs) : undefined
  const place = base ?? basePlace(folder)
  const own = await settled(folder, filesOfAdapter, patienceMs)
  if (!holdsWhole(place)) await recoverFolder(place)
  return `${own}\nbase\n${holdsWhole(place) ? await settled(place, filesOf, patienceMs) : 'absent'}`
}

function holdsWhole(folder: string): boolean {
  return existsSync(path.join(folder, configFile)) || ggufFiles(folder) !== undefined
}

/** It comes before a model that lies beside it, as in transformers. */
function holdsAdapter(folder: string): boolean {
  return existsSync(path.join(folder, adapterConfigFile))
}

interface NamedFile {
  name: string
  file: string
}

/** Names and marks of files that nobody has just written. */
async function settled(folder: string, files: (folder: string) => NamedFile[], patienceMs: number): Promise<string> {
  const end = Date.now() + patienceMs
  for (let now = Date.now(); now < end; now = Date.now()) {
    const marks = files(folder).map(({ name, file }) => ({ name, ...mark(file) }))
    // A time that lies far ahead is another machine's, and waiting tells nothing.
    const wait = Math.max(...marks.map(({ changed, grain }) => (Math.abs(now - changed) < grain ? changed + grain - now : 0)))
    if (wait === 0) return marks.map(({ name, text }) => `${name}:${text}`).join('\n')
    shards.delete(folder)
    await setTimeout(wait)
  }
  throw problem({ file: folder }, 'a checkpoint that nobody writes', 'one that is being written', 'Use it when it is complete.')
}

/** folder → names of its weights, and the marks of the files that say so */
const shards = new Map<string, { said: string; names: string[] }>()

/** Names of all files that decide an answer, there or not: one that comes later changes the answer, too. An index of shards is read once. */
function namesOf(folder: string): string[] {
  const said = [singleFile, indexFile].map((name) => mark(path.join(folder, name)).text).join()
  let known = shards.get(folder)
  if (known?.said !== said) {
    known = { said, names: weightFiles(folder) }
    shards.set(folder, known)
  }
  return [...decisiveFiles, ...known.names]
}

/** All files that decide an answer. Those of a GGUF model are named by their number: what the file is called does not matter. */
function filesOf(folder: string): NamedFile[] {
  const gguf = ggufFiles(folder)
  if (gguf) return gguf.map((file, i) => ({ name: `${i}.gguf`, file }))
  return namesOf(folder).map((name) => ({ name, file: path.join(folder, name) }))
}

/** The files of a checkpoint that decide an answer and are there; of an adapter without its base. */
export function checkpointFiles(place: string): string[] {
  const files = holdsAdapter(place) ? filesOfAdapter(place) : filesOf(place)
  return files.map(({ file }) => file).filter((file) => existsSync(file))
}

/** Those of an adapter, without its base. */
function filesOfAdapter(folder: string): NamedFile[] {
  return adapterFiles.map((name) => ({ name, file: path.join(folder, name) }))
}

interface Mark {
  text: string
  /** Milliseconds since 1970; never for a file that is not there. */
  changed: number
  /** Writes that come closer together, in milliseconds, may have the same time. */
  grain: number
}

const ABSENT: Mark = { text: 'absent', changed: Number.NEGATIVE_INFINITY, grain: 0 }

/** The time of the last change (ctime) cannot be set back as that of the last write can, and changes with it. */
function mark(file: string): Mark {
  try {
    const stats = statSync(file, { bigint: true, throwIfNoEntry: false })
    if (!stats) return ABSENT
    const { dev, ino, size, mtimeNs, ctimeNs } = stats
    // Linux counts file times in ticks of up to 10 ms. Older and network file systems keep whole seconds, FAT two of them.
    const grain = ctimeNs % 1_000_000_000n === 0n ? 2000 : 15
    return { text: [dev, ino, size, mtimeNs, ctimeNs].join(':'), changed: Number(ctimeNs / 1_000_000n), grain }
  } catch (error) {
    throw fileProblem(file, error)
  }
}

/** signature → hash of the files */
const hashes = new Map<string, Promise<string>>()

function knownHash(signature: string, read: () => Promise<string>): Promise<string> {
  let hash = hashes.get(signature)
  if (!hash) {
    hash = read()
    hashes.set(signature, hash)
    hash.catch(() => hashes.delete(signature))
  }
  return hash
}

/** @param confirm after reading: the files are still those that were asked for */
async function contentHash(folder: string, { base }: Placed, confirm: () => Promise<void>): Promise<string> {
  const hash = createHash('sha256')
  if (holdsAdapter(folder)) {
    await addFiles(hash, filesOfAdapter(folder))
    const place = base ?? basePlace(folder)
    const whole = createHash('sha256')
    const signature = await settled(place, filesOf, 5000)
    hash.update(`base\0${await knownHash(signature, () => addFiles(whole, filesOf(place)).then(() => whole.digest('hex')))}`)
  } else await addFiles(hash, filesOf(folder))
  await confirm()
  return hash.digest('hex')
}

async function addFiles(hash: Hash, files: readonly NamedFile[]): Promise<void> {
  for (const { name, file } of files) {
    const size = statFile(file)?.size
    hash.update(`${name}\0${size ?? 'absent'}\0`)
    if (size === undefined) continue
    try {
      for await (const chunk of createReadStream(file, { highWaterMark: 2 ** 20 })) hash.update(chunk)
    } catch (error) {
      throw fileProblem(file, error)
    }
  }
}
