/** TRL's trainer takes its reward from a suite: GRPO on a CPU with a remote reward. */

import { execFile } from 'node:child_process'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { openGraders } from '../../src/trainer/grading/grader-host.ts'
import type { loadSuite, Suite } from '../../src/trainer/suite/suite.ts'
import { hasPython, python } from '../trainer/boards/python.ts'
import { KEY, models, startServer } from './running.ts'

const program = fileURLToPath(new URL('trl_remote_reward.py', import.meta.url))
const hasTrl = hasPython('trl, torch, datasets', "TRL's GRPOTrainer asks no server for its reward.")

/** How much of a response is digits: answers of a model that has learnt nothing differ in it. */
const suite: Suite = {
  file: fileURLToPath(new URL('../trainer/fixtures/rl.yaml', import.meta.url)),
  folder: fileURLToPath(new URL('../trainer/fixtures/', import.meta.url)),
  provider: { label: 'p', config: {}, ours: true },
  rows: [1, 2, 3, 4].map((k) => ({
    prompt: `${k}+${k}=?`,
    promptConfig: {},
    vars: { answer: String(2 * k) },
    test: { assert: [{ type: 'javascript', metric: 'digits', value: 'file://graders.ts:digits' }] },
  })),
}

interface Result {
  calls: { items: { row: number; response: string }[]; rewards: number[] }[]
  logged: number[]
  moved: boolean
}

it.skipIf(!hasTrl)('GRPOTrainer is rewarded by /v1/score, with what the assertions of the suite give', { timeout: 600_000 }, async () => {
  const folder = await models()
  const resolve = (async () => suite) as unknown as typeof loadSuite
  const served = await startServer({ models: [], suites: [{ name: 'sums', suite: 'sums', reward: '2 * digits - 1' }] }, { resolve })
  try {
    const output = mkdtempSync(path.join(tmpdir(), 'pr1-trl-'))
    const env = {
      ...process.env,
      PR1_SERVE_KEY: KEY,
      HF_HUB_OFFLINE: '1',
      HF_DATASETS_CACHE: path.join(output, 'data'),
      CUDA_VISIBLE_DEVICES: '',
    }
    const checkpoint = path.join(folder, 'structured')
    const { stdout } = await promisify(execFile)(python, [program, served.url, 'sums', checkpoint, output], { env, maxBuffer: 2 ** 26 })
    const { calls, logged, moved } = JSON.parse(/^RESULT (.*)$/m.exec(stdout)![1]) as Result
    expect(calls).toHaveLength(2)
    const graders = await openGraders(suite, 60)
    for (const { items, rewards } of calls) {
      expect(items).toHaveLength(8)
      for (const [k, { row, response }] of items.entries()) {
        const { digits } = await graders.score(suite.rows[row], { output: response })
        expect(rewards[k]).toBe(2 * digits - 1)
      }
    }
    await graders.close()
    // What the trainer learnt from is what the server said.
    const means = calls.map(({ rewards }) => rewards.reduce((sum, reward) => sum + reward, 0) / rewards.length)
    expect(logged).toHaveLength(2)
    for (const [k, mean] of means.entries()) expect(logged[k]).toBeCloseTo(mean, 5)
    expect(new Set(calls.flatMap(({ rewards }) => rewards)).size).toBeGreaterThan(1)
    expect(moved).toBe(true)
    console.log(`TRL: mean rewards ${logged.map((mean) => mean.toFixed(3)).join(', ')} over two steps, as the assertions give them`)
  } finally {
    await served.stop({ now: true })
  }
})
