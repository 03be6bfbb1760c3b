import { asInteger, asText, capitalize, item, replace, strip } from './methods.ts'
import { type JsonForm, str, toJson } from './text.ts'
import {
  bind,
  Callable,
  compare,
  contains,
  equal,
  Float,
  Iterated,
  iterate,
  lengthOf,
  numberOf,
  orUndefined,
  refuseUndefined,
  type Signature,
  Tuple,
  truthy,
  typeName,
  Undefined,
  type Value,
  whole,
} from './values.ts'

/** Filters (`value | name`) and tests (`value is name`) of Jinja 3.1, with `tojson` as transformers gives it. */

type Test = (value: Value, other: Value) => boolean

const isNumber: Test = (value) => numberOf(value) !== undefined

const order =
  (holds: (sign: number) => boolean): Test =>
  (value, other) =>
    holds(compare(value, other))

const parity =
  (rest: number): Test =>
  (value) => {
    const number = numberOf(value)
    if (number === undefined) throw new TypeError(`a ${typeName(value)} is neither odd nor even`)
    return Math.abs(number % 2) === rest
  }

const lower = (value: Value) => str(value).toLowerCase()
const upper = (value: Value) => str(value).toUpperCase()

const isSequence: Test = (value) => typeof value === 'string' || Array.isArray(value) || value instanceof Map || value instanceof Undefined

const plain: Record<string, Test> = {
  boolean: (value) => typeof value === 'boolean',
  callable: (value) => value instanceof Callable,
  defined: (value) => !(value instanceof Undefined),
  undefined: (value) => value instanceof Undefined,
  divisibleby: (value, by) => asInteger(value, 0, 'divisibleby') % asInteger(by, 0, 'divisibleby') === 0,
  even: parity(0),
  odd: parity(1),
  false: (value) => value === false,
  true: (value) => value === true,
  float: (value) => value instanceof Float,
  integer: (value) => typeof value === 'number',
  number: isNumber,
  iterable: (value) => isSequence(value, null) || value instanceof Iterated,
  sequence: isSequence,
  mapping: (value) => value instanceof Map,
  string: (value) => typeof value === 'string',
  none: (value) => value === null,
  lower: (value) => str(value) === lower(value) && lower(value) !== upper(value),
  upper: (value) => str(value) === upper(value) && lower(value) !== upper(value),
  eq: equal,
  ne: (value, other) => !equal(value, other),
  lt: order((sign) => sign < 0),
  le: order((sign) => sign <= 0),
  gt: order((sign) => sign > 0),
  ge: order((sign) => sign >= 0),
  in: (value, list) => contains(list, value),
  sameas: (value, other) => value === other,
}

const tests: Record<string, Test> = {
  ...plain,
  ...{ equalto: plain.eq, '==': plain.eq, '!=': plain.ne, '<': plain.lt, lessthan: plain.lt, '<=': plain.le },
  ...{ '>': plain.gt, greaterthan: plain.gt, '>=': plain.ge },
}

export function testNamed(name: string): Test {
  if (Object.hasOwn(tests, name)) return tests[name]
  throw new Error(`there is no test called ${name}`)
}

/** What an attribute path such as `function.name` or `0` finds. `fallback` stands for any part that is not there. */
function follow(value: Value, path: Value, fallback?: Value): Value {
  const parts = typeof path === 'number' ? [path] : asText(path, 'attribute').split('.')
  return parts.reduce<Value>((owner, part) => {
    const found = item(owner, typeof part === 'string' && /^\d+$/.test(part) ? Number(part) : part)
    return found instanceof Undefined && fallback !== undefined ? fallback : found
  }, value)
}

/** Text is ordered and compared without regard to case unless asked otherwise. */
const folded = (value: Value, caseSensitive: Value | undefined) =>
  typeof value === 'string' && caseSensitive !== true ? value.toLowerCase() : value

function sorted(items: readonly Value[], key: (value: Value) => Value, reverse: Value | undefined): Value[] {
  const sign = truthy(reverse ?? false) ? -1 : 1
  return items
    .map((value) => ({ value, key: key(value) }))
    .sort((a, b) => sign * compare(a.key, b.key))
    .map(({ value }) => value)
}

const keyOf = (path: Value | undefined, caseSensitive: Value | undefined) => (value: Value) =>
  folded(path === undefined || path === null ? value : follow(value, path), caseSensitive)

function extreme(sign: 1 | -1): Signature {
  return {
    names: ['case_sensitive', 'attribute'],
    run(value, caseSensitive, path) {
      const key = keyOf(path, caseSensitive)
      const [first = new Undefined('the smallest or largest of nothing'), ...rest] = iterate(value)
      return rest.reduce((best, other) => (sign * compare(key(other), key(best)) > 0 ? other : best), first)
    },
  }
}

function toInteger(value: Value, fallback: Value = 0): Value {
  const number = typeof value === 'string' ? parsed(value) : numberOf(value)
  return number === undefined || !Number.isFinite(number) ? fallback : whole(Math.trunc(number))
}

function toFloat(value: Value, fallback: Value = new Float(0)): Value {
  const number = typeof value === 'string' ? parsed(value) : numberOf(value)
  return number === undefined ? fallback : new Float(number)
}

/** A decimal number as Python reads it, with blanks around it and underscores between digits. */
function parsed(text: string): number | undefined {
  const digits = strip(text, undefined)
  return /^[+-]?(\d+(_\d+)*\.?(\d+(_\d+)*)?|\.\d+(_\d+)*)([eE][+-]?\d+)?$/.test(digits) ? Number(digits.replaceAll('_', '')) : undefined
}

/** Python rounds halves to the even neighbour. */
function round(value: Value, precision: Value | undefined, method: Value | undefined): Value {
  const number = numberOf(value)
  if (number === undefined) throw new TypeError(`a ${typeName(value)} cannot be rounded`)
  const scale = 10 ** asInteger(precision, 0, 'round')
  const scaled = number * scale
  const near = Math.round(scaled)
  const even = Math.abs(scaled % 1) === 0.5 && near % 2 !== 0 ? near - 1 : near
  return new Float((method === 'ceil' ? Math.ceil(scaled) : method === 'floor' ? Math.floor(scaled) : even) / scale)
}

function indent(text: string, width: Value | undefined, first: Value | undefined, blank: Value | undefined): string {
  const by = typeof width === 'string' ? width : ' '.repeat(asInteger(width, 4, 'indent'))
  const [start, ...rest] = text.split('\n')
  const lines = rest.map((line) => (line !== '' || truthy(blank ?? false) ? by + line : line))
  return [truthy(first ?? false) ? by + start : start, ...lines].join('\n')
}

function json(value: Value, ...[ensureAscii, width, separators, sortKeys]: (Value | undefined)[]): string {
  const level =
    typeof width === 'string' ? width : width === undefined || width === null ? undefined : ' '.repeat(asInteger(width, 0, 'indent'))
  const pair = Array.isArray(separators) ? separators.map((part) => asText(part, 'separators')) : [level === undefined ? ', ' : ',', ': ']
  const form: JsonForm = {
    ensureAscii: truthy(ensureAscii ?? false),
    ...(level !== undefined && { indent: level }),
    separators: [pair[0], pair[1]],
    sortKeys: truthy(sortKeys ?? false),
  }
  return toJson(value, form)
}

const of = (run: (value: Value) => Value): Signature => ({ names: [], run })
const length = of((value) => lengthOf(value))
const orElse: Signature = {
  names: ['default_value', 'boolean'],
  run: (value, other = '', boolean = false) => (value instanceof Undefined || (truthy(boolean) && !truthy(value)) ? other : value),
}
const escaped = of((value) =>
  str(value).replace(/[&<>'"]/g, (char) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', "'": '&#39;', '"': '&#34;' })[char] as string),
)

const filters: Record<string, Signature> = {
  abs: of((value) => (value instanceof Float ? new Float(Math.abs(value.value)) : Math.abs(asInteger(value, 0, 'abs')))),
  capitalize: of((value) => capitalize(str(value))),
  ...{ length, count: length, default: orElse, d: orElse, e: escaped, escape: escaped },
  dictsort: {
    names: ['case_sensitive', 'by', 'reverse'],
    run(value, caseSensitive, by, reverse) {
      if (!(value instanceof Map)) throw new TypeError(`a ${typeName(value)} cannot be sorted by its keys`)
      const entries = [...value].map((entry) => Tuple.holding(entry))
      return sorted(entries, (entry) => folded((entry as Tuple)[by === 'value' ? 1 : 0], caseSensitive), reverse)
    },
  },
  first: of((value) => orUndefined(iterate(value)[0], 'the first of nothing')),
  last: of((value) => orUndefined(iterate(value).at(-1), 'the last of nothing')),
  float: { names: ['default'], run: toFloat },
  int: { names: ['default'], run: toInteger },
  indent: { names: ['width', 'first', 'blank'], run: (value, ...rest) => indent(str(value), rest[0], rest[1], rest[2]) },
  items: of((value) => {
    if (value instanceof Undefined) return []
    if (!(value instanceof Map)) throw new TypeError(`a ${typeName(value)} has no items`)
    return [...value].map((entry) => Tuple.holding(entry))
  }),
  join: {
    names: ['d', 'attribute'],
    run: (value, by = '', path) =>
      iterate(value)
        .map((each) => str(path === undefined || path === null ? each : follow(each, path)))
        .join(str(by)),
  },
  list: of((value) => [...iterate(value)]),
  lower: of(lower),
  upper: of(upper),
  max: extreme(1),
  min: extreme(-1),
  replace: {
    names: ['old', 'new', 'count'],
    run: (value, old, by, count) => replace(str(value), str(old ?? ''), str(by ?? ''), asInteger(count ?? undefined, -1, 'replace')),
  },
  reverse: of((value) => (typeof value === 'string' ? Array.from(value).reverse().join('') : new Iterated([...iterate(value)].reverse()))),
  round: { names: ['precision', 'method'], run: round },
  safe: of((value) => str(value)),
  sort: {
    names: ['reverse', 'case_sensitive', 'attribute'],
    run: (value, reverse, caseSensitive, path) => sorted(iterate(value), keyOf(path, caseSensitive), reverse),
  },
  string: of((value) => str(value)),
  sum: {
    names: ['attribute', 'start'],
    run: (value, path, start = 0) =>
      iterate(value)
        .map((each) => (path === undefined || path === null ? each : follow(each, path)))
        .reduce((sum: Value, each) => {
          const [a, b] = [numberOf(sum), numberOf(each)]
          if (a === undefined || b === undefined) throw new TypeError(`a ${typeName(each)} cannot be added to a sum`)
          return sum instanceof Float || each instanceof Float ? new Float(a + b) : whole(a + b)
        }, start),
  },
  title: of((value) => str(value).replace(/[^\-\s({[<]+/gu, capitalize)),
  tojson: { names: ['ensure_ascii', 'indent', 'separators', 'sort_keys'], run: json },
  trim: { names: ['chars'], run: (value, chars) => strip(str(value), chars) },
  unique: {
    names: ['case_sensitive', 'attribute'],
    run(value, caseSensitive, path) {
      const key = keyOf(path, caseSensitive)
      const seen: Value[] = []
      const fresh = (each: Value) => !seen.some((other) => equal(other, key(each))) && seen.push(key(each)) > 0
      return new Iterated(iterate(value).filter(fresh))
    },
  },
}

/** Applies a filter. Those of Jinja that no chat template is known to use are refused by name. */
export function applyFilter(name: string, value: Value, args: readonly Value[], named: ReadonlyMap<string, Value>): Value {
  if (name === 'map') return new Iterated(truthy(value) ? iterate(value).map(mapping(args, named)) : [])
  if (/^(select|reject)(attr)?$/.test(name)) {
    const keep = name.startsWith('select')
    const test = predicate(args, name.endsWith('attr'))
    return new Iterated(truthy(value) ? iterate(value).filter((each) => test(each) === keep) : [])
  }
  if (!Object.hasOwn(filters, name)) throw new Error(`there is no filter called ${name}`)
  if (name === 'abs' || name === 'int') refuseUndefined(value)
  return bind(filters[name], value, name, args, named)
}

function mapping([name, ...rest]: readonly Value[], named: ReadonlyMap<string, Value>): (value: Value) => Value {
  const path = named.get('attribute')
  if (name !== undefined) return (value) => applyFilter(asText(name, 'map'), value, rest, named)
  if (path === undefined) throw new TypeError('map needs a filter or an attribute')
  return (value) => follow(value, path, named.get('default'))
}

function predicate(args: readonly Value[], byAttribute: boolean): (value: Value) => boolean {
  const [path, rest] = byAttribute ? [args[0], args.slice(1)] : [undefined, args]
  const [name, other = null] = rest
  const test = name === undefined ? truthy : testNamed(asText(name, 'select'))
  return (value) => test(path === undefined ? value : follow(value, path), other)
}
