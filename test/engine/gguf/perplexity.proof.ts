import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { openCheckpoint } from '../../../src/engine/checkpoint/folder.ts'
import { exportGguf } from '../../../src/engine/gguf/export.ts'
import { openEngine } from '../../../src/engine/open.ts'
import { sharedPath } from '../../shared.ts'
import { askLlamaCpp, llamaCppHome } from './llama-cpp.ts'

/**
 * Perplexity of a real model on real text, ours in float32 beside llama.cpp's. llama.cpp rounds what enters a product with blocks to 8
 * bits. Of the same numbers written in float32 it does not, so there both must agree, and what is between its two values is that rounding.
 */

const file = sharedPath('models/SmolLM2-135M-Instruct.Q4_1.gguf')
const problems = sharedPath('data/math_test.jsonl')
const textBytes = 20_000
/** Tokens that are read without those before them, as llama.cpp's own tool does it. */
const window = 512
/** Windows that llama.cpp reads in float32, too. Every token must agree there, so more of them would show no more. */
const wholeWindows = 4

/** Whole problems up to 20 kB. */
function problemText(): string {
  const lines = readFileSync(problems!, 'utf8').split('\n').filter(Boolean)
  let text = ''
  for (const line of lines) {
    if (Buffer.byteLength(text) >= textBytes) break
    text += `${(JSON.parse(line) as { problem: string }).problem}\n\n`
  }
  return text
}

const perplexity = (logprobs: readonly number[]) => Math.exp(-logprobs.reduce((sum, one) => sum + one, 0) / logprobs.length)

describe.skipIf(!llamaCppHome || !file || !problems)('perplexity of 20 kB of problems', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'pr1-perplexity-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  it("is llama.cpp's within 0.01 % of the same numbers, and within 0.5 % where llama.cpp rounds activations to 8 bits", async () => {
    const checkpoint = await openCheckpoint(file!)
    const ids = checkpoint.tokenizer!.encode(problemText())
    const scored = Array.from({ length: Math.ceil(ids.length / window) }, (_, i) => ids.slice(i * window, (i + 1) * window))
    const engine = await openEngine({ device: 'cpu', precision: 'f32' })
    const model = await engine.load(checkpoint, { cacheTokens: 0 })
    const ours: number[][] = []
    for (const list of scored) {
      const batch = { ids: Int32Array.from(list), positions: Int32Array.from(list.keys()), bounds: Int32Array.of(0, list.length) }
      const { logprobs } = await model.forward(batch, { keep: false })
      ours.push([...logprobs.slice(0, list.length - 1)])
    }
    await engine.dispose()

    const whole = path.join(folder, 'f32.gguf')
    await exportGguf(checkpoint, whole, { type: 'f32', name: 'test' })
    // Each log-probability costs llama.cpp's binding 40 ms of a core, and beside other work several times that.
    const beside = (name: string, path: string, lists: number[][]) => {
      const theirs = askLlamaCpp(path, { scored: lists }).logprobs.flat()
      const mine = ours.slice(0, lists.length).flat()
      expect(theirs).toHaveLength(mine.length)
      const apart = perplexity(theirs) / perplexity(mine) - 1
      const most = Math.max(...theirs.map((one, i) => Math.abs(one - mine[i])))
      const values = `ours ${perplexity(mine)}, llama.cpp's ${perplexity(theirs)} (${apart * 100} %)`
      console.log(`${name}: ${theirs.length} tokens, ${values}, a token at most ${most} nats`)
      return { apart, most }
    }
    const same = beside('the same numbers in float32', whole, scored.slice(0, wholeWindows))
    expect(Math.abs(same.apart)).toBeLessThan(1e-4)
    expect(same.most).toBeLessThan(1e-3)
    const blocks = beside('Q4_1', file!, scored)
    expect(Math.abs(blocks.apart)).toBeLessThan(0.005)
  }, 7_200_000)
})
