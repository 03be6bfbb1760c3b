/** The rollouts that a run kept: what they add to its curves, and the samples of its page. */

import type { Payload } from '../page/payload.ts'
import type { Run } from './read.ts'

export interface RunSamples extends Pick<Payload, 'index' | 'chunks' | 'omitted'> {
  steps: [value: string, name: string][]
  note?: string
}

export function readSamples(_runs: readonly Run[], _limit: number | undefined): RunSamples | undefined {
  return undefined
}
