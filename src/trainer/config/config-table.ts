/** A configuration as rows of text: printed before a run, hashed into provenance, kept in the saved state and compared at --resume. */

import { createHash } from 'node:crypto'
import { defaultOf, entryOf, keyInfo, keysOf, type Schema } from '../../config/table.ts'
import { type TrainConfig, trainSchema } from './config.ts'

interface Row {
  /** Nested keys joined by dots, stages by name. */
  path: string
  value: string
  schema: Schema
}

/** The resolved table: one `[key, value]` a line. */
export function configTable(config: TrainConfig): [string, string][] {
  return [['file', config.file], ...rowsOf(trainSchema, config).map(({ path, value }): [string, string] => [path, value])]
}

/** The rows of {@link configTable} that the file or the command line gave, and the few that matter in every run. `hidden`: how many others there are. */
export function settingsTable(config: TrainConfig): { rows: [string, string][]; hidden: number } {
  const all = rowsOf(trainSchema, config)
  const isGiven = (path: string) => config.given.some((given) => path === given || path.startsWith(`${given}.`))
  const shown = all.filter(({ path, schema }) => keyInfo.get(schema)?.usual || isGiven(path))
  const rows = shown.map(({ path, value }): [string, string] => [path, value])
  return { rows: [['file', config.file], ...rows], hidden: all.length - shown.length }
}

/** What decides the numbers of a run: the table without places, threads and saves. */
export function decisiveTable(config: TrainConfig): Record<string, string> {
  const decisive = rowsOf(trainSchema, config).filter(({ schema, value }) => {
    const info = keyInfo.get(schema)
    return info?.change !== 'free' && !(info?.newer && value === textOf(defaultOf(schema)))
  })
  return Object.fromEntries(decisive.map(({ path, value }) => [path, value]))
}

/** Short hash of {@link decisiveTable}, for provenance. */
export function configHash(config: TrainConfig): string {
  return createHash('sha256')
    .update(JSON.stringify(decisiveTable(config)))
    .digest('hex')
    .slice(0, 16)
}

function rowsOf(schema: Schema, mapping: object, prefix = ''): Row[] {
  const values = mapping as Record<string, unknown>
  return Object.entries(keysOf(schema, mapping)).flatMap(([name, below]): Row[] => {
    const value = values[name]
    const path = `${prefix}${name}`
    if (value === undefined) return []
    if (path === 'stages') return stageRows(below, value as TrainConfig['stages'])
    if (Object.keys(keysOf(below)).length > 0) return rowsOf(below, value as object, `${path}.`)
    return [{ path, value: textOf(value), schema: below }]
  })
}

function textOf(value: unknown): string {
  return Array.isArray(value) ? JSON.stringify(value) : String(value)
}

function stageRows(list: Schema, stages: TrainConfig['stages']): Row[] {
  return stages.flatMap((stage) =>
    rowsOf(entryOf(list), stage, `stages.${stage.name}.`).filter(({ path }) => path !== `stages.${stage.name}.name`),
  )
}

/** What a change of the file means to a run that goes on: keys of which only the length of a stage depends. */
export interface LengthChange {
  stage: string
  was: number
  is: number
}

/** A key that stands otherwise in the file than in the saved run. */
export interface Change {
  path: string
  was: string
  is: string
}

/** What {@link Change} has for a key that stands nowhere and has no default. */
export const ABSENT = 'absent'

/** What a configuration changed of a run. */
interface Compared {
  lengths: LengthChange[]
  /** Allowed by the user. */
  changes: Change[]
  /** What a resumed run cannot take. */
  refused: Change[]
}

/**
 * Compares the table that a run was saved with to the configuration it shall go on with. A key that either lacks stands at
 * its default, so a newer version goes on with an older run.
 */
export function compareAtResume(then: Readonly<Record<string, string>>, config: TrainConfig, allowed: readonly string[] = []): Compared {
  const now = decisiveTable(config)
  const compared: Compared = { lengths: [], changes: [], refused: [] }
  for (const path of new Set([...Object.keys(now), ...Object.keys(then)])) {
    const schema = schemaOf(path, then, now)
    if (schema === undefined) {
      compared.refused.push({ path, was: then[path], is: 'no key of this version' })
      continue
    }
    const standard = defaultOf(schema)
    const absent = standard === undefined ? ABSENT : textOf(standard)
    const [was, is] = [then[path] ?? absent, now[path] ?? absent]
    if (was === is) continue
    const length = keyInfo.get(schema)?.change === 'length' && was !== ABSENT && is !== ABSENT
    if (length) compared.lengths.push({ stage: path.split('.').slice(1, -1).join('.'), was: Number(was), is: Number(is) })
    else compared[allowed.includes(allowance(path)) ? 'changes' : 'refused'].push({ path, was, is })
  }
  return compared
}

/** What --allow-change calls a key. One or several, it is the reward that changes. */
export function allowance(path: string): string {
  return path.split('.').at(-1)!.replace('rewards', 'reward')
}

/** The key of a row; undefined where this version has none. The name of a stage may hold dots. */
function schemaOf(path: string, ...tables: Readonly<Record<string, string>>[]): Schema | undefined {
  const names = path.split('.')
  const below = (schema: Schema, rest: readonly string[]) => rest.reduce<Schema | undefined>((at, name) => at && keysOf(at)[name], schema)
  if (names[0] !== 'stages') return below(trainSchema, names)
  for (let end = 2; end < names.length; end++) {
    const place = `${names.slice(0, end).join('.')}.kind`
    const kind = tables.find((table) => table[place])?.[place]
    if (kind === undefined) continue
    const [name, ...rest] = names.slice(end)
    const schema = keysOf(entryOf(trainSchema.shape.stages), { kind })[name]
    return schema && below(schema, rest)
  }
  return undefined
}
