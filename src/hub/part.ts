/**
 * The part of a blob that has arrived, under the name of the one process that writes it. Two that wrote to one file could spoil what the
 * other has compared with its hash.
 *
 *   HASH.incomplete                      free: the download that wrote it has ended
 *   HASH.<host>-<process>-<random>.incomplete   being written
 */

import { randomBytes } from 'node:crypto'
import { readdir, rename, rm, stat } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { errorCode } from '../engine/checkpoint/problem.ts'

/** A download from another machine that was silent for so long has ended. */
const SILENCE_MS = 3_600_000

/** A name to fill `blob` under, with what a download that has ended left of it. */
export async function claimPart(blob: string): Promise<string> {
  const host = encodeURIComponent(os.hostname())
  const own = `${blob}.${host}-${process.pid}-${randomBytes(4).toString('hex')}.incomplete`
  let claimed = false
  for (const name of await readdir(path.dirname(blob))) {
    if (!name.startsWith(`${path.basename(blob)}.`) || !name.endsWith('.incomplete')) continue
    const part = path.join(path.dirname(blob), name)
    if (await isWritten(part, host)) continue
    // Whoever renames it first has it.
    if (claimed) await rm(part, { force: true })
    else claimed = await renamed(part, own)
  }
  return own
}

async function renamed(from: string, to: string): Promise<boolean> {
  try {
    await rename(from, to)
    return true
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error
    return false
  }
}

async function isWritten(part: string, host: string): Promise<boolean> {
  const [, writer, pid] = /\.(\S+)-(\d+)-[0-9a-f]{8}\.incomplete$/.exec(path.basename(part)) ?? []
  if (writer === undefined) return false
  if (writer !== host) return Date.now() - ((await stat(part).catch(() => undefined))?.mtimeMs ?? 0) < SILENCE_MS
  try {
    process.kill(Number(pid), 0)
    return true
  } catch (error) {
    return errorCode(error) === 'EPERM'
  }
}
