/** The rows that a teacher is asked, each once, by a key that holds wherever the row stands in its suite. */

import { createHash } from 'node:crypto'
import { plainVars } from '../../gate/verbatim.ts'
import type { SuiteRow } from '../suite/suite.ts'

export interface AskedRow {
  key: string
  row: SuiteRow
}

/** Hex digits: enough for as many rows as anybody asks. */
const KEY_LENGTH = 20

/** Rows that are the same in prompt, settings and vars are one. */
export function askedRows(rows: readonly SuiteRow[]): AskedRow[] {
  const known = new Map<string, AskedRow>()
  for (const row of rows) {
    const { prompt, promptConfig, vars } = row
    const key = hashOf([prompt, promptConfig, vars])
    if (!known.has(key)) known.set(key, { key, row })
  }
  return [...known.values()]
}

export function hashOf(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, KEY_LENGTH)
}

/** By which the answers to a row are found again for a row with another prompt: its vars without promptfoo's own and without the answer. */
export function varsKey(vars: Readonly<Record<string, unknown>>): string {
  const own = Object.entries(plainVars(vars))
    .filter(([name]) => !name.startsWith('_') && name !== RESPONSE)
    .sort(([a], [b]) => (a < b ? -1 : 1))
  return JSON.stringify(own)
}

/** The var that holds a kept answer. */
export const RESPONSE = 'response'
