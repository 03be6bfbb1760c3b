import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { openCheckpoint } from '../../src/engine/checkpoint/folder.ts'
import type { RopeConfig } from '../../src/engine/model-config.ts'
import { openEngine } from '../../src/engine/open.ts'
import type { Model } from '../../src/engine/types.ts'
import { ModelPool } from '../../src/providers/pool.ts'
import { ParallelThinkingProvider } from '../../src/providers/provider.ts'
import type { ThinkingMetadata } from '../../src/providers/response.ts'
import { THINK_EXIT } from '../../src/thinking/think.ts'
import { localThinker } from '../../src/thinking/thinker.ts'
import { writeTinyCheckpoint } from './tiny-checkpoint.ts'

/** A response of 32,768 tokens through the provider, by a model whose rotation is scaled to as many positions: budgets, cache and the exit from thinking. */

const folder = mkdtempSync(path.join(os.tmpdir(), 'pr1-long-'))
afterAll(() => rmSync(folder, { recursive: true }))

const maxTokens = 32768
const thinkTokens = 28000
const cacheTokens = 40960

const scaled: Record<string, RopeConfig> = {
  llama3: { theta: 5e5, scaling: { type: 'llama3', factor: 8, lowFreqFactor: 1, highFreqFactor: 4, originalMaxPositions: 8192 } },
  yarn: {
    theta: 1e6,
    scaling: {
      ...{ type: 'yarn', factor: 4, originalMaxPositions: 10240, betaFast: 32, betaSlow: 1, truncate: true },
      attentionFactor: 0.1 * Math.log(4) + 1,
    },
  },
}

it.each([
  ['sequential', 'llama3'],
  ['parallel', 'yarn'],
] as const)(
  'is decoded to its last token: %s, %s',
  async (mode, rotation) => {
    const checkpoint = path.join(folder, rotation)
    const chatTemplate = "{{ messages[0].content }}{{ '<think>\\n' }}"
    await writeTinyCheckpoint(checkpoint, { chatTemplate, rope: scaled[rotation], maxPositions: cacheTokens, endless: true })
    let model: Model | undefined
    const pool = new ModelPool({
      openEngine,
      openCheckpoint,
      async openThinker(engine, opened, settings) {
        model = await engine.load(opened, { cacheTokens: settings.cacheTokens })
        return localThinker(model, { ownsModel: true })
      },
    })
    const config = { checkpoint, mode, device: 'cpu', seed: 3, samples: 'off', maxTokens, thinkTokens, cacheTokens }
    const budgets = { paths: 2, maxBlocks: 4, pathTokens: 4000, blockTokens: 9000 }
    const provider = new ParallelThinkingProvider({ config: { ...config, ...budgets } }, pool)
    const before = process.cpuUsage()
    const { output, error, metadata, logProbs } = await provider.callApi('Use 3, 4, 5 once each with + - * / to make 23.')
    const { user, system } = process.cpuUsage(before)
    expect(error).toBeUndefined()
    const { totalTokens, criticalPathTokens, thinking, finishReason, promptTokens, tree } = metadata as unknown as ThinkingMetadata
    console.log(
      `${mode}, ${rotation}: ${totalTokens} tokens, ${criticalPathTokens} along the longest chain, ${(user + system) / 1e6} s of CPU`,
    )
    expect([totalTokens, finishReason, thinking]).toEqual([maxTokens, 'length', 'cut'])
    // The exit is written once, where the budget of the thinking ends. What follows is the answer.
    expect(String(output).split(THINK_EXIT)).toHaveLength(2)
    const exit = (await openCheckpoint(checkpoint)).tokenizer!.encode(THINK_EXIT).length
    // What the decoder writes itself has no log-probability.
    const thought = logProbs!.findIndex((_, i) => i + exit <= logProbs!.length && logProbs!.slice(i, i + exit).every((one) => one === 0))
    console.log(`the exit of ${exit} tokens stands after ${thought}`)
    expect(thought).toBeLessThanOrEqual(thinkTokens)
    expect(thought).toBeGreaterThan(thinkTokens - 1000)
    if (mode === 'sequential') {
      expect(criticalPathTokens).toBe(totalTokens)
      expect(promptTokens + totalTokens).toBeGreaterThan(32768)
    } else {
      expect(tree.blocks).toHaveLength(4)
      for (const { paths } of tree.blocks) for (const { tokens } of paths) expect(tokens).toBeLessThanOrEqual(4000)
      expect(criticalPathTokens).toBeLessThan(totalTokens)
    }
    // Every page of the cache came back.
    expect(model!.cacheCapacity).toBeGreaterThanOrEqual(cacheTokens)
    expect(model!.cacheFree).toBe(model!.cacheCapacity)
    await pool.releaseAll()
  },
  1_800_000,
)
