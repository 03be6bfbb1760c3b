/** Training on workers that Ray places, through the command: 20 supervised and 20 GRPO updates give the weights, moments and metrics of one process. */

import { spawnSync } from 'node:child_process'
import { beforeAll, describe, expect, it, vi } from 'vitest'
import { fixture, newFolder, results, root } from '../trainer/runs.ts'
import { hasRay, python } from './ray.ts'

vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 })

const there = hasRay('training on workers of Ray.')
const SETS = ['shards=4', 'stages.base.steps=20', 'stages.rl.steps=20', 'stages.base.batchTokens=400', 'stages.rl.updates=1']

function train(...more: string[]): string {
  const folder = newFolder()
  const args = ['dist/trainer/cli.js', '-c', fixture('train.yaml'), '-o', folder, ...SETS.flatMap((set) => ['--set', set]), ...more]
  const { status, stdout, stderr } = spawnSync(process.execPath, args, {
    cwd: root,
    encoding: 'utf8',
    env: { ...process.env, PR1_PYTHON: python },
  })
  expect(status, stdout + stderr).toBe(0)
  return folder
}

describe.skipIf(!there)('20 supervised and 20 GRPO updates', () => {
  let expected: Record<string, unknown>
  beforeAll(() => {
    expected = results(train())
  })

  it.each([
    [1, 1],
    [2, 1],
    [2, 2],
    [4, 1],
  ])('on %i workers of %i threads give the bits of one process', (workers, threads) => {
    const folder = train('--ray', 'local', '--workers', String(workers), '--set', `ray.threads=${threads}`)
    expect(results(folder)).toEqual(expected)
  })
})
