/** Files of one JSON value a line, read and written in pieces: together the lines may be longer than a string of V8 can be (512 MB). */

import { createReadStream, readFileSync } from 'node:fs'
import { type FileOps, writeFileAtomic } from './engine/checkpoint/atomic.ts'
import { ParallelR1Error } from './engine/errors.ts'
import { isObject, type JsonObject, parseJson } from './json.ts'

export interface Line {
  text: string
  /** Bytes of the file up to here, its line feed included. */
  end: number
  /** False where the file ends before the line feed does: a kill may have torn it. */
  whole: boolean
}

const LINE_FEED = 10

/** Only a line feed ends a line: readline of Node 24 also ends lines at U+2028, which JSON text may hold. */
export async function* lines(file: string): AsyncGenerator<Line> {
  let parts: Buffer[] = []
  let end = 0
  const line = (last: Buffer, whole: boolean): Line => {
    const bytes = parts.length === 0 ? last : Buffer.concat([...parts, last])
    parts = []
    end += bytes.length + Number(whole)
    return { text: bytes.toString(), end, whole }
  }
  for await (const chunk of createReadStream(file, { highWaterMark: PIECE }) as AsyncIterable<Buffer>) {
    let start = 0
    for (let feed = chunk.indexOf(LINE_FEED); feed >= 0; start = feed + 1, feed = chunk.indexOf(LINE_FEED, start))
      yield line(chunk.subarray(start, feed), true)
    if (start < chunk.length) parts.push(chunk.subarray(start))
  }
  if (parts.length > 0) yield line(Buffer.alloc(0), false)
}

/** The object of one line. Throws what `problem` makes of the reason. */
export function parsed(text: string, problem: (why: string) => Error): JsonObject {
  let value: unknown
  try {
    value = parseJson(text)
  } catch (error) {
    throw problem(`no JSON (${(error as Error).message})`)
  }
  if (!isObject(value)) throw problem('no JSON object')
  return value
}

/** The objects of a file that is short enough to be one string, such as metrics.jsonl. Throws ParallelR1Error where a line holds none. */
export function readLines(file: string): JsonObject[] {
  const texts = readFileSync(file, 'utf8').trimEnd().split('\n')
  if (texts[0] === '') return []
  return texts.map((text, i) =>
    parsed(text, (why) => new ParallelR1Error(`Line ${i + 1} of ${file} is ${why}. Restore the file, or remove the line.`)),
  )
}

/** Bytes, or characters, that are read or written at once. */
const PIECE = 1 << 20

/** Replaces a file by these values, a line each, or texts that are JSON already. */
export function writeLines(file: string, values: Iterable<object | string>, ops?: FileOps): Promise<void> {
  return writeFileAtomic(
    file,
    async (writer) => {
      let piece = ''
      for (const value of values) {
        piece += `${typeof value === 'string' ? value : JSON.stringify(value)}\n`
        if (piece.length < PIECE) continue
        await writer.write(Buffer.from(piece))
        piece = ''
      }
      if (piece !== '') await writer.write(Buffer.from(piece))
    },
    ops,
  )
}
