import { cpSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { beforeAll, expect, it } from 'vitest'
import { openCheckpoint } from '../../../src/engine/checkpoint/folder.ts'
import { folderWithSuites, metrics, run, wholeRun } from '../runs.ts'

/** The run that all others are compared with: 5 steps of SFT, 3 of GRPO, never interrupted. */
let whole: string

beforeAll(async () => {
  ;({ whole } = await wholeRun())
})

it('one stage starts from the export of the one before it', async () => {
  const folder = folderWithSuites(whole, 'only-base')
  cpSync(path.join(whole, 'suites'), path.join(folder, 'only-rl', 'suites'), { recursive: true })
  await expect(run(folder, { stage: 'rl' })).rejects.toThrow(/Train stage "base" first/)
  await run(folder, { stage: 'base' })
  await run(folder, { stage: 'rl' })
  // Float32 exports lose nothing, but the moments start anew.
  expect(metrics(path.join(folder, 'only-base'))).toEqual(metrics(whole).slice(0, 5))
  expect(metrics(path.join(folder, 'only-rl'))[0]).toMatchObject({ stage: 'rl', step: 1, reward: metrics(whole)[5].reward })
  // Provenance names the checkpoint it came from by what it is, not by where it lay.
  const { provenance } = (await openCheckpoint(path.join(folder, 'final'))).parallel!
  expect(provenance?.base).toBe(await (await openCheckpoint(path.join(folder, 'base'))).identity.hash())
  expect(readFileSync(path.join(folder, 'final', 'parallel_r1.json'), 'utf8')).not.toContain(folder)
  await expect(run(folder, { stage: 'rk' })).rejects.toThrow(/There are: base, rl/)
})
