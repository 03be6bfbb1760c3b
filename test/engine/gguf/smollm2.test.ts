import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { openCheckpoint } from '../../../src/engine/checkpoint/folder.ts'
import { openEngine } from '../../../src/engine/open.ts'
import { sharedPath } from '../../shared.ts'

const file = sharedPath('models/SmolLM2-135M-Instruct.Q4_1.gguf')

interface Reference {
  text: string
  ids: number[]
  logprobs: number[]
}

/**
 * Of transformers 5.24 on the same file, with torch 2.15 in float32:
 * AutoModelForCausalLM.from_pretrained(folder, gguf_file=..., quantization_config=GgufConfig(dequantize=True), dtype=torch.float32)
 */
const references: Reference[] = JSON.parse(readFileSync(new URL('../../fixtures/smollm2-logprobs.json', import.meta.url), 'utf8'))

describe.skipIf(!file)('SmolLM2-135M-Instruct.Q4_1.gguf', () => {
  it('has the ids and, within 1e-4, the log-probabilities of transformers', async () => {
    const checkpoint = await openCheckpoint(file!)
    expect(checkpoint.generation).toEqual({ eosTokenIds: [2, 0, 4], bosTokenId: 1 })
    const engine = await openEngine({ device: 'cpu', precision: 'f32' })
    const model = await engine.load(checkpoint, { cacheTokens: 0 })
    for (const { text, ids, logprobs } of references) {
      expect(checkpoint.tokenizer!.encode(text)).toEqual(ids)
      const batch = { ids: Int32Array.from(ids), positions: Int32Array.from(ids.keys()), bounds: Int32Array.of(0, ids.length) }
      const found = await model.forward(batch, { keep: false })
      const apart = logprobs.map((logprob, i) => Math.abs(logprob - found.logprobs[i]))
      expect(Math.max(...apart)).toBeLessThan(1e-4)
    }
    await engine.dispose()
  })
})
