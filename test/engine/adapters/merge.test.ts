import { describe, expect, it } from 'vitest'
import { merged, mergedWeights } from '../../../src/engine/adapters/merge.ts'
import { factorNames, tokenRowsName } from '../../../src/engine/adapters/parameters.ts'
import type { Checkpoint } from '../../../src/engine/checkpoint/folder.ts'
import { CheckpointError } from '../../../src/engine/errors.ts'
import { modelSpec } from '../../../src/engine/families/index.ts'
import type { WeightSource } from '../../../src/engine/types.ts'
import { tensorsOf } from '../checkpoint/build.ts'
import { adapted, adapterFolder, modelFolder } from './fixtures.ts'

const tensors = (weights: WeightSource, { config, folder }: Checkpoint) => tensorsOf({ folder, config, weights } as Checkpoint)

/** Half the distance between neighbouring float32 numbers at x. */
const halfStep = (x: number) => 2 ** (Math.max(Math.floor(Math.log2(Math.abs(x))), -126) - 24)

describe('merged weights', async () => {
  const checkpoint = await adapted(modelFolder('gemma3'), adapterFolder('gemma3-patterns'))
  const { adapters, config } = checkpoint
  const spec = modelSpec(config)
  const [base, own, after] = [
    await tensors(checkpoint.weights, checkpoint),
    await tensors(adapters!.weights!, checkpoint),
    await tensors(merged(checkpoint).weights, checkpoint),
  ]

  it('are W + scale · B A, rounded once', () => {
    for (const { weight, rank, scale } of adapters!.parts) {
      const { a, b } = factorNames(weight)
      const [W, A, B, found] = [base.get(weight)!, own.get(a)!, own.get(b)!, after.get(weight)!]
      const width = A.length / rank
      for (let i = 0; i < W.length; i++) {
        let exact = W[i]
        for (let k = rank - 1; k >= 0; k--) exact += scale * B[Math.floor(i / width) * rank + k] * A[k * width + (i % width)]
        expect(Math.abs(found[i] - exact), `${weight} at ${i}`).toBeLessThanOrEqual(halfStep(exact) * 1.000001)
      }
    }
  })

  it('have the rows of the adapter, and else those of the base', () => {
    const [rows, width] = [own.get(tokenRowsName(spec))!, config.hiddenSize]
    const changed = new Set(adapters!.parts.map(({ weight }) => weight))
    for (const [name, values] of after) {
      if (changed.has(name)) continue
      const wanted = base.get(name)!.slice()
      if (name === spec.embedding.weight.name)
        for (const [i, id] of adapters!.tokens!.entries()) wanted.set(rows.subarray(i * width, (i + 1) * width), id * width)
      expect(values, name).toEqual(wanted)
    }
  })

  it('keep the blocks of what no adapter touches', async () => {
    const blocks = new Map([...base.keys()].map((name) => [name, 'F32' as const]))
    const readBlocks = async (name: string) => ({ type: 'F32' as const, bytes: new Uint8Array(base.get(name)!.buffer) })
    const source: WeightSource = {
      specs: checkpoint.weights.specs,
      blockTypes: blocks,
      open: async () => ({ read: async (name) => base.get(name)!.slice(), readBlocks, close: async () => {} }),
    }
    const { blockTypes, open } = mergedWeights(source, spec, adapters!)
    const [q, k, table] = ['self_attn.q_proj', 'self_attn.k_proj']
      .map((part) => `model.layers.0.${part}.weight`)
      .concat('model.embed_tokens.weight')
    expect([q, k, table].map((name) => blockTypes!.has(name))).toEqual([false, true, false])
    const reader = await open()
    expect(await reader.readBlocks!(q)).toBeUndefined()
    expect((await reader.readBlocks!(k))!.type).toBe('F32')
    await reader.close()
  })

  it('are refused where they are infinite, or where there is nothing to merge', async () => {
    const parts = adapters!.parts.map((part) => ({ ...part, scale: 1e39 }))
    const reader = await mergedWeights(checkpoint.weights, spec, { ...adapters!, parts }).open()
    await expect(reader.read(parts[0].weight)).rejects.toThrow(
      /q_proj\.weight: the merged weight is -?Infinity at index \d+\. The adapter is too large/,
    )
    await reader.close()
    expect(() => mergedWeights(checkpoint.weights, spec, { parts })).toThrow(CheckpointError)
    const { adapters: _, ...plain } = checkpoint
    expect(merged(plain as Checkpoint)).toBe(plain)
  })
})
