/** What is whole of a damaged file of samples. */

import { closeSync, ftruncateSync, openSync, readSync, statSync } from 'node:fs'
import { type SampleRow, wholeRow } from './row.ts'
import { closeQuietly, type OpenDatabase, prepared } from './sqlite.ts'

/** Rows that are handed on together. */
const BATCH = 200
/** No sample has fewer bytes: bounds the ids where even the largest cannot be read. */
const SMALLEST_ROW = 128
/** A header that tells of a file so many times as long is damaged itself. */
const MOST_MISSING = 64

/**
 * Reads every row of `file` that can be read and has its checksum, and hands them on in batches. Each row is looked up by its id, so a page that is
 * damaged costs the rows that lie in it. What `keep` throws is thrown on.
 */
export function salvage(OpenDatabase: OpenDatabase, file: string, keep: (rows: readonly SampleRow[]) => void): void {
  const bound = Math.ceil(statSync(file).size / SMALLEST_ROW)
  attempt(() => lengthen(file))
  const database = attempt(() => new OpenDatabase(file, { timeout: 0 }))
  if (!database) return
  const find = prepared(database, 'SELECT key, checksum, value FROM samples WHERE id = ?')
  try {
    const known = attempt(() => Number(database.prepare('SELECT max(id) AS last FROM samples').get([])?.last))
    // A damaged page may tell of an id that never was.
    const last = known === undefined ? bound : Math.min(known, 16 * bound)
    let batch: SampleRow[] = []
    for (let id = 1; id <= last; id++) {
      const row = wholeRow(attempt(() => find.get([id])) ?? {})
      if (row) batch.push(row)
      if (batch.length < BATCH && id < last) continue
      keep(batch)
      batch = []
    }
  } finally {
    closeQuietly(database)
  }
}

/** SQLite reads nothing of a file that is shorter than its header says. What is missing is read as zeros, which are no rows. */
function lengthen(file: string): void {
  const { size } = statSync(file)
  const descriptor = openSync(file, 'r+')
  try {
    const header = Buffer.alloc(32)
    readSync(descriptor, header, 0, header.length, 0)
    // sqlite.org/fileformat.html: page size and number of pages
    const told = header.readUInt16BE(16) * header.readUInt32BE(28)
    if (told > size && told < MOST_MISSING * size) ftruncateSync(descriptor, told)
  } finally {
    closeSync(descriptor)
  }
}

/** Anything may fail in a damaged file. */
function attempt<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch {
    return undefined
  }
}
