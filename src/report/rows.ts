/** What is read of promptfoo's rows. They come from a file that anything may have written: every field is checked where it is taken. */

import { readFileSync, statSync } from 'node:fs'
import path from 'node:path'
import { ParallelR1Error } from '../engine/errors.ts'
import { isObject, parseJson } from '../json.ts'

/** Results that cannot be read, or that hold nothing to report on. */
export class ReportError extends ParallelR1Error {
  override name = 'ReportError'
}

export type Fields = Readonly<Record<string, unknown>>

/** One row as promptfoo writes it: a sample of one problem by one provider. Only `promptIdx` and `vars` are certain. */
export interface Row extends Fields {
  promptIdx: number
  vars: Fields
}

/** What one evaluation left behind. */
export interface Results {
  /** For messages and to tell columns of several files apart. */
  source: string
  rows: Row[]
  evalId?: string
  description?: string
  timestamp?: string
  promptfooVersion?: string
  durationMs?: number
  maxConcurrency?: number
  /** Of an evaluation that is under way or was stopped: at most so many rows were to be made, where its config tells. */
  unfinished?: { planned?: number }
  /** The `config` of every provider entry that is written out, by its label (or id). */
  configs: Map<string, Fields>
}

export const fields = (value: unknown): Fields => (isObject(value) ? value : {})
export const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [])
export const text = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined)
export const number = (value: unknown): number | undefined => (typeof value === 'number' && Number.isFinite(value) ? value : undefined)

/** A string of JavaScript ends here; a larger file cannot be read in one piece. */
const LARGEST_FILE = 512 * 1024 ** 2

/** Reads what `promptfoo eval -o results.json` wrote. Throws ReportError where the file is missing, too large, corrupt or something else. */
export function readResults(file: string): Results {
  const content = readText(file)
  let data: unknown
  try {
    data = parseJson(content)
  } catch (error) {
    const cut = content.trim() === '' ? 'it is empty' : (error as Error).message
    throw new ReportError(
      `${file} is not valid JSON: ${cut}. If the evaluation was interrupted, export it again: npx promptfoo export eval latest -o results.json.`,
    )
  }
  const saved = fields(data)
  const results = fields(saved.results)
  if (!Array.isArray(results.results)) {
    throw new ReportError(
      `${file} does not hold results of promptfoo: there is no list at results.results. Got ${outline(data)}. Write one with: npx promptfoo eval -o results.json.`,
    )
  }
  const config = fields(saved.config)
  return {
    source: path.basename(file),
    rows: readRows(results.results, file),
    evalId: text(saved.evalId),
    description: text(config.description),
    timestamp: text(results.timestamp),
    promptfooVersion: text(fields(saved.metadata).promptfooVersion),
    durationMs: number(fields(results.stats).durationMs),
    maxConcurrency: number(fields(saved.runtimeOptions).maxConcurrency),
    ...(isUnfinished(saved) && { unfinished: { planned: plannedRows(saved) } }),
    configs: providerConfigs(config.providers),
  }
}

/** promptfoo keeps rows as they end, and how long the evaluation took when all have. */
function isUnfinished({ runtimeOptions, results }: Fields): boolean {
  return isObject(runtimeOptions) && number(fields(fields(results).stats).durationMs) === undefined
}

/** Tests times repeats times columns. The config does not tell of filters on the command line. Undefined where a test is more than a row. */
function plannedRows({ config, runtimeOptions, results }: Fields): number | undefined {
  const { tests, scenarios } = fields(config)
  const columns = list(fields(results).prompts).length
  if (!Array.isArray(tests) || tests.length === 0 || columns === 0 || list(scenarios).length > 0) return undefined
  let rows = 0
  for (const test of tests.map(fields)) {
    const { repeat, disableVarExpansion } = fields(test.options)
    if (disableVarExpansion !== true && Object.values(fields(test.vars)).some(Array.isArray)) return undefined
    rows += number(repeat) ?? number(fields(runtimeOptions).repeat) ?? 1
  }
  return rows * columns
}

/** Rows of a file or of promptfoo's memory. Throws ReportError on the first that is none. */
export function readRows(rows: readonly unknown[], where: string): Row[] {
  rows.forEach((row, i) => {
    if (isObject(row) && Number.isInteger(row.promptIdx) && Number(row.promptIdx) >= 0 && isObject(row.vars)) return
    throw new ReportError(
      `Row ${i} of ${where} is no result of promptfoo: it needs a promptIdx and vars. Got ${outline(row)}. Write the file again with: npx promptfoo eval -o results.json.`,
    )
  })
  return rows as Row[]
}

function readText(file: string): string {
  try {
    const { size } = statSync(file)
    if (size >= LARGEST_FILE) {
      throw new ReportError(
        `${file} is too large to be read in one piece. Got ${(size / 1024 ** 2).toFixed(0)} MB, at most 511 work. Evaluate in parts (--filter-first-n, --filter-providers) and name all files: pr1-report part1.json part2.json.`,
      )
    }
    return readFileSync(file, 'utf8')
  } catch (error) {
    if (error instanceof ReportError) throw error
    const { code, message } = error as NodeJS.ErrnoException
    const why = code === 'ENOENT' ? 'it does not exist' : code === 'EISDIR' ? 'it is a folder' : message
    throw new ReportError(`${file} cannot be read: ${why}. Name the file that "npx promptfoo eval -o results.json" wrote.`)
  }
}

function providerConfigs(providers: unknown): Map<string, Fields> {
  const configs = new Map<string, Fields>()
  for (const entry of list(providers)) {
    const { id, label, config } = fields(entry)
    const name = text(label) ?? text(id)
    if (name !== undefined && isObject(config)) configs.set(name, config)
  }
  return configs
}

/** What a value is, in few words. */
function outline(value: unknown): string {
  if (Array.isArray(value)) return `a list of ${value.length}`
  if (!isObject(value)) return value === null ? 'null' : `a ${typeof value}`
  const keys = Object.keys(value)
  const shown = keys.slice(0, 6).map((key) => key.slice(0, 40))
  return `an object with ${keys.length === 0 ? 'no keys' : `${shown.join(', ')}${keys.length > 6 ? ', …' : ''}`}`
}
