/** An adapter folder is opened with its base as one checkpoint. */

import { cpSync, existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { beforeEach, describe, expect, it } from 'vitest'
import { baseMark } from '../../../src/engine/adapters/base-mark.ts'
import { merged } from '../../../src/engine/adapters/merge.ts'
import { type AdapterContent, saveAdapters } from '../../../src/engine/adapters/write.ts'
import { adapterFiles } from '../../../src/engine/checkpoint/files.ts'
import { openCheckpoint, saveCheckpoint } from '../../../src/engine/checkpoint/folder.ts'
import { signatureOf } from '../../../src/engine/checkpoint/identity.ts'
import { randomWeights } from '../../../src/engine/checkpoint/init.ts'
import { Tokenizer } from '../../../src/engine/checkpoint/tokenizer.ts'
import { CheckpointError, ConfigError } from '../../../src/engine/errors.ts'
import { modelSpec } from '../../../src/engine/families/index.ts'
import { exportGguf } from '../../../src/engine/gguf/export.ts'
import type { ParameterSpec } from '../../../src/engine/spec.ts'
import type { WeightSource } from '../../../src/engine/types.ts'
import { adapterBase } from '../../../src/hub/place.ts'
import {
  byteTokenizerJson,
  chatTemplate,
  editJson,
  hashOf,
  tags,
  temporaryFolder,
  tensorsOf,
  tinyConfig,
  tinyContent,
} from '../checkpoint/build.ts'
import { openTfjs } from '../conformance/engines.ts'
import { adapterFolder, expected, farthest, logprobsOf, modelFolder } from './fixtures.ts'

const q = 'model.layers.1.self_attn.q_proj.weight'
const numbers = ({ name, shape }: { name: string; shape: number[] }) =>
  Float32Array.from({ length: shape[0] * shape[1] }, (_, i) => Math.sin(name.length + i))

let home: string
const at = (name: string) => path.join(home, name)

/** A small base and an adapter of it beside it. */
beforeEach(async () => {
  home = temporaryFolder()
  await saveCheckpoint(at('base'), tinyContent())
  await save()
})

const save = (change: Partial<AdapterContent> = {}) =>
  saveAdapters(at('adapter'), {
    ...{ config: tinyConfig, generation: { eosTokenIds: [0] }, weights: numbers, base: '../base' },
    adapters: { parts: [{ weight: q, rank: 2, scale: 3 }] },
    ...change,
  })

describe('the base of an adapter', () => {
  it.each(Object.keys(expected))('%s: is found from its folder, and the engine gives what PEFT gives', async (name) => {
    const checkpoint = await openCheckpoint(adapterFolder(name))
    expect(farthest(await logprobsOf(checkpoint, expected[name].ids), expected[name].logprobs)).toBeLessThan(1e-4)
  })

  it('gives the same where the engine keeps no adapters apart: TensorFlow.js', async () => {
    const { ids, logprobs } = expected['gemma3-patterns']
    const engine = await openTfjs('javascript')
    try {
      const model = await engine.load(adapterFolder('gemma3-patterns'))
      expect(model.parameters.some(({ name }) => name.includes('lora'))).toBe(false)
      const batch = { ids: Int32Array.from(ids), positions: Int32Array.from(ids, (_, i) => i), bounds: Int32Array.of(0, ids.length) }
      const { logprobs: found } = await model.forward(batch, { keep: false })
      expect(farthest([...found].slice(0, -1), logprobs)).toBeLessThan(1e-4)
    } finally {
      await engine.dispose()
    }
  })

  it('is a folder, absolute or named instead, or a GGUF file', async () => {
    const tensors = await tensorsOf(at('base'))
    const checkpoint = await openCheckpoint(at('adapter'))
    expect(await tensorsOf(checkpoint)).toEqual(tensors)
    expect(checkpoint.adapters!.parts).toEqual([{ weight: q, rank: 2, scale: 3 }])
    await save({ base: at('base') })
    expect(await tensorsOf(at('adapter'))).toEqual(tensors)
    await exportGguf(await openCheckpoint(at('base')), at('base.gguf'), { type: 'q8_0', name: 'base', pre: 'gpt-2' })
    const quantised = await openCheckpoint(at('adapter'), { base: at('base.gguf') })
    expect(quantised.weights.blockTypes?.get(q)).toBe('F16')
    expect(await tensorsOf(quantised)).toEqual(await tensorsOf(at('base.gguf')))
    await save({ base: '../base.gguf' })
    expect(await tensorsOf(at('adapter'))).toEqual(await tensorsOf(at('base.gguf')))
  })

  it('may lie in the same folder', async () => {
    cpSync(at('adapter'), at('base'), { recursive: true })
    editJson(at('base/adapter_config.json'), (json) => Object.assign(json, { base_model_name_or_path: '.' }))
    const checkpoint = await openCheckpoint(at('base'))
    expect(checkpoint.adapters!.parts).toHaveLength(1)
    expect((await tensorsOf(checkpoint)).size).toBe(checkpoint.weights.specs.length)
    expect(await checkpoint.identity.hash()).toMatch(/^[0-9a-f]{64}$/)
  })

  it('that is not here is said with what to do', async () => {
    await save({ base: './nowhere' })
    const message = /base_model_name_or_path: expected a model that is here, found "\.\/nowhere", which is not\. .*base: FOLDER/
    await expect(openCheckpoint(at('adapter'))).rejects.toThrow(message)
    await expect(adapterBase(at('adapter'))).rejects.toThrow(message)
    editJson(at('adapter/adapter_config.json'), (json) => Object.assign(json, { base_model_name_or_path: null }))
    await expect(openCheckpoint(at('adapter'))).rejects.toThrow(/expected the model that it adapts, found nothing\. .*base: FOLDER/)
    expect((await openCheckpoint(at('adapter'), { base: at('base') })).adapters!.parts).toHaveLength(1)
    rmSync(at('base'), { recursive: true })
    await expect(openCheckpoint(at('adapter'), { base: at('base') })).rejects.toThrow(/No checkpoint at .*base/)
  })

  it('is no adapter, and no checkpoint but an adapter has one', async () => {
    cpSync(at('adapter'), at('other'), { recursive: true })
    const error = openCheckpoint(at('other'), { base: at('adapter') })
    await expect(error).rejects.toThrow(
      /expected a base that is a whole model, found .*adapter, an adapter\. Merge that one first: npx pr1-export/,
    )
    await expect(error).rejects.toThrow(CheckpointError)
    const whole = openCheckpoint(at('base'), { base: at('base') })
    await expect(whole).rejects.toThrow(/"base" names the model below an adapter, and .*base is no adapter\./)
    await expect(whole).rejects.toThrow(ConfigError)
  })
})

describe('an adapter that says which base it was trained beside', () => {
  it('takes that one in any form, and no other', async () => {
    const norms = (seed: number) => (spec: ParameterSpec) => {
      const values = randomWeights(seed, tinyConfig)(spec)
      return spec.name.endsWith('norm.weight') ? values.map((one, i) => one + Math.sin(seed + i) / 7) : values
    }
    await saveCheckpoint(at('base'), tinyContent(1, { weights: norms(1), dtype: 'bfloat16' }))
    await saveCheckpoint(at('other'), tinyContent(1, { weights: norms(2), dtype: 'bfloat16' }))
    await exportGguf(await openCheckpoint(at('base')), at('base.gguf'), { type: 'q8_0', name: 'base', pre: 'gpt-2' })
    const mark = await baseMark(await openCheckpoint(at('base')))
    await save({ baseMark: mark })
    expect((await openCheckpoint(at('adapter'))).adapters!.parts).toHaveLength(1)
    expect((await openCheckpoint(at('adapter'), { base: at('base.gguf') })).adapters!.parts).toHaveLength(1)
    await expect(openCheckpoint(at('adapter'), { base: at('other') })).rejects.toThrow(
      /adapter_model\.safetensors: base_norms: expected the base that the adapter was trained beside, found another one, .*other: its norms differ\. Name its own base/,
    )
    await save()
    expect((await openCheckpoint(at('adapter'), { base: at('other') })).adapters!.parts).toHaveLength(1)
  })

  it('also where the family stores its norms with an offset', async () => {
    const checkpoint = await openCheckpoint(modelFolder('gemma3'))
    const spec = modelSpec(checkpoint.config)
    // As llama.cpp holds it and gives it back: w + 1, less 1, in float32.
    const weights: WeightSource = {
      specs: checkpoint.weights.specs,
      async open() {
        const reader = await checkpoint.weights.open()
        const shifted = (name: string, values: Float32Array) =>
          name.endsWith('norm.weight')
            ? values.map((value) => Math.fround(value + spec.norms.offset)).map((value) => value - spec.norms.offset)
            : values
        return { read: async (name) => shifted(name, await reader.read(name)), close: reader.close }
      },
    }
    expect(spec.norms.offset).toBe(1)
    expect(await baseMark({ ...checkpoint, weights })).toBe(await baseMark(checkpoint))
  })
})

describe('what an adapter says besides its weights', () => {
  it('comes from its folder where it is there, else from the base', async () => {
    const [base, bare] = [await openCheckpoint(at('base')), await openCheckpoint(at('adapter'))]
    expect(bare.parallel).toEqual(base.parallel)
    expect(bare.tokenizer!.encode('the 12 <Path>')).toEqual(base.tokenizer!.encode('the 12 <Path>'))
    expect(bare.chatTemplate!.source).toBe(chatTemplate)
    expect(bare.generation).toEqual(base.generation)
    const { tokenizer } = tinyContent()
    const parallel = { ...base.parallel!, paths: 7 }
    await save({
      tokenizer: tokenizer!.withAddedTokens(['<new>']),
      chatTemplate: 'Hi',
      parallel,
      generation: { eosTokenIds: [5, 6], bosTokenId: 7 },
    })
    const full = await openCheckpoint(at('adapter'))
    expect(full.folder).toBe(at('adapter'))
    expect(full.parallel!.paths).toBe(7)
    expect(full.tokenizer!.idOf('<new>')).toBe(tokenizer!.vocabSize)
    expect(full.chatTemplate!.source).toBe('Hi')
    expect(full.generation).toEqual({ eosTokenIds: [5, 6], bosTokenId: 7 })
  })

  it('may be tokens that the base has no rows for, where the adapter has them', async () => {
    const plain = Tokenizer.fromJson(byteTokenizerJson(), { eos_token: '<|end|>' })
    const tagged = plain.withAddedTokens(tags)
    const small = { ...tinyConfig, vocabSize: plain.vocabSize }
    await saveCheckpoint(at('base'), tinyContent(1, { config: small, tokenizer: plain, parallel: undefined }))
    const ids = tags.map((tag) => tagged.idOf(tag)!)
    const config = { ...small, vocabSize: tagged.vocabSize }
    const parts = [{ weight: q, rank: 1, scale: 1 }]
    await save({ config, tokenizer: tagged, adapters: { parts, tokens: ids } })
    const checkpoint = await openCheckpoint(at('adapter'))
    expect(checkpoint.config.vocabSize).toBe(tagged.vocabSize)
    const table = (await tensorsOf(merged(checkpoint))).get('model.embed_tokens.weight')!
    const before = (await tensorsOf(at('base'))).get('model.embed_tokens.weight')!
    expect(table.subarray(0, before.length)).toEqual(before)
    expect(table.subarray(before.length)).toEqual(numbers({ name: 'model.embed_tokens.trainable_tokens', shape: [ids.length, 8] }))
    // The same of blocks.
    await exportGguf(await openCheckpoint(at('base')), at('base.gguf'), { type: 'f16', name: 'base', pre: 'gpt-2' })
    const quantised = await openCheckpoint(at('adapter'), { base: at('base.gguf') })
    const reader = await quantised.weights.open()
    const { type, bytes } = (await reader.readBlocks!('model.embed_tokens.weight'))!
    await reader.close()
    expect([type, bytes.length, bytes.subarray(before.length * 2).some((byte) => byte !== 0)]).toEqual([
      'F16',
      tagged.vocabSize * 8 * 2,
      false,
    ])

    // PEFT leaves the tokenizer to its user: the ids say it.
    await save({ config, adapters: { parts, tokens: ids } })
    expect((await openCheckpoint(at('adapter'))).config.vocabSize).toBe(tagged.vocabSize)
    const far = [plain.vocabSize + 1, 2 ** 52]
    editJson(at('adapter/adapter_config.json'), (json) => Object.assign(json, { trainable_token_indices: far }))
    await expect(openCheckpoint(at('adapter'))).rejects.toThrow(
      /trainable_token_indices: expected at most \d+ tokens .*and token \d+ without a row/,
    )

    await save({ config, tokenizer: tagged, adapters: { parts, tokens: ids.slice(1) } })
    await expect(openCheckpoint(at('adapter'))).rejects.toThrow(
      new RegExp(`tokenizer\\.json: expected at most ${plain.vocabSize} tokens .*and token ${ids[0]} without a row`),
    )
    const untied = { ...small, tiedEmbeddings: false }
    await saveCheckpoint(at('base'), tinyContent(1, { config: untied, tokenizer: plain, parallel: undefined }))
    await save({ config: { ...config, tiedEmbeddings: false }, tokenizer: tagged, adapters: { parts, tokens: ids } })
    await expect(openCheckpoint(at('adapter'))).rejects.toThrow(/and a head without rows for them/)
  })
})

describe('the identity of an adapter', () => {
  it.each([...adapterFiles.map((name) => `adapter/${name}`), 'base/model.safetensors', 'base/tokenizer.json'])(
    'changes with %s',
    async (name) => {
      const { tokenizer, chatTemplate, parallel } = tinyContent()
      await save({ tokenizer, chatTemplate, parallel })
      const { identity } = await openCheckpoint(at('adapter'))
      const hash = await identity.hash()
      const file = at(name)
      const bytes = existsSync(file) ? readFileSync(file) : Buffer.from('x')
      if (name.endsWith('.safetensors')) bytes[bytes.length - 4] ^= 1
      writeFileSync(file, name.endsWith('.safetensors') ? bytes : Buffer.concat([bytes, Buffer.from(' ')]))
      await expect(identity.confirm()).rejects.toThrow('one that was written since')
      expect(await signatureOf(at('adapter'))).not.toBe(identity.signature)
      expect(await hashOf(at('adapter'))).not.toBe(hash)
    },
  )

  it('does not depend on places, and is not that of its base', async () => {
    const hash = await hashOf(at('adapter'))
    expect(hash).not.toBe(await hashOf(at('base')))
    cpSync(at('adapter'), at('elsewhere/mine'), { recursive: true })
    cpSync(at('base'), at('elsewhere/base'), { recursive: true })
    expect(await hashOf(at('elsewhere/mine'))).toBe(hash)
    const named = await openCheckpoint(at('elsewhere/mine'), { base: at('base') })
    expect(await named.identity.hash()).toBe(hash)
  })

  it('survives a save that was cut short between its two renames', async () => {
    const hash = await hashOf(at('adapter'))
    renameSync(at('adapter'), at('.adapter.new-1-abcdef'))
    expect(await hashOf(at('adapter'))).toBe(hash)
  })
})
