/** Boards: what a run writes beside metrics.jsonl for the programs in which people look at curves. They follow from it, line by line. */

import { basename, join } from 'node:path'
import { readLines } from '../../json-lines.ts'
import { packageVersion } from '../../version.ts'
import type { TrainConfig } from '../config/config.ts'
import { configTable } from '../config/config-table.ts'
import { type Board, type Line, type Point, Points } from './points.ts'
import { TensorBoard } from './tensorboard.ts'
import { Wandb, type WandbRun } from './wandb.ts'

/** The boards of a run. */
export class Boards {
  private readonly boards: readonly Board[]
  private readonly points = new Points()

  /** Opens those that the configuration asks for. metrics.jsonl in `run` holds the lines that the run goes on from, and no others. */
  constructor(config: TrainConfig, run: string) {
    const { tensorboard, wandb } = config
    if (!tensorboard && wandb === undefined) {
      this.boards = []
      return
    }
    const known = readLines(join(run, 'metrics.jsonl')).flatMap((line) => this.points.next(line) ?? [])
    const times = timesOf(known, Date.now() / 1000)
    this.boards = [
      ...(tensorboard ? [new TensorBoard(join(run, 'tensorboard'), known, times)] : []),
      ...(wandb === undefined ? [] : [new Wandb(join(run, 'wandb'), wandbRun(config, wandb, run), known, times)]),
    ]
  }

  add(line: Line): void {
    if (this.boards.length === 0) return
    // As it stands in the file: a number that is not finite is null.
    const point = this.points.next(JSON.parse(JSON.stringify(line)))
    if (point) for (const board of this.boards) board.add(point, Date.now() / 1000)
  }

  close(): void {
    for (const board of this.boards) board.close()
  }
}

/** When points that nobody drew were made, as if one had followed the other without a pause. */
function timesOf(points: readonly Point[], now: number): number[] {
  const times: number[] = []
  let time = now
  for (const { seconds } of [...points].reverse()) {
    times.push(time)
    time -= seconds
  }
  return times.reverse()
}

function wandbRun(config: TrainConfig, project: string, run: string): WandbRun {
  // Where files lie is of no use to those who look at the run elsewhere.
  const rows = configTable(config).filter(([key]) => key !== 'file' && key !== 'output')
  return { project, name: basename(run), config: rows.map(([key, value]) => [key, jsonOf(value)]), version: packageVersion() }
}

/** Numbers, truth values and lists of the table as they are, anything else as text. */
function jsonOf(value: string): string {
  try {
    return JSON.stringify(JSON.parse(value))
  } catch {
    return JSON.stringify(value)
  }
}
