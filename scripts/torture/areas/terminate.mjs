// Worker threads that are ended while their engine loads, decodes and trains: the process around them lives on.

import { terminateWorkers } from '../terminate.mjs'

export const name = 'terminate'
export const share = 0.07
export const short = 2
export const limitSeconds = 300
export const bars = { 'ended workers': 1000 }

/** Workers of one attempt, which share a process. */
const WORKERS = 50

export async function open() {
  async function attempt(seed) {
    const { tries, aborts } = await terminateWorkers({ tries: WORKERS, seed })
    const lost = aborts.map(({ phase, milliseconds, how, stderr }) => `${how} ${milliseconds} ms into ${phase}\n${stderr.trim()}`)
    return {
      what: 'worker.terminate()',
      outcome: 'lived on',
      lost: lost.length > 0 ? lost.join('\n') : undefined,
      tally: { 'ended workers': tries },
    }
  }
  return { attempt }
}
