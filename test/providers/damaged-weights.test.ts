import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { ModelPool } from '../../src/providers/pool.ts'
import { ParallelThinkingProvider } from '../../src/providers/provider.ts'
import { writeTinyCheckpoint } from './tiny-checkpoint.ts'

const folder = mkdtempSync(path.join(os.tmpdir(), 'pr1-damaged-'))
const pool = new ModelPool()
beforeAll(() => writeTinyCheckpoint(folder))
afterAll(async () => {
  await pool.releaseAll()
  rmSync(folder, { recursive: true })
})

/** Flips bits of the first weight of a float32 tensor, in a file as other tools write them: without a checksum. */
function flipBits(name: string, bits: readonly number[]): void {
  const file = path.join(folder, 'model.safetensors')
  const bytes = readFileSync(file)
  const headerLength = Number(bytes.readBigUInt64LE(0))
  const { __metadata__, ...header } = JSON.parse(bytes.subarray(8, 8 + headerLength).toString())
  bytes.write(JSON.stringify(header).padEnd(headerLength), 8)
  for (const bit of bits) bytes[8 + headerLength + header[name].data_offsets[0] + (bit >> 3)] ^= 1 << (bit & 7)
  writeFileSync(file, bytes)
}

it('a flipped bit in a norm makes each row an error that names checkpoint, layer, weight and request', async () => {
  // 1 becomes 0.5, and that 1.7e38. What is infinite already is refused when it is loaded.
  flipBits('model.layers.0.post_attention_layernorm.weight', [23, 30])
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
