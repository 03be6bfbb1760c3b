import { existsSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

/** Reference fixtures and problem sets live beside the checkout, never in it. */
const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../shared')

/** Whether `there`; one line says what is missing where it is not. The caller skips its tests then. */
export function isThere(there: boolean, needed: string): boolean {
  if (!there) console.warn(`skipped: these tests need ${needed}`)
  return there
}

/** Path below the shared folder, or undefined (with one line that says so) where it is absent: the caller skips its tests. */
export function sharedPath(relative: string): string | undefined {
  const full = path.join(root, relative)
  return isThere(existsSync(full), `../shared/${relative} beside the checkout`) ? full : undefined
}
