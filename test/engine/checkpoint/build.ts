import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll } from 'vitest'
import { saveCheckpoint } from '../../../src/engine/checkpoint/folder.ts'
import { tinyContent } from './tiny.ts'

/** Small checkpoints for the tests of this folder. */

export * from './tiny.ts'

const made: string[] = []

/** A new empty folder, removed when the tests of the file are done. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'pr1-checkpoint-'))
  made.push(folder)
  return folder
}

afterAll(() => {
  for (const folder of made) rmSync(folder, { recursive: true, force: true })
})

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
