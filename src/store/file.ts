import { closeSync, existsSync, mkdirSync, openSync, readSync, renameSync, statSync } from 'node:fs'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { UnavailableError } from '../engine/errors.ts'
import { checksumOf, type SampleRow, wholeRow } from './row.ts'
import { salvage } from './salvage.ts'
import {
  closeQuietly,
  type Database,
  isBusy,
  isDamage,
  isReadOnly,
  loadLibsql,
  messageOf,
  type OpenDatabase,
  prepared,
  type Statement,
  transaction,
} from './sqlite.ts'

/**
 * The SQLite file that samples live in. Everything here is synchronous and may wait for the disk or for another process:
 * it runs in worker.ts, on a thread of its own.
 *
 * Several processes may have the file open (write-ahead log, busy timeout). Every sample carries a checksum. One that does not match it is no
 * sample, and the next one of its key takes its place. A file that SQLite finds damaged is renamed, and what is whole of it goes into a new one
 * (salvage.ts). A file that cannot be written serves what it has.
 */

interface SampleFileOptions {
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
  writable: boolean
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
  readonly #told = new Set<string>()

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
      const whole = wholeRow({ key, ...row })
      if (!whole)
        this.#once(`a stored sample does not match its checksum and is drawn again, as is every other like it. It is in ${this.file}.`)
      return whole?.value
    })
  }

  /**
   * Writes all rows in one transaction; later values replace earlier ones. Throws what SQLite throws (disk full, busy), and then nothing is written.
   * A file that cannot be written at all keeps nothing.
   */
  write(rows: readonly SampleRow[]): void {
    const write = () => {
      this.#write(rows, this.#connection)
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
    this.#guarded(() => {
      if (this.#connection.writable) this.#connection.keepHash.run([signature, hash])
    })
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
      const { database, inode, writable } = this.#connection
      if (!writable) {
        this.#once(`${this.file} is damaged in part (${messageOf(error)}) and cannot be written. What it does not give is drawn again.`)
        return undefined
      }
      closeQuietly(database)
      this.#current = this.#replace(error, inode)
      return undefined
    }
  }

  #write(rows: readonly SampleRow[], { database, keep, writable }: Connection): void {
    if (!writable) return
    transaction(database, () => {
      for (const row of rows) keep.run([row.key, checksumOf(row), row.value])
    })
  }

  #once(notice: string): void {
    if (!this.#told.has(notice)) this.#notify(notice)
    this.#told.add(notice)
  }

  /** Opens the file, to be read alone where it cannot be written. */
  #connect(): Connection {
    let connection: Connection
    try {
      connection = this.#connectTo(this.file)
    } catch (error) {
      if (!isReadOnly(error) || !existsSync(this.file)) throw error
      if ((statSync(`${this.file}-wal`, { throwIfNoEntry: false })?.size ?? 0) > 0) {
        throw new UnavailableError(
          `${this.file} cannot be written, and its last samples are still in ${this.file}-wal. Open it once where it can.`,
        )
      }
      // SQLite wants to make its files for locks beside it, unless it is told that nobody writes.
      connection = this.#connectTo(`${pathToFileURL(this.file).href}?immutable=1`)
    }
    if (!connection.writable) this.#once(`${this.file} cannot be written. Its samples are used, new ones are not kept.`)
    return connection
  }

  #connectTo(address: string): Connection {
    const database = new this.#openDatabase(address, { timeout: this.#busyMs })
    try {
      const number = (pragma: string) => Number(database.prepare(`PRAGMA ${pragma}`).get([])?.[pragma])
      const isNew = Number(database.prepare('SELECT count(*) AS tables FROM sqlite_master').get([])?.tables) === 0
      if (isNew && address !== this.file) throw new UnavailableError(`${this.file} is empty and cannot be written.`)
      if (!isNew) {
        // Before anything is changed: this may be anybody's database.
        if (number('application_id') !== APPLICATION_ID) throw new UnavailableError(`${this.file} is the database of another program.`)
        if (number('user_version') !== SCHEMA_VERSION) {
          throw new UnavailableError(`${this.file} was written by another version of parallel-r1.`)
        }
      }
      const writable = isNew || canWrite(database)
      if (writable) {
        this.#untilFree(() => database.exec('PRAGMA journal_mode = WAL'))
        // A commit reaches the operating system, so it survives the end of the process; a power cut may take the last ones, never the file.
        database.exec('PRAGMA synchronous = NORMAL')
        if (isNew) transaction(database, () => database.exec(SCHEMA))
      }
      return {
        database,
        inode: statSync(this.file).ino,
        writable,
        find: prepared(database, 'SELECT checksum, value FROM samples WHERE key = ?'),
        keep: prepared(database, 'INSERT OR REPLACE INTO samples (key, checksum, value) VALUES (?, ?, ?)'),
        findHash: prepared(database, 'SELECT hash FROM checkpoints WHERE fingerprint = ?'),
        keepHash: prepared(database, 'INSERT OR REPLACE INTO checkpoints (fingerprint, hash) VALUES (?, ?)'),
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

  /** Renames the damaged file, opens a new one and puts what is whole into it. `inode`: of the file that was found damaged, if it is known. */
  #replace(error: unknown, inode: number | undefined): Connection {
    if (++this.#setAsides > MOST_SET_ASIDE) throw new UnavailableError(`${this.file} was damaged again and again: ${messageOf(error)}.`)
    if (inode === undefined && !looksLikeDatabase(this.file)) {
      throw new UnavailableError(`${this.file} is not a database. Name one that ends in .db, or a file that does not exist yet.`)
    }
    // Another process may have done it meanwhile.
    if (inode !== undefined && statSync(this.file, { throwIfNoEntry: false })?.ino !== inode) return this.#connect()
    const aside = `${this.file}.damaged-${new Date().toISOString().replace(/[:.]/g, '-')}`
    // The log first: it must never meet a new file.
    for (const suffix of ['-wal', '-shm', '']) {
      if (existsSync(this.file + suffix)) renameSync(this.file + suffix, aside + suffix)
    }
    const connection = this.#connect()
    let saved = 0
    try {
      salvage(this.#openDatabase, aside, (rows) => {
        this.#write(rows, connection)
        saved += rows.length
      })
    } catch {
      // A full disk, or another process that writes: what is left is drawn again.
    }
    const rest = saved === 0 ? 'They' : `${saved} of them are whole and kept. The others`
    this.#notify(`the stored samples are damaged (${messageOf(error)}) and set aside as ${aside}. ${rest} are drawn again.`)
    return connection
  }
}

/** Asks for a write that changes nothing: SQLite opens a file that it may only read without a word. */
function canWrite(database: Database): boolean {
  try {
    database.exec('UPDATE checkpoints SET hash = hash WHERE 0')
    return true
  } catch (error) {
    if (isBusy(error)) return true
    if (isReadOnly(error)) return false
    throw error
  }
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
