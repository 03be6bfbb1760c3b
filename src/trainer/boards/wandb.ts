/**
 * An offline run of Weights & Biases: records (protocol buffers, wandb/proto/wandb_internal.proto) in the framing of LevelDB's log behind a header
 * of 7 bytes. Written as wandb 0.31 writes and reads it. A session first writes the file anew with what the run has so far, and keeps from the old
 * one when its points were made.
 */

import { randomBytes } from 'node:crypto'
import { closeSync, existsSync, mkdirSync, openSync, readdirSync, readFileSync, renameSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import type { Board, Point } from './points.ts'
import { bytes, concat, type Field, fieldsOf, integer } from './protobuf.ts'

/** Fields of Record and of what it holds. Items of config, history and summary are alike. */
const RECORD = { num: 1, history: 2, summary: 3, run: 17, exit: 18, header: 21 }
const HEADER = { version: 1, producer: 1, minConsumer: 2 }
const RUN = { id: 1, project: 3, config: 4, displayName: 8, startTime: 17 }
const ITEM = { key: 1, nestedKey: 2, json: 16 }
const HISTORY = { item: 1, step: 2 }
const UPDATE = 1
const STEP_NUMBER = 1
const TIMESTAMP = { seconds: 1, nanos: 2 }
const EXIT = { code: 1, runtime: 2 }

/** `:W&B`, a magic number and the version of the file. */
const FILE_HEADER = Uint8Array.from([0x3a, 0x57, 0x26, 0x42, 0xe1, 0xbe, 0])
/** The oldest wandb that reads these records, as wandb 0.31 states it. */
const MIN_CONSUMER = '0.70.0'

export interface WandbRun {
  project: string
  /** What the list of runs calls it. */
  name: string
  /** Keys with JSON. */
  config: readonly (readonly [key: string, json: string])[]
  /** Of this package, for the header. */
  version: string
}

export class Wandb implements Board {
  private readonly file: number
  private readonly frames = new Frames()
  private readonly started: number
  private records = 0
  private time: number

  /** `folder` is the one that `wandb sync` looks into. `points`: what the run has so far, `times`: when, in seconds since 1970. */
  constructor(folder: string, run: WandbRun, points: readonly Point[], times: readonly number[]) {
    const home = homeIn(folder, times[0] ?? Date.now() / 1000)
    const id = home.slice(home.lastIndexOf('-') + 1)
    const path = join(home, `run-${id}.wandb`)
    const known = knownTimes(path, points)
    const all = times.map((time, i) => known[i] ?? time)
    this.started = all.length > 0 ? all[0] - points[0].seconds : Date.now() / 1000
    this.time = this.started
    const temporary = `${path}.tmp`
    this.file = openSync(temporary, 'w')
    writeSync(this.file, FILE_HEADER)
    this.write(bytes(RECORD.header, bytes(HEADER.version, concat(bytes(HEADER.producer, `parallel-r1 ${run.version}`), bytes(HEADER.minConsumer, MIN_CONSUMER))))) // biome-ignore format: one record
    this.write(bytes(RECORD.run, this.runRecord(run, id)))
    for (const [i, point] of points.entries()) this.add(point, all[i])
    renameSync(temporary, path)
  }

  add(point: Point, time: number): void {
    this.time = Math.max(this.time, time)
    const items = itemsOf(point)
    const clock = [
      item('_step', String(point.step)),
      item('_runtime', String(Math.max(0, time - this.started))),
      item('_timestamp', String(time)),
    ]
    const repeated = (field: number, all: readonly Uint8Array[]) => all.map((one) => bytes(field, one))
    this.write(
      bytes(RECORD.history, concat(...repeated(HISTORY.item, [...items, ...clock]), bytes(HISTORY.step, integer(STEP_NUMBER, point.step)))),
    )
    this.write(bytes(RECORD.summary, concat(...repeated(UPDATE, [...items, ...clock]))))
  }

  /** Without this record wandb takes a run for one that crashed. */
  close(): void {
    this.write(bytes(RECORD.exit, concat(integer(EXIT.code, 0), integer(EXIT.runtime, Math.round(this.time - this.started)))))
    closeSync(this.file)
  }

  private runRecord({ project, name, config }: WandbRun, id: string): Uint8Array {
    const seconds = Math.floor(this.started)
    return concat(
      bytes(RUN.id, id),
      bytes(RUN.project, project),
      bytes(RUN.config, concat(...config.map(([key, json]) => bytes(UPDATE, concat(bytes(ITEM.key, key), bytes(ITEM.json, json)))))),
      bytes(RUN.displayName, name),
      bytes(
        RUN.startTime,
        concat(integer(TIMESTAMP.seconds, seconds), integer(TIMESTAMP.nanos, Math.floor((this.started - seconds) * 1e9))),
      ),
    )
  }

  private write(content: Field): void {
    this.records += 1
    writeSync(this.file, this.frames.frame(concat(integer(RECORD.num, this.records), content)))
  }
}

const item = (key: string, json: string): Uint8Array => concat(bytes(ITEM.nestedKey, key), bytes(ITEM.json, json))

/** wandb writes NaN, which JSON has not. */
const itemsOf = ({ scalars }: Point): Uint8Array[] =>
  scalars.map(([name, value]) => item(name, Number.isFinite(value) ? JSON.stringify(value) : 'NaN'))

/** The folder of the run, where there is one already, else a new one, named by its beginning and a random id. */
function homeIn(folder: string, time: number): string {
  mkdirSync(folder, { recursive: true })
  const found = readdirSync(folder).filter((name) => /^offline-run-\d{8}_\d{6}-[a-z0-9]{8}$/.test(name)).sort()[0] // biome-ignore format: one line
  if (found) return join(folder, found)
  const stamp = new Date(1000 * time).toISOString().replace(/[-:]/g, '').replace('T', '_').slice(0, 15)
  const home = join(folder, `offline-run-${stamp}-${randomBytes(4).toString('hex')}`)
  mkdirSync(join(home, 'files'), { recursive: true })
  return home
}

/** When the first points of the old file were made, as far as it holds those of the run. */
function knownTimes(file: string, points: readonly Point[]): number[] {
  const times: number[] = []
  if (!existsSync(file)) return times
  for (const record of unframe(readFileSync(file))) {
    const history = fieldsOf(record).get(RECORD.history)
    if (!(history instanceof Uint8Array)) continue
    const point = points[times.length]
    if (!point) break
    const wanted = concat(...itemsOf(point).map((one) => bytes(HISTORY.item, one)), bytes(HISTORY.item, item('_step', String(point.step))))
    if (Buffer.compare(history.subarray(0, wanted.length), wanted) !== 0) break
    // The last item is the time.
    const last = fieldsOf(fieldsOf(history).get(HISTORY.item) as Uint8Array)
    times.push(Number(new TextDecoder().decode(last.get(ITEM.json) as Uint8Array)))
  }
  return times
}

const BLOCK = 32_768
const FRAME_HEADER = 7
const FULL = 1
const FIRST = 2
const MIDDLE = 3
const LAST = 4

/** LevelDB's log (doc/log_format.md): no piece crosses the end of a block. The checksum is that of zlib over type and data, not masked. */
class Frames {
  private at = FILE_HEADER.length

  frame(record: Uint8Array): Uint8Array {
    const parts: Uint8Array[] = []
    let rest = record
    for (let first = true; first || rest.length > 0; first = false) {
      let room = BLOCK - (this.at % BLOCK)
      if (room < FRAME_HEADER) {
        parts.push(new Uint8Array(room))
        this.at += room
        room = BLOCK
      }
      const piece = rest.subarray(0, room - FRAME_HEADER)
      rest = rest.subarray(piece.length)
      const ends = rest.length === 0
      const type = Uint8Array.of(first ? (ends ? FULL : FIRST) : ends ? LAST : MIDDLE)
      const header = new DataView(new ArrayBuffer(6))
      header.setUint32(0, crc32(piece, crc32(type)), true)
      header.setUint16(4, piece.length, true)
      parts.push(new Uint8Array(header.buffer), type, piece)
      this.at += FRAME_HEADER + piece.length
    }
    return concat(...parts)
  }
}

/** Whole records from the beginning: a kill or a flipped bit ends them. */
function* unframe(file: Uint8Array): Generator<Uint8Array> {
  const view = new DataView(file.buffer, file.byteOffset, file.length)
  let pieces: Uint8Array[] = []
  for (let at = FILE_HEADER.length; at + FRAME_HEADER <= file.length; ) {
    const room = BLOCK - (at % BLOCK)
    if (room < FRAME_HEADER) {
      at += room
      continue
    }
    const length = view.getUint16(at + 4, true)
    const type = file[at + 6]
    const data = file.subarray(at + FRAME_HEADER, at + FRAME_HEADER + length)
    if (data.length < length || crc32(data, crc32(Uint8Array.of(type))) !== view.getUint32(at, true)) return
    pieces.push(data)
    if (type === FULL || type === LAST) {
      yield concat(...pieces)
      pieces = []
    }
    at += FRAME_HEADER + length
  }
}
