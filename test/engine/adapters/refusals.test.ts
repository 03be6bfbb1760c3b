/** What an adapter folder may not say, each refused by file, key or tensor. */

import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { adapterParameters } from '../../../src/engine/adapters/parameters.ts'
import { readAdapters, readPeftConfig } from '../../../src/engine/adapters/read.ts'
import { targetsOf } from '../../../src/engine/adapters/targets.ts'
import { peftConfigOf, saveAdapters } from '../../../src/engine/adapters/write.ts'
import { openCheckpoint } from '../../../src/engine/checkpoint/folder.ts'
import { CheckpointError, ConfigError } from '../../../src/engine/errors.ts'
import { modelSpec } from '../../../src/engine/families/index.ts'
import { editJson, rawSafetensors, splitSafetensors, temporaryFolder } from '../checkpoint/build.ts'
import { adapted, adapterFolder, modelFolder } from './fixtures.ts'

const [configName, weightsName] = ['adapter_config.json', 'adapter_model.safetensors']
const layer = 'base_model.model.model.layers.0.self_attn.q_proj'

/** A copy of an adapter of mistral that a test may spoil. */
function copy(name = 'mistral-all'): string {
  const folder = path.join(temporaryFolder(), 'adapter')
  cpSync(adapterFolder(name), folder, { recursive: true })
  return folder
}

function withConfig(change: Record<string, unknown>, name?: string): string {
  const folder = copy(name)
  editJson(path.join(folder, configName), (json) => Object.assign(json, change))
  return folder
}

/** @param edit of header and data, for a copy of `name` */
function withTensors(edit: (parts: ReturnType<typeof splitSafetensors>) => void): string {
  const folder = copy()
  const file = path.join(folder, weightsName)
  const parts = splitSafetensors(file)
  edit(parts)
  writeFileSync(file, rawSafetensors(parts.header, parts.data))
  return folder
}

async function refused(folder: string, message: RegExp | string, base = 'mistral'): Promise<void> {
  const error = await adapted(modelFolder(base), folder).then(
    () => undefined,
    (error: unknown) => error,
  )
  expect(error).toBeInstanceOf(CheckpointError)
  expect((error as Error).message).toMatch(message)
}

describe('adapter_config.json', () => {
  it.each<[Record<string, unknown>, RegExp]>([
    [{ peft_type: 'IA3' }, /peft_type: expected LORA, found "IA3"\. Merge it into its base with PEFT/],
    [{ use_dora: true }, /use_dora: expected nothing, or false: it is not computed here, found true\. Merge it/],
    [{ bias: 'all' }, /bias: expected none, found "all"/],
    [{ modules_to_save: ['lm_head'] }, /modules_to_save: expected nothing/],
    [{ fan_in_fan_out: true }, /fan_in_fan_out: expected nothing, or false/],
    [{ lora_bias: true }, /lora_bias/],
    [{ layer_replication: [[0, 1]] }, /layer_replication/],
    [{ alora_invocation_tokens: [1] }, /alora_invocation_tokens/],
    [{ a_key_of_a_later_version: { on: 1 } }, /a_key_of_a_later_version: expected nothing/],
    [{ init_lora_weights: 'pissa' }, /init_lora_weights: expected one of true, false, .*found "pissa"\. Save it with path_initial/],
    [{ task_type: 'SEQ_CLS' }, /task_type: expected CAUSAL_LM/],
    [{ r: 0 }, /: r: expected a whole number of 1 or more, found 0/],
    [{ lora_alpha: 'x' }, /lora_alpha: expected a number, found "x"/],
    [{ rank_pattern: { q_proj: 1.5 } }, /rank_pattern\["q_proj"\]: expected a whole number/],
    [{ rank_pattern: { '(?P<n>q)_proj': 1 } }, /rank_pattern: expected a regular expression that Python and JavaScript share/],
    [{ target_modules: null }, /target_modules: expected names of layers/],
    [{ target_modules: ['query'] }, /target_modules: expected layers of the base, such as model\.layers\.0\.self_attn\.q_proj, found none/],
    [{ target_modules: ['q_proj', 'lm_head'] }, /target_modules: expected linear layers of the model, the head left out, found lm_head/],
    [{ trainable_token_indices: [1, 1] }, /trainable_token_indices: expected lists of different token ids/],
    [{ trainable_token_indices: [48] }, /trainable_token_indices: expected ids below 48, the vocabulary of the base, found 48/],
    [
      { trainable_token_indices: { lm_head: [1] } },
      /trainable_token_indices: expected rows of model\.embed_tokens, and not of an untied head/,
    ],
    [{ lora_dropout: 1 }, /lora_dropout: expected a number from 0, below 1/],
  ])('%j', async (change, message) => {
    await refused(withConfig(change), message)
  })

  it('with a pattern that does not end, whatever it stands in', () => {
    const folder = withConfig({ target_modules: '((.+)+)+X' })
    const names = [`model.layers.0.${'x'.repeat(40)}`]
    expect(() => targetsOf(readPeftConfig(folder), names, 50)).toThrow(
      /adapter_config\.json: expected patterns that end within 0\.05 s, found it did not end/,
    )
  })

  it('with the same key twice', async () => {
    const folder = copy()
    const file = path.join(folder, configName)
    writeFileSync(file, readFileSync(file, 'utf8').replace('{', '{"r": 9,'))
    await refused(folder, /every name once, found "r" twice/)
  })

  it('with an odd value of any key: it opens, or it is refused by a CheckpointError', async () => {
    const odd = [
      [],
      {},
      [[]],
      [{}],
      '',
      'x',
      '(',
      -1,
      0.5,
      1e308,
      2 ** 53,
      [2 ** 53],
      { q_proj: 'x' },
      { '(': 1 },
      { embed_tokens: 'x' },
      ['.*'],
      true,
    ]
    const folder = copy()
    const file = path.join(folder, configName)
    const json = JSON.parse(readFileSync(file, 'utf8'))
    const keys = Object.keys(json)
    const spec = modelSpec((await openCheckpoint(modelFolder('mistral'))).config)
    let refusals = 0
    for (const key of keys) {
      for (const value of odd) {
        writeFileSync(file, JSON.stringify({ ...json, [key]: value }))
        const error = await readAdapters(folder, spec).then(
          () => undefined,
          (error: unknown) => error,
        )
        if (error === undefined) continue
        expect(error, `${key}: ${JSON.stringify(value)}`).toBeInstanceOf(CheckpointError)
        refusals++
      }
    }
    expect(refusals).toBeGreaterThan(keys.length * 5)
  })

  it('takes what other versions leave out or add and what only trains', async () => {
    const folder = copy()
    editJson(path.join(folder, configName), (json) => {
      for (const key of Object.keys(json)) if (json[key] === null || json[key] === false) delete json[key]
      Object.assign(json, { lora_dropout: 0.1, use_new_thing: false, new_list: [], init_lora_weights: 'gaussian' })
    })
    expect((await adapted(modelFolder('mistral'), folder)).adapters!.parts).toHaveLength(14)
  })

  it('takes the rows of a tied head where they are those of the embedding', async () => {
    const tokens = { lm_head: [40, 3, 17], embed_tokens: [40, 3, 17] }
    const { adapters } = await adapted(modelFolder('gemma3'), withConfig({ trainable_token_indices: tokens }, 'gemma3-patterns'))
    expect(adapters!.tokens).toEqual([3, 17, 40])
    const others = { embed_tokens: [40, 3, 17], lm_head: [40] }
    await refused(withConfig({ trainable_token_indices: others }, 'gemma3-patterns'), /found rows of lm_head/, 'gemma3')
  })
})

describe('adapter_model.safetensors', () => {
  it('of another base', async () => {
    await refused(copy('gemma3-patterns'), /only tensors of layers that adapter_config\.json names, .*Is it the adapter of another base\?/)
    await refused(copy('smollm3-regex'), /adapter_model\.safetensors: tensor .*: expected/)
  })

  it('that is not there, or pickled', async () => {
    const folder = copy()
    rmSync(path.join(folder, weightsName))
    await refused(folder, /expected the weights of the adapter, found no such file/)
    writeFileSync(path.join(folder, 'adapter_model.bin'), '')
    await refused(folder, /found adapter_model\.bin alone, which is pickled\. Load the adapter with PEFT and save it again/)
  })

  it('with a tensor of no layer', async () => {
    const folder = withTensors(({ header }) => {
      header[`${layer}.lora_magnitude_vector`] = header[`${layer}.lora_A.weight`]
      delete header[`${layer}.lora_A.weight`]
    })
    await refused(folder, /lora_A\.weight": expected shape \[2,32\].*found no such tensor/)
    await refused(
      withConfig({ target_modules: ['k_proj'] }),
      /expected only tensors of layers that adapter_config\.json names.*another base\?/,
    )
  })

  it('with a whole table, as PEFT saves it after the vocabulary was resized: how to save it', async () => {
    for (const tensor of ['model.embed_tokens.weight', 'lm_head.token_adapter.base_layer.weight']) {
      const folder = copy()
      const file = path.join(folder, weightsName)
      const { header, data } = splitSafetensors(file)
      const [size, at] = [header[`${layer}.lora_A.weight`].shape, data.length]
      header[`base_model.model.${tensor}`] = { dtype: 'F32', shape: size, data_offsets: [at, at + size[0] * size[1] * 4] }
      writeFileSync(file, rawSafetensors(header, Buffer.concat([data, Buffer.alloc(size[0] * size[1] * 4)])))
      await refused(folder, /save_embedding_layers=False, and the rows of new tokens as trainable_token_indices/)
    }
  })

  it('of another rank or shape', async () => {
    await refused(withConfig({ r: 3 }), /lora_A\.weight": expected shape \[3,32\], .* found \[2,32\]/)
    const folder = withTensors(({ header }) => header[`${layer}.lora_A.weight`].shape.reverse())
    await refused(folder, /lora_A\.weight": expected shape \[2,32\], .* found \[32,2\]/)
  })

  it('that is cut anywhere', async () => {
    const bytes = readFileSync(path.join(copy(), weightsName))
    for (const length of [0, 4, 8, 100, 2000, bytes.length - 1]) {
      const folder = copy()
      writeFileSync(path.join(folder, weightsName), bytes.subarray(0, length))
      await refused(folder, /adapter_model\.safetensors/)
    }
  })

  it('of ours with a flipped bit, wherever it is', async () => {
    const { config, generation } = await openCheckpoint(modelFolder('mistral'))
    const parts = [{ weight: 'model.layers.0.self_attn.q_proj.weight', rank: 2, scale: 1 }]
    const weights = ({ shape }: { shape: number[] }) => Float32Array.from({ length: shape[0] * shape[1] }, (_, i) => Math.sin(i))
    const folder = path.join(temporaryFolder(), 'adapter')
    await saveAdapters(folder, { config, generation, adapters: { parts }, base: 'x', weights })
    const file = path.join(folder, weightsName)
    const whole = readFileSync(file)
    const readAll = async () => {
      const { weights } = (await readAdapters(folder, modelSpec(config))).adapters
      const reader = await weights.open()
      const read = await Promise.all(weights.specs.map(({ name }) => reader.read(name))).finally(() => reader.close())
      return read
    }
    const before = await readAll()
    for (let at = 0; at < whole.length; at += 13) {
      const bytes = Buffer.from(whole)
      bytes[at] ^= 1 << (at % 8)
      writeFileSync(file, bytes)
      const read = await readAll().catch((error: unknown) => error)
      // A space of the header may become another white space.
      if (read instanceof Error) expect(read, `byte ${at}`).toBeInstanceOf(CheckpointError)
      else expect(read, `byte ${at}`).toEqual(before)
    }
  })

  it('with a NaN: when it is read', async () => {
    const folder = withTensors(({ header, data }) => data.writeFloatLE(Number.NaN, header[`${layer}.lora_A.weight`].data_offsets[0]))
    const { adapters } = await adapted(modelFolder('mistral'), folder)
    const reader = await adapters!.weights!.open()
    await expect(reader.read('model.layers.0.self_attn.q_proj.lora_A.weight')).rejects.toThrow(/finite numbers, found NaN at index 0/)
    await reader.close()
  })
})

describe('adapters to save', async () => {
  const { config, generation } = await openCheckpoint(modelFolder('mistral'))
  const spec = modelSpec(config)
  const q = { weight: 'model.layers.0.self_attn.q_proj.weight', rank: 2, scale: 1 }

  it.each([
    [{ parts: [{ ...q, weight: 'lm_head.weight' }] }, /beside lm_head\.weight .*the head left out/],
    [{ parts: [q, q] }, /Expected every weight once/],
    [{ parts: [{ ...q, rank: 0 }] }, /a rank of 1 or more/],
    [{ parts: [{ ...q, scale: Number.NaN }] }, /a finite scale/],
    [{ parts: [q], tokens: [3, 2] }, /ids below 48, ascending\. Got 2/],
    [{ parts: [q], tokens: [48] }, /ids below 48, ascending\. Got 48/],
  ])('%j', (adapters, message) => {
    expect(() => adapterParameters(spec, adapters)).toThrow(message)
    expect(() => adapterParameters(spec, adapters)).toThrow(ConfigError)
  })

  it('have at least one layer, and no NaN', async () => {
    expect(() => peftConfigOf(spec, { parts: [] }, { base: 'x' }, 'file')).toThrow(/at least one layer/)
    const weights = ({ shape }: { shape: number[] }) => new Float32Array(shape[0] * shape[1]).fill(Number.NaN)
    const folder = path.join(temporaryFolder(), 'adapter')
    await expect(saveAdapters(folder, { config, generation, adapters: { parts: [q] }, base: 'x', weights })).rejects.toThrow(
      /q_proj\.lora_A\.weight.*finite numbers in float32, found NaN/,
    )
  })
})
