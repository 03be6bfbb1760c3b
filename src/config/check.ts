/** Checks a hand-written value against a table; the first thing wrong becomes one sentence with place, value and next step. */

import { z } from 'zod'
import { type ConfigObject, mustBe, range, unknownKey } from '../config-keys.ts'
import { ConfigError } from '../engine/errors.ts'
import { nearestName } from '../nearest-name.ts'
import { defaultOf, entryOf, inner, isRequired, isSwitched, keyInfo, keysOf, type Schema } from './table.ts'

type Path = readonly PropertyKey[]

/** `raw` with every default filled in; null counts as absent. `where` names the whole of it in errors. Throws ConfigError. */
export function check<S extends z.ZodType>(schema: S, raw: unknown, where: string): z.output<S> {
  const value = withoutNulls(raw)
  const found = schema.safeParse(value)
  if (found.success) return found.data
  // A mistyped key is also a missing one: the mistyping says more.
  const issues = found.error.issues
  throw refusal(schema, value, issues.find(({ code }) => code === 'unrecognized_keys') ?? issues[0], where)
}

function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls)
  // Readers of YAML 1.1 make Dates.
  if (typeof value !== 'object' || value === null || value instanceof Date) return value
  const present = Object.entries(value).filter(([, entry]) => entry !== null && entry !== undefined)
  return Object.fromEntries(present.map(([name, entry]) => [name, withoutNulls(entry)]))
}

function refusal(root: z.ZodType, raw: unknown, issue: z.core.$ZodIssue, where: string): ConfigError {
  const { schema, path, value } = follow(root, raw, issue.path)
  if (issue.code === 'unrecognized_keys') return unknownKey(issue.keys[0], Object.keys(keysOf(schema, value)), place(path, raw, where))
  const name = path.at(-1)
  const info = keyInfo.get(schema)
  if (typeof name !== 'string' || !info)
    return mustBe(place(path, raw, where), expectation(schema), value, info?.hint ?? nextStep(schema, value))
  const owner = place(path.slice(0, -1), raw, where)
  if (value === undefined) return new ConfigError(`"${name}" is missing in ${owner}: ${info.about}. Add it.`)
  const kinds = issue.code === 'invalid_union' ? kindsOf(root, raw, path.slice(0, -1)) : []
  const expected = kinds.length > 0 ? `one of ${kinds.join(', ')}` : expectation(schema)
  const candidates = kinds.length > 0 ? kinds : undefined
  return mustBe(`"${name}" in ${owner}`, expected, value, info.hint ?? nextStep(schema, value, candidates))
}

/** The key that `path` leads to, or the nearest key above it: elements of a pair of numbers are none of their own. */
function follow(root: Schema, raw: unknown, path: Path): { schema: Schema; path: Path; value: unknown } {
  let schema = root
  let value = raw
  for (const [depth, segment] of path.entries()) {
    const plain = inner(schema)
    if (plain instanceof z.ZodTuple) return { schema, path: path.slice(0, depth), value }
    const next = plain instanceof z.ZodArray ? entryOf(plain) : keysOf(schema, value)[String(segment)]
    // Inside one of several forms.
    if (next === undefined) return { schema, path: path.slice(0, depth), value }
    schema = next
    value = (value as Record<PropertyKey, unknown> | undefined)?.[segment]
  }
  return { schema, path, value }
}

function kindsOf(root: Schema, raw: unknown, path: Path): string[] {
  const union = inner(follow(root, raw, path).schema)
  if (!(union instanceof z.ZodDiscriminatedUnion)) return []
  return union.def.options.map((option) => String((keysOf(option)[union.def.discriminator] as z.ZodLiteral).value))
}

/** Names the mapping at `path`: `"save" in FILE`, `stage "rl" of FILE`, where the entries of `stages` are numbered until they have a name. */
function place(path: Path, raw: unknown, where: string): string {
  const last = path.at(-1)
  if (last === undefined) return where
  if (typeof last !== 'number') return `"${String(last)}" in ${place(path.slice(0, -1), raw, where)}`
  const entry = path.reduce<unknown>((value, segment) => (value as Record<PropertyKey, unknown> | undefined)?.[segment], raw)
  const name = (entry as ConfigObject | null | undefined)?.name
  const what = String(path.at(-2)).replace(/s$/, '')
  return `${what} ${typeof name === 'string' ? `"${name}"` : last + 1} of ${place(path.slice(0, -2), raw, where)}`
}

/** What a schema takes, as it stands after "must be". */
export function expectation(schema: Schema): string {
  if (isSwitched.has(schema)) return 'true, false or a mapping of keys to values'
  return inWords(z.toJSONSchema(inner(schema), { io: 'input', target: 'draft-7' }))
}

function inWords(json: z.core.JSONSchema.BaseSchema): string {
  if (json.anyOf) return listed((json.anyOf as (typeof json)[]).map(inWords))
  if (json.const !== undefined) return String(json.const)
  if (json.enum) return `one of ${json.enum.join(', ')}`
  if (json.type === 'boolean') return 'true or false'
  if (json.type === 'string') return json.pattern ? 'text that is not empty' : 'text'
  if (json.type === 'array' && Array.isArray(json.items))
    return `a list of ${json.items.length}, each ${inWords(json.items[0] as typeof json)}`
  if (json.type === 'array') return 'a list of one entry or more'
  if (json.type !== 'integer' && json.type !== 'number') return 'a mapping of keys to values'
  const bounds = {
    min: safe(json.minimum),
    max: safe(json.maximum),
    above: json.exclusiveMinimum as number,
    below: json.exclusiveMaximum as number,
  }
  return `${json.type === 'integer' ? 'an integer' : 'a number'}${range(bounds)}`
}

/** One of them: `a, b or c`. */
function listed(words: readonly string[]): string {
  return [words.slice(0, -1).join(', '), words.at(-1)].join(' or ')
}

/** zod bounds integers by what a double holds; nobody wants to read that. */
export function safe(bound: number | undefined): number | undefined {
  return bound !== undefined && Number.isSafeInteger(bound) && Math.abs(bound) === Number.MAX_SAFE_INTEGER ? undefined : bound
}

function nextStep(schema: Schema, value: unknown, candidates?: readonly string[]): string {
  const plain = inner(schema)
  const names = candidates ?? (plain instanceof z.ZodEnum ? plain.options.map(String) : undefined)
  if (names) {
    const nearest = typeof value === 'string' ? nearestName(value, names) : undefined
    return nearest ? `Did you mean "${nearest}"?` : 'Use one of them.'
  }
  if (plain instanceof z.ZodBoolean) return 'Write one of the two without quotes.'
  if (plain instanceof z.ZodString) return isRequired(schema) ? 'Put it in quotes.' : 'Put it in quotes or leave the key out.'
  if (plain instanceof z.ZodNumber) {
    const standard = defaultOf(schema)
    if (isRequired(schema)) return 'Correct it.'
    return `Correct it, or leave the key out for its default${standard === undefined ? '' : ` (${standard})`}.`
  }
  return 'Write it as "key: value" lines.'
}
