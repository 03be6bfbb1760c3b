/** A problem set from where the user has it: a folder (PR1_DATA), else the hub and its cache. Checked against its manifest. */

import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { notice } from '../plain.ts'
import { fetchRows } from './hub.ts'
import { type FetchOptions, hubSettings } from './hub-settings.ts'
import { align, type Difference, number, readManifest } from './manifest.ts'
import { DataError, type Problem, parseProblems, type SourceProblem } from './problem.ts'
import { type ProblemSet, type SetName, setNamed } from './sets.ts'

export interface LoadOptions extends FetchOptions {
  /** Default: the process's. */
  env?: NodeJS.ProcessEnv
  /** A source that differs from the manifest is an error instead of a warning. */
  strict?: boolean
}

/** Problems of a set in their order. Throws DataError. */
export async function loadProblems(name: SetName, options: LoadOptions = {}): Promise<Problem[]> {
  const set = setNamed(name)
  const { env = process.env } = options
  const told = { notify: notice, ...options }
  const manifest = readManifest(set)
  const ordered = (rows: readonly SourceProblem[]) => (manifest ? align(rows, manifest, set) : number(rows, set))
  if (env.PR1_DATA) {
    const file = path.join(path.resolve(env.PR1_DATA), set.file)
    const problems = parseProblems(await readFolderFile(file, set), file)
    const [known, difference] = ordered(problems)
    if (manifest) judge(difference, set, file, told)
    // A folder has an order of its own.
    return set.selection ? known : problems
  }
  const { hub, read } = set
  if (!hub || !read) {
    throw new DataError(`${set.title} comes from a data folder only. Put ${set.file} into one and set PR1_DATA to it.`)
  }
  const rows = await fetchRows(hub, hubSettings(env), told)
  const [problems, difference] = ordered(rows.map(read).filter((row): row is SourceProblem => row !== undefined))
  judge(difference, set, hub.dataset, told)
  return problems
}

async function readFolderFile(file: string, set: ProblemSet): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    throw new DataError(
      `PR1_DATA has no ${set.file} (${set.title}): ${(error as Error).message}. Put it there, or unset PR1_DATA to take it from the hub.`,
      { cause: error },
    )
  }
}

/** Less than half of what was expected is another data set, not a changed one. */
const SAME_SET = 0.5

/** Reports a source that is not what the published figures were measured on. */
function judge({ expected, missing, unexpected }: Difference, set: ProblemSet, source: string, options: LoadOptions): void {
  if (!set.manifest) {
    const unseen = `This package has no fingerprints of ${set.title} to compare ${source} with`
    if (options.strict) throw new DataError(`${unseen}. Leave out "strict" to take it as it is.`)
    options.notify?.(`${unseen}: it is taken as it is`)
  }
  if (missing.length === 0 && (unexpected === 0 || set.selection)) return
  const some = missing.slice(0, 5).join(', ') + (missing.length > 5 ? ', …' : '')
  const lost = missing.length > 0 ? `${missing.length} of ${expected} problems are missing or altered (${some})` : ''
  const found = unexpected > 0 && !set.selection ? `${unexpected} are not expected` : ''
  const difference = `${set.title} from ${source} is not what it was: ${[lost, found].filter(Boolean).join(', ')}`
  if (missing.length > expected * SAME_SET) {
    throw new DataError(`${difference}. This is another data set. Correct the source, or set PR1_DATA to a folder with ${set.file}.`)
  }
  if (options.strict) throw new DataError(`${difference}. Leave out "strict" to go on with it, or set PR1_DATA.`)
  options.notify?.(`${difference}. Figures are not comparable with those of the set as it was.`)
}
