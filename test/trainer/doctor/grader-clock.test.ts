import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { GraderClock } from '../../../src/trainer/doctor/grader-clock.ts'

it('gives the mean time of a call, of calls that overlap too', async () => {
  const clock = new GraderClock()
  clock.begins('a')
  clock.begins('a')
  await sleep(20)
  clock.ends('a')
  clock.ends('a')
  clock.ends('a') // never began
  clock.begins('b') // never ends
  const [[name, ms], ...others] = clock.milliseconds
  expect(name).toBe('a')
  expect(ms).toBeGreaterThanOrEqual(19)
  expect(others).toEqual([])
})
