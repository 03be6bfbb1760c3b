/** A training run as its folder tells it: the lines of metrics.jsonl. Anything may have written them, so every field is checked where it is taken. */

import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import path from 'node:path'
import { isObject, parseJson } from '../../json.ts'
import { type Fields, fields, number, ReportError, text } from '../rows.ts'

export interface Run {
  folder: string
  /** Tells runs apart: the end of the path. */
  label: string
  /** In their order. */
  steps: Step[]
  /** Keys that were changed on purpose at a resume. */
  changes: { total: number; path: string; was: string; is: string }[]
  /** Lines that say something else than a step or a change, with the steps that were done before them. */
  others: { total: number; record: Fields }[]
  /** The last line breaks off: the run is writing it, or was killed there. It counts for nothing. */
  torn: boolean
}

export interface Step {
  /** Steps of the run so far, this one included. */
  total: number
  stage: string
  kind: string
  /** Of the stage, from 1. */
  step: number
  /** That the stage shall have. */
  steps: number
  /** Every number of the line by its key; one of a group by both keys, such as `gap.max`. NaN where the run found no finite number. */
  values: ReadonlyMap<string, number>
}

export const METRICS_FILE = 'metrics.jsonl'

/** A string of JavaScript ends here. */
const LARGEST_FILE = 512 * 1024 ** 2

/** Whether a name is that of a folder; what is not there may be an evaluation. */
export const isFolder = (name: string): boolean => statSync(name, { throwIfNoEntry: false })?.isDirectory() === true

/**
 * Reads the runs in these folders.
 * @throws ReportError where a folder holds no run, a run has no step, or a line is damaged
 */
export function readRuns(folders: readonly string[]): Run[] {
  const labels = distinctEnds(folders)
  return folders.map((folder, i) => readRun(folder, labels[i]))
}

function readRun(folder: string, label: string): Run {
  const run: Run = { folder, label, steps: [], changes: [], others: [], torn: false }
  const file = path.join(folder, METRICS_FILE)
  const lines = readMetrics(folder, file).split('\n')
  // What stands behind the last line break was not written to its end.
  const rest = lines.pop()!
  run.torn = rest !== ''
  for (const [i, line] of lines.entries()) takeRecord(run, recordOf(line, `Line ${i + 1} of ${file}`), `Line ${i + 1} of ${file}`)
  if (run.steps.length === 0) {
    const found = run.torn ? 'its only line breaks off' : lines.length > 0 ? 'its lines tell of no step' : 'it is empty'
    throw new ReportError(`The run in ${folder} has no step yet: ${METRICS_FILE}, and ${found}. Report on it once a step is done.`)
  }
  return run
}

function readMetrics(folder: string, file: string): string {
  if (!existsSync(file)) {
    const names = readdirSync(folder)
    const runs = names.filter((name) => existsSync(path.join(folder, name, METRICS_FILE)))
    const got = names.length === 0 ? 'an empty folder' : `a folder with ${outline(names)}`
    const next =
      runs.length > 0
        ? `There are runs below it: ${outline(runs.map((name) => path.join(folder, name)))}.`
        : 'Name the output folder of a run of pr1-train, or the file of an evaluation.'
    throw new ReportError(`${folder} holds no run: there is no ${METRICS_FILE} in it. Got ${got}. ${next}`)
  }
  try {
    const { size } = statSync(file)
    if (size >= LARGEST_FILE) {
      throw new ReportError(`${file} is too large to be read in one piece. Got ${Math.round(size / 1024 ** 2)} MB, at most 511 work.`)
    }
    return readFileSync(file, 'utf8')
  } catch (error) {
    if (error instanceof ReportError) throw error
    throw new ReportError(`${file} cannot be read: ${(error as Error).message}. See to it that it is a file that you may read.`)
  }
}

const outline = (names: readonly string[]): string => `${names.slice(0, 6).join(', ')}${names.length > 6 ? ', …' : ''}`

const MEND = 'pr1-train --resume writes the lines again that follow the last saved state'

function recordOf(line: string, where: string): Fields {
  let record: unknown
  try {
    record = parseJson(line)
  } catch (error) {
    throw new ReportError(`${where} is damaged: ${(error as Error).message}. ${MEND}; remove the line by hand to go without it.`)
  }
  if (isObject(record)) return record
  throw new ReportError(`${where} is no line of a run: it must be an object. Got ${line.slice(0, 60)}. Remove it by hand.`)
}

function takeRecord(run: Run, record: Fields, where: string): void {
  const total = run.steps.length
  const change = fields(record.change)
  if (record.change !== undefined) {
    run.changes.push({ total, path: text(change.path) ?? '', was: text(change.was) ?? '', is: text(change.is) ?? '' })
    return
  }
  const kind = text(record.kind)
  if (kind !== 'sft' && kind !== 'grpo') {
    run.others.push({ total, record })
    return
  }
  const stage = text(record.stage)
  const [step, steps] = [number(record.step), number(record.steps)]
  if (stage === undefined || step === undefined || steps === undefined) {
    throw new ReportError(
      `${where} is no step of a run: it needs stage, step and steps. Got ${outline(Object.keys(record))}. Remove it by hand.`,
    )
  }
  run.steps.push({ total: total + 1, stage, kind, step, steps, values: numbersOf(record) })
}

/** What a line counts its steps with, and what only the clock decides of those to come. */
const PLACES = ['step', 'steps', 'etaSeconds']

function numbersOf(record: Fields): Map<string, number> {
  const values = new Map<string, number>()
  for (const [key, value] of Object.entries(record)) {
    if (PLACES.includes(key)) continue
    // JSON has no other word for a number that is not finite.
    if (value === null) values.set(key, Number.NaN)
    else if (typeof value === 'number') values.set(key, value)
    else if (isObject(value)) for (const [inner, one] of numbersOf(value)) values.set(`${key}.${inner}`, one)
  }
  return values
}

/** The shortest ends of paths that differ from each other; numbered where paths are the same. */
function distinctEnds(folders: readonly string[]): string[] {
  const parts = folders.map((folder) => path.resolve(folder).split(path.sep))
  const ends = (length: number) => parts.map((one) => one.slice(-length).join('/'))
  const longest = Math.max(...parts.map((one) => one.length))
  for (let length = 1; length <= longest; length++) {
    const labels = ends(length)
    if (new Set(labels).size === labels.length) return labels
  }
  return ends(longest).map((label, i) => `${label} (${i + 1})`)
}
