/** `reward: file://PATH`: a file with an expression, or with the keys of a stage that make a reward. */

import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { parse } from 'yaml'
import { checkKeys } from '../../config-keys.ts'
import { ConfigError } from '../../engine/errors.ts'
import { isObject } from '../../json.ts'
import { nearestPath } from '../../nearest-name.ts'

const KEYS = ['reward', 'rewards', 'combine', 'advantage']

/** The raw stages of a training file with what reward files say in place; a stage's own keys come first. `folder` is that of the training file. */
export function withRewardFiles(stages: unknown, folder: string): unknown {
  if (!Array.isArray(stages)) return stages
  return stages.map((stage: unknown) => {
    const { reward, ...rest } = (typeof stage === 'object' && stage !== null ? stage : {}) as Record<string, unknown>
    if (typeof reward !== 'string' || !reward.startsWith('file://')) return stage
    return { ...readRewardFile(resolve(folder, reward.slice('file://'.length))), ...rest }
  })
}

/** Throws ConfigError that names the file. */
function readRewardFile(file: string): Record<string, unknown> {
  let content: unknown
  try {
    content = parse(readFileSync(file, 'utf8'))
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code !== 'ENOENT') throw new ConfigError(`The reward file ${file} cannot be read: ${message}. Correct it.`)
    const near = nearestPath(file)
    throw new ConfigError(`There is no reward file ${file}. ${near ? `Did you mean ${near}?` : 'Paths are relative to the training file.'}`)
  }
  if (typeof content === 'string') return { reward: content }
  if (!isObject(content)) {
    throw new ConfigError(`The reward file ${file} must hold an expression in quotes, or a mapping of ${KEYS.join(', ')}. Correct it.`)
  }
  checkKeys(content, KEYS, `the reward file ${file}`)
  return content as Record<string, unknown>
}
