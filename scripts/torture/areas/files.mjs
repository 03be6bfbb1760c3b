// Faults of the disk below a run of pr1-train or a sample store: full, read-only, failing flushes, renames, removals and reads, partial
// writes, a folder that disappears. The run ends with a message or finishes; what was saved before goes on to the same end. Rows are
// answered whatever happens to the store.

import { existsSync, renameSync, rmSync } from 'node:fs'
import path from 'node:path'
import { randomFrom } from '../../../test/assertions/mutate.ts'
import { Answers } from '../answers.mjs'
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
  const counts = new Map()
  /** A random operation of those that an undisturbed program does. */
  async function place(random, key, { root, ops }, start) {
    if (!counts.has(key)) {
      const counter = faults.counter({ root, ops, file: path.join(folder, 'count') })
      await start({ env: counter.env })
      counts.set(key, counter.read())
    }
    return 1 + Math.floor(random() * counts.get(key))
  }
  const targets = { 'a run': await runs(folder, faults, place), 'a sample store': await stores(folder, faults, place) }

  async function attempt(seed) {
    const random = randomFrom(seed)
    const target = random() < 0.75 ? 'a run' : 'a sample store'
    const names = Object.keys(FAULTS)
    const what = names[Math.floor(random() * names.length)]
    const result = await targets[target](random, FAULTS[what])
    return { what: `${target}, ${what}`, ...result, tally: { faults: 1, 'equal resumes': result.lost ? 0 : 1 } }
  }
  return { attempt }
}

const lose = (lost) => ({ outcome: 'lost', lost })

async function runs(folder, faults, place) {
  const training = await Training.prepare(folder, 'sft')
  return async (random, fault) => {
    const done = 1 + Math.floor(random() * (training.states.length - 1))
    const { ops, moves, survives } = fault
    const start = (options) => training.resume(training.begin(done), options)
    const at = await place(random, `${ops} ${done}`, { root: training.run, ops }, start)
    const ended = await start({ env: faults.env({ root: training.run, at, ...fault }) })
    const where = `at ${at} of ${ops}, after step ${done}`
    const wrong = badEnd(ended) ?? (moves ? wrongMove(ended, training.run, done) : undefined)
    if (wrong) return lose(`${where}: ${wrong}`)
    const finished = ended.code === 0
    if (survives && !finished) return lose(`${where}: ended with code ${ended.code}: ${tail(ended.errors)}`)
    if (existsSync(`${training.run}.gone`)) moveBack(training.run)
    const resumed = await training.resume(training.run)
    const lost =
      badEnd(resumed) ??
      (resumed.code === 0 ? training.difference(training.run) : `the resume ended with code ${resumed.code}: ${tail(resumed.errors)}`)
    if (lost) return lose(`${where}: ${finished ? 'finished' : `said "${tail(ended.errors, 1)}"`}, then ${lost}`)
    return { outcome: finished ? 'finished' : 'said so, then equal' }
  }
}

async function stores(folder, faults, place) {
  const answers = await Answers.prepare(folder)
  return async (random, fault) => {
    const { ops } = fault
    const start = (options) => {
      answers.begin()
      return answers.run(options)
    }
    const at = await place(random, `store ${ops}`, { root: answers.store, ops }, start)
    const ended = await start({ env: faults.env({ root: answers.store, at, ...fault }) })
    // The store comes back as it was, or a new one has been begun in its place.
    rmSync(`${answers.store}.gone`, { recursive: true, force: true })
    const wrong =
      badEnd(ended) ?? (ended.code === 0 ? answers.difference(ended, true) : `ended with code ${ended.code}: ${tail(ended.errors)}`)
    if (wrong) return lose(`at ${at} of ${ops}: ${wrong}`)
    // A store that was damaged is found so and begun anew: then the rows read before are drawn once more.
    let drawn = 1
    for (let times = 2; drawn > 0 && times <= 4; times++) {
      const again = await answers.run()
      const lost = badEnd(again) ?? answers.difference(again, true)
      if (lost) return lose(`at ${at} of ${ops}, time ${times}: ${lost}`)
      drawn = answers.drawn(again)
    }
    if (drawn > 0) return lose(`at ${at} of ${ops}: ${drawn} samples are never kept`)
    return { outcome: ended.errors.trim() === '' ? 'not disturbed' : 'said so, all answered' }
  }
}

/** The run must notice, or have been done before. The state that it saved elsewhere is moved to where it says. */
function wrongMove({ code, errors }, run, newest) {
  const gone = `${run}.gone`
  const finished = [run, gone].some((folder) => existsSync(path.join(folder, 'final', 'model.safetensors')))
  if (code === 0) return finished ? undefined : 'finished without a model'
  const [, step, rescued] = /Everything up to step (\d+) is saved in (\S+)\. Move it into/.exec(errors) ?? []
  if (rescued === undefined) return `names no place of the model: ${tail(errors)}`
  if (Number(step) < newest) return `had step ${newest}, saved step ${step}`
  const place = path.join(gone, 'checkpoints', path.basename(rescued))
  if (!existsSync(place)) renameSync(rescued, place)
  rmSync(path.resolve(rescued, '../..'), { recursive: true })
  return undefined
}

/** The folder comes back where the run left it; what the run wrote in its place meanwhile goes. */
function moveBack(run) {
  rmSync(run, { recursive: true, force: true })
  renameSync(`${run}.gone`, run)
}
