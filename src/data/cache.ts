/**
 * Files of the cache: JSON under its own checksum, replaced as a whole. What does not match its checksum is never used.
 *
 *   <cache>/hub/<owner>--<name>/<config>/<split>/pages/<offset>.json   while a download is under way
 *   <cache>/hub/<owner>--<name>/<config>/<split>/rows.json             when it is complete
 */

import { createHash } from 'node:crypto'
import { mkdir, readFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import path from 'node:path'
import { writeFileAtomic } from '../engine/checkpoint/atomic.ts'
import { parseJson } from '../json.ts'
import { DataError } from './problem.ts'
import type { HubSource } from './sets.ts'

/** `PR1_CACHE`, else the user's cache folder. */
export function cacheFolder(env: NodeJS.ProcessEnv): string {
  if (env.PR1_CACHE) return path.resolve(env.PR1_CACHE)
  return path.join(env.XDG_CACHE_HOME || path.join(homedir(), '.cache'), 'parallel-r1')
}

/** Folder of one split. */
export function sourceFolder(cache: string, { dataset, config, split }: HubSource): string {
  return path.join(cache, 'hub', dataset.replaceAll('/', '--'), config, split)
}

const checksum = (text: string) => createHash('sha256').update(text).digest('hex')

/** Writes a value with its checksum on the first line. Throws DataError where the cache cannot be written. */
export async function seal(file: string, value: unknown): Promise<void> {
  const body = JSON.stringify(value)
  try {
    await mkdir(path.dirname(file), { recursive: true })
    await writeFileAtomic(file, `${checksum(body)}\n${body}\n`)
  } catch (error) {
    throw new DataError(
      `The cache cannot be written: ${(error as Error).message}. Free space, or set PR1_CACHE to a folder that can be written.`,
      { cause: error },
    )
  }
}

type Unsealed<T> = { state: 'absent' } | { state: 'damaged' } | { state: 'good'; value: T }

/** Reads what `seal` wrote. What is not of its kind, or nested deeper than any row, was not written by it, whatever the checksum. */
export async function unseal<T>(file: string, isOfKind: (value: unknown) => value is T): Promise<Unsealed<T>> {
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { state: 'absent' }
    throw new DataError(`The cache cannot be read: ${(error as Error).message}. Correct its permissions, or set PR1_CACHE.`, {
      cause: error,
    })
  }
  const end = text.indexOf('\n')
  const body = text.slice(end + 1).trimEnd()
  if (end < 0 || checksum(body) !== text.slice(0, end)) return { state: 'damaged' }
  try {
    const value = parseJson(body)
    return isOfKind(value) ? { state: 'good', value } : { state: 'damaged' }
  } catch {
    return { state: 'damaged' }
  }
}
