/** What readers see of a table: Markdown rows and JSON Schema. `npm run docs` writes both into files. */

import { z } from 'zod'
import { expectation, safe } from './check.ts'
import { defaultOf, entryOf, inner, isRequired, isSwitched, keyInfo, type Schema } from './table.ts'

/** A document that is made from a table of keys. */
export interface Document {
  /** From the root of the package. */
  file: string
  render(): string
}

/** A Markdown table of keys that hold no further keys; `columns` beside key, value, default and meaning. */
export function markdownTable(keys: Readonly<Record<string, Schema>>, columns: { resume: boolean }): string {
  const head = ['key', 'value', 'default', 'meaning', ...(columns.resume ? ['at resume'] : [])]
  const rows = Object.entries(keys).map(([name, schema]) => {
    const { about, unit, change } = keyInfo.get(schema)!
    const value = expectation(schema)
      .replace(/^(an?|one of) /, '')
      .replace(' that is not empty', '')
    const cells = [`\`${name}\``, unit ? `${value}, ${unit}` : value, defaultInWords(schema), about]
    return [...cells, ...(columns.resume ? [change ? 'may change' : ''] : [])]
  })
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
  return [line(head), `|${' --- |'.repeat(head.length)}`, ...rows.map(line)].join('\n')
}

function defaultInWords(schema: Schema): string {
  const standard = defaultOf(schema)
  if (standard !== undefined) return `\`${Array.isArray(standard) ? JSON.stringify(standard).replaceAll(',', ', ') : standard}\``
  return isRequired(schema) ? '**required**' : (keyInfo.get(schema)?.absent ?? '')
}

/** JSON Schema (draft 7, which editors understand best) with the line of each key. */
export function jsonSchema(schema: z.ZodType, title: string): object {
  const json = z.toJSONSchema(schema, {
    io: 'input',
    target: 'draft-7',
    override: ({ zodSchema, jsonSchema }) => {
      const info = keyInfo.get(zodSchema)
      const standard = defaultOf(zodSchema)
      if (info?.orOne) asListOrOne(jsonSchema)
      if (info) jsonSchema.description = plainText([info.about, info.unit, info.absent && `default: ${info.absent}`])
      if (isSwitched.has(zodSchema)) allowSwitch(jsonSchema)
      if (standard !== undefined) jsonSchema.default = standard as z.core.JSONSchema.BaseSchema['default']
      for (const bound of ['minimum', 'maximum'] as const) {
        if (jsonSchema[bound] !== undefined && safe(jsonSchema[bound]) === undefined) delete jsonSchema[bound]
      }
    },
  })
  return { title, ...json }
}

function allowSwitch(json: z.core.JSONSchema.BaseSchema): void {
  const { description, ...object } = json
  for (const name of Object.keys(object)) delete json[name as keyof typeof json]
  json.anyOf = [{ type: 'boolean' }, object]
}

function asListOrOne(json: z.core.JSONSchema.BaseSchema): void {
  const { type, items, minItems } = json
  for (const part of ['type', 'items', 'minItems'] as const) delete json[part]
  json.anyOf = [items as typeof json, { type, items, minItems }]
}

/** Editors show no Markdown links. */
function plainText(parts: readonly (string | undefined)[]): string {
  return parts
    .filter((part) => part)
    .join('; ')
    .replace(/\[([^\]]+)\]\([^)]+\)/g, '$1')
    .replaceAll('`', '')
}

/** Whether a key holds further keys, and so has a table of its own. */
export function holdsKeys(schema: Schema): boolean {
  const plain = inner(schema)
  if (plain instanceof z.ZodArray) return holdsKeys(entryOf(plain))
  return plain instanceof z.ZodObject || plain instanceof z.ZodDiscriminatedUnion
}
