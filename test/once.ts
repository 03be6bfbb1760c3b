import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

/** Removed when vitest ends (vitest.config.ts). */
export const home = process.env.PR1_TEST_ONCE!

/**
 * What several test files need and takes seconds: made by the first that asks, in a folder that `make` fills and nobody changes later. The others
 * wait for it. Throws what `make` threw, in every file.
 */
export async function once(name: string, make: (folder: string) => unknown): Promise<string> {
  const folder = path.join(home, name)
  const [made, failed] = [`${folder}.made`, `${folder}.failed`]
  const first = mkdirSync(folder, { recursive: true }) !== undefined
  if (first) {
    try {
      await make(folder)
      writeFileSync(made, '')
    } catch (error) {
      writeFileSync(failed, String(error))
      throw error
    }
  }
  while (!existsSync(made)) {
    if (existsSync(failed)) throw new Error(`"${name}" was not made. ${readFileSync(failed, 'utf8')}`)
    await sleep(50)
  }
  return folder
}
