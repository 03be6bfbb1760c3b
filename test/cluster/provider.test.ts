/** promptfoo's provider on workers that Ray places. */

import { afterAll, describe, expect, it, vi } from 'vitest'
import { ModelPool } from '../../src/providers/pool.ts'
import { ParallelThinkingProvider } from '../../src/providers/provider.ts'
import { hasRay, python } from './ray.ts'

vi.setConfig({ testTimeout: 200_000 })

const there = hasRay('the provider on workers of Ray.')
const pool = new ModelPool()
afterAll(() => pool.releaseAll())

const CONFIG = {
  checkpoint: 'suites/countdown/checkpoints/parallel-10',
  precision: 'f32',
  mode: 'parallel',
  paths: 5,
  maxBlocks: 2,
  maxTokens: 264,
}
const prompt = (i: number) => `Use ${i + 2}, ${i + 3} and ${i + 7} to make ${3 * i + 12}.`

async function answers(more: object) {
  const provider = new ParallelThinkingProvider({ config: { ...CONFIG, samples: 'off', ...more } }, pool)
  const responses = await Promise.all(
    Array.from({ length: 12 }, (_, i) => provider.callApi(prompt(i), { vars: {}, prompt: { raw: prompt(i), label: 'p' } })),
  )
  return responses.map(({ output, error, logProbs, tokenUsage }) => ({ output, error, logProbs, tokenUsage }))
}

describe.skipIf(!there)('the provider', () => {
  it('answers on workers as in its own process, bit for bit', async () => {
    const here = await answers({})
    expect(here.every(({ error }) => error === undefined)).toBe(true)
    expect(await answers({ ray: { address: 'local', workers: 2, python } })).toEqual(here)
  })
})

it('says what is missing', async () => {
  const [{ error }] = await answers({ ray: { address: 'local', workers: 1, python: 'no-such-python' } })
  expect(error).toMatch(/^parallel-r1: .*no-such-python/)
  expect(
    () => new ParallelThinkingProvider({ config: { ...CONFIG, ray: {}, server: { url: 'http://localhost:1/v1', model: 'm' } } }),
  ).toThrow(/"ray" places workers of this package, and "server" names a server/)
})
