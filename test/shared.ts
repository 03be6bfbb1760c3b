import { existsSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

/** Reference fixtures and problem sets live beside the checkout, never in it. */
const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../shared')

/** Path below the shared folder, or undefined (with one line that says so) where it is absent: the caller skips its tests. */
export function sharedPath(relative: string): string | undefined {
  const full = path.join(root, relative)
  if (existsSync(full)) return full
  console.warn(`skipped: these tests need ../shared/${relative} beside the checkout`)
  return undefined
}
