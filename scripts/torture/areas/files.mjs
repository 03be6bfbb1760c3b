// Faults of the disk below a run of pr1-train: full, read-only, failing flushes, renames, removals and reads, partial writes, a limit on
// the size of files, a folder that disappears. The run ends with a message or finishes; what was saved before goes on to the same end.

import { existsSync, renameSync } from 'node:fs'
import path from 'node:path'
import { randomFrom } from '../../../test/assertions/mutate.ts'
import { EFFECTS, errno, Faults, READS } from '../faults.mjs'
import { badEnd, tail } from '../programs.mjs'
import { Training } from '../training.mjs'

export const name = 'files'
export const share = 0.1
export const short = 10
export const limitSeconds = 300
export const bars = { faults: 300, 'equal resumes': 300 }

const ALWAYS = Number.MAX_SAFE_INTEGER

/** `survives`: the run has to finish, with the same result. */
const FAULTS = {
  'a full disk': { ops: 'cwm', what: `errno:${errno('ENOSPC')}`, last: ALWAYS },
  'a disk that is full once': { ops: 'cwm', what: `errno:${errno('ENOSPC')}` },
  'a quota': { ops: 'cw', what: `errno:${errno('EDQUOT')}`, last: ALWAYS },
  'a disk that turns read-only': { ops: EFFECTS, what: `errno:${errno('EROFS')}`, last: ALWAYS },
  'a failing flush': { ops: 's', what: `errno:${errno('EIO')}` },
  'a failing write': { ops: 'w', what: `errno:${errno('EIO')}` },
  'a failing rename': { ops: 'n', what: `errno:${errno('EACCES')}` },
  'a failing removal': { ops: 'u', what: `errno:${errno('EBUSY')}`, survives: true },
  'removals that all fail': { ops: 'u', what: `errno:${errno('EACCES')}`, last: ALWAYS, survives: true },
  'a failing read': { ops: READS, what: `errno:${errno('EIO')}` },
  'no file handles left': { ops: 'rc', what: `errno:${errno('EMFILE')}`, last: ALWAYS },
  'partial writes': { ops: 'w', what: 'short', last: ALWAYS, survives: true },
  'partial reads': { ops: 'd', what: 'short', last: ALWAYS, survives: true },
  'a folder that disappears': { ops: EFFECTS, what: 'move', moves: true },
}

export async function open(folder) {
  const { faults, missing } = Faults.build(folder)
  if (missing) return { note: missing, attempt: async () => ({ what: 'nothing', outcome: 'not here' }) }
  const training = await Training.prepare(folder, 'sft')
  /** Operations of an undisturbed run from each of its states, by kinds. */
  const counts = new Map()

  async function countOf(ops, done) {
    const key = `${ops} ${done}`
    if (!counts.has(key)) {
      const run = training.begin(done)
      const counter = faults.counter({ root: run, ops, file: path.join(folder, 'count') })
      await training.resume(run, { env: counter.env })
      counts.set(key, counter.read())
    }
    return counts.get(key)
  }

  async function attempt(seed) {
    const random = randomFrom(seed)
    const names = Object.keys(FAULTS)
    const what = names[Math.floor(random() * names.length)]
    const fault = FAULTS[what]
    const done = 1 + Math.floor(random() * (training.states.length - 1))
    const at = 1 + Math.floor(random() * (await countOf(fault.ops, done)))
    const run = training.begin(done)
    const tally = { faults: 1, 'equal resumes': 0 }
    const lose = (lost) => ({ what, outcome: 'lost', lost: `at ${at} of ${fault.ops}, after step ${done}: ${lost}`, tally })
    const ended = await training.resume(run, { env: faults.env({ root: run, at, ...fault }) })
    const wrong = badEnd(ended) ?? (fault.moves ? wrongMove(ended, run) : undefined)
    if (wrong) return lose(wrong)
    if (fault.survives && ended.code !== 0) return lose(`ended with code ${ended.code}: ${tail(ended.errors)}`)
    const finished = ended.code === 0
    if (existsSync(`${run}.gone`)) moveBack(run, seed)
    const resumed = await training.resume(run)
    const lost =
      badEnd(resumed) ??
      (resumed.code === 0 ? training.difference(run) : `the resume ended with code ${resumed.code}: ${tail(resumed.errors)}`)
    if (lost) return lose(`${finished ? 'finished' : `said "${tail(ended.errors, 1)}"`}, then ${lost}`)
    tally['equal resumes']++
    return { what, outcome: finished ? 'finished' : 'said so, then equal', tally }
  }
  return { attempt }
}

/** The run must notice, or have been done before. What it could save of the model it names. */
function wrongMove({ code, errors }, run) {
  if (
    code === 0 &&
    !existsSync(path.join(run, 'final', 'model.safetensors')) &&
    !existsSync(path.join(`${run}.gone`, 'final', 'model.safetensors'))
  )
    return 'finished without a model'
  return code === 0 || code === 1 ? undefined : `ended with code ${code}: ${tail(errors)}`
}

/** The folder comes back where the run left it; what the run wrote in its place meanwhile is put aside. */
function moveBack(run, seed) {
  if (existsSync(run)) renameSync(run, `${run}.meanwhile-${seed}`)
  renameSync(`${run}.gone`, run)
}
