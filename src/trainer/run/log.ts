/** What a run says: the step line, a progress bar on a terminal, one JSON object a step in metrics.jsonl. */

import { closeSync, existsSync, fstatSync, fsyncSync, ftruncateSync, mkdirSync, openSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { duration, Progress, type Screen } from '../../cli/progress.ts'
import type { MemoryPlan } from '../../engine/types.ts'
import { plain } from '../../plain.ts'
import type { Boards } from '../boards/board.ts'
import type { ClusterReport } from '../model/workers.ts'
import type { Gap, StepReport } from '../recipe.ts'

/** Where lines go: process.stdout, or a recorder in tests. */
export interface Output {
  write(text: string): unknown
}

/** Where a step stands in its run. */
interface StepPlace {
  stage: string
  kind: string
  /** From 1. */
  step: number
  steps: number
  seconds: number
  /** Of the rest of the stage. */
  etaSeconds: number
}

/** Steps whose mean time the ETA is made from. */
const RECENT = 20

export class RunLog {
  private readonly output: Output
  private readonly file: number
  private position: number
  private readonly screen: Screen | undefined
  private bar: Progress | undefined
  private readonly times: number[] = []
  private boards: Boards | undefined

  /**
   * Opens `file` and cuts it to `keepBytes`: what was written after the save that a run resumes from is written again. The bar is
   * drawn on `screen`, standard error where it is left out.
   */
  constructor(file: string, keepBytes: number, output: Output, screen?: Screen) {
    this.output = output
    this.screen = screen
    mkdirSync(dirname(file), { recursive: true })
    this.file = openSync(file, keepBytes > 0 && existsSync(file) ? 'r+' : 'w')
    // A shorter file was cut by hand: go on at its end rather than behind a gap.
    this.position = Math.min(keepBytes, fstatSync(this.file).size)
    ftruncateSync(this.file, this.position)
  }

  /** Bytes of metrics.jsonl so far. */
  get bytes(): number {
    return this.position
  }

  /** Puts them on the disk. */
  flush(): void {
    fsyncSync(this.file)
  }

  say(line: string): void {
    const write = () => this.output.write(`${plain(line)}\n`)
    if (this.bar) this.bar.above(write)
    else write()
  }

  /** Work goes on after `done` of `total`, the steps of a stage if nothing else is said: the bar is that of this work. */
  begin(label: string, done: number, total: number, unit = 'steps'): void {
    this.bar?.stop()
    this.bar = new Progress({ label, unit, screen: this.screen })
    this.bar.update(done, total)
  }

  /** Of the work that began last. */
  progress(done: number, total: number): void {
    this.bar?.update(done, total)
  }

  /** Step line, bar and metrics.jsonl for one step that took `seconds`. */
  step(place: Omit<StepPlace, 'etaSeconds'>, report: StepReport): void {
    this.times.push(place.seconds)
    if (this.times.length > RECENT) this.times.shift()
    const mean = this.times.reduce((a, b) => a + b, 0) / this.times.length
    const at: StepPlace = { ...place, etaSeconds: mean * (place.steps - place.step) }
    this.append(metricsRecord(at, report))
    this.say(stepLine(at, report))
    this.bar?.update(place.step, place.steps)
  }

  /** A line for a key that was changed on purpose when `total` steps were done. */
  change(record: { total: number; path: string; was: string; is: string }): void {
    this.append({ change: record })
  }

  /** A line for an evaluation that took `seconds`, and what the terminal says of it. */
  evaluation(record: object, seconds: number, line: string): void {
    this.append({ kind: 'evaluation', ...record, seconds })
    this.say(line)
  }

  /** A line for what a teacher answered, which took `seconds`, and what the terminal says of it. */
  generated(record: object, seconds: number, line: string): void {
    this.append({ kind: 'generate', ...record, seconds })
    this.say(line)
  }

  /** Boards draw every further line. */
  attach(boards: Boards): void {
    this.boards = boards
  }

  private append(line: Record<string, unknown>): void {
    this.position += writeSync(this.file, `${JSON.stringify(line)}\n`, this.position)
    this.boards?.add(line)
  }

  close(): void {
    this.bar?.stop()
    this.boards?.close()
    closeSync(this.file)
  }
}

/** One line of metrics.jsonl. `seconds` and what follows from it are the only fields that differ between equal runs. */
export function metricsRecord(place: StepPlace, report: StepReport): Record<string, unknown> {
  const { rollouts, loss, lr, tokens } = report
  const { seconds, etaSeconds, ...at } = place
  return {
    ...at,
    ...(loss !== undefined && { loss }),
    lr,
    ...updatesOf(report),
    tokens,
    ...rollouts,
    seconds,
    tokensPerSecond: tokens / Math.max(seconds, 1e-9),
    etaSeconds,
    ...(report.cluster && { cluster: report.cluster }),
  }
}

/** Gradient norm of the last update, 0 where there was none, and how many were skipped. */
function updatesOf({ updates }: StepReport): { gradNorm: number; skipped: number } {
  return { gradNorm: updates.at(-1)?.gradNorm ?? 0, skipped: updates.filter(({ skipped }) => skipped).length }
}

export function stepLine(place: StepPlace, report: StepReport): string {
  const { rollouts } = report
  const { gradNorm, skipped } = updatesOf(report)
  const parts = [`${place.stage} ${place.step}/${place.steps}`]
  if (rollouts) {
    parts.push(`reward ${fixed(rollouts.reward)}`)
    parts.push(...Object.entries(rollouts.metrics).map(([name, value]) => `${name} ${fixed(value)}`))
    parts.push(`informative ${rollouts.informative}/${rollouts.groups}`)
    if (rollouts.refills !== undefined) parts.push(`refills ${rollouts.refills}`)
    parts.push(`parallel ${percent(rollouts.parallelRatio)}`)
    parts.push(`tokens ${rollouts.responseTokens.toFixed(0)} critical ${rollouts.criticalPathTokens.toFixed(0)}`)
    if (rollouts.truncated > 0) parts.push(`truncated ${percent(rollouts.truncated)}`)
    if (rollouts.kl !== undefined) parts.push(`kl ${short(rollouts.kl)}`)
    if (rollouts.entropyBonus !== undefined) parts.push(`bonus ${short(rollouts.entropyBonus)}`)
    parts.push(`entropy ${known(rollouts.entropy, fixed)}`, `clipped ${known(rollouts.clipFraction, percent)}`, gap(rollouts.gap))
  }
  parts.push(`loss ${known(report.loss, (loss) => loss.toFixed(4))}`, `grad ${fixed(gradNorm)}`, `lr ${short(report.lr)}`)
  if (skipped > 0) parts.push(`SKIPPED ${skipped} (gradient not finite)`)
  parts.push(`${thousands(report.tokens / Math.max(place.seconds, 1e-9))} tok/s`, `ETA ${duration(place.etaSeconds)}`)
  if (report.cluster) parts.push(clusterPart(report.cluster))
  return parts.join('  ')
}

function clusterPart({ workers, machines, rollouts, gradients, transfer, waiting, bytes: moved, lost }: ClusterReport): string {
  const seconds = Object.entries({ rollouts, gradients, transfer, waiting }).map(([name, value]) => `${name} ${value.toFixed(1)} s`)
  const where = `${workers} workers on ${machines} machine${machines === 1 ? '' : 's'}`
  return `${where}: ${seconds.join(' ')} moved ${bytes(moved)}${lost > 0 ? ` LOST ${lost}` : ''}`
}

/** A mean over the tokens with loss, or that there were none. */
const known = (value: number | undefined, show: (value: number) => string): string => (value === undefined ? '–' : show(value))

/** `gap 0`, `gap MEAN (max MAX)`, or `gap –`. */
function gap(gap: Gap | undefined): string {
  if (!gap) return 'gap –'
  return gap.max === 0 ? 'gap 0' : `gap ${short(gap.mean)} (max ${short(gap.max)})`
}

/** Two aligned columns. */
export function table(rows: readonly (readonly [string, string])[]): string {
  const width = rows.reduce((most, [key]) => Math.max(most, key.length), 0)
  return rows.map(([key, value]) => `  ${key.padEnd(width)}  ${value}`).join('\n')
}

/** Bytes beside the model's, counted in `plan.total`: of a reference policy, and of the partial sums of a gradient. 0: there are none. */
export function memoryTable(plan: MemoryPlan, tokens: number, { reference = 0, partialSums = 0 } = {}): [string, string][] {
  return [
    ...(plan.adapters === undefined
      ? [['weights', bytes(plan.weights)] as [string, string]]
      : [['frozen weights', bytes(plan.weights)] as [string, string], ['adapters', bytes(plan.adapters)] as [string, string]]),
    ['gradients', bytes(plan.gradients)],
    ...(partialSums > 0 ? [['partial sums', `${bytes(partialSums)} (shards)`] as [string, string]] : []),
    ['moments', bytes(plan.moments)],
    ['KV cache', bytes(plan.cache)],
    ['activations', `${bytes(plan.activations)} (at most ${tokens} tokens a forward)`],
    ...(reference > 0 ? [['reference', bytes(reference)] as [string, string]] : []),
    ['total', bytes(plan.total)],
  ]
}

export function bytes(count: number): string {
  if (count >= 2 ** 30) return `${(count / 2 ** 30).toFixed(2)} GiB`
  return count >= 2 ** 20 ? `${(count / 2 ** 20).toFixed(1)} MiB` : `${(count / 1024).toFixed(1)} KiB`
}

function thousands(value: number): string {
  return value >= 1000 ? `${(value / 1000).toFixed(1)}k` : value.toFixed(0)
}

const fixed = (value: number): string => value.toFixed(3)
const percent = (share: number): string => `${(100 * share).toFixed(share > 0 && share < 0.1 ? 1 : 0)}%`
const short = (value: number): string => (value === 0 ? '0' : value.toExponential(1))
