import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { ModelPool } from '../../src/providers/pool.ts'
import { ParallelThinkingProvider } from '../../src/providers/provider.ts'
import { setFirstWeight } from '../engine/checkpoint/first-weight.ts'
import { writeTinyCheckpoint } from './tiny-checkpoint.ts'

const folder = mkdtempSync(path.join(os.tmpdir(), 'pr1-damaged-'))
const pool = new ModelPool()
beforeAll(() => writeTinyCheckpoint(folder))
afterAll(async () => {
  await pool.releaseAll()
  rmSync(folder, { recursive: true })
})

it('a flipped bit in a norm makes each row an error that names checkpoint, layer, weight and request', async () => {
  // 0.5 with its highest exponent bit. What is infinite already is refused when it is loaded.
  setFirstWeight(folder, 'model.layers.0.post_attention_layernorm.weight', 2 ** 127)
  const provider = new ParallelThinkingProvider({ config: { checkpoint: folder, device: 'cpu', seed: 5, samples: 'off' } }, pool)
  const responses = await Promise.all(['one', 'another'].map((prompt) => provider.callApi(prompt)))
  for (const { error, output } of responses) {
    expect(output).toBeUndefined()
    expect(error).toMatch(/^parallel-r1: The request with seed \d+ and \d+ prompt tokens, token 0 of free text: /)
    expect(error).toContain(`${folder}: the logits after `)
    expect(error).toMatch(
      /are not finite\. The first such numbers are in the output of layer 0 .* is 1\.70e\+38, at 0 of model\.layers\.0\.post_attention_layernorm\.weight/,
    )
  }
})
