/**
 * The gate of single tests: how many of its repeats a test must pass, by promptfoo's own verdict. A share over all rows
 * hides a test that always fails behind those that never do; this does not.
 *
 *     defaultTest: { metadata: { repeatMinPass: 3 } }      # or '75%', which fits every --repeat
 */

import { isObject } from '../json.ts'
import { exclusionOf } from './exclusions.ts'
import { fields, ReportError, type Row, text } from './rows.ts'
import type { Column, Experiment } from './samples.ts'

/** One test in one column. */
interface Repeats {
  column: Column
  /** The test's description, else what tells it apart. */
  test: string
  passed: number
  /** Repeats that ended with an error: they have not passed. */
  errors: number
  repeats: number
  needed: number
}

export interface Gate {
  /** Tests with a threshold, each counted once a column. */
  tests: number
  missed: Repeats[]
}

const KEY = 'repeatMinPass'

/** A threshold that is none. The gate then stays shut. */
export class ThresholdError extends ReportError {
  override name = 'ThresholdError'
}

/** Checks every test that has a threshold; undefined where none has. Throws ThresholdError. */
export function checkRepeats({ samples, failed, columns }: Experiment): Gate | undefined {
  const tests = new Map<string, Repeats & { least: Threshold }>()
  for (const { row, column, test: asked } of [...samples, ...failed]) {
    const least = thresholdOf(fields(row.testCase).metadata)
    if (!least) continue
    // Two tests may have the same vars and assert different things.
    const { vars: _, ...test } = fields(row.testCase)
    const key = `${column} ${asked} ${JSON.stringify(test)}`
    const known = tests.get(key) ?? { column: columns[column], test: nameOf(row), passed: 0, errors: 0, repeats: 0, needed: 0, least }
    known.repeats++
    // A row that nothing scored has passed for promptfoo, and shows nothing.
    if (row.success === true && !exclusionOf(row, undefined)) known.passed++
    if (row.failureReason === 2) known.errors++
    known.needed = least(known.repeats)
    tests.set(key, known)
  }
  if (tests.size === 0) return undefined
  const missed = [...tests.values()].filter(({ passed, needed }) => passed < needed).map(({ least, ...test }) => test)
  return { tests: tests.size, missed }
}

/** Whether a test (or the default one) of promptfoo's suite has a threshold. Throws ThresholdError. */
export function hasThreshold(suite: unknown): boolean {
  const { tests, defaultTest } = fields(suite)
  const all = [...(Array.isArray(tests) ? tests : []), defaultTest]
  return all.some((test) => thresholdOf(fields(test).metadata) !== undefined)
}

/** Lines for the terminal; empty where every test passed often enough. */
export function describeGate({ tests, missed }: Gate): string[] {
  if (missed.length === 0) return []
  const shown = missed.slice(0, SHOWN).map(({ column, test, passed, errors, repeats, needed }) => {
    const failed = errors > 0 ? `, ${errors} with an error` : ''
    const few = needed > repeats ? `: run it with --repeat ${needed} or more` : ''
    return `  ${test}, ${column.label}: ${passed} of ${repeats} passed${failed}, ${needed} needed${few}`
  })
  const more = missed.length > SHOWN ? [`  and ${missed.length - SHOWN} more`] : []
  return [`${missed.length} of ${tests} tests passed too few of their repeats (metadata.${KEY})`, ...shown, ...more]
}

const SHOWN = 20

/** How many of n repeats must pass. */
type Threshold = (n: number) => number

function thresholdOf(metadata: unknown): Threshold | undefined {
  const value = isObject(metadata) ? metadata[KEY] : undefined
  if (value === undefined || value === null) return undefined
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return () => value
  const percent = typeof value === 'string' ? /^(\d{1,3}(?:\.\d+)?) ?%$/.exec(value.trim())?.[1] : undefined
  // 80 % of 10 is 8, although 0.8 * 10 need not be.
  if (percent !== undefined && Number(percent) <= 100) return (n) => Math.ceil((Number(percent) * n) / 100 - 1e-9)
  throw new ThresholdError(
    `metadata.${KEY} of a test is a number of repeats or a share of them. Got ${JSON.stringify(value)}. Write e.g. ${KEY}: 3 or ${KEY}: '75%'.`,
  )
}

function nameOf({ testCase, vars }: Row): string {
  // promptfoo's own vars tell repeats apart.
  const own = Object.fromEntries(Object.entries(vars).filter(([name]) => !name.startsWith('__')))
  const name = text(fields(testCase).description) || text(vars.id) || JSON.stringify(own)
  return name.length > 60 ? `${name.slice(0, 60)}…` : name
}
