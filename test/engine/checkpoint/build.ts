import { cpSync, mkdtempSync } from 'node:fs'
import path from 'node:path'
import { saveCheckpoint } from '../../../src/engine/checkpoint/folder.ts'
import { home } from '../../once.ts'
import { tinyContent } from './tiny.ts'

/** Small checkpoints for the tests of this folder. */

export * from './tiny.ts'

/** A new empty folder, removed when vitest ends. */
export const temporaryFolder = (): string => mkdtempSync(path.join(home, 'checkpoint-'))

let master: Promise<string> | undefined

/** A copy of a valid tiny checkpoint in a folder of its own. */
export async function tinyCheckpoint(): Promise<string> {
  master ??= (async () => {
    const folder = path.join(temporaryFolder(), 'master')
    await saveCheckpoint(folder, tinyContent())
    return folder
  })()
  const folder = path.join(temporaryFolder(), 'model')
  cpSync(await master, folder, { recursive: true })
  return folder
}
