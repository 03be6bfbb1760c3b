/** SQLite as libsql gives it: the part that is used, and what its errors mean. */

import { UnavailableError } from '../engine/errors.ts'

/** Arguments of a statement always go in an array: a bare Buffer ends the process. */
export interface Database {
  exec(sql: string): void
  prepare(sql: string): Statement
  close(): void
}

export interface Statement {
  run(values: readonly unknown[]): unknown
  get(values: readonly unknown[]): Record<string, unknown> | undefined
}

/** `file` may be a URI with parameters of SQLite. */
export type OpenDatabase = new (file: string, options: { timeout: number }) => Database

let libsql: Promise<OpenDatabase> | undefined

/** libsql, loaded once. Throws UnavailableError where it is not installed. */
export function loadLibsql(): Promise<OpenDatabase> {
  libsql ??= importLibsql()
  return libsql
}

async function importLibsql(): Promise<OpenDatabase> {
  try {
    const { default: Database } = await import('libsql')
    return Database as unknown as OpenDatabase
  } catch (error) {
    // Only the first line: Node adds the stack of requires.
    const [reason] = messageOf(error).split('\n')
    throw new UnavailableError(`libsql is not installed for this machine (${reason}). npm install without --omit=optional brings it.`)
  }
}

/** Primary result codes (sqlite.org/rescode.html). */
const CODES = { BUSY: 5, LOCKED: 6, READONLY: 8, CORRUPT: 11, CANTOPEN: 14, NOTADB: 26 }

/** libsql names most codes; an extended one that it has no name for comes as a number, whose low byte is the primary code. */
function hasCode(error: unknown, ...names: (keyof typeof CODES)[]): boolean {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  const extended = /^UNKNOWN_SQLITE_ERROR_(\d+)$/.exec(code)?.[1]
  return names.some((name) => (extended ? (Number(extended) & 0xff) === CODES[name] : code.startsWith(`SQLITE_${name}`)))
}

/** The file is damaged, or no database. */
export const isDamage = (error: unknown): boolean => hasCode(error, 'CORRUPT', 'NOTADB')
/** Another process has it. */
export const isBusy = (error: unknown): boolean => hasCode(error, 'BUSY', 'LOCKED')
/** The file, its folder or its file system forbids writing. */
export const isReadOnly = (error: unknown): boolean => hasCode(error, 'READONLY', 'CANTOPEN')

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

export function closeQuietly(database: Database): void {
  try {
    database.close()
  } catch {
    // It is being given up for a reason that has been or will be reported.
  }
}

/** A statement for many uses, prepared at the first. One of libsql whose `get` has thrown throws the same ever after: the next use makes another. */
export function prepared(database: Database, sql: string): Statement {
  let statement: Statement | undefined
  const attempt = <T>(use: (ready: Statement) => T): T => {
    const ready = statement ?? database.prepare(sql)
    statement = undefined
    const result = use(ready)
    statement = ready
    return result
  }
  return { run: (values) => attempt((ready) => ready.run(values)), get: (values) => attempt((ready) => ready.get(values)) }
}

/** Runs `work` in one transaction of `database`. Throws what it throws, and then nothing is written. */
export function transaction(database: Database, work: () => void): void {
  database.exec('BEGIN IMMEDIATE')
  try {
    work()
    database.exec('COMMIT')
  } catch (error) {
    try {
      database.exec('ROLLBACK')
    } catch {
      // SQLite has undone it already, as it does when the disk is full.
    }
    throw error
  }
}
