import { str } from './text.ts'
import {
  Attributes,
  bind,
  Callable,
  equal,
  iterate,
  orUndefined,
  refuseUndefined,
  type Signature,
  Tuple,
  typeName,
  Undefined,
  type Value,
} from './values.ts'

/** Attributes, methods and items of values, as Python has them. Methods that change a value are not among them: the sandbox of transformers refuses those. */

/** What `str.strip` takes off: unlike JavaScript's trim the separators 1C to 1F and 85, and no byte order mark. */
const blanks = new Set(
  '\t\n\v\f\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000',
)

const lineEnds = /\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]/g

/** Takes characters off the ends of a text; blanks where none are given. */
export function strip(text: string, chars: Value | undefined, ends: 'both' | 'start' | 'end' = 'both'): string {
  const off = chars === undefined || chars === null ? blanks : new Set(asText(chars, 'strip'))
  const points = Array.from(text)
  let [from, to] = [0, points.length]
  if (ends !== 'end') while (from < to && off.has(points[from])) from++
  if (ends !== 'start') while (to > from && off.has(points[to - 1])) to--
  return points.slice(from, to).join('')
}

export function asText(value: Value | undefined, what: string): string {
  if (typeof value === 'string') return value
  throw new TypeError(`${what} needs a str, not ${value === undefined ? 'nothing' : typeName(value)}`)
}

export function asInteger(value: Value | undefined, fallback: number, what: string): number {
  if (value === undefined) return fallback
  if (typeof value === 'number' || typeof value === 'boolean') return Number(value)
  throw new TypeError(`${what} needs an int, not ${typeName(value)}`)
}

export function capitalize(text: string): string {
  const [first = '', ...rest] = Array.from(text)
  return first.toUpperCase() + rest.join('').toLowerCase()
}

export function replace(text: string, from: string, to: string, most: number): string {
  if (most < 0 && from !== '') return text.replaceAll(from, () => to)
  const parts = from === '' ? ['', ...Array.from(text), ''] : text.split(from)
  const head = most < 0 ? parts : parts.slice(0, most + 1)
  return [head.join(to), ...parts.slice(head.length)].join(from)
}

function split(text: string, separator: Value | undefined, most: number): string[] {
  if (separator !== undefined && separator !== null) {
    const by = asText(separator, 'split')
    if (by === '') throw new Error('empty separator')
    const parts = text.split(by)
    return most < 0 || parts.length <= most + 1 ? parts : [...parts.slice(0, most), parts.slice(most).join(by)]
  }
  const points = Array.from(text)
  const parts: string[] = []
  const skip = (from: number, over: boolean) => {
    let at = from
    while (at < points.length && blanks.has(points[at]) === over) at++
    return at
  }
  for (let at = skip(0, true); at < points.length; ) {
    const end = parts.length === most ? points.length : skip(at, false)
    parts.push(points.slice(at, end).join(''))
    at = skip(end, true)
  }
  return parts
}

function reversed(text: string): string {
  return Array.from(text).reverse().join('')
}

function rsplit(text: string, separator: Value | undefined, most: number): string[] {
  const by = typeof separator === 'string' ? reversed(separator) : separator
  const parts = split(reversed(text), by, most)
  return parts.map(reversed).reverse()
}

function partition(text: string, by: string, at: number): Tuple {
  if (at < 0) return Tuple.holding([text, '', ''])
  return Tuple.holding([text.slice(0, at), by, text.slice(at + by.length)])
}

function splitLines(text: string, keep: boolean): string[] {
  const lines: string[] = []
  let from = 0
  for (const { 0: end, index } of text.matchAll(lineEnds)) {
    lines.push(text.slice(from, keep ? index + end.length : index))
    from = index + end.length
  }
  return from < text.length ? [...lines, text.slice(from)] : lines
}

/** `str.format` without attributes and forms of numbers. */
function format(text: string, args: readonly Value[], named: ReadonlyMap<string, Value>): string {
  let next = 0
  return text.replace(/\{\{|\}\}|\{(\w*)\}|[{}]/g, (found, key: string | undefined) => {
    if (found === '{{' || found === '}}') return found[0]
    if (key === undefined) throw new Error('only {}, {0} and {name} can stand in a text that is formatted')
    const value = key === '' ? args[next++] : /^\d+$/.test(key) ? args[Number(key)] : named.get(key)
    if (value === undefined) throw new Error(`nothing is given for ${found}`)
    return str(value)
  })
}

/** Whether a text begins or ends with one of some texts. */
function edge(test: (part: string) => boolean, parts: Value | undefined, what: string): boolean {
  return (parts instanceof Tuple ? [...parts] : [parts]).some((part) => test(asText(part, what)))
}

/** Position in code points of a position in UTF-16. */
function point(text: string, at: number): number {
  return at < 0 ? at : Array.from(text.slice(0, at)).length
}

const every = (pattern: RegExp) => (text: string) => pattern.test(text)
const cased = (text: string, other: string) => text !== other && text.toLowerCase() !== text.toUpperCase()

const textMethods: Record<string, Signature<string>> = {
  strip: { names: ['chars'], run: (text, chars) => strip(text, chars) },
  lstrip: { names: ['chars'], run: (text, chars) => strip(text, chars, 'start') },
  rstrip: { names: ['chars'], run: (text, chars) => strip(text, chars, 'end') },
  upper: { names: [], run: (text) => text.toUpperCase() },
  lower: { names: [], run: (text) => text.toLowerCase() },
  capitalize: { names: [], run: capitalize },
  title: { names: [], run: (text) => text.toLowerCase().replace(/\p{L}+/gu, capitalize) },
  startswith: { names: ['prefix'], run: (text, parts) => edge((part) => text.startsWith(part), parts, 'startswith') },
  endswith: { names: ['suffix'], run: (text, parts) => edge((part) => text.endsWith(part), parts, 'endswith') },
  removeprefix: {
    names: ['prefix'],
    run: (text, part) => (text.startsWith(asText(part, 'removeprefix')) ? text.slice(asText(part, '').length) : text),
  },
  removesuffix: {
    names: ['suffix'],
    run: (text, part) => (text.endsWith(asText(part, 'removesuffix')) ? text.slice(0, text.length - asText(part, '').length) : text),
  },
  split: { names: ['sep', 'maxsplit'], run: (text, by, most) => split(text, by, asInteger(most, -1, 'split')) },
  rsplit: { names: ['sep', 'maxsplit'], run: (text, by, most) => rsplit(text, by, asInteger(most, -1, 'rsplit')) },
  splitlines: { names: ['keepends'], run: (text, keep) => splitLines(text, keep === true) },
  partition: { names: ['sep'], run: (text, by) => partition(text, asText(by, 'partition'), text.indexOf(asText(by, 'partition'))) },
  rpartition: {
    names: ['sep'],
    run: (text, by) => {
      const at = text.lastIndexOf(asText(by, 'rpartition'))
      return at < 0 ? Tuple.holding(['', '', text]) : partition(text, asText(by, 'rpartition'), at)
    },
  },
  replace: {
    names: ['old', 'new', 'count'],
    run: (text, from, to, count) => replace(text, asText(from, 'replace'), asText(to, 'replace'), asInteger(count, -1, 'replace')),
  },
  find: { names: ['sub'], run: (text, part) => point(text, text.indexOf(asText(part, 'find'))) },
  rfind: { names: ['sub'], run: (text, part) => point(text, text.lastIndexOf(asText(part, 'rfind'))) },
  count: {
    names: ['sub'],
    run: (text, part) => (part === '' ? Array.from(text).length + 1 : text.split(asText(part, 'count')).length - 1),
  },
  join: {
    names: ['iterable'],
    run: (text, items) =>
      iterate(items ?? null)
        .map((item) => asText(item, 'join'))
        .join(text),
  },
  isdigit: { names: [], run: every(/^[\p{Nd}²³¹⁰-⁹₀-₉]+$/u) },
  isalpha: { names: [], run: every(/^\p{L}+$/u) },
  isalnum: { names: [], run: every(/^[\p{L}\p{N}]+$/u) },
  isspace: { names: [], run: (text) => text !== '' && strip(text, undefined) === '' },
  isupper: { names: [], run: (text) => text === text.toUpperCase() && cased(text, text.toLowerCase()) },
  islower: { names: [], run: (text) => text === text.toLowerCase() && cased(text, text.toUpperCase()) },
}

const dictMethods: Record<string, Signature<Map<Value, Value>>> = {
  get: { names: ['key', 'default'], run: (dict, key = null, other = null) => (dict.has(key) ? dict.get(key)! : other) },
  items: { names: [], run: (dict) => [...dict].map((entry) => Tuple.holding(entry)) },
  keys: { names: [], run: (dict) => [...dict.keys()] },
  values: { names: [], run: (dict) => [...dict.values()] },
  copy: { names: [], run: (dict) => new Map(dict) },
}

const listMethods: Record<string, Signature<Value[]>> = {
  count: { names: ['value'], run: (list, value = null) => list.filter((item) => equal(item, value)).length },
  index: {
    names: ['value'],
    run: (list, value = null) => {
      const at = list.findIndex((item) => equal(item, value))
      if (at < 0) throw new Error('value is not in list')
      return at
    },
  },
  copy: { names: [], run: (list) => [...list] },
}

/** Attributes of a text, a list or a dictionary in Python that are no items of it, whether they are known here or not. */
const dictNames = new Set([...Object.keys(dictMethods), 'pop', 'popitem', 'update', 'setdefault', 'clear', 'fromkeys'])

function method<S extends Value>(table: Record<string, Signature<S>>, self: S, name: string): Value | undefined {
  const found = Object.hasOwn(table, name) ? table[name] : undefined
  return found && new Callable((args, named) => bind(found, self, name, args, named))
}

function methodOf(value: Value, name: string): Value | undefined {
  if (typeof value === 'string' && name === 'format') return new Callable((args, named) => format(value, args, named))
  if (typeof value === 'string') return method(textMethods, value, name)
  if (Array.isArray(value)) return method(listMethods, value, name)
  return value instanceof Map ? method(dictMethods, value, name) : undefined
}

/** `value.name`: an attribute, else an item. */
export function attribute(value: Value, name: string): Value {
  refuseUndefined(value)
  const what = `'${typeName(value)} object' has no attribute '${name}', which`
  if (value instanceof Attributes) return orUndefined(value.entries.get(name), what)
  const found = methodOf(value, name)
  return orUndefined(found ?? (value instanceof Map && !dictNames.has(name) ? value.get(name) : undefined), what)
}

/** `value[key]`: an item, else an attribute. */
export function item(value: Value, key: Value): Value {
  refuseUndefined(value)
  if (value instanceof Map && value.has(key)) return value.get(key)!
  if (typeof key === 'number' && (Array.isArray(value) || typeof value === 'string'))
    return orUndefined(
      (typeof value === 'string' ? Array.from(value) : value).at(key),
      `'${typeName(value)} object' has no element ${key}, which`,
    )
  if (typeof key !== 'string') return new Undefined(`'${typeName(value)} object' has no element of type ${typeName(key)}, which`)
  return attribute(value, key)
}
