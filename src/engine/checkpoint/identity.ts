import { createHash } from 'node:crypto'
import { createReadStream, existsSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import path from 'node:path'
import { recoverFolder } from './atomic.ts'
import { configFile, decisiveFiles, fileProblem, statFile } from './files.ts'
import { errorCode, problem } from './problem.ts'
import { weightFiles } from './safetensors.ts'

/**
 * Which checkpoint a folder holds. The signature notices that it was written anew and costs one look at each file; the hash says
 * what it is, wherever it lies, and costs reading all of them. Both cover every file that decides an answer.
 */

export interface Identity {
  /** Places, sizes and times of the files: while they stay the same, so does the hash. */
  readonly signature: string
  /**
   * SHA-256 (hex) over names, sizes and contents: two folders with equal hashes answer alike. Read once for each signature in this process.
   * @throws CheckpointError when the folder was written anew since it was opened
   */
  hash(): Promise<string>
}

/** The identity of the checkpoint in a folder, undefined where it has no config.json. A save that was interrupted is finished or undone first. */
export async function identityOf(folder: string): Promise<Identity | undefined> {
  const signature = await signatureOf(folder)
  return signature === undefined ? undefined : { signature, hash: () => knownHash(folder, signature) }
}

/** See {@link Identity.signature}; undefined where there is no config.json. */
export async function signatureOf(folder: string): Promise<string | undefined> {
  const config = path.join(folder, configFile)
  // A save that was cut short may have left the folder under another name.
  if (!existsSync(config)) await recoverFolder(folder)
  if (!existsSync(config)) return undefined
  const files = filesOf(folder).map(async (name) => `${name}:${await mark(path.join(folder, name))}`)
  return (await Promise.all(files)).join('\n')
}

/** Names of all files that decide an answer, there or not: one that comes later changes the answer, too. */
function filesOf(folder: string): string[] {
  return [...decisiveFiles, ...weightFiles(folder)]
}

async function mark(file: string): Promise<string> {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = await stat(file, { bigint: true })
    return [dev, ino, size, mtimeNs, ctimeNs].join(':')
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return 'absent'
    throw fileProblem(file, error)
  }
}

/** signature → hash of the files */
const hashes = new Map<string, Promise<string>>()

function knownHash(folder: string, signature: string): Promise<string> {
  let hash = hashes.get(signature)
  if (!hash) {
    hash = contentHash(folder, signature)
    hashes.set(signature, hash)
    hash.catch(() => hashes.delete(signature))
  }
  return hash
}

async function contentHash(folder: string, signature: string): Promise<string> {
  const hash = createHash('sha256')
  for (const name of filesOf(folder)) {
    const file = path.join(folder, name)
    const size = statFile(file)?.size
    hash.update(`${name}\0${size ?? 'absent'}\0`)
    if (size === undefined) continue
    try {
      for await (const chunk of createReadStream(file, { highWaterMark: 2 ** 20 })) hash.update(chunk)
    } catch (error) {
      throw fileProblem(file, error)
    }
  }
  if ((await signatureOf(folder)) !== signature) {
    throw problem({ file: folder }, 'the checkpoint that was opened', 'one that was written since', 'Open it again.')
  }
  return hash.digest('hex')
}
