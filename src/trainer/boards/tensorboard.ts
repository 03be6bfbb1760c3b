/**
 * TensorBoard event files: protocol buffers `Event` in the framing of TFRecord (tensorflow/core/util/event.proto, core/lib/io/record_writer.h).
 * Each session of a run has a file of its own, since a reader that is open keeps its place in the old one. A session first cuts the files of those
 * before it to the points that the run still has, and adds what they lack.
 */

import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, rmSync, truncateSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { crc32c } from './crc.ts'
import type { Board, Point } from './points.ts'
import { bytes, concat, double, fieldsOf, float, integer } from './protobuf.ts'

/** Fields of Event, Summary, Summary.Value and SessionLog. */
const EVENT = { wallTime: 1, step: 2, fileVersion: 3, summary: 5, sessionLog: 7 }
const SUMMARY = { value: 1 }
const VALUE = { tag: 1, simpleValue: 2 }
const SESSION = { status: 1 }
const START = 1

const PREFIX = 'events.out.tfevents.'
/** Tells our files from those that others put beside them. */
const SUFFIX = '.parallel-r1'

export class TensorBoard implements Board {
  private readonly file: number

  /** `points`: what the run has so far, `times`: when, in seconds since 1970. */
  constructor(folder: string, points: readonly Point[], times: readonly number[]) {
    mkdirSync(folder, { recursive: true })
    const names = readdirSync(folder).filter((name) => name.startsWith(PREFIX) && name.endsWith(SUFFIX)).sort() // biome-ignore format: one line
    const kept = cutTo(points, names.map((name) => join(folder, name))) // biome-ignore format: one line
    // Files are read in the order of their names.
    const last = Number(names.at(-1)?.slice(PREFIX.length, -SUFFIX.length) ?? 0)
    const now = Math.max(Math.floor(Date.now() / 1000), last + 1)
    this.file = openSync(join(folder, `${PREFIX}${now}${SUFFIX}`), 'wx')
    this.write(concat(double(EVENT.wallTime, Date.now() / 1000), bytes(EVENT.fileVersion, 'brain.Event:2')))
    // Readers that are open drop what they have from this step on.
    const next = points[kept]?.step ?? (points.at(-1)?.step ?? 0) + 1
    const start = bytes(EVENT.sessionLog, integer(SESSION.status, START))
    this.write(concat(double(EVENT.wallTime, Date.now() / 1000), integer(EVENT.step, next), start))
    for (let i = kept; i < points.length; i++) this.add(points[i], times[i])
  }

  add(point: Point, time: number): void {
    this.write(concat(double(EVENT.wallTime, time), integer(EVENT.step, point.step), bytes(EVENT.summary, summaryOf(point))))
  }

  close(): void {
    closeSync(this.file)
  }

  private write(event: Uint8Array): void {
    writeSync(this.file, recordOf(event))
  }
}

/** One value a scalar, in float32. */
function summaryOf({ scalars }: Point): Uint8Array {
  return concat(...scalars.map(([tag, value]) => bytes(SUMMARY.value, concat(bytes(VALUE.tag, tag), float(VALUE.simpleValue, value)))))
}

/** Length, its checksum, data, its checksum. */
function recordOf(data: Uint8Array): Uint8Array {
  const length = new Uint8Array(8)
  new DataView(length.buffer).setBigUint64(0, BigInt(data.length), true)
  return concat(length, masked(length), data, masked(data))
}

/** A CRC that stands beside data of which it is one is rotated and shifted, so that a CRC of both is none of either. */
function masked(data: Uint8Array): Uint8Array {
  const crc = crc32c(data)
  const value = new Uint8Array(4)
  new DataView(value.buffer).setUint32(0, (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0, true)
  return value
}

/** Cuts files, in their order, behind the last event that the run still has. Returns how many of the points they hold. */
function cutTo(points: readonly Point[], files: readonly string[]): number {
  let kept = 0
  let end = false
  for (const file of files) {
    const data = readFileSync(file)
    let at = 0
    const before = kept
    for (const { event, length } of end ? [] : recordsOf(data)) {
      const summary = event.get(EVENT.summary)
      if (summary !== undefined) {
        end = kept === points.length || event.get(EVENT.step) !== points[kept].step || !equal(summary, summaryOf(points[kept]))
        if (end) break
        kept += 1
      }
      at += length
    }
    // What is left of a file without points says nothing.
    if (kept === before) rmSync(file)
    else if (at < data.length) {
      truncateSync(file, at)
      end = true
    }
  }
  return kept
}

/** Whole records from the beginning: a kill or a flipped bit ends them. */
function* recordsOf(data: Uint8Array): Generator<{ event: ReturnType<typeof fieldsOf>; length: number }> {
  for (let at = 0; at + 16 <= data.length; ) {
    const size = Number(new DataView(data.buffer, data.byteOffset + at, 8).getBigUint64(0, true))
    const length = size + 16
    if (at + length > data.length) return
    const event = data.subarray(at + 12, at + 12 + size)
    if (!equal(recordOf(event), data.subarray(at, at + length))) return
    yield { event: fieldsOf(event), length }
    at += length
  }
}

const equal = (a: Uint8Array | number, b: Uint8Array): boolean => typeof a !== 'number' && Buffer.compare(a, b) === 0
