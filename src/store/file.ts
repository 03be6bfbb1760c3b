import { createHash } from 'node:crypto'
import { closeSync, existsSync, mkdirSync, openSync, readSync, renameSync, statSync } from 'node:fs'
import path from 'node:path'
import { UnavailableError } from '../engine/errors.ts'

/**
 * The SQLite file that samples live in. Everything here is synchronous and may wait for the disk or for another process:
 * it runs in worker.ts, on a thread of its own.
 *
 * Several processes may have the file open (write-ahead log, busy timeout). Every sample carries a checksum. A file that SQLite or a
 * checksum finds damaged is renamed and a new one begun: nothing of it is trusted.
 */

/** The part of libsql that is used. Arguments of a statement always go in an array: a bare Buffer ends the process. */
interface Database {
  exec(sql: string): void
  prepare(sql: string): Statement
  close(): void
}

interface Statement {
  run(values: readonly unknown[]): unknown
  get(values: readonly unknown[]): Record<string, unknown> | undefined
}

type OpenDatabase = new (file: string, options: { timeout: number }) => Database

export interface SampleRow {
  key: string
  value: Uint8Array
}

export interface SampleFileOptions {
  /** Told in one line what the user should know. */
  notify(notice: string): void
  /** How long to wait for another process that writes. Default 5000. */
  busyMs?: number
}

/** Marks the file as ours ("PR1s"). */
const APPLICATION_ID = 0x50523173
const SCHEMA_VERSION = 1
const SCHEMA = `
  CREATE TABLE IF NOT EXISTS samples (id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, checksum BLOB NOT NULL, value BLOB NOT NULL);
  CREATE TABLE IF NOT EXISTS checkpoints (fingerprint TEXT PRIMARY KEY, hash TEXT NOT NULL) WITHOUT ROWID;
  PRAGMA application_id = ${APPLICATION_ID};
  PRAGMA user_version = ${SCHEMA_VERSION};`
/** A disk that damages every new file would be renamed for ever. */
const MOST_SET_ASIDE = 3

/** An open connection and its statements. */
interface Connection {
  database: Database
  /** Inode of the file, so that the file of another process that came in its place is left alone. */
  inode: number
  find: Statement
  keep: Statement
  findHash: Statement
  keepHash: Statement
}

export class SampleFile {
  readonly file: string
  readonly #openDatabase: OpenDatabase
  readonly #notify: (notice: string) => void
  readonly #busyMs: number
  #current: Connection | undefined
  #setAsides = 0

  private constructor(file: string, open: OpenDatabase, { notify, busyMs = 5000 }: SampleFileOptions) {
    this.file = file
    this.#openDatabase = open
    this.#notify = notify
    this.#busyMs = busyMs
    try {
      this.#current = this.#connect()
    } catch (error) {
      if (!isDamage(error)) throw error
      this.#current = this.#replace(error, undefined)
    }
  }

  /** Opens or creates the file. Throws UnavailableError, in one line, where it cannot be used: no libsql, no permission, another program's file. */
  static async open(file: string, options: SampleFileOptions): Promise<SampleFile> {
    const open = await loadLibsql()
    try {
      mkdirSync(path.dirname(file), { recursive: true })
      return new SampleFile(file, open, options)
    } catch (error) {
      throw error instanceof UnavailableError ? error : new UnavailableError(`${file} cannot be used: ${messageOf(error)}`)
    }
  }

  /** The value of `key` if it is there and whole. */
  get(key: string): Uint8Array | undefined {
    return this.#guarded(() => {
      const row = this.#connection.find.get([key])
      if (!row) return undefined
      const { value, checksum } = row
      if (!(value instanceof Uint8Array && checksum instanceof Uint8Array) || !checksumOf({ key, value }).equals(checksum)) {
        throw new DamageError('a checksum does not match')
      }
      return value
    })
  }

  /** Writes all rows in one transaction; later values replace earlier ones. Throws what SQLite throws (disk full, busy), and then nothing is written. */
  write(rows: readonly SampleRow[]): void {
    const write = () => {
      const { keep } = this.#connection
      this.#transaction(() => {
        for (const row of rows) keep.run([row.key, checksumOf(row), row.value])
        return true
      })
      return true
    }
    // Into the new file where the old one proved damaged.
    if (!this.#guarded(write)) write()
  }

  /** Hash of the checkpoint whose files have this signature. */
  checkpointHash(signature: string): string | undefined {
    return this.#guarded(() => {
      const hash = this.#connection.findHash.get([signature])?.hash
      return typeof hash === 'string' ? hash : undefined
    })
  }

  keepCheckpointHash(signature: string, hash: string): void {
    this.#guarded(() => void this.#connection.keepHash.run([signature, hash]))
  }

  /** libsql lets the file go when the statements have been collected, at the latest with the thread. */
  close(): void {
    this.#connection.database.close()
    this.#current = undefined
  }

  get #connection(): Connection {
    if (!this.#current) throw new UnavailableError(`${this.file} is closed.`)
    return this.#current
  }

  /** What `work` returns; undefined where it found damage, which is then out of the way. */
  #guarded<T>(work: () => T): T | undefined {
    try {
      return work()
    } catch (error) {
      if (!isDamage(error)) throw error
      const { database, inode } = this.#connection
      closeQuietly(database)
      this.#current = this.#replace(error, inode)
      return undefined
    }
  }

  #transaction(work: () => void, database = this.#connection.database): void {
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

  #connect(): Connection {
    const database = new this.#openDatabase(this.file, { timeout: this.#busyMs })
    try {
      const number = (pragma: string) => Number(database.prepare(`PRAGMA ${pragma}`).get([])?.[pragma])
      const isNew = Number(database.prepare('SELECT count(*) AS tables FROM sqlite_master').get([])?.tables) === 0
      if (!isNew) {
        // Before anything is changed: this may be anybody's database.
        if (number('application_id') !== APPLICATION_ID) throw new UnavailableError(`${this.file} is the database of another program.`)
        if (number('user_version') !== SCHEMA_VERSION) {
          throw new UnavailableError(`${this.file} was written by another version of parallel-r1.`)
        }
      }
      this.#untilFree(() => database.exec('PRAGMA journal_mode = WAL'))
      // A commit reaches the operating system, so it survives the end of the process; a power cut may take the last ones, never the file.
      database.exec('PRAGMA synchronous = NORMAL')
      if (isNew) this.#transaction(() => database.exec(SCHEMA), database)
      return {
        database,
        inode: statSync(this.file).ino,
        find: database.prepare('SELECT checksum, value FROM samples WHERE key = ?'),
        keep: database.prepare('INSERT OR REPLACE INTO samples (key, checksum, value) VALUES (?, ?, ?)'),
        findHash: database.prepare('SELECT hash FROM checkpoints WHERE fingerprint = ?'),
        keepHash: database.prepare('INSERT OR REPLACE INTO checkpoints (fingerprint, hash) VALUES (?, ?)'),
      }
    } catch (error) {
      closeQuietly(database)
      throw error
    }
  }

  /** The change to a write-ahead log does not wait for other processes by itself. */
  #untilFree(work: () => void): void {
    const end = Date.now() + this.#busyMs
    for (;;) {
      try {
        work()
        return
      } catch (error) {
        if (!isBusy(error) || Date.now() > end) throw error
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20)
      }
    }
  }

  /** Renames the damaged file and opens a new one. `inode`: of the file that was found damaged, if it is known. */
  #replace(error: unknown, inode: number | undefined): Connection {
    if (++this.#setAsides > MOST_SET_ASIDE) throw new UnavailableError(`${this.file} was damaged again and again: ${messageOf(error)}.`)
    if (inode === undefined && !looksLikeDatabase(this.file)) {
      throw new UnavailableError(`${this.file} is not a database. Name one that ends in .db, or a file that does not exist yet.`)
    }
    // Another process may have done it meanwhile.
    if (inode === undefined || statSync(this.file, { throwIfNoEntry: false })?.ino === inode) {
      const aside = `${this.file}.damaged-${new Date().toISOString().replace(/[:.]/g, '-')}`
      // The log first: it must never meet a new file.
      for (const suffix of ['-wal', '-shm', '']) {
        if (existsSync(this.file + suffix)) renameSync(this.file + suffix, aside + suffix)
      }
      this.#notify(`the stored samples are damaged (${messageOf(error)}) and set aside as ${aside}. They are drawn again.`)
    }
    return this.#connect()
  }
}

async function loadLibsql(): Promise<OpenDatabase> {
  try {
    const { default: Database } = await import('libsql')
    return Database as unknown as OpenDatabase
  } catch (error) {
    // Only the first line: Node adds the stack of requires.
    const [reason] = messageOf(error).split('\n')
    throw new UnavailableError(`libsql is not installed for this machine (${reason}). npm install without --omit=optional brings it.`)
  }
}

/** First 16 bytes of SHA-256 over key and value. */
function checksumOf({ key, value }: SampleRow): Buffer {
  return createHash('sha256').update(key).update(value).digest().subarray(0, 16)
}

/** Found damaged by us rather than by SQLite. */
class DamageError extends Error {}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : ''
}

function isDamage(error: unknown): boolean {
  return error instanceof DamageError || /^SQLITE_(CORRUPT|NOTADB)/.test(codeOf(error))
}

export function isBusy(error: unknown): boolean {
  return /^SQLITE_(BUSY|LOCKED)/.test(codeOf(error))
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** By its name or by its first bytes; what is neither may be somebody's text and is not renamed. */
function looksLikeDatabase(file: string): boolean {
  if (/\.(db|sqlite3?)$/.test(file)) return true
  const magic = 'SQLite format 3\0'
  const start = Buffer.alloc(magic.length)
  const descriptor = openSync(file, 'r')
  try {
    readSync(descriptor, start, 0, magic.length, 0)
  } finally {
    closeSync(descriptor)
  }
  return start.toString('latin1') === magic
}

function closeQuietly(database: Database): void {
  try {
    database.close()
  } catch {
    // It is being given up for a reason that has been or will be reported.
  }
}
