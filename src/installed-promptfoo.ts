/** Where the promptfoo that is installed beside this package lies, for what only its command line does. */

import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ConfigError } from './engine/errors.ts'

/** The folder of the installed promptfoo: beside `near`, beside this package, or where the process runs. Throws ConfigError where there is none. */
export function promptfooFolder(near: string): string {
  for (const base of [near, fileURLToPath(import.meta.url), resolve('package.json')]) {
    try {
      return resolve(dirname(createRequire(base).resolve('promptfoo')), '../..')
    } catch {
      // Not installed from there: look from the next place.
    }
  }
  throw new ConfigError('promptfoo is not installed. Its evaluations are read, resolved and scored with it: npm install promptfoo.')
}

/** The script behind the command `promptfoo`. */
export function promptfooScript(near: string): string {
  const folder = promptfooFolder(near)
  const { bin } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { bin: { promptfoo: string } }
  return join(folder, bin.promptfoo)
}
