/**
 * Configuration as a table: every key stands once, with what it may be (a zod schema), its default and one line for its
 * reader. From the table come the TypeScript type, the check and its errors (check.ts), the JSON Schema and the page (page.ts).
 */

import { z } from 'zod'
import type { NumberBounds } from '../config-keys.ts'

/** What a key says of itself beside what it may be. */
interface KeyInfo {
  /** One line for the reader of the page; also said where a required key is missing. */
  about: string
  unit?: string
  /** What holds where the key is absent and its schema has no default. */
  absent?: string
  /** Next step in the error for a wrong value, instead of the usual one. */
  hint?: string
  /**
   * What a change means to a run that goes on. Absent: other numbers, so it is refused. `free`: no number depends on the key
   * (places, threads, saves). `length`: earlier numbers stay, the run gets longer or shorter.
   */
  change?: 'free' | 'length'
  /** Came after provenance was first written: at its default it is left out of the hash, so that the hash of older files stays. */
  newer?: boolean
  /** Stands among the settings that a run begins with also where the file leaves it to its default. */
  usual?: boolean
  /** A list that a file may give as its one entry. Who reads it makes a list of that. */
  orOne?: boolean
}

/** Any schema, as zod's own parts hold it. */
export type Schema = z.core.$ZodType

export const keyInfo = z.registry<KeyInfo, Schema>()

/** `schema` as a key of a table. */
export function key<S extends z.ZodType>(schema: S, about: string, more: Omit<KeyInfo, 'about'> = {}): S {
  keyInfo.add(schema, { about, ...more })
  return schema
}

/** Numeric text counts as a number, as `{{env.X}}` renders to text. */
const fromText = (value: unknown): unknown =>
  typeof value === 'string' && value.trim() !== '' && !Number.isNaN(Number(value)) ? Number(value) : value

export const int = (bounds: NumberBounds = {}) => z.preprocess(fromText, bounded(z.int(), bounds))

export const number = (bounds: NumberBounds = {}) => z.preprocess(fromText, bounded(z.number(), bounds))

function bounded<N extends z.ZodNumber>(plain: N, { min, max, above, below }: NumberBounds): N {
  let schema = plain
  if (min !== undefined) schema = schema.min(min)
  if (max !== undefined) schema = schema.max(max)
  if (above !== undefined) schema = schema.gt(above)
  if (below !== undefined) schema = schema.lt(below)
  return schema
}

/** True or false, also as text. */
export const flag = () => z.preprocess((value) => (value === 'true' ? true : value === 'false' ? false : value), z.boolean())

/** `auto`, false, or a number of so many. */
export const autoOrCount = (bounds: NumberBounds) =>
  z.preprocess(
    (value) => (value === 'false' ? false : fromText(value)),
    z.union([z.literal('auto'), z.literal(false), bounded(z.int(), bounds)]),
  )

/** Text that is not empty. */
export const text = () => z.string().regex(/\S/)

export const choice = <const N extends string>(names: readonly N[]) => z.enum(names)

/** A mapping with these keys and no others. */
export const mapping = <S extends z.ZodRawShape>(shape: S) => z.strictObject(shape)

/** Mappings that `true` and `false` stand for. */
export const isSwitched = z.registry<{ switched: true }, Schema>()

/** A mapping whose defaults `true` stands for, as does leaving it out; `false` stands for `off`. */
export function switched<S extends z.ZodObject>(keys: S, off: z.input<S>) {
  const schema = z
    .preprocess((value) => (value === true || value === 'true' ? {} : value === false || value === 'false' ? off : value), keys)
    .prefault({})
  isSwitched.add(schema, { switched: true })
  return schema
}

/** `T` where the keys `K` that may be absent in the file are filled in. */
export type Filled<T, K extends keyof T> = Omit<T, K> & { [P in K]-?: NonNullable<T[P]> }

/** What stands inside optional, default and reading of text. */
export function inner(schema: Schema): Schema {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault) return inner(schema.unwrap())
  if (schema instanceof z.ZodPipe) return inner(schema.out)
  return schema
}

/** The default in the schema; undefined where there is none. */
export function defaultOf(schema: Schema): unknown {
  return schema instanceof z.ZodDefault ? schema.def.defaultValue : undefined
}

/** Whether a file must have the key. */
export function isRequired(schema: Schema): boolean {
  return !(schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault)
}

/** What an entry of a list is. */
export function entryOf(list: Schema): Schema {
  return (inner(list) as z.ZodArray).element
}

/** The keys of a mapping in the order of the table; of entries of a list by their kind, `value` being one. */
export function keysOf(schema: Schema, value?: unknown): Record<string, Schema> {
  const plain = inner(schema)
  if (plain instanceof z.ZodObject) return plain.shape
  if (plain instanceof z.ZodDiscriminatedUnion) {
    const { discriminator, options } = plain.def
    const shapes = options.map((option) => keysOf(option))
    const kind = (value as Record<string, unknown> | null | undefined)?.[discriminator]
    return shapes.find((shape) => (shape[discriminator] as z.ZodLiteral).value === kind) ?? shapes[0]
  }
  return {}
}
