import { expect, it } from 'vitest'
import { crowdedNotice } from '../../src/cluster/crowding.ts'

const local = { address: 'local', workers: 64, threads: 1 }

it('says how many threads share how many CPUs, and what to use', () => {
  expect(crowdedNotice(local, 2)).toBe(
    'Warning: 64 workers on this machine (ray: { address: local }) are 64 threads on 2 CPUs. They take turns, and each worker holds the model. Use workers: 2, or a cluster of more machines (address: auto).',
  )
  expect(crowdedNotice({ ...local, workers: 3, threads: 4 }, 8)).toMatch(
    /3 workers of 4 threads each .* are 12 threads on 8 CPUs\..*Use workers: 2,/,
  )
  expect(crowdedNotice({ ...local, workers: 1, threads: 3 }, 1)).toMatch(
    /1 worker of 3 threads each .* on 1 CPU\..*Use threads: 1 and workers: 1,/,
  )
})

it('says nothing where they have room, or where another machine may have it', () => {
  expect(crowdedNotice({ ...local, workers: 2 }, 2)).toBeUndefined()
  expect(crowdedNotice({ ...local, workers: 2, threads: 4 }, 8)).toBeUndefined()
  for (const address of ['auto', '10.0.0.1:6379']) expect(crowdedNotice({ ...local, address }, 2)).toBeUndefined()
})
