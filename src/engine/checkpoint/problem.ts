import { show } from '../../show.ts'
import { CheckpointError } from '../errors.ts'

export { show }

/** Where in a checkpoint something is wrong. */
export interface Place {
  file: string
  /** Dotted path of a JSON key. */
  key?: string
  tensor?: string
}

/** One sentence that names file, key or tensor, expected and found; `next` tells what to do about it. */
export function problem(place: Place, expected: string, found: string, next = ''): CheckpointError {
  const where = [place.file, place.tensor === undefined ? '' : `tensor ${show(place.tensor)}`, place.key ?? ''].filter(
    (part) => part !== '',
  )
  return new CheckpointError(`${where.join(': ')}: expected ${expected}, found ${found}.${next === '' ? '' : ` ${next}`}`)
}

/** What to do about a file that was damaged on its way. */
export const FETCH_AGAIN = 'Copy or download the file again.'

/** The code of a system error (`ENOENT`), else undefined. */
export function errorCode(error: unknown): string | undefined {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return typeof code === 'string' ? code : undefined
}

/**
 * A failed write as a `CheckpointError` that says what is left and what to do; errors that the system did not raise pass through.
 * @param what was written, as in `the checkpoint`
 * @param kept what still stands in its place, as in `The previous checkpoint`; undefined: nothing did
 */
export function saveProblem(target: string, what: string, error: unknown, kept?: string): unknown {
  const code = errorCode(error)
  if (error instanceof CheckpointError || code === undefined) return error
  const full = code === 'ENOSPC' || code === 'EDQUOT'
  const reason = full ? `the disk is full (${code})` : `${error instanceof Error ? error.message : error}`
  const left = kept === undefined ? 'Nothing was left behind.' : `${kept} is still there, whole.`
  const next = full ? 'Free some space and save again.' : 'Check the folder and save again.'
  return new CheckpointError(`${target}: could not save ${what}: ${reason}. ${left} ${next}`, { cause: error })
}

/** Bytes for people: `3.2 GiB`. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB']
  let value = bytes
  let unit = 0
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024
    unit++
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`
}
