/** A configuration file on the disk: YAML, and the environment in it. */

import { readFileSync } from 'node:fs'
import { parse as parseYaml, YAMLParseError } from 'yaml'
import { ConfigError } from '../engine/errors.ts'
import { nearestPath } from '../nearest-name.ts'

/** What a file says. `what` is the kind of file, in errors. Throws ConfigError. */
export function readYaml(path: string, what: string): unknown {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    const near = code === 'ENOENT' ? nearestPath(path) : undefined
    const next = near ? `Did you mean ${near}?` : 'Give an existing file with -c.'
    throw new ConfigError(`Cannot read the ${what} ${path}: ${code === 'ENOENT' ? 'there is no such file' : message}. ${next}`)
  }
  try {
    return parseYaml(text)
  } catch (error) {
    if (error instanceof YAMLParseError) throw new ConfigError(`${path} is not YAML: ${error.message}`)
    throw error
  }
}

/** `{{ env.NAME }}` and `{{ env.NAME | default("other", true) }}`, as in promptfoo configs. */
const ENVIRONMENT = /^\{\{\s*env\.(\w+)\s*(?:\|\s*default\((?:"([^"]+)"|'([^']+)')\s*,\s*true\s*\)\s*)?\}\}$/

/** A checkpoint that may be a variable of the environment. `where` names what it stands in. Throws ConfigError where the variable is not set. */
export function fromEnvironment(checkpoint: string, where: string): string {
  const [, name, double, single] = ENVIRONMENT.exec(checkpoint) ?? []
  if (!name) return checkpoint
  const value = process.env[name] || double || single
  if (value) return value
  throw new ConfigError(`"checkpoint" in ${where} needs the environment variable ${name}, which is not set. Set it to a checkpoint folder.`)
}
