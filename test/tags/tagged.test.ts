import { existsSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { type Checkpoint, openCheckpoint, saveCheckpoint } from '../../src/engine/checkpoint/folder.ts'
import { randomWeights } from '../../src/engine/checkpoint/init.ts'
import type { Tokenizer } from '../../src/engine/checkpoint/tokenizer.ts'
import { readWeights } from '../../src/engine/checkpoint/weights.ts'
import { modelSpec } from '../../src/engine/families/index.ts'
import type { ModelConfig } from '../../src/engine/model-config.ts'
import { openEngine } from '../../src/engine/open.ts'
import { parametersOf } from '../../src/engine/spec.ts'
import { tagsCommand } from '../../src/tags/command.ts'
import { parseThinking } from '../../src/thinking/grammar.ts'
import { TAG_TOKENS } from '../../src/thinking/tags.ts'
import { localThinker } from '../../src/thinking/thinker.ts'
import { trajectoryFromIds } from '../../src/thinking/trajectory.ts'
import { openModel } from '../../src/trainer/model/model.ts'
import { tokenizers } from './tokenizers.ts'

const EMBEDDING = 'model.embed_tokens.weight'
const HEAD = 'lm_head.weight'
const BLOCK = 'a.<Parallel><Path>a b</Path><Path>c</Path></Parallel>\n<Summary>d.</Summary>\n\ne'

const folder = mkdtempSync(path.join(tmpdir(), 'pr1-tags-'))
let count = 0

interface BaseOptions {
  spareRows?: number
  tied?: boolean
}

async function base(tokenizer: Tokenizer, { spareRows = 0, tied = true }: BaseOptions = {}): Promise<string> {
  const place = path.join(folder, `base-${count++}`)
  const config: ModelConfig = {
    ...{ family: 'llama', vocabSize: tokenizer.vocabSize + spareRows, hiddenSize: 16, layers: 1, heads: 2, kvHeads: 1, headDim: 8 },
    ...{ intermediateSize: 32, rmsNormEps: 1e-6, rope: { theta: 10000 }, tiedEmbeddings: tied, maxPositions: 256 },
  }
  const chatTemplate = '{% for m in messages %}{{ m.content }}{% endfor %}'
  const content = { config, weights: randomWeights(3, config), tokenizer, chatTemplate, generation: { eosTokenIds: [0] } }
  await saveCheckpoint(place, { ...content, dtype: 'float32' })
  return place
}

async function run(...args: string[]): Promise<{ out: string; text: string }> {
  const out = path.join(folder, `out-${count++}`)
  let text = ''
  await tagsCommand([args[0], out, ...args.slice(1)], (part) => {
    text += part
  })
  return { out, text }
}

async function tensors(checkpoint: Checkpoint): Promise<Map<string, Float32Array>> {
  const found = new Map<string, Float32Array>()
  for await (const { spec, data } of readWeights(checkpoint, parametersOf(modelSpec(checkpoint.config)))) found.set(spec.name, data)
  return found
}

describe('pr1-tags', () => {
  it.each(tokenizers)('%s: six tokens, and the ids of a block that training and decoding write', async (_, make) => {
    const tokenizer = make()
    const { out } = await run(await base(tokenizer))
    const { tokenizer: tagged, parallel, generation } = await openCheckpoint(out)
    expect(TAG_TOKENS.map((tag) => tagged!.encode(tag))).toEqual(TAG_TOKENS.map((_, k) => [tokenizer.vocabSize + k]))
    const ids = tagged!.encode(BLOCK)
    const trajectory = trajectoryFromIds([1], ids, parallel!.tags)
    expect(trajectory.segments.map(({ kind }) => kind)).toEqual(['text', 'block', 'text'])
    expect(parseThinking(tagged!.decode(ids)).violations).toEqual([])
    expect(parallel!.tags.eos).toEqual(generation.eosTokenIds)
  })

  it.each([
    ['tied, no spare row', { tied: true }],
    ['untied, no spare row', { tied: false }],
    ['tied, spare rows', { tied: true, spareRows: 10 }],
    ['untied, some spare rows', { tied: false, spareRows: 3 }],
  ])('%s: the same bits as pr1-train starts with, and nothing else changes', async (_, options) => {
    const tokenizer = tokenizers[0][1]()
    const from = await base(tokenizer, options)
    const { out } = await run(from)
    const [before, checkpoint] = await Promise.all([openCheckpoint(from), openCheckpoint(out)])
    const [old, made] = await Promise.all([tensors(before), tensors(checkpoint)])
    const engine = await openEngine({ device: 'cpu', threads: 1 })
    try {
      const { model, checkpoint: trained } = await openModel(engine, { checkpoint: from }, 1, {})
      for (const [name, data] of made) expect(model.read(name), name).toEqual(data)
      expect(checkpoint.parallel).toMatchObject(trained.parallel)
      expect(checkpoint.config).toEqual(trained.config)
      expect(trained.tokenizer.files()).toEqual(checkpoint.tokenizer!.files())
    } finally {
      await engine.dispose()
    }
    for (const [name, data] of old) {
      const kept = name === EMBEDDING || name === HEAD ? tokenizer.vocabSize * 16 : data.length
      expect(made.get(name)!.subarray(0, kept), name).toEqual(data.subarray(0, kept))
    }
    expect(checkpoint.config.vocabSize).toBe(Math.max(before.config.vocabSize, tokenizer.vocabSize + 6))
    expect(checkpoint.chatTemplate!.source).toBe(before.chatTemplate!.source)
  })

  it('adds the two tags of outlines where they are asked for, also to a model that has the six, whose rows stay', async () => {
    const tokenizer = tokenizers[0][1]()
    const from = await base(tokenizer)
    const { out: six } = await run(from)
    const { out: eight, text } = await run(six, '--outlines')
    expect(text).toMatch(/^<Outline> +275 .*\n<\/Outline> +276 .*\nWrote .*: 277 rows .* 6 of the tags were there, and their rows stay/)
    const [before, after] = [await openCheckpoint(six), await openCheckpoint(eight)]
    expect(before.parallel!.tags).not.toHaveProperty('outline')
    expect(after.parallel!.tags).toEqual({ ...before.parallel!.tags, outline: 275, outlineEnd: 276 })
    const [old, made] = [await tensors(before), await tensors(after)]
    expect(made.get(EMBEDDING)!.subarray(0, old.get(EMBEDDING)!.length)).toEqual(old.get(EMBEDDING))
    const { out: once } = await run(from, '--outlines')
    expect((await openCheckpoint(once)).tokenizer!.files()).toEqual(after.tokenizer!.files())
    await expect(run(eight, '--outlines')).rejects.toThrow(/has the tags of outlines already.*Use it as it is/)
    const engine = await openEngine({ device: 'cpu', threads: 1 })
    try {
      const { model, checkpoint } = await openModel(engine, { checkpoint: six, outlines: true }, 1, {})
      expect(checkpoint.parallel.tags).toEqual(after.parallel!.tags)
      expect(model.read(EMBEDDING)).toEqual(made.get(EMBEDDING))
      const { checkpoint: plain } = await openModel(engine, { checkpoint: six }, 1, {})
      expect([plain.parallel.tags, plain.config.vocabSize]).toEqual([before.parallel!.tags, 275])
    } finally {
      await engine.dispose()
    }
  })

  it('takes the mean of the pieces, or half of it and half of the mean of all tokens', async () => {
    const tokenizer = tokenizers[0][1]()
    const from = await base(tokenizer, { spareRows: 4, tied: false })
    const old = await tensors(await openCheckpoint(from))
    for (const kind of ['words', 'mixed']) {
      const made = await tensors(await openCheckpoint((await run(from, '--rows', kind)).out))
      for (const name of [EMBEDDING, HEAD]) {
        const at = (row: number, c: number) => old.get(name)![row * 16 + c]
        const mean = (rows: number[], c: number) => rows.reduce((sum, row) => sum + at(row, c), 0) / rows.length
        TAG_TOKENS.forEach((tag, k) => {
          for (let c = 0; c < 16; c++) {
            const words = mean(tokenizer.encode(tag), c)
            const all = mean([...Array(tokenizer.vocabSize).keys()], c)
            const got = made.get(name)![(tokenizer.vocabSize + k) * 16 + c]
            expect(got).toBeCloseTo(kind === 'words' ? words : (words + all) / 2, 6)
          }
        })
      }
    }
  })

  it('writes a model that thinks in parallel, and says what it did', async () => {
    const { out, text } = await run(await base(tokenizers[0][1]()), '--attention', 'causal', '--dtype', 'bfloat16')
    expect(text).toMatch(
      /^<Parallel> +269 {2}from "<" "Pa" .*\n(.*\n){5}Wrote .*: 275 rows of embedding, causal attention\.\nIts tags are not trained yet/,
    )
    const engine = await openEngine({ device: 'cpu', threads: 1 })
    const checkpoint = await openCheckpoint(out)
    const thinker = localThinker(await engine.load(checkpoint), { ownsModel: true })
    try {
      const { tags, attention, provenance } = checkpoint.parallel!
      expect([attention, provenance!.stage]).toEqual(['causal', 'tags'])
      const settings = { mode: 'parallel', attention, tags, paths: 2, maxBlocks: 1, temperature: 1, seed: 1 } as const
      const { totalTokens } = await thinker.think({ ...settings, promptIds: [5, tags.parallel], budgets: { response: 60 } })
      expect(totalTokens).toBeGreaterThan(0)
    } finally {
      await thinker.close()
      await engine.dispose()
    }
  })

  it('refuses what it would do in vain or destroy, with the next step', async () => {
    const from = await base(tokenizers[0][1]())
    const { out } = await run(from)
    await expect(run(out)).rejects.toThrow(/has the six tags already.*Use it as it is/)
    await expect(tagsCommand([from, out], () => {})).rejects.toThrow(/is not empty. Name a new folder/)
    await expect(run(from, '--rows', 'zeros')).rejects.toThrow('--rows takes words or mixed. Got "zeros".')
    await expect(tagsCommand([from], () => {})).rejects.toThrow(/takes a model and a new folder. Got 1/)
    const nothing = path.join(folder, 'nothing')
    await expect(tagsCommand([path.join(folder, 'absent'), nothing], () => {})).rejects.toThrow(/absent/)
    expect(existsSync(nothing)).toBe(false)
  })

  it('keeps the rows of a model that has the tokens but does not say so', async () => {
    const tokenizer = tokenizers[0][1]().withAddedTokens(TAG_TOKENS.slice(0, 4))
    const from = await base(tokenizer)
    const { out, text } = await run(from)
    const [old, made] = [await tensors(await openCheckpoint(from)), await tensors(await openCheckpoint(out))]
    expect(made.get(EMBEDDING)!.subarray(0, old.get(EMBEDDING)!.length)).toEqual(old.get(EMBEDDING))
    expect(text).toMatch(/4 of the tags were there, and their rows stay/)
  })
})
