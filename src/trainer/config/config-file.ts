/** From the file on the disk and the command line to a checked configuration. */

import { resolve } from 'node:path'
import { parse as parseYaml } from 'yaml'
import { readYaml } from '../../config/file.ts'
import { readObject } from '../../config-keys.ts'
import { precisionsOf } from '../../engine/devices.ts'
import { ConfigError } from '../../engine/errors.ts'
import { nearestName } from '../../nearest-name.ts'
import type { TrainConfig } from './config.ts'
import { parseTrainConfig } from './parse-config.ts'

/** What the command line says in place of the file. */
export interface TrainOverrides {
  output?: string
  device?: string
  /** Address and number of workers, in place of those in `ray`. */
  ray?: string
  workers?: number
  /** `key.path=value`, applied before anything is checked; stages are named by index or name. */
  sets?: readonly string[]
}

/** Throws ConfigError. */
export function readTrainConfig(file: string, overrides: TrainOverrides = {}): TrainConfig {
  const path = resolve(file)
  const raw = { ...readObject(readYaml(path, 'training file'), path) }
  for (const set of overrides.sets ?? []) applySet(raw, set)
  if (overrides.ray !== undefined || overrides.workers !== undefined) raw.ray = withWorkers(raw.ray, overrides)
  const config = onDevice(raw, path, overrides)
  return overrides.output ? { ...config, output: resolve(overrides.output) } : config
}

/**
 * Checks a file that runs on a device of somebody's choice. A precision that this device lacks was meant for another one, so it gives way to what
 * the device has, unless the command line asks for both. So the table, and with it provenance and what a resume compares, says what is computed in.
 * Throws ConfigError.
 */
export function onDevice(
  raw: Record<string, unknown>,
  file: string,
  { device, sets }: Pick<TrainOverrides, 'device' | 'sets'>,
): TrainConfig {
  const config = parseTrainConfig(device ? { ...raw, device } : raw, file)
  if (!device || config.device === 'auto' || sets?.some((set) => set.startsWith('precision='))) return config
  const { precision } = config
  if (precisionsOf[config.device].includes(precision)) return config
  return { ...parseTrainConfig({ ...raw, device, precision: 'auto' }, file), gaveWay: precision }
}

function withWorkers(given: unknown, { ray, workers }: TrainOverrides): unknown {
  if (given === undefined && ray === undefined) {
    throw new ConfigError(`--workers says how many workers Ray places. Got ${workers} without --ray. Name its cluster: --ray auto.`)
  }
  const below = typeof given === 'object' && given !== null ? given : {}
  return { ...below, ...(ray !== undefined && { address: ray }), ...(workers !== undefined && { workers }) }
}

/** `stages.rl.lr=1e-5`: the value is YAML; a stage is named by its index or its name. */
function applySet(raw: Record<string, unknown>, set: string): void {
  const equals = set.indexOf('=')
  if (equals < 1) throw new ConfigError(`--set needs key.path=value. Got "${set}". For example --set save.every=10.`)
  const path = set.slice(0, equals).split('.')
  let at = raw
  for (const [depth, key] of path.slice(0, -1).entries()) {
    if (!Array.isArray(at)) at[key] ??= {}
    const next = Array.isArray(at) ? (at.find((entry) => entry?.name === key) ?? at[Number(key)]) : at[key]
    if (typeof next !== 'object' || next === null) {
      const known: string[] = Array.isArray(at) ? at.map((entry) => String(entry?.name)) : Object.keys(at)
      const nearest = nearestName(key, known)
      const wrong = path.slice(0, depth + 1).join('.')
      const hint = nearest ? `Did you mean "${nearest}"?` : `There are: ${known.join(', ')}.`
      throw new ConfigError(`--set ${set}: there is no "${wrong}". ${hint}`)
    }
    at = next as Record<string, unknown>
  }
  at[path[path.length - 1]] = parseYaml(set.slice(equals + 1))
}
