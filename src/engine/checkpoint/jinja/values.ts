/**
 * Values of a template and what Python does with them. Text, numbers, true, false and null are JavaScript's own. A whole number is
 * a number, any other a {@link Float}. Lists are arrays and dictionaries are maps.
 */

export type Value = string | number | boolean | null | Value[] | Map<Value, Value> | Float | Undefined | Iterated | Attributes | Callable

export class Float {
  readonly value: number
  constructor(value: number) {
    this.value = value
  }
}

export class Tuple extends Array<Value> {
  static holding(items: readonly Value[]): Tuple {
    return Object.setPrototypeOf([...items], Tuple.prototype) as Tuple
  }
}

/** A name or an attribute that is not there. It is empty text, and an error as soon as it is used for more. */
export class Undefined {
  readonly what: string
  constructor(what: string) {
    this.what = what
  }
}

/** What filters such as `map` and `select` give: true even when it is empty, without a length. */
export class Iterated {
  readonly items: readonly Value[]
  constructor(items: readonly Value[]) {
    this.items = items
  }
}

/** A value that may not be there. None is one. */
export function orUndefined(value: Value | undefined, what: string): Value {
  return value === undefined ? new Undefined(what) : value
}

/** The variable `loop`. */
export class Attributes {
  readonly entries: Map<string, Value>
  constructor(entries: Map<string, Value>) {
    this.entries = entries
  }
}

/** Attributes that a template may set. */
export class Namespace extends Attributes {}

export class Callable {
  readonly call: (args: readonly Value[], named: ReadonlyMap<string, Value>) => Value
  constructor(call: Callable['call']) {
    this.call = call
  }
}

/** Names that a function takes, in order, and what it does. An argument that is not given is JavaScript's undefined. */
export interface Signature<Self extends Value = Value> {
  names: readonly string[]
  run(self: Self, ...args: (Value | undefined)[]): Value
}

/** Calls a function of a known signature. Throws TypeError where the arguments are not its own. */
export function bind<S extends Value>(
  { names, run }: Signature<S>,
  self: S,
  what: string,
  args: readonly Value[],
  named: ReadonlyMap<string, Value>,
): Value {
  if (args.length > names.length) throw new TypeError(`${what} takes ${names.length} arguments at most, not ${args.length}`)
  const all = names.map((name, i) => (i < args.length ? args[i] : named.get(name)))
  for (const name of named.keys()) {
    const at = names.indexOf(name)
    if (at < 0 || at < args.length) throw new TypeError(`${what} got an argument ${name} that it cannot take`)
  }
  return run(self, ...all)
}

/** A value of JavaScript (JSON) as a template sees it. */
export function toValue(input: unknown): Value {
  if (input === undefined) return new Undefined('a variable')
  if (input === null || typeof input === 'string' || typeof input === 'boolean') return input
  if (typeof input === 'number') return Number.isInteger(input) ? input : new Float(input)
  if (Array.isArray(input)) return input.map(toValue)
  if (input instanceof Callable) return input
  return new Map(Object.entries(input as object).map(([key, value]) => [key, toValue(value)]))
}

export function typeName(value: Value): string {
  if (value === null) return 'NoneType'
  switch (typeof value) {
    case 'string':
      return 'str'
    case 'number':
      return 'int'
    case 'boolean':
      return 'bool'
  }
  if (value instanceof Tuple) return 'tuple'
  if (Array.isArray(value)) return 'list'
  if (value instanceof Map) return 'dict'
  return value.constructor.name.toLowerCase()
}

/** Throws the error of Python's Jinja where a value is used that is not there. */
export function refuseUndefined(value: Value): void {
  if (value instanceof Undefined) throw new Error(`${value.what} is undefined`)
}

export function truthy(value: Value): boolean {
  if (value instanceof Float) return value.value !== 0
  if (Array.isArray(value)) return value.length > 0
  if (value instanceof Map) return value.size > 0
  return !(value instanceof Undefined) && (typeof value === 'object' ? value !== null : Boolean(value))
}

/** The number of an int, a float or a bool, else undefined. */
export function numberOf(value: Value | undefined): number | undefined {
  if (typeof value === 'number') return value
  if (typeof value === 'boolean') return Number(value)
  return value instanceof Float ? value.value : undefined
}

export function equal(a: Value, b: Value): boolean {
  const [x, y] = [numberOf(a), numberOf(b)]
  if (x !== undefined || y !== undefined) return x === y
  if (a instanceof Undefined) return b instanceof Undefined
  if (Array.isArray(a) && Array.isArray(b))
    return a instanceof Tuple === b instanceof Tuple && a.length === b.length && a.every((item, i) => equal(item, b[i]))
  if (a instanceof Map && b instanceof Map)
    return a.size === b.size && [...a].every(([key, item]) => b.has(key) && equal(item, b.get(key)!))
  return a === b
}

/** Negative, 0 or positive. Text is compared by code points. Throws TypeError where Python has no order. */
export function compare(a: Value, b: Value): number {
  refuseUndefined(a)
  refuseUndefined(b)
  const [x, y] = [numberOf(a), numberOf(b)]
  if (x !== undefined && y !== undefined) return x - y
  if (typeof a === 'string' && typeof b === 'string') return a === b ? 0 : compareText(Array.from(a), Array.from(b))
  if (Array.isArray(a) && Array.isArray(b)) {
    const at = a.findIndex((item, i) => i >= b.length || !equal(item, b[i]))
    return at < 0 ? a.length - b.length : at >= b.length ? 1 : compare(a[at], b[at])
  }
  throw new TypeError(`${typeName(a)} and ${typeName(b)} have no order`)
}

function compareText(a: readonly string[], b: readonly string[]): number {
  const at = a.findIndex((char, i) => char !== b[i])
  if (at < 0 || at >= b.length) return a.length - b.length
  return a[at].codePointAt(0)! - b[at].codePointAt(0)!
}

/** The items of a value that can be looped over. Text gives its characters, a dictionary its keys. */
export function iterate(value: Value): readonly Value[] {
  if (Array.isArray(value)) return value
  if (typeof value === 'string') return Array.from(value)
  if (value instanceof Map) return [...value.keys()]
  if (value instanceof Iterated) return value.items
  if (value instanceof Undefined) return []
  throw new TypeError(`a ${typeName(value)} cannot be looped over`)
}

export function lengthOf(value: Value): number {
  if (typeof value === 'string' || Array.isArray(value) || value instanceof Map || value instanceof Undefined) return iterate(value).length
  throw new TypeError(`a ${typeName(value)} has no length`)
}

export function contains(container: Value, item: Value): boolean {
  if (typeof container === 'string') {
    if (typeof item !== 'string') throw new TypeError(`a str holds no ${typeName(item)}`)
    return container.includes(item)
  }
  return container instanceof Map ? container.has(item) : iterate(container).some((other) => equal(other, item))
}

/** Whole numbers that JavaScript keeps exactly. */
export function whole(value: number): number {
  if (!Number.isSafeInteger(value)) throw new RangeError(`a whole number of a template leaves ±2^53: ${value}`)
  return value
}
