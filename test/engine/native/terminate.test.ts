import { expect, it } from 'vitest'
import { terminateWorkers } from '../../../scripts/torture/terminate.mjs'

// The long form: node scripts/torture/terminate.mjs --tries 1000
it('a worker that is terminated while its engine works leaves the process alone', { timeout: 60_000 }, async () => {
  const started: number[] = []
  const { aborts } = await terminateWorkers({ tries: 24, seed: 7, onTry: (done) => started.push(done) })
  expect(aborts).toEqual([])
  expect(started).toHaveLength(24)
})
