/** What the assertions of a suite refer to: `file://grade.ts:name`, `package:name:entity`, a text file. */

import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { isAbsolute, join, relative, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { ConfigError } from '../engine/errors.ts'
import { isObject } from '../json.ts'
import { nearestName } from '../nearest-name.ts'

/** An assertion as a promptfoo config writes it. */
export interface SuiteAssertion {
  type: string
  value?: unknown
  metric?: string
  weight?: number
  /** Of an assert-set. */
  assert?: SuiteAssertion[]
  [key: string]: unknown
}

/** Assertions and those within assert-sets, the set before its own. */
export const allAssertions = (assertions: readonly SuiteAssertion[]): SuiteAssertion[] =>
  assertions.flatMap((assertion) => [assertion, ...allAssertions(assertion.assert ?? [])])

export type GraderFunction = (output: unknown, context: object) => unknown

export interface ReferenceOptions {
  /** References are relative to this folder. */
  folder: string
  /** Makes `import()` understand TypeScript, or says that it cannot. A TypeScript file is then looked for and not loaded. */
  loadTypeScript(): Promise<boolean>
}

/** The function of a Python file that a reference without one means, by what the reference is. */
const PYTHON_DEFAULT = { value: 'get_assert', transform: 'get_transform' } as const

export const isReference = (value: unknown): value is string => typeof value === 'string' && /^(file:\/\/|package:)/.test(value)

/** What promptfoo reads files for in an assertion, and in the options of a test. */
const REFERRING = ['value', 'transform', 'contextTransform', 'rubricPrompt', 'provider']

/**
 * The same fields, whose files are found from anywhere. promptfoo looks for them from the working directory, and a process has one for all its
 * suites. Throws ConfigError where promptfoo could not read such a path.
 */
export function locatedIn<T extends object>(folder: string, fields: T): T {
  // promptfoo takes what follows the first colon for the name of a function.
  const base = folder.includes(':') ? relative(process.cwd(), folder) : resolve(folder)
  const located = (value: unknown, key: string): unknown => {
    if (Array.isArray(value)) return value.map((one) => located(one, key))
    // A schema is data; a grading provider is settings, which may name files.
    if (key === 'provider' && isObject(value))
      return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, located(one, key)]))
    if (typeof value !== 'string' || !value.startsWith('file://')) return value
    const path = value.slice('file://'.length)
    if (isAbsolute(path)) return value
    if (base.includes(':')) {
      throw new ConfigError(
        `promptfoo takes what follows a colon for the name of a function. Got ${value} in the folder ${folder}. Run the command in that folder, or rename it.`,
      )
    }
    return `file://${join(base, path)}`
  }
  return Object.fromEntries(Object.entries(fields).map(([key, value]) => [key, REFERRING.includes(key) ? located(value, key) : value])) as T
}

/**
 * The function behind a reference; undefined where promptfoo has to load it itself (Python, text files, a module that only its own resolver
 * reads). Python is not run: its text is looked through for the name. Throws ConfigError where there is no such file, package or function.
 */
export async function functionBehind(
  reference: string,
  options: ReferenceOptions,
  kind: keyof typeof PYTHON_DEFAULT = 'value',
): Promise<GraderFunction | undefined> {
  // A template is filled in by promptfoo.
  if (reference.includes('{{')) return undefined
  const inPackage = /^package:((?:@[^/:]+\/)?[^:]+):(.+)$/.exec(reference)
  const inFile = /^file:\/\/(.*?\.\w+)(?::(.+))?$/.exec(reference)
  if (!inPackage && !inFile) return undefined
  const names = (inPackage ?? inFile)![2]?.split('.') ?? []
  try {
    if (inFile && /\.py$/.test(inFile[1])) refuseUnnamed(existing(inFile[1], options), names.length > 0 ? names : [PYTHON_DEFAULT[kind]])
    const module = inPackage ? await importPackage(inPackage[1], options.folder) : await importFile(inFile![1], options)
    return module && functionOf(module, names)
  } catch (error) {
    throw new ConfigError(`An assertion refers to ${reference}, which is no function: ${(error as Error).message} Correct the reference.`, {
      cause: error,
    })
  }
}

function functionOf(module: Record<string, unknown>, names: readonly string[]): GraderFunction {
  // As promptfoo: where there is a default export, names are looked up on it.
  const outer = module.default as { default?: unknown } | undefined
  const home = (outer?.default ?? outer ?? module) as Record<string, unknown>
  const value = names.reduce<unknown>((at, name) => (at as Record<string, unknown> | undefined)?.[name], home)
  if (typeof value === 'function') return value as GraderFunction
  const exported = Object.keys(home)
  const nearest = nearestName(names.at(-1) ?? '', exported)
  const got = value === undefined ? 'it is not exported' : `it is a ${typeof value}`
  throw new Error(`${got}.${nearest ? ` Did you mean "${nearest}"?` : ''} Exported are: ${exported.join(', ')}.`)
}

type Module = Promise<Record<string, unknown> | undefined>

function existing(path: string, { folder }: ReferenceOptions): string {
  const file = resolve(folder, path)
  if (!existsSync(file)) throw new Error(`there is no file ${file}.`)
  return file
}

/** A name that stands nowhere in a Python file is no function of it, unless the file takes names from elsewhere. */
function refuseUnnamed(file: string, names: readonly string[]): void {
  const text = readFileSync(file, 'utf8')
  if (/\bimport[ \t]+\*|\bglobals\(|\bsetattr\(|\bexec\(|\b__getattr__\b/.test(text)) return
  const words = new Set(text.match(/\w+/g))
  const missing = names.find((name) => !words.has(name))
  if (missing === undefined) return
  const defined = [...text.matchAll(/^[ \t]*(?:async[ \t]+)?(?:def|class)[ \t]+(\w+)/gm)].map(([, name]) => name)
  const nearest = nearestName(missing, defined)
  throw new Error(
    `"${missing}" is not in it.${nearest ? ` Did you mean "${nearest}"?` : ''} Defined are: ${defined.join(', ') || 'no functions'}.`,
  )
}

async function importFile(path: string, options: ReferenceOptions): Module {
  const file = existing(path, options)
  if (/\.[cm]?ts$/.test(file)) {
    if (!(await options.loadTypeScript())) return undefined
  } else if (!/\.[cm]?js$/.test(file)) return undefined
  try {
    return await import(pathToFileURL(file).href)
  } catch (error) {
    // promptfoo runs CommonJS in a folder of ES modules too.
    if (file.endsWith('.js') && /(require|module|exports|__dirname|__filename) is not defined/.test(String(error))) return undefined
    throw error
  }
}

async function importPackage(name: string, folder: string): Module {
  let file: string
  try {
    file = createRequire(resolve(folder, 'package.json')).resolve(name)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_PACKAGE_PATH_NOT_EXPORTED') {
      throw new Error(`the package ${name} is not installed at ${resolve(folder)}.`, { cause: error })
    }
    const entry = entryForImport(name, folder)
    // promptfoo's own resolver may read it.
    if (entry === undefined) return undefined
    file = entry
  }
  return import(pathToFileURL(file).href)
}

/** The main entry of a package that `require` may not load. */
function entryForImport(name: string, folder: string): string | undefined {
  const homes = createRequire(resolve(folder, 'package.json')).resolve.paths(name) ?? []
  const home = homes.map((one) => join(one, name)).find((one) => existsSync(join(one, 'package.json')))
  if (home === undefined) return undefined
  const { exports } = JSON.parse(readFileSync(join(home, 'package.json'), 'utf8')) as { exports?: unknown }
  const entry = conditional(isObject(exports) && Object.hasOwn(exports, '.') ? exports['.'] : exports)
  return entry === undefined ? undefined : join(home, entry)
}

const CONDITIONS = new Set(['node', 'import', 'default'])

/** What `exports` names under the conditions of an import: the first that holds (https://nodejs.org/api/packages.html#conditional-exports). */
function conditional(target: unknown): string | undefined {
  if (typeof target === 'string') return target
  if (!isObject(target)) return undefined
  for (const [condition, one] of Object.entries(target)) {
    const found = CONDITIONS.has(condition) ? conditional(one) : undefined
    if (found !== undefined) return found
  }
  return undefined
}
