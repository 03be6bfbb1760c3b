/** More worker threads than CPUs: a cluster of this machine alone is given as many as the settings ask for, whatever the machine has. */

import { availableParallelism } from 'node:os'
import type { RaySettings } from '../config/ray-keys.ts'

/** A warning where that is so. On other clusters workers wait until there is room, and the crew tells of it. */
export function crowdedNotice(
  { address, workers, threads }: Pick<RaySettings, 'address' | 'workers' | 'threads'>,
  cpus = availableParallelism(),
): string | undefined {
  const asked = workers * threads
  if (address !== 'local' || asked <= cpus) return undefined
  const each = threads === 1 ? '' : ` of ${threads} threads each`
  const fit = Math.floor(cpus / threads)
  const next = fit === 0 ? `threads: ${cpus} and workers: 1` : `workers: ${fit}`
  return `Warning: ${workers} worker${workers > 1 ? 's' : ''}${each} on this machine (ray: { address: local }) are ${asked} threads on ${cpus} ${cpus > 1 ? 'CPUs' : 'CPU'}. They take turns, and each worker holds the model. Use ${next}, or a cluster of more machines (address: auto).`
}
