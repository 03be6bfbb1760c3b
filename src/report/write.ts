/** Files of a report. */

import { renameSync, rmSync, writeFileSync } from 'node:fs'
import { ReportError } from './rows.ts'

/** Writes a file, complete or not at all; returns what to say about it. */
export function writeWhole(file: string, content: string): string {
  const temporary = `${file}.${process.pid}.tmp`
  try {
    writeFileSync(temporary, content)
    renameSync(temporary, file)
  } catch (error) {
    rmSync(temporary, { force: true })
    throw new ReportError(`${file} cannot be written: ${(error as Error).message}. Name a file in an existing folder with -o.`)
  }
  return `\n${file}: ${(Buffer.byteLength(content) / 1024 ** 2).toFixed(1)} MB\n`
}
