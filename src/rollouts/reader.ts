/** Finds and reads the rollouts that a run keeps. */

import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { decodeStep, type KeptStep, placeOf, RolloutsError, type StepPlace } from './format.ts'

export interface KeptFile extends StepPlace {
  file: string
}

/** The folder of kept rollouts of the run in `run`. */
export function rolloutsFolder(run: string): string {
  return join(run, 'rollouts')
}

/** The kept steps of the run in the folder `run`, oldest first, from the names of their files. None where there is no such folder. */
export function listSteps(run: string): KeptFile[] {
  const home = rolloutsFolder(run)
  if (!existsSync(home) || !statSync(home).isDirectory()) return []
  const files = readdirSync(home).flatMap((name): KeptFile[] => {
    const place = placeOf(name)
    return place ? [{ ...place, file: join(home, name) }] : []
  })
  return files.sort((a, b) => a.total - b.total)
}

/** Throws RolloutsError where the file is damaged or gone. */
export function readStep(file: string): KeptStep {
  let bytes: Buffer
  try {
    bytes = readFileSync(file)
  } catch (error) {
    throw new RolloutsError(`${file} cannot be read: ${(error as Error).message}. Choose another step.`)
  }
  return decodeStep(bytes, file)
}
