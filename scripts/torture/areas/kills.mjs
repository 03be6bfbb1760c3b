// Kills of pr1-train between any two effects on the disk and at any time, then a resume that must end as if nothing had been.

import path from 'node:path'
import { randomFrom } from '../../../test/assertions/mutate.ts'
import { Faults, signalNumber } from '../faults.mjs'
import { badEnd, tail } from '../programs.mjs'
import { newestStep, stepLines, Training } from '../training.mjs'

export const name = 'kills'
export const share = 0.27
export const short = 10
export const limitSeconds = 300
export const bars = { kills: 300, 'equal resumes': 300 }

const SIGNALS = ['SIGKILL', 'SIGKILL', 'SIGKILL', 'SIGTERM', 'SIGINT', 'SIGHUP']

export async function open(folder) {
  const { faults, missing } = Faults.build(folder)
  const kinds = {}
  const trainingOf = (kind) => {
    kinds[kind] ??= Training.prepare(folder, kind).then(async (training) => ({ training, ...(await measure(training, faults, folder)) }))
    return kinds[kind]
  }

  async function attempt(seed) {
    const random = randomFrom(seed)
    const below = (n) => Math.floor(random() * n)
    // A run with rewards takes ten times as long.
    const kind = random() < 0.12 ? 'grpo' : 'sft'
    const { training, perStep, ms } = await trainingOf(kind)
    const done = 1 + below(training.states.length - 1)
    const run = training.begin(done)
    const tally = { kills: 0, 'equal resumes': 0 }
    const said = []
    for (let kill = 1 + below(3); kill > 0; kill--) {
      const signal = SIGNALS[below(SIGNALS.length)]
      const steps = training.states.length - newestStep(run) + 1
      const atEffect = faults !== undefined && random() < 0.7
      const at = atEffect ? 1 + below(perStep * steps) : below(ms)
      const twice = signal !== 'SIGKILL' && random() < 0.15 ? below(100) : undefined
      said.push(`${signal} at ${atEffect ? 'effect' : 'millisecond'} ${at}`)
      const before = newestStep(run)
      const ended = await (atEffect
        ? training.resume(run, { env: faults.env({ root: run, what: `signal:${signalNumber(signal)}`, at }) })
        : training.resume(run, { onStart: (child) => sendLater(child, signal, at, twice) }))
      if (ended.code === 0) break
      tally.kills++
      const lost = badKill(ended, signal, { twice, before, run })
      if (lost) return { what: kind, outcome: 'lost', lost: `${said.join(', ')}: ${lost}`, tally }
    }
    const ended = await training.resume(run)
    const lost =
      badEnd(ended) ?? (ended.code === 0 ? training.difference(run) : `the resume ended with code ${ended.code}: ${tail(ended.errors)}`)
    if (lost) return { what: kind, outcome: 'lost', lost: `${said.join(', ')}: ${lost}`, tally }
    tally['equal resumes']++
    return { what: kind, outcome: tally.kills > 0 ? 'killed, then equal' : 'ended before the kill', tally }
  }
  return { attempt, note: missing && `${missing}: kills by time only` }
}

/** Effects on the disk per step and duration of an undisturbed run. */
async function measure(training, faults, folder) {
  const run = training.begin(1)
  const counter = faults?.counter({ root: run, file: path.join(folder, 'count') })
  const start = performance.now()
  await training.resume(run, { env: counter?.env })
  return { ms: performance.now() - start, perStep: Math.ceil((counter?.read() ?? 0) / (training.states.length - 1)) }
}

function sendLater(child, signal, ms, twice) {
  setTimeout(() => child.kill(signal), ms)
  if (twice !== undefined) setTimeout(() => child.kill(signal), ms + twice)
}

/** A signal that asks ends the step and saves. Before the first step there is nothing to save, and twice means at once. */
function badKill({ code, signal, output, errors, hung }, sent, { twice, before, run }) {
  if (hung) return `did not end\n${tail(errors)}`
  if (signal === 'SIGKILL' && sent === 'SIGKILL') return undefined
  const steps = stepLines(output)
  if (signal === sent && steps === 0) return undefined
  // A terminal that closed ends it by the signal itself, and a second one changes nothing.
  const hangUp = sent === 'SIGHUP' && signal === sent
  if (!hangUp && code !== 128 + signalNumber(sent)) return `ended with ${signal ?? `code ${code}`}\n${tail(errors)}`
  const saved = newestStep(run)
  return (twice === undefined || sent === 'SIGHUP') && steps > 0 && saved < before + steps
    ? `${steps} steps after ${before}, saved is ${saved}`
    : undefined
}
