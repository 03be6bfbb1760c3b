// Several processes at once on one run folder, one sample store, one cache of models; some of them are killed. The work is done once and
// whole, and whoever may not do it says so.

import { existsSync, rmSync } from 'node:fs'
import path from 'node:path'
import { openCheckpoint } from '../../../src/engine/checkpoint/folder.ts'
import { randomFrom } from '../../../test/assertions/mutate.ts'
import { cut, filesOf, garble, startModels } from '../../../test/hub/fake-models.ts'
import { Answers } from '../answers.mjs'
import { badEnd, root, runNode, tail } from '../programs.mjs'
import { Training } from '../training.mjs'

export const name = 'processes'
export const share = 0.08
export const short = 6
export const limitSeconds = 300
export const bars = { 'processes at once': 500 }

export async function open(folder) {
  const training = await Training.prepare(folder, 'sft')
  const answers = await Answers.prepare(folder)
  const kinds = {
    'one run folder': oneRun(training),
    'one sample store': oneStore(answers),
    'one cache of models': await oneCache(folder, answers.checkpoint),
  }

  async function attempt(seed) {
    const random = randomFrom(seed)
    // In turn, so that a short form meets all.
    const what = Object.keys(kinds)[seed % 3]
    const count = 2 + Math.floor(random() * 2)
    const lost = await kinds[what](random, count)
    return { what, outcome: 'done once and whole', lost, tally: { 'processes at once': count } }
  }
  return { attempt }
}

/** Starts `count` processes within `spreadMs`; each may be killed. Resolves when all have ended. */
function together(random, count, spreadMs, run) {
  return Promise.all(
    Array.from({ length: count }, async () => {
      const [wait, killed, life] = [random() * spreadMs, random() < 0.25, random() * spreadMs * 2]
      await new Promise((resolve) => setTimeout(resolve, wait))
      const ended = await run({ onStart: (child) => killed && setTimeout(() => child.kill('SIGKILL'), life) })
      return { ...ended, killed: ended.signal === 'SIGKILL' && killed && !ended.hung }
    }),
  )
}

function firstWrong(ended) {
  return ended
    .filter(({ killed }) => !killed)
    .map(badEnd)
    .find((wrong) => wrong !== undefined)
}

function firstRefusal(ended) {
  const refused = ended.find(({ code, killed }) => !killed && code !== 0)
  return refused && tail(refused.errors)
}

function oneRun(training) {
  return async (random, count) => {
    const run = training.begin(1 + Math.floor(random() * (training.states.length - 1)))
    const ended = await together(random, count, 500, (options) => training.resume(run, options))
    const wrong = firstWrong(ended)
    if (wrong) return wrong
    // One that was killed, or refused by the lock of one that was, leaves its work to the next.
    if (!ended.some(({ code }) => code === 0)) {
      if (!ended.some(({ killed }) => killed)) return `none of ${count} finished: ${tail(ended[0].errors)}`
    }
    const last = await training.resume(run)
    return (
      badEnd(last) ?? (last.code === 0 ? training.difference(run) : `the last resume ended with code ${last.code}: ${tail(last.errors)}`)
    )
  }
}

function oneStore(answers) {
  return async (random, count) => {
    answers.begin()
    const ended = await together(random, count, 2000, (options) => answers.run(options))
    const wrong = firstWrong(ended) ?? firstRefusal(ended)
    if (wrong) return wrong
    const last = await answers.run()
    for (const one of [...ended, last]) {
      const lost = one.errors.trim() === '' ? answers.difference(one, !one.killed) : `said: ${tail(one.errors)}`
      if (lost) return lost
    }
    const aside = answers.setAside()
    if (aside.length > 0) return `the store was set aside: ${aside}`
    const drawn = answers.drawn(last)
    return drawn > 0 && ended.some(({ code }) => code === 0) ? `${drawn} samples were not kept` : undefined
  }
}

async function oneCache(folder, checkpoint) {
  const hub = await startModels()
  const id = 'tiny/model'
  hub.models.set(`${id}@main`, filesOf(checkpoint))
  const hash = await hashOf(checkpoint)
  const home = path.join(folder, 'huggingface')
  const fetchScript = `import { fetchModel } from ${JSON.stringify(path.join(root, 'dist/hub/model.js'))}
console.log(await fetchModel({ name: ${JSON.stringify(id)}, revision: 'main' }))`
  const fetchOnce = (options = {}) =>
    runNode(['--input-type=module', '-e', fetchScript], {
      ...options,
      env: { HF_ENDPOINT: hub.endpoint, HF_HOME: home, HF_HUB_OFFLINE: '', HF_TOKEN: '', HF_HUB_CACHE: '' },
    })
  return async (random, count) => {
    rmSync(home, { recursive: true, force: true })
    hub.faults.length = 0
    // Other bytes twice are a hub that cannot be trusted: that may fail.
    if (random() < 0.5) hub.faults.push(['/resolve/', garble])
    for (let cuts = Math.floor(random() * 3); cuts > 0; cuts--) hub.faults.push(['/resolve/', cut])
    const ended = await together(random, count, 300, fetchOnce)
    hub.faults.length = 0
    const wrong = firstWrong(ended) ?? firstRefusal(ended)
    if (wrong) return wrong
    const last = await fetchOnce()
    if (last.code !== 0) return `the last one ended with code ${last.code}: ${tail(last.errors)}`
    const snapshot = last.output.trim().split('\n').at(-1)
    if (!existsSync(snapshot)) return `there is no ${snapshot}`
    return (await hashOf(snapshot)) === hash ? undefined : 'the model in the cache is another one'
  }
}

async function hashOf(place) {
  return (await openCheckpoint(place)).identity.hash()
}
