import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { roundBfloat16 } from '../../../src/engine/checkpoint/floats.ts'
import { openCheckpoint, saveCheckpoint } from '../../../src/engine/checkpoint/folder.ts'
import { randomWeights } from '../../../src/engine/checkpoint/init.ts'
import { openSafetensors } from '../../../src/engine/checkpoint/safetensors.ts'
import { CheckpointError } from '../../../src/engine/errors.ts'
import { modelSpec } from '../../../src/engine/families/index.ts'
import type { ModelConfig } from '../../../src/engine/model-config.ts'
import { parametersOf } from '../../../src/engine/spec.ts'
import { sharedPath } from '../../shared.ts'
import { chatTemplate, editJson, temporaryFolder, tensorsOf, tinyCheckpoint, tinyConfig, tinyContent, tinyTokenizer } from './build.ts'

const bytesOf = (weights: Map<string, Float32Array>) => [...weights].map(([name, data]) => [name, Buffer.from(data.buffer).toString('hex')])

const fixtures = sharedPath('fixtures/models')

describe.skipIf(fixtures === undefined)('fixtures', () => {
  const names = fixtures === undefined ? [] : readdirSync(fixtures)
  // What the fixtures' README says about each.
  const expected: Record<string, Partial<ModelConfig>> = {
    'qwen3-tied': { family: 'qwen3', headDim: 32, tiedEmbeddings: true, rope: { theta: 1e6 } },
    'qwen3-untied': { family: 'qwen3', headDim: 16, tiedEmbeddings: false, rope: { theta: 1e4 } },
    qwen2: { family: 'qwen2', headDim: 16, tiedEmbeddings: true, rope: { theta: 1e6 } },
    llama3: {
      family: 'llama',
      headDim: 16,
      tiedEmbeddings: false,
      rope: { theta: 5e5, scaling: { type: 'llama3', factor: 8, lowFreqFactor: 1, highFreqFactor: 4, originalMaxPositions: 64 } },
    },
  }

  it('are all here', () => {
    expect(names.sort()).toEqual(Object.keys(expected).sort())
  })

  it.each(names)('%s: configuration and tensors are those of the file', async (name) => {
    const folder = path.join(fixtures!, name)
    const { config, generation, tokenizer, parallel } = await openCheckpoint(folder)
    expect(config).toMatchObject({
      vocabSize: 160,
      hiddenSize: 64,
      layers: 3,
      heads: 4,
      kvHeads: 2,
      intermediateSize: 176,
      ...expected[name],
    })
    expect(generation.eosTokenIds).toEqual([1])
    expect([tokenizer, parallel]).toEqual([undefined, undefined])
    const source = await openSafetensors(folder)
    const found = [...source.tensors.values()].map((info) => ({ name: info.name, shape: info.shape }))
    await source.close()
    const byName = (a: { name: string }, b: { name: string }) => (a.name < b.name ? -1 : 1)
    const expectedTensors = parametersOf(modelSpec(config)).map(({ name, shape }) => ({ name, shape }))
    expect(found.sort(byName)).toEqual(expectedTensors.sort(byName))
    const weights = await tensorsOf(folder)
    // Two bytes of the file at a place known from its header, read independently.
    const file = readFileSync(path.join(folder, 'model.safetensors'))
    const start = 8 + Number(file.readBigUInt64LE(0))
    const [begin] = JSON.parse(file.subarray(8, start).toString())['model.norm.weight'].data_offsets
    expect(weights.get('model.norm.weight')![5]).toBe(file.readFloatLE(start + begin + 20))
  })

  it.each(names)('%s: a float32 save is the same bit for bit, a bfloat16 one within rounding', async (name) => {
    const original = path.join(fixtures!, name)
    const { config, generation } = await openCheckpoint(original)
    const weights = await tensorsOf(original)
    const save = async (dtype: 'float32' | 'bfloat16') => {
      const folder = path.join(temporaryFolder(), dtype)
      await saveCheckpoint(folder, { config, weights: (spec) => weights.get(spec.name)!, dtype, generation })
      const back = await openCheckpoint(folder)
      expect(back.config).toEqual(config)
      expect(back.generation).toEqual(generation)
      return tensorsOf(folder)
    }
    expect(bytesOf(await save('float32'))).toEqual(bytesOf(weights))
    const narrow = await save('bfloat16')
    for (const [tensor, data] of weights) {
      const rounded = narrow.get(tensor)!
      expect(rounded).toEqual(roundBfloat16(data))
      // Half a step of 8 significant bits.
      for (let i = 0; i < data.length; i++)
        if (Math.abs(rounded[i] - data[i]) > Math.abs(data[i]) * 2 ** -8) expect([tensor, i]).toBeUndefined()
    }
    // A save of what was saved changes nothing any more.
    for (const [tensor, data] of narrow) weights.set(tensor, data)
    expect(bytesOf(await save('bfloat16'))).toEqual(bytesOf(narrow))
  })
})

describe('saveCheckpoint and openCheckpoint', () => {
  it('write and read everything a checkpoint holds', async () => {
    const folder = path.join(temporaryFolder(), 'a', 'b')
    const content = tinyContent(1, {
      generation: { eosTokenIds: [0, 7], bosTokenId: 3 },
      chatTemplate: '{{ messages[0].content }}!',
      extraFiles: { 'notes.txt': 'n', 'trainer/moments.bin': Uint8Array.of(1, 2) },
    })
    await saveCheckpoint(folder, content)
    expect(readdirSync(folder).sort()).toEqual([
      'config.json',
      'generation_config.json',
      'model.safetensors',
      'notes.txt',
      'parallel_r1.json',
      'tokenizer.json',
      'tokenizer_config.json',
      'trainer',
    ])
    const back = await openCheckpoint(folder)
    expect(back.config).toEqual(tinyConfig)
    expect(back.generation).toEqual({ eosTokenIds: [0, 7], bosTokenId: 3 })
    expect(back.parallel).toEqual(content.parallel)
    expect(back.chatTemplate?.render([{ role: 'user', content: 'x' }])).toBe('x!')
    expect(back.tokenizer?.encode('a<Path>')).toEqual(tinyTokenizer().encode('a<Path>'))
    const weights = await tensorsOf(back)
    const make = randomWeights(1, tinyConfig)
    for (const spec of parametersOf(modelSpec(tinyConfig))) expect(weights.get(spec.name)).toEqual(make(spec))
    expect([...readFileSync(path.join(folder, 'trainer/moments.bin'))]).toEqual([1, 2])
    expect(JSON.parse(readFileSync(path.join(folder, 'config.json'), 'utf8'))).toMatchObject({
      architectures: ['Qwen3ForCausalLM'],
      torch_dtype: 'float32',
      rope_theta: 10000,
      eos_token_id: [0, 7],
    })
  })

  it('let a function write more files into the temporary folder', async () => {
    const folder = path.join(temporaryFolder(), 'model')
    let place = ''
    await saveCheckpoint(
      folder,
      tinyContent(1, {
        extraFiles: async (temporary) => {
          place = temporary
          writeFileSync(path.join(temporary, 'state'), 's')
        },
      }),
    )
    expect(path.dirname(place)).toBe(path.dirname(folder))
    expect(readFileSync(path.join(folder, 'state'), 'utf8')).toBe('s')
  })

  it.each(['../out.txt', '/abs.txt', 'config.json', './config.json', '.', 'trainer/../../x'])('refuse the extra file %s', async (name) => {
    const folder = path.join(temporaryFolder(), 'model')
    await expect(saveCheckpoint(folder, tinyContent(1, { extraFiles: { [name]: 'x' } }))).rejects.toThrow(
      /extraFiles: expected names inside the folder/,
    )
    expect(readdirSync(path.dirname(folder))).toEqual([])
  })

  it.each([
    ['a tokenizer larger than the vocabulary', { config: { ...tinyConfig, vocabSize: 100 } }, 'a tokenizer of at most 100'],
    ['an eos outside the vocabulary', { generation: { eosTokenIds: [300] } }, 'token ids below 300, found 300'],
    ['a configuration that contradicts itself', { config: { ...tinyConfig, queryScalar: 3 } }, 'queryScalar'],
  ])('refuse %s', async (_, change, message) => {
    const folder = path.join(temporaryFolder(), 'model')
    const save = saveCheckpoint(folder, tinyContent(1, change))
    await expect(save).rejects.toThrow(CheckpointError)
    await expect(save).rejects.toThrow(message)
  })

  it('keep the chat template of the tokenizer, and write one without a tokenizer to a file', async () => {
    const folder = path.join(temporaryFolder(), 'model')
    await saveCheckpoint(folder, tinyContent())
    expect((await openCheckpoint(folder)).chatTemplate?.source).toBe(chatTemplate)
    const back = await openCheckpoint(folder)
    await saveCheckpoint(folder, tinyContent(1, { tokenizer: back.tokenizer, chatTemplate: back.chatTemplate }))
    expect((await openCheckpoint(folder)).chatTemplate?.source).toBe(chatTemplate)
    await saveCheckpoint(folder, tinyContent(1, { tokenizer: undefined, chatTemplate: 'x' }))
    expect(readFileSync(path.join(folder, 'chat_template.jinja'), 'utf8')).toBe('x')
    expect((await openCheckpoint(folder)).chatTemplate?.render([])).toBe('x')
  })
})

describe('end-of-sequence ids', () => {
  const change = async (edit: (folder: string) => void) => {
    const folder = await tinyCheckpoint()
    edit(folder)
    return (await openCheckpoint(folder)).generation.eosTokenIds
  }
  const generation = (json: string) => (folder: string) => writeFileSync(path.join(folder, 'generation_config.json'), json)
  const none = (folder: string) => {
    generation('{"eos_token_id":null}')(folder)
    editJson(path.join(folder, 'config.json'), (json) => Object.assign(json, { eos_token_id: null }))
  }

  it('come from generation_config.json, else config.json, else the tokenizer', async () => {
    expect(await change(generation('{"eos_token_id":9}'))).toEqual([9])
    expect(await change(generation('{"eos_token_id":[9,8,9]}'))).toEqual([9, 8])
    expect(await change(generation('{}'))).toEqual([0])
    expect(await change((folder) => rmSync(path.join(folder, 'generation_config.json')))).toEqual([0])
    expect(await change(none)).toEqual([0])
    expect(
      await change((folder) => {
        none(folder)
        editJson(path.join(folder, 'tokenizer_config.json'), (json) => Object.assign(json, { eos_token: { content: '</Path>' } }))
      }),
    ).toEqual([264])
    expect(
      await change((folder) => {
        none(folder)
        rmSync(path.join(folder, 'tokenizer_config.json'))
      }),
    ).toEqual([])
  })
})
