/** What a board draws of the lines of metrics.jsonl: each is a step with numbers by name. */

import { isObject } from '../../json.ts'

/** JSON of a line. */
export type Line = Readonly<Record<string, unknown>>

export interface Point {
  /** Steps of the whole run. */
  step: number
  /** NaN where a number was not finite. */
  scalars: [name: string, value: number][]
  /** That the step took, where the line says so. */
  seconds: number
}

/** Is opened with what the run has so far. */
export interface Board {
  /** time: when it was written, in seconds since 1970. */
  add(point: Point, time: number): void
  close(): void
}

/** What a line counts with, and the time left, which is no figure of its step. */
const PLACES = ['step', 'steps', 'total', 'etaSeconds']

/** Turns lines into points, in the order in which they are written. Lines without figures give none. */
export class Points {
  private steps = 0

  next(line: Line): Point | undefined {
    const evaluation = line.kind === 'evaluation'
    if (line.kind === 'sft' || line.kind === 'grpo') this.steps += 1
    else if (!evaluation) return undefined
    const scalars = evaluation ? evaluationScalars(line) : stepScalars(line)
    const seconds = typeof line.seconds === 'number' ? line.seconds : 0
    return { step: this.steps, scalars, seconds }
  }
}

/** `train/loss`, `gap/mean`, `metrics/answer`: boards make a section of what stands before the slash. */
function stepScalars(line: Line): Point['scalars'] {
  return Object.entries(line).flatMap(([key, value]) =>
    isObject(value) ? scalarsOf(value, `${key}/`) : scalarsOf({ [key]: value }, 'train/'),
  )
}

/** `evaluation/countdown/mean@4` with its interval in `…/low` and `…/high`. */
function evaluationScalars(line: Line): Point['scalars'] {
  return ['accuracy', 'metrics', 'behaviour'].flatMap((part) => {
    const figures = line[part]
    if (!isObject(figures)) return []
    return Object.entries(figures).flatMap(([name, figure]) => {
      const tag = `evaluation/${String(line.name)}/${name}`
      const { value, low, high } = isObject(figure) ? figure : {}
      return scalarsOf({ [tag]: value, [`${tag}/low`]: low, [`${tag}/high`]: high }, '')
    })
  })
}

function scalarsOf(line: Line, prefix: string): Point['scalars'] {
  return Object.entries(line).flatMap(([key, value]): Point['scalars'] => {
    if (PLACES.includes(key)) return []
    // JSON has no other word for a number that is not finite.
    if (value === null) return [[`${prefix}${key}`, Number.NaN]]
    if (typeof value === 'number') return [[`${prefix}${key}`, value]]
    return isObject(value) ? scalarsOf(value, `${prefix}${key}/`) : []
  })
}
