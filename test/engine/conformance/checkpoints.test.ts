/** A checkpoint that one engine wrote is the same model to every other. */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { saveCheckpoint } from '../../../src/engine/checkpoint/folder.ts'
import { CheckpointError } from '../../../src/engine/errors.ts'
import type { Engine } from '../../../src/engine/types.ts'
import { batchOf, candidates, expectEqual, expectSameBits, lively, tinies, tiny, weightsFor } from './engines.ts'

describe('checkpoints', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'pr1-exchange-'))
  const engines: Engine[] = []
  beforeAll(async () => {
    for (const { open } of candidates) engines.push(await open())
  })
  afterAll(async () => {
    await Promise.all(engines.map((engine) => engine.dispose()))
    rmSync(folder, { recursive: true })
  })

  it.each(tinies)('of a %s model, written after an update by one engine, are read by every other', async (family, tinyOfFamily) => {
    const config = { ...tinyOfFamily, tiedEmbeddings: family === 'qwen2' || family === 'gemma3_text' }
    const batch = batchOf([10, 6])
    for (const [w, writer] of engines.entries()) {
      const model = await writer.create(config, lively(2))
      await model.forward(batch)
      await model.backward(weightsFor(batch))
      await model.update({ lr: 1e-2 })
      const { logprobs } = await model.forward(batch, { keep: false })
      const target = path.join(folder, `${family}-${w}`)
      await saveCheckpoint(target, { config, weights: ({ name }) => model.read(name), dtype: 'float32', generation: { eosTokenIds: [] } })
      for (const [r, reader] of engines.entries()) {
        const loaded = await reader.load(target, { train: true })
        expect(loaded.config).toEqual(config)
        for (const { name } of model.parameters) expectSameBits(loaded.read(name), model.read(name), name)
        const again = await loaded.forward(batch, { keep: false })
        const exact = candidates[w].exact && candidates[r].exact
        expectEqual(again.logprobs, logprobs, { ...candidates[r], exact }, `${candidates[w].name} to ${candidates[r].name}`)
        await loaded.dispose()
      }
      await model.dispose()
    }
  })

  it('that are broken are refused with the file and the tensor by every engine', async () => {
    const target = path.join(folder, 'broken')
    const { config } = { config: tiny }
    const [native] = engines
    const model = await native.create(config, lively(2))
    await saveCheckpoint(target, { config, weights: ({ name }) => model.read(name), dtype: 'float32', generation: { eosTokenIds: [] } })
    rmSync(path.join(target, 'model.safetensors'))
    for (const engine of engines) {
      await expect(engine.load(target)).rejects.toThrow(CheckpointError)
      await expect(engine.load(target)).rejects.toThrow(/model\.safetensors/)
    }
  })
})
