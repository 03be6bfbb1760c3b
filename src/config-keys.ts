import { ConfigError } from './engine/errors.ts'
import { isObject } from './json.ts'
import { nearestName } from './nearest-name.ts'

/**
 * Reading of hand-written configuration: unknown keys and wrong values become one sentence that says where, what was
 * got and what to write instead. The tables of provider and trainer (config/) say theirs in the same words.
 */

/** A parsed YAML or JSON mapping. */
export type ConfigObject = Readonly<Record<string, unknown>>

/** `what` must be `expected`, but is `value`; `next` says what to do. */
export function mustBe(what: string, expected: string, value: unknown, next: string): ConfigError {
  return new ConfigError(`${what} must be ${expected}. Got ${show(value)}. ${next}`)
}

export function unknownKey(key: string, allowed: readonly string[], where: string): ConfigError {
  const nearest = nearestName(key, allowed)
  const next = nearest ? `Did you mean "${nearest}"?` : `Known keys: ${allowed.join(', ')}.`
  return new ConfigError(`Unknown key "${key}" in ${where}. ${next}`)
}

/** Throws `ConfigError` unless `value` is a mapping; returns it typed. */
export function readObject(value: unknown, where: string): ConfigObject {
  if (isObject(value)) return value
  throw mustBe(where, 'a mapping of keys to values', value, 'Write it as "key: value" lines.')
}

/** Throws `ConfigError` on the first key of `object` that is not in `allowed`, naming the nearest one. `where` says whose keys these are, e.g. `provider config`. */
export function checkKeys(object: object, allowed: readonly string[], where: string): void {
  for (const key of Object.keys(object)) if (!allowed.includes(key)) throw unknownKey(key, allowed, where)
}

export interface NumberBounds {
  min?: number
  max?: number
  /** The bound itself is not allowed. */
  above?: number
  below?: number
}

/** Integer at `key`, or `fallback` when the key is absent (undefined or null). Numeric strings count, as `{{env.X}}` renders to text. */
export function readInt<F extends number | undefined>(
  object: ConfigObject,
  key: string,
  fallback: F,
  where: string,
  bounds: NumberBounds = {},
): number | F {
  return readNumeric(object, key, fallback, where, bounds, true)
}

/** Finite number at `key`; otherwise as {@link readInt}. */
export function readNumber<F extends number | undefined>(
  object: ConfigObject,
  key: string,
  fallback: F,
  where: string,
  bounds: NumberBounds = {},
): number | F {
  return readNumeric(object, key, fallback, where, bounds, false)
}

/** One of `names` at `key`, or `fallback` when absent; the nearest name is suggested. */
export function readEnum<const N extends string, F extends N | undefined>(
  object: ConfigObject,
  key: string,
  fallback: F,
  where: string,
  names: readonly N[],
): N | F {
  const value = object[key]
  if (value === undefined || value === null) return fallback
  if (typeof value === 'string' && (names as readonly string[]).includes(value)) return value as N
  const nearest = typeof value === 'string' ? nearestName(value, names) : undefined
  throw mustBe(`"${key}" in ${where}`, `one of ${names.join(', ')}`, value, nearest ? `Did you mean "${nearest}"?` : 'Use one of them.')
}

/** Boolean at `key`, or `fallback` when absent. The texts "true" and "false" count, as `{{env.X}}` renders to text. */
export function readBoolean<F extends boolean | undefined>(object: ConfigObject, key: string, fallback: F, where: string): boolean | F {
  const value = object[key]
  if (value === undefined || value === null) return fallback
  if (typeof value === 'boolean') return value
  if (value === 'true') return true
  if (value === 'false') return false
  throw mustBe(`"${key}" in ${where}`, 'true or false', value, 'Write one of the two without quotes.')
}

function readNumeric<F extends number | undefined>(
  object: ConfigObject,
  key: string,
  fallback: F,
  where: string,
  bounds: NumberBounds,
  integer: boolean,
): number | F {
  const value = object[key]
  if (value === undefined || value === null) return fallback
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value
  const ok =
    typeof number === 'number' &&
    (integer ? Number.isSafeInteger(number) : Number.isFinite(number)) &&
    (bounds.min === undefined || number >= bounds.min) &&
    (bounds.max === undefined || number <= bounds.max) &&
    (bounds.above === undefined || number > bounds.above) &&
    (bounds.below === undefined || number < bounds.below)
  if (ok) return number
  const expected = `${integer ? 'an integer' : 'a number'}${range(bounds)}`
  const standard = fallback === undefined ? '' : ` (${fallback})`
  throw mustBe(`"${key}" in ${where}`, expected, value, `Correct it, or leave the key out for its default${standard}.`)
}

/** Bounds as they stand after the kind of number: ` from 1 to 16`. */
export function range({ min, max, above, below }: NumberBounds): string {
  const parts: string[] = []
  if (above !== undefined) parts.push(`above ${above}`)
  if (min !== undefined && max !== undefined) parts.push(`from ${min} to ${max}`)
  else if (min !== undefined && below !== undefined) parts.push(`from ${min} to below ${below}`)
  else if (min !== undefined) parts.push(`of ${min} or more`)
  else if (max !== undefined) parts.push(`of ${max} or less`)
  return parts.length > 0 ? ` ${parts.join(', ')}` : ''
}

function show(value: unknown): string {
  const text =
    typeof value === 'string' ? JSON.stringify(value) : typeof value === 'object' && value !== null ? JSON.stringify(value) : String(value)
  return text.length > 80 ? `${text.slice(0, 77)}…` : text
}
