/** The progress bar of long work: how far, how fast, how long still. One line on standard error, drawn only where somebody looks at a terminal. */

import { fstatSync } from 'node:fs'
import { formatBytes } from '../engine/checkpoint/problem.ts'
import { plainLine } from '../plain.ts'

/** Where a bar is drawn: process.stderr, or a recorder in tests. */
export interface Screen {
  write(text: string): unknown
  isTTY?: boolean
  columns?: number
}

export interface ProgressOptions {
  /** What is done, in a few words. It stands before the bar. */
  label: string
  /** Amount of work; may be given later by {@link Progress.update}. */
  total?: number
  /** Bytes are shown as sizes, anything else as counts of this word. Default `bytes`. */
  unit?: string
  /** Default: standard error. */
  screen?: Screen
  env?: NodeJS.ProcessEnv
  /** Nothing is drawn before so many milliseconds after the first update. Default 0. */
  quietMs?: number
  /** Milliseconds. Default: performance.now. */
  now?: () => number
}

/** Between two drawings. */
const FRAME_MS = 100
/** The rate is that of the last so many drawings. */
const RECENT = 50
const BAR_WIDTH = 24
/** A terminal may say that it has 0 columns. */
const UNKNOWN_COLUMNS = 80

export class Progress {
  label: string
  readonly #unit: string
  readonly #screen: Screen
  readonly #quietMs: number
  readonly #now: () => number
  readonly #shown: boolean
  #begun?: number
  #done = 0
  #total: number
  /** Times and amounts of the last drawings, oldest first. */
  #marks: { at: number; done: number }[] = []
  #drawn = false

  constructor({
    label,
    total = 0,
    unit = 'bytes',
    screen = process.stderr,
    env = process.env,
    quietMs = 0,
    now = () => performance.now(),
  }: ProgressOptions) {
    this.label = plainLine(label)
    this.#total = total
    this.#unit = unit
    this.#screen = screen
    this.#quietMs = quietMs
    this.#now = now
    this.#shown = isShown(screen, env)
  }

  /** `done` of `total` are done. What was done at the first update was done before and does not count in the rate. */
  update(done: number, total = this.#total): void {
    this.#done = done
    this.#total = total
    if (!this.#shown) return
    const at = this.#now()
    this.#begun ??= at
    const last = this.#marks.at(-1)
    if (last && at - last.at < FRAME_MS && done < total) return
    this.#marks.push({ at, done })
    if (this.#marks.length > RECENT) this.#marks.shift()
    if (at - this.#begun >= this.#quietMs) this.#draw()
  }

  /** Writes a line above the bar with `write`, which may lead to another stream of the same terminal. */
  above(write: () => void): void {
    this.#clear()
    write()
    if (this.#marks.length > 0) this.#draw()
  }

  /** Takes the bar away. */
  stop(): void {
    this.#clear()
    this.#marks = []
  }

  #clear(): void {
    if (this.#drawn) this.#screen.write('\r\x1b[2K')
    this.#drawn = false
  }

  #draw(): void {
    if (!this.#shown) return
    const [first] = this.#marks
    const last = this.#marks.at(-1)!
    const rate = last.at > first.at ? (1000 * (last.done - first.done)) / (last.at - first.at) : undefined
    const place = { label: this.label, done: this.#done, total: this.#total, unit: this.#unit, rate }
    this.#screen.write(`\r\x1b[2K${progressLine(place, this.#screen.columns || UNKNOWN_COLUMNS)}`)
    this.#drawn = true
  }
}

/** Somebody looks: a terminal that can move its cursor, no CI that keeps a log, and no pipe (`| tee`) that writes into the same terminal. */
export function isShown(screen: Screen, env: NodeJS.ProcessEnv): boolean {
  const ci = env.CI !== undefined && env.CI !== '' && env.CI !== 'false' && env.CI !== '0'
  return screen.isTTY === true && !ci && env.TERM !== 'dumb' && !(screen === process.stderr && outputIsPiped())
}

function outputIsPiped(): boolean {
  try {
    return fstatSync(1).isFIFO()
  } catch {
    return false
  }
}

interface Place {
  label: string
  done: number
  total: number
  unit: string
  /** Per second; undefined while nothing is known. */
  rate?: number
}

/** One line of at most `columns - 1` characters: the last column would break it on some terminals. */
export function progressLine({ label, done, total, unit, rate }: Place, columns: number): string {
  const amount = unit === 'bytes' ? (count: number) => formatBytes(Math.round(count)) : counted
  const share = total > 0 ? Math.min(1, done / total) : undefined
  const parts = [`${amount(done)}${share === undefined ? '' : ` of ${amount(total)}`}${unit === 'bytes' ? '' : ` ${unit}`}`]
  if (rate !== undefined && rate > 0) {
    parts.push(unit === 'bytes' ? `${amount(rate)}/s` : perTime(rate))
    if (share !== undefined && done < total) parts.push(`${duration((total - done) / rate)} left`)
  }
  const text = parts.join(', ')
  const percent = share === undefined ? '' : ` ${`${Math.floor(100 * share)}`.padStart(3)}%`
  const width = Math.min(BAR_WIDTH, columns - 1 - label.length - percent.length - text.length - 4)
  const bar = share === undefined || width < 5 ? '' : ` ${'█'.repeat(Math.round(share * width)).padEnd(width, '░')}`
  return `${label}${bar}${percent} ${text}`.slice(0, Math.max(0, columns - 1))
}

/** `12,345`, `135M`: nobody reads nine digits. */
function counted(count: number): string {
  return count < 1e6 ? count.toLocaleString('en') : count.toLocaleString('en', { notation: 'compact', maximumSignificantDigits: 3 })
}

/** `12.5/s`, `3.1/min`: slow work is counted by the minute. */
function perTime(rate: number): string {
  if (rate >= 1) return `${rate < 10 ? rate.toFixed(1) : counted(Math.round(rate))}/s`
  return rate * 60 >= 1 ? `${(rate * 60).toFixed(1)}/min` : `${(rate * 3600).toFixed(1)}/h`
}

/** Time for people: `45s`, `3m07s`, `2h05m`. */
export function duration(seconds: number): string {
  const s = Math.max(0, Math.round(seconds))
  if (s < 60) return `${s}s`
  if (s < 3600) return `${Math.floor(s / 60)}m${String(s % 60).padStart(2, '0')}s`
  return `${Math.floor(s / 3600)}h${String(Math.floor((s % 3600) / 60)).padStart(2, '0')}m`
}
