/** From serve.yaml to a checked configuration with its API keys. */

import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { check } from '../config/check.ts'
import { fromEnvironment, readYaml } from '../config/file.ts'
import { ConfigError } from '../engine/errors.ts'
import { isObject } from '../json.ts'
import { isLoopback } from '../listening.ts'
import { type ServeConfig, serveSchema } from './config.ts'

/** What the command line says in place of the file. */
interface ServeOverrides {
  host?: string
  port?: string
}

/** Throws ConfigError. */
export function readServeConfig(file: string, { host, port }: ServeOverrides = {}): ServeConfig {
  const path = resolve(file)
  const raw = readYaml(path, 'serve file')
  const given = { ...(host !== undefined && { host }), ...(port !== undefined && { port }) }
  return parseServeConfig(isObject(raw) ? { ...raw, ...given } : raw, path)
}

/** Checks a parsed file; relative paths are resolved against its folder. Throws ConfigError. */
export function parseServeConfig(raw: unknown, file: string): ServeConfig {
  const folder = dirname(file)
  const { keyVariable, keyFile, ...config } = check(serveSchema, raw, file)
  const { models, suites, host } = config
  if (models.length === 0 && suites.length === 0) {
    throw new ConfigError(`${file} names nothing to serve. Got neither "models" nor "suites". Add one of them.`)
  }
  for (const [what, entries] of [['models', models] as const, ['suites', suites] as const]) {
    const names = entries.map(({ name }) => name)
    const twice = names.find((name, i) => names.indexOf(name) !== i)
    if (twice !== undefined) throw new ConfigError(`Two ${what} of ${file} are called "${twice}". Give each a name of its own.`)
  }
  const keys = apiKeys({ keyVariable, keyFile: keyFile && resolve(folder, keyFile) }, file)
  if (keys.length === 0 && !isLoopback(host)) {
    throw new ConfigError(
      `"host" in ${file} lets other machines ask, which needs an API key. Got ${JSON.stringify(host)} and no key. Name keyVariable or keyFile, or listen at 127.0.0.1.`,
    )
  }
  return {
    ...config,
    file,
    folder,
    keys,
    models: models.map((model) => ({ ...model, checkpoint: fromEnvironment(model.checkpoint, `model "${model.name}" of ${file}`) })),
    suites: suites.map((suite) => ({ ...suite, suite: resolve(folder, suite.suite) })),
  }
}

const LEAST_CHARACTERS = 16

function apiKeys({ keyVariable, keyFile }: { keyVariable?: string; keyFile?: string }, file: string): string[] {
  const keys = [
    ...(keyVariable === undefined ? [] : [inVariable(keyVariable, file)]),
    ...(keyFile === undefined ? [] : inFile(keyFile, file)),
  ]
  for (const key of keys) {
    // The key itself is told to nobody.
    if (key.length >= LEAST_CHARACTERS && /^[\x21-\x7e]+$/.test(key)) continue
    throw new ConfigError(
      `An API key of ${file} must have ${LEAST_CHARACTERS} or more characters, letters, digits and signs without blanks. Got one with ${key.length}. Make one with: openssl rand -hex 32`,
    )
  }
  return keys
}

function inVariable(name: string, file: string): string {
  const key = process.env[name]?.trim()
  if (key) return key
  throw new ConfigError(`"keyVariable" in ${file} names the environment variable ${name}, which is not set. Set it, or leave the key out.`)
}

function inFile(path: string, file: string): string[] {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    throw new ConfigError(`"keyFile" in ${file} cannot be read: ${(error as Error).message}. Correct it.`)
  }
  const keys = text.split(/\r?\n/).map((line) => line.trim())
  const found = keys.filter((line) => line !== '' && !line.startsWith('#'))
  if (found.length === 0) throw new ConfigError(`"keyFile" in ${file} names ${path}, which holds no key. Write one a line.`)
  return found
}
