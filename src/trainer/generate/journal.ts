/**
 * The answers of a teacher as they come, `answers.jsonl`: a line with what they are answers of, then one line an answer. A line is on the
 * disk before anything relies on it, so a run that was killed asks nothing twice. A kill may tear the last line, which is cut off.
 */

import { closeSync, existsSync, fsyncSync, ftruncateSync, mkdirSync, openSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import type { FileOps } from '../../engine/checkpoint/atomic.ts'
import { ConfigError, ParallelR1Error } from '../../engine/errors.ts'
import { isObject, type JsonObject } from '../../json.ts'
import { lines, parsed, writeLines } from '../../json-lines.ts'

/** What a teacher said, as far as assertions and the card read it. JSON-safe. */
export interface Answer {
  output: unknown
  tokenUsage?: { prompt?: number; completion?: number; total?: number }
  cost?: number
  finishReason?: string
  metadata?: Record<string, unknown>
}

export interface JournalLine extends Answer {
  /** Of the row: a hash of its prompt and vars. */
  row: string
  /** From 0. */
  try: number
  seed: number
}

/** What decides the answers. Keys and values are for readers of an error, too. */
export type Origin = Readonly<Record<string, string>>

const VERSION = 1

export class Journal {
  readonly file: string
  readonly #origin: Origin
  readonly #answers = new Map<string, JournalLine>()
  #handle = -1
  #end = 0
  #waiting: { text: string; done: () => void; fail: (error: unknown) => void }[] = []
  #writing = false

  /**
   * Reads what is there. `origin` must be that of the answers.
   * @throws ConfigError where they are of another teacher, ParallelR1Error where the file is damaged before its last line
   */
  static async open(file: string, origin: Origin): Promise<Journal> {
    const journal = new Journal(file, origin)
    await journal.#read()
    return journal
  }

  private constructor(file: string, origin: Origin) {
    this.file = file
    this.#origin = origin
  }

  get size(): number {
    return this.#answers.size
  }

  get(row: string, attempt: number): JournalLine | undefined {
    return this.#answers.get(keyOf(row, attempt))
  }

  /** Resolves when the answer is on the disk. Answers that come together go there together. */
  append(line: JournalLine): Promise<void> {
    return new Promise((resolve, reject) => {
      const done = () => {
        this.#answers.set(keyOf(line.row, line.try), line)
        resolve()
      }
      this.#waiting.push({ text: `${JSON.stringify(line)}\n`, done, fail: reject })
      if (this.#writing) return
      this.#writing = true
      setImmediate(() => this.#flush())
    })
  }

  /** The same lines in the order of the rows: the file of an undisturbed run and of one that was killed are the same bytes. */
  async arrange(rows: readonly string[], ops?: FileOps): Promise<void> {
    this.close()
    const place = new Map(rows.map((row, i) => [row, i]))
    const at = ({ row }: JournalLine): number => place.get(row) ?? rows.length
    const answers = [...this.#answers.values()].sort((a, b) => at(a) - at(b) || (a.row < b.row ? -1 : a.row > b.row ? 1 : a.try - b.try))
    await writeLines(this.file, [headerOf(this.#origin), ...answers], ops)
  }

  close(): void {
    if (this.#handle >= 0) closeSync(this.#handle)
    this.#handle = -1
  }

  #flush(): void {
    const waiting = this.#waiting
    this.#waiting = []
    try {
      this.#openForWriting()
      const bytes = Buffer.from(waiting.map(({ text }) => text).join(''))
      for (let at = 0; at < bytes.length; ) at += writeSync(this.#handle, bytes, at, bytes.length - at, this.#end + at)
      fsyncSync(this.#handle)
      this.#end += bytes.length
      for (const { done } of waiting) done()
    } catch (error) {
      for (const { fail } of waiting) fail(error)
    }
    this.#writing = this.#waiting.length > 0
    if (this.#writing) setImmediate(() => this.#flush())
  }

  #openForWriting(): void {
    if (this.#handle >= 0) return
    const fresh = !existsSync(this.file)
    if (fresh) mkdirSync(dirname(this.file), { recursive: true })
    this.#handle = openSync(this.file, fresh ? 'wx' : 'r+')
    // What a kill tore off, or a header that it tore.
    ftruncateSync(this.#handle, this.#end)
    if (this.#end > 0) return
    const header = Buffer.from(`${JSON.stringify(headerOf(this.#origin))}\n`)
    this.#end = writeSync(this.#handle, header, 0, header.length, 0)
    if (!fresh) return
    const folder = openSync(dirname(this.file), 'r')
    fsyncSync(folder)
    closeSync(folder)
  }

  async #read(): Promise<void> {
    if (!existsSync(this.file)) return
    let number = 0
    for await (const { text, end, whole } of lines(this.file)) {
      if (!whole) return
      number += 1
      const line = parsed(text, (why) => this.#damaged(number, `it is ${why}`))
      if (number === 1) this.#checkOrigin(line)
      else this.#take(line, number)
      this.#end = end
    }
  }

  #checkOrigin(line: JsonObject): void {
    const origin = this.#origin
    const { version, answersOf: found } = line
    if (version !== VERSION || !isObject(found)) throw this.#damaged(1, 'it does not say what the answers are of')
    const changed = [...new Set([...Object.keys(origin), ...Object.keys(found)])].filter((key) => origin[key] !== found[key])
    if (changed.length === 0) return
    const said = changed.map((key) => `${key} was ${String(found[key])}, is ${origin[key]}`).join('; ')
    throw new ConfigError(
      `The answers in ${this.file} are of another teacher: ${said}. Change it back, choose another --output, or remove that file.`,
    )
  }

  #take(line: JsonObject, number: number): void {
    const { row, try: attempt, seed } = line
    if (typeof row !== 'string' || !Number.isInteger(attempt) || !Number.isSafeInteger(seed)) throw this.#damaged(number, 'it is no answer')
    const key = keyOf(row, attempt as number)
    // Of two the first is what the run went on with.
    if (!this.#answers.has(key)) this.#answers.set(key, line as unknown as JournalLine)
  }

  #damaged(number: number, why: string): ParallelR1Error {
    return new ParallelR1Error(
      `Line ${number} of ${this.file} is damaged: ${why}. Restore the file, or remove that line: its problem is then asked again.`,
    )
  }
}

const keyOf = (row: string, attempt: number): string => `${row} ${attempt}`

const headerOf = (origin: Origin) => ({ version: VERSION, answersOf: origin })
