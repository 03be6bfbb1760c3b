import { problem, show } from '../checkpoint/problem.ts'
import type { GgufValue } from './types.ts'

/** The keys of a GGUF file with their values, and typed looks at them. An error names file, key, what was expected and what stands there. */
export class GgufMetadata {
  /** The file, for messages. */
  readonly file: string
  readonly #values: ReadonlyMap<string, GgufValue>

  constructor(file: string, values: ReadonlyMap<string, GgufValue>) {
    this.file = file
    this.#values = values
  }

  get(key: string): GgufValue | undefined {
    return this.#values.get(key)
  }

  keys(): IterableIterator<string> {
    return this.#values.keys()
  }

  /** The error that says what was expected of a key and what it holds. */
  fail(key: string, expected: string, next?: string): Error {
    return problem({ file: this.file, key }, expected, showValue(this.get(key)), next)
  }

  string(key: string): string | undefined {
    return this.#typed(key, 'text', (value) => (typeof value === 'string' ? value : undefined))
  }

  boolean(key: string): boolean | undefined {
    return this.#typed(key, 'true or false', (value) => (typeof value === 'boolean' ? value : undefined))
  }

  /** A finite number. */
  number(key: string): number | undefined {
    return this.#typed(key, 'a number', (value) => (typeof value === 'number' && Number.isFinite(value) ? value : undefined))
  }

  /** A whole number, 0 or more. */
  count(key: string): number | undefined {
    const isCount = (value: GgufValue): value is number => typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
    return this.#typed(key, 'a whole number, 0 or more', (value) => (isCount(value) ? value : undefined))
  }

  strings(key: string): readonly string[] | undefined {
    return this.#typed(key, 'an array of texts', (value) => (isStrings(value) ? value : undefined))
  }

  /** An array of numbers, as plain ones; 0 and 1 where it is of bool. */
  numbers(key: string): readonly number[] | undefined {
    return this.#typed(key, 'an array of numbers', (value) =>
      typeof value === 'object' && !isStrings(value) ? Array.from(value, Number) : undefined,
    )
  }

  #typed<T>(key: string, expected: string, read: (value: GgufValue) => T | undefined): T | undefined {
    const value = this.get(key)
    if (value === undefined) return undefined
    const typed = read(value)
    if (typed === undefined) throw this.fail(key, expected)
    return typed
  }
}

function isStrings(value: GgufValue): value is readonly string[] {
  return Array.isArray(value)
}

/** A message shows the beginning of a list: it may have a million entries. */
function showValue(value: GgufValue | undefined): string {
  if (typeof value !== 'object') return show(value)
  return `an array of ${value.length}, ${show(Array.from<unknown>(value.slice(0, 8)).map((one) => (typeof one === 'bigint' ? `${one}` : one)))}`
}
