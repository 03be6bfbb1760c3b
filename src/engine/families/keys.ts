import { isObject, type JsonObject } from '../../json.ts'
import { own } from '../checkpoint/files.ts'
import { type Place, problem, show } from '../checkpoint/problem.ts'

/** What a file calls the value of a dotted key. */
export type KeyName = (key: string) => string

/** Typed look at the keys of one JSON object; null counts as absent. */
export class Keys {
  readonly object: JsonObject
  readonly file: string
  readonly prefix: string
  readonly #named: KeyName

  constructor(object: JsonObject, file: string, named: KeyName = (key) => key, prefix = '') {
    this.object = object
    this.file = file
    this.prefix = prefix
    this.#named = named
  }

  /** Where a key stands, for messages. */
  place(key: string): Place {
    return { file: this.file, key: this.#named(this.prefix + key) }
  }

  get(key: string): unknown {
    return own(this.object, key)
  }

  /** The error that says what was expected of a key and what it holds. */
  fail(key: string, expected: string, next?: string): Error {
    return this.failOf(key, this.get(key), expected, next)
  }

  /** The same where only a part of the value is wrong. */
  failOf(key: string, found: unknown, expected: string, next?: string): Error {
    return problem(this.place(key), expected, show(found), next)
  }

  number(key: string, fallback?: number): number {
    const value = this.get(key) ?? fallback
    if (typeof value !== 'number' || !Number.isFinite(value)) throw this.fail(key, 'a number')
    return value
  }

  /** A whole number, 1 or more. */
  count(key: string): number {
    const value = this.number(key)
    if (!(Number.isSafeInteger(value) && value >= 1)) throw this.fail(key, 'a whole number, 1 or more')
    return value
  }

  boolean(key: string, fallback: boolean): boolean {
    const value = this.get(key) ?? fallback
    if (typeof value !== 'boolean') throw this.fail(key, 'true or false')
    return value
  }

  part(key: string): Keys | undefined {
    const value = this.get(key)
    if (value === undefined) return undefined
    if (!isObject(value)) throw this.fail(key, 'an object or null')
    return new Keys(value, this.file, this.#named, `${this.prefix}${key}.`)
  }

  /** A value that may be left out and must be this one where it is given. */
  only(key: string, value: string | number | boolean, next: string): void {
    this.refuse(key, (given) => given === value, show(value), next)
  }

  refuse(key: string, harmless: (value: unknown) => boolean, expected: string, next: string): void {
    const value = this.get(key)
    if (value !== undefined && !harmless(value)) throw this.fail(key, expected, next)
  }
}
