/** Promptfoo configs made from those of the suite, lest an arm repeat their settings. */

import { readFileSync } from 'node:fs'
import path from 'node:path'
import { parse, stringify } from 'yaml'
import { type ConfigObject, readObject } from '../../src/config-keys.ts'
import { ConfigError } from '../../src/engine/errors.ts'

export interface SuiteChanges {
  /** Keys of the config of the loader. */
  tests?: ConfigObject
  /** Absolute `file.ts:name` in the place of the loader, with its config. */
  loader?: string
  /** Config of the assertions of a metric. */
  assertions?: Readonly<Record<string, ConfigObject>>
}

/** The config in `file` with changes, as YAML that may lie anywhere: its `file://` references become absolute. Throws ConfigError. */
export function derivedSuite(file: string, changes: SuiteChanges): string {
  const suite = readObject(absolute(parse(readFileSync(file, 'utf8')), path.dirname(file)), file)
  const { tests, defaultTest } = suite
  const made: Record<string, unknown> = { ...suite }
  if (changes.tests ?? changes.loader) {
    const loader = readObject(tests, `"tests" in ${file}`)
    const config = { ...readObject(loader.config ?? {}, `"config" in "tests" in ${file}`), ...changes.tests }
    made.tests = { ...loader, ...(changes.loader && { path: `file://${changes.loader}` }), config }
  }
  if (changes.assertions) {
    const known = readObject(defaultTest ?? {}, `"defaultTest" in ${file}`)
    made.defaultTest = { ...known, assert: withConfigs(known.assert, changes.assertions, file) }
  }
  return stringify(made)
}

function withConfigs(assertions: unknown, configs: Readonly<Record<string, ConfigObject>>, file: string): unknown[] {
  const list = (Array.isArray(assertions) ? assertions : []).map((one) => readObject(one, `an assertion of ${file}`))
  for (const metric of Object.keys(configs)) {
    if (list.some((one) => one.metric === metric)) continue
    throw new ConfigError(
      `${file} has no assertion of metric "${metric}", whose config an arm changes. Add it, or correct the table of arms.`,
    )
  }
  return list.map((one) => {
    const config = configs[String(one.metric)]
    return config ? { ...one, config: { ...(one.config as object | undefined), ...config } } : one
  })
}

/** Every `file://` reference in a value, made absolute. */
function absolute(value: unknown, folder: string): unknown {
  if (typeof value === 'string')
    return value.startsWith('file://') ? `file://${path.resolve(folder, value.slice('file://'.length))}` : value
  if (Array.isArray(value)) return value.map((one) => absolute(one, folder))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, absolute(one, folder)]))
}
