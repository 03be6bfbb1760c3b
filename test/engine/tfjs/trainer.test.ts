/** pr1-train with `device: tfjs`: supervised and reinforcement stages reach what they reach on the native engine. */

import { rmSync } from 'node:fs'
import { afterAll, describe, expect, it } from 'vitest'
import { inProofs } from '../../proofs.ts'
import { folderWithSuites, metrics, run, wholeRun } from '../../trainer/runs.ts'

describe('pr1-train on tfjs', () => {
  const folders: string[] = []
  afterAll(() => {
    for (const folder of folders) rmSync(folder, { recursive: true, force: true })
  })

  it('takes the same steps as on the native engine', async () => {
    const { whole } = await wholeRun()
    const [native, tfjs] = [folderWithSuites(whole), folderWithSuites(whole)]
    const sets = inProofs ? [] : ['stages.base.steps=2', 'stages.rl.steps=2']
    folders.push(native, tfjs)
    await run(native, { sets })
    const { outcome, text } = await run(tfjs, { sets: [...sets, 'device=tfjs'] })
    expect(outcome).toBe('finished')
    expect(text).toMatch(/Engine: tfjs, f32, (javascript|tensorflow)/)
    const [expected, found] = [metrics(native), metrics(tfjs)]
    expect(found).toHaveLength(expected.length)
    for (const [i, row] of expected.entries()) {
      for (const [key, value] of Object.entries(row)) {
        if (key === 'gap') expect((found[i].gap as { max: number }).max, `gap of step ${i}`).toBeLessThan(1e-5)
        else if (typeof value !== 'number') expect(found[i][key], key).toEqual(value)
        else expect(Math.abs((found[i][key] as number) - value), `${key} of step ${i}`).toBeLessThan(1e-3 * Math.max(1, Math.abs(value)))
      }
    }
  })
})
