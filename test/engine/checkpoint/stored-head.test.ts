import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { narrowBfloat16 } from '../../../src/engine/checkpoint/floats.ts'
import { openCheckpoint, saveCheckpoint } from '../../../src/engine/checkpoint/folder.ts'
import { openEngine } from '../../../src/engine/open.ts'
import { openModel } from '../../../src/trainer/model/model.ts'
import { editJson, rawSafetensors, splitSafetensors, tensorsOf, tinyCheckpoint, tinyConfig } from './build.ts'

const embeddingName = 'model.embed_tokens.weight'
const headName = 'lm_head.weight'
const count = tinyConfig.vocabSize * tinyConfig.hiddenSize

/** Adds a head to the weights of a folder. `head` is given the embedding. */
function addHead(folder: string, head: (embedding: Float32Array) => { dtype: string; bytes: Buffer; shape?: number[] }): void {
  const file = path.join(folder, 'model.safetensors')
  const { header, data } = splitSafetensors(file)
  const [start, end] = header[embeddingName].data_offsets
  const { dtype, bytes, shape = header[embeddingName].shape } = head(new Float32Array(new Uint8Array(data.subarray(start, end)).buffer))
  header[headName] = { dtype, shape, data_offsets: [data.length, data.length + bytes.length] }
  writeFileSync(file, rawSafetensors(header, Buffer.concat([data, bytes])))
}

const float32 = (values: Float32Array) => ({ dtype: 'F32', bytes: Buffer.from(values.buffer) })
const ownHead = (embedding: Float32Array) => float32(embedding.map((value, i) => (i === count - 1 ? value + 1 : value)))

describe('tie_word_embeddings: true beside a stored head', () => {
  it('is untied where the head differs in its last number, and says so', async () => {
    const folder = await tinyCheckpoint()
    const before = (await tensorsOf(folder)).get(embeddingName)!
    addHead(folder, ownHead)
    const checkpoint = await openCheckpoint(folder)
    expect(checkpoint.config).toEqual({ ...tinyConfig, tiedEmbeddings: false })
    expect(checkpoint.warnings).toEqual([expect.stringMatching(/config\.json says tie_word_embeddings: true, but lm_head\.weight differs/)])
    const weights = await tensorsOf(checkpoint)
    expect(weights.get(embeddingName)).toEqual(before)
    expect(weights.get(headName)!.at(-1)).toBe(Math.fround(before.at(-1)! + 1))
  })

  it('computes with the head, keeps it through training and saves it as untied', async () => {
    const folder = await tinyCheckpoint()
    addHead(folder, (embedding) => float32(embedding.map((value) => -value)))
    const engine = await openEngine({ device: 'cpu', precision: 'f32', threads: 1 })
    try {
      const batch = { ids: Int32Array.of(5, 6, 7, 8), positions: Int32Array.of(0, 1, 2, 3), bounds: Int32Array.of(0, 4) }
      const tied = await engine.load(await tinyCheckpoint())
      const tiedLogprobs = (await tied.forward(batch)).logprobs
      const { model, checkpoint } = await openModel(engine, { checkpoint: folder }, 1, {})
      const { logprobs } = await model.forward(batch)
      expect(logprobs).not.toEqual(tiedLogprobs)
      await model.backward(Float32Array.of(-1, -1, -1, 0))
      await model.update({ lr: 0.1 })
      const saved = path.join(folder, 'saved')
      const { config, tokenizer, generation } = checkpoint
      await saveCheckpoint(saved, { config, tokenizer, generation, dtype: 'float32', weights: ({ name }) => model.read(name) })
      const json: Record<string, unknown> = JSON.parse(readFileSync(path.join(saved, 'config.json'), 'utf8'))
      expect(json.tie_word_embeddings).toBe(false)
      const again = await openCheckpoint(saved)
      expect(again.warnings).toBeUndefined()
      const weights = await tensorsOf(again)
      expect(weights.get(headName)).toEqual(model.read(headName))
      expect(weights.get(headName)).not.toEqual(weights.get(embeddingName)!.map((value) => -value))
    } finally {
      await engine.dispose()
    }
  })

  it('stays tied where the head is a copy', async () => {
    const folder = await tinyCheckpoint()
    addHead(folder, float32)
    const checkpoint = await openCheckpoint(folder)
    expect(checkpoint.config).toEqual(tinyConfig)
    expect(checkpoint.warnings).toBeUndefined()
    expect([...(await tensorsOf(checkpoint)).keys()]).not.toContain(headName)
  })

  it('compares numbers, not their form: a rounded copy is another head', async () => {
    const folder = await tinyCheckpoint()
    addHead(folder, (embedding) => {
      const narrow = new Uint16Array(embedding.length)
      narrowBfloat16(embedding, narrow)
      return { dtype: 'BF16', bytes: Buffer.from(narrow.buffer) }
    })
    expect((await openCheckpoint(folder)).config.tiedEmbeddings).toBe(false)
  })

  it('takes the head for both where there is no embedding', async () => {
    const folder = await tinyCheckpoint()
    const before = await tensorsOf(folder)
    const file = path.join(folder, 'model.safetensors')
    const { header, data } = splitSafetensors(file)
    const { [embeddingName]: table, ...rest } = header
    writeFileSync(file, rawSafetensors({ ...rest, [headName]: table }, data))
    expect(await tensorsOf(folder)).toEqual(before)
  })

  it('is refused with a head of another shape', async () => {
    const folder = await tinyCheckpoint()
    addHead(folder, (embedding) => ({ ...float32(embedding), shape: [count, 1] }))
    await expect(openCheckpoint(folder)).rejects.toThrow(
      /lm_head\.weight": expected shape \[300,8\], as model\.embed_tokens\.weight, found/,
    )
  })

  it('changes nothing where the configuration says untied', async () => {
    const folder = await tinyCheckpoint()
    addHead(folder, float32)
    editJson(path.join(folder, 'config.json'), (json) => Object.assign(json, { tie_word_embeddings: false }))
    const checkpoint = await openCheckpoint(folder)
    expect(checkpoint.config.tiedEmbeddings).toBe(false)
    expect(checkpoint.warnings).toBeUndefined()
  })
})
