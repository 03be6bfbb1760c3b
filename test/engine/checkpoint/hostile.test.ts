import { execFileSync } from 'node:child_process'
import { copyFileSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { openCheckpoint } from '../../../src/engine/checkpoint/folder.ts'
import { availableMemory, checkMemory } from '../../../src/engine/checkpoint/memory.ts'
import { CheckpointError } from '../../../src/engine/errors.ts'
import { modelSpec } from '../../../src/engine/families/index.ts'
import {
  editJson,
  type Header,
  openAll,
  rawSafetensors,
  splitSafetensors,
  temporaryFolder,
  tensorsOf,
  tinyCheckpoint,
  tinyConfig,
} from './build.ts'

const weightsOf = (folder: string) => path.join(folder, 'model.safetensors')

function editWeights(folder: string, edit: (header: Header, data: Buffer) => unknown): void {
  const { header, data } = splitSafetensors(weightsOf(folder))
  const changed = edit(header, data)
  writeFileSync(weightsOf(folder), rawSafetensors(header, Buffer.isBuffer(changed) ? changed : data))
}

/** Splits the weights into two shards with an index. */
function shard(folder: string, change: (map: Record<string, string>, folder: string) => void = () => {}): void {
  const { header, data } = splitSafetensors(weightsOf(folder))
  const names = Object.keys(header).filter((name) => name !== '__metadata__')
  const map: Record<string, string> = {}
  const half = names.length >> 1
  for (const [i, part] of [names.slice(0, half), names.slice(half)].entries()) {
    const file = `model-0000${i + 1}-of-00002.safetensors`
    const start = header[part[0]].data_offsets[0]
    const end = header[part.at(-1)!].data_offsets[1]
    const moved = part.map((name) => [name, { ...header[name], data_offsets: header[name].data_offsets.map((offset) => offset - start) }])
    writeFileSync(path.join(folder, file), rawSafetensors(Object.fromEntries(moved), data.subarray(start, end)))
    for (const name of part) map[name] = file
  }
  rmSync(weightsOf(folder))
  change(map, folder)
  writeFileSync(
    path.join(folder, 'model.safetensors.index.json'),
    JSON.stringify({ metadata: { total_size: data.length }, weight_map: map }),
  )
}

/** As statements, so that the table below can use them in expressions. */
function set(target: object, key: string, value: unknown): void {
  Object.assign(target, { [key]: value })
}
function setJson(file: string, change: Record<string, unknown>): void {
  editJson(file, (json) => Object.assign(json, change))
}

const norm = 'model.norm.weight'
const embedding = 'model.embed_tokens.weight'
const first = 'model-00001-of-00002.safetensors'
const second = 'model-00002-of-00002.safetensors'

/** Appends a tensor of zeros. */
function addTensor(header: Header, data: Buffer, name: string, shape: number[]): Buffer {
  const bytes = shape.reduce((a, b) => a * b, 4)
  Object.defineProperty(header, name, {
    value: { dtype: 'F32', shape, data_offsets: [data.length, data.length + bytes] },
    enumerable: true,
  })
  return Buffer.concat([data, Buffer.alloc(bytes)])
}

// what is wrong, how to make it so, parts of the message
const cases: [string, (folder: string) => void, string[]][] = [
  ['no config', (f) => rmSync(path.join(f, 'config.json')), ['config.json', 'a folder that has no config.json']],
  ['an empty config', (f) => writeFileSync(path.join(f, 'config.json'), ''), ['config.json', 'an empty file']],
  ['a config cut off', (f) => writeFileSync(path.join(f, 'config.json'), '{"model_type":'), ['config.json', 'does not parse']],
  ['a config that is a list', (f) => writeFileSync(path.join(f, 'config.json'), '[]'), ['config.json', 'a JSON object', '[]']],
  [
    'a config that is not UTF-8',
    (f) => writeFileSync(path.join(f, 'config.json'), Buffer.from([0x7b, 0xc0, 0x7d])),
    ['config.json', 'UTF-8'],
  ],
  [
    'a config that is a folder',
    (f) => {
      rmSync(path.join(f, 'config.json'))
      mkdirSync(path.join(f, 'config.json'))
    },
    ['config.json', 'a regular file', 'a folder'],
  ],
  [
    'a config that is a pipe',
    (f) => {
      rmSync(path.join(f, 'config.json'))
      execFileSync('mkfifo', [path.join(f, 'config.json')])
    },
    ['config.json', 'a regular file', 'a pipe'],
  ],
  [
    'a config that links to itself',
    (f) => {
      rmSync(path.join(f, 'config.json'))
      symlinkSync('config.json', path.join(f, 'config.json'))
    },
    ['config.json', 'leads back to itself', 'ELOOP'],
  ],
  ['an unknown family', (f) => setJson(path.join(f, 'config.json'), { model_type: 'gpt2' }), ['config.json', 'model_type', '"gpt2"']],
  ['an unknown activation', (f) => setJson(path.join(f, 'config.json'), { hidden_act: 'relu' }), ['hidden_act', '"silu"', '"relu"']],
  ['too many layers', (f) => setJson(path.join(f, 'config.json'), { num_hidden_layers: 3 }), ['model.layers.2.', 'no such tensor']],
  ['too few layers', (f) => setJson(path.join(f, 'config.json'), { num_hidden_layers: 1 }), ['model.layers.1.', 'only the tensors']],
  ['a larger vocabulary', (f) => setJson(path.join(f, 'config.json'), { vocab_size: 400 }), [embedding, 'shape [400,8]', 'found [300,8]']],
  [
    'a smaller vocabulary than the tokenizer',
    (f) => setJson(path.join(f, 'config.json'), { vocab_size: 100 }),
    ['tokenizer.json', 'at most 100 tokens', '267'],
  ],
  [
    'an untied head that is missing',
    (f) => setJson(path.join(f, 'config.json'), { tie_word_embeddings: false }),
    ['lm_head.weight', 'no such'],
  ],
  ['no weights', (f) => rmSync(weightsOf(f)), ['model.safetensors or model.safetensors.index.json', 'neither']],
  ['empty weights', (f) => writeFileSync(weightsOf(f), ''), ['model.safetensors', 'an empty file']],
  [
    'truncated weights',
    (f) => writeFileSync(weightsOf(f), readFileSync(weightsOf(f)).subarray(0, -1)),
    ['model.safetensors', 'data_offsets', 'truncated'],
  ],
  [
    'weights that are a folder',
    (f) => {
      rmSync(weightsOf(f))
      mkdirSync(weightsOf(f))
    },
    ['model.safetensors', 'a regular file', 'a folder'],
  ],
  [
    'a missing tensor',
    (f) =>
      editWeights(f, (header, data) => {
        const [begin, end] = header[norm].data_offsets
        delete header[norm]
        return Buffer.concat([data.subarray(0, begin), data.subarray(end)])
      }),
    ['model.safetensors', norm, 'shape [8]', 'no such tensor'],
  ],
  [
    'an extra tensor',
    (f) => editWeights(f, (h, d) => addTensor(h, d, 'model.extra', [3])),
    ['model.extra', 'only the tensors of a qwen3 model', '[3]'],
  ],
  [
    'an extra bias',
    (f) => editWeights(f, (h, d) => addTensor(h, d, 'model.layers.0.self_attn.o_proj.bias', [8])),
    ['o_proj.bias', 'only the tensors'],
  ],
  ['a tensor called __proto__', (f) => editWeights(f, (h, d) => addTensor(h, d, '__proto__', [3])), ['__proto__', 'only the tensors']],
  ['a wrong shape', (f) => editWeights(f, (h) => set(h[norm], 'shape', [2, 4])), [norm, 'shape [8]', 'found [2,4]']],
  [
    'a transposed tensor',
    (f) => editWeights(f, (h) => set(h[embedding], 'shape', [8, 300])),
    [embedding, 'shape [300,8]', 'found [8,300]'],
  ],
  [
    'integers for weights',
    (f) => editWeights(f, (h) => set(h[norm], 'dtype', 'I32')),
    ['model.safetensors', norm, 'dtype', 'F32, BF16 or F16', 'I32'],
  ],
  [
    'a tensor without numbers',
    (f) =>
      editWeights(f, (h, d) => {
        const [begin, end] = h[norm].data_offsets
        h[norm] = { ...h[norm], shape: [0], data_offsets: [begin, begin] }
        for (const entry of Object.values(h)) {
          if (entry.data_offsets?.[0] >= end) entry.data_offsets = [entry.data_offsets[0] - 32, entry.data_offsets[1] - 32]
        }
        return Buffer.concat([d.subarray(0, begin), d.subarray(end)])
      }),
    [norm, 'shape [8]', 'found [0]'],
  ],
  [
    'NaN',
    (f) =>
      editWeights(f, (h, d) => {
        d.writeFloatLE(Number.NaN, h[norm].data_offsets[0] + 12)
        d.writeFloatLE(Number.POSITIVE_INFINITY, h[norm].data_offsets[0] + 20)
        return d
      }),
    ['model.safetensors', norm, 'finite numbers', 'NaN at index 3', '2 of 8'],
  ],
  [
    'infinity',
    (f) =>
      editWeights(f, (h, d) => {
        d.writeFloatLE(Number.NEGATIVE_INFINITY, h[norm].data_offsets[0])
        return d
      }),
    [norm, '-Infinity at index 0', '1 of 8'],
  ],
  ['a shard missing', (f) => shard(f, (_, folder) => rmSync(path.join(folder, second))), [second, 'no such file']],
  [
    'a shard truncated',
    (f) => shard(f, (_, folder) => writeFileSync(path.join(folder, first), readFileSync(path.join(folder, first)).subarray(0, 200))),
    [first],
  ],
  ['a tensor in the other shard', (f) => shard(f, (map) => set(map, norm, first)), [first, norm, `it in`, second]],
  [
    'an index naming a tensor that is nowhere',
    (f) => shard(f, (map) => set(map, 'model.ghost', first)),
    [first, 'model.ghost', 'it nowhere'],
  ],
  [
    'the same tensor in two shards',
    (f) => shard(f, (_, folder) => copyFileSync(path.join(folder, first), path.join(folder, second))),
    ['every tensor once', first],
  ],
  [
    'a shard that is the index',
    (f) => shard(f, (map) => set(map, norm, 'model.safetensors.index.json')),
    [norm, 'plain name', 'index.json'],
  ],
  [
    'a shard in the parent folder',
    (f) => shard(f, (map) => set(map, norm, '../model.safetensors')),
    [norm, 'plain name', '../model.safetensors'],
  ],
  ['a shard by absolute path', (f) => shard(f, (map) => set(map, norm, '/etc/x.safetensors')), [norm, 'plain name', '/etc/x.safetensors']],
  ['a shard with a backslash', (f) => shard(f, (map) => set(map, norm, '..\\x.safetensors')), [norm, 'plain name']],
  ['a shard with a null byte', (f) => shard(f, (map) => set(map, norm, 'x\0.safetensors')), [norm, 'plain name']],
  ['a shard that is a number', (f) => shard(f, (map) => set(map, norm, 3)), [norm, 'plain name', 'found 3']],
  [
    'a shard that links to itself',
    (f) =>
      shard(f, (_, folder) => {
        rmSync(path.join(folder, second))
        symlinkSync(second, path.join(folder, second))
      }),
    [second, 'leads back to itself'],
  ],
  ['an empty index', (f) => shard(f, (map) => Object.keys(map).map((name) => delete map[name])), ['weight_map', 'at least one']],
  [
    'an index without a map',
    (f) => {
      rmSync(weightsOf(f))
      writeFileSync(path.join(f, 'model.safetensors.index.json'), '{"weight_map":[]}')
    },
    ['weight_map', 'an object', '[]'],
  ],
  [
    'an index with a name twice',
    (f) => {
      rmSync(weightsOf(f))
      writeFileSync(path.join(f, 'model.safetensors.index.json'), '{"weight_map":{"a":"x.safetensors","a":"y.safetensors"}}')
    },
    ['index.json', '"a" twice'],
  ],
  ['a tokenizer cut off', (f) => writeFileSync(path.join(f, 'tokenizer.json'), '{"model":{'), ['tokenizer.json', 'does not parse']],
  ['a tokenizer without a model', (f) => writeFileSync(path.join(f, 'tokenizer.json'), '{}'), ['tokenizer.json', 'model', 'nothing']],
  ['a tokenizer config that is a list', (f) => writeFileSync(path.join(f, 'tokenizer_config.json'), '[]'), ['tokenizer_config.json', '[]']],
  [
    'an eos that is no id',
    (f) => writeFileSync(path.join(f, 'generation_config.json'), '{"eos_token_id":[0,300]}'),
    ['generation_config.json', 'eos_token_id', 'below 300', '[0,300]'],
  ],
  [
    'an unknown attention mode',
    (f) => setJson(path.join(f, 'parallel_r1.json'), { attention: 'both' }),
    ['parallel_r1.json', 'attention', 'structured or causal', '"both"'],
  ],
  [
    'a tag outside the vocabulary',
    (f) => editJson(path.join(f, 'parallel_r1.json'), (j) => void Object.assign(j.tags as object, { path: 300 })),
    ['parallel_r1.json', 'tags.path', 'below 300', '300'],
  ],
  [
    'two tags with one id',
    (f) => editJson(path.join(f, 'parallel_r1.json'), (j) => void Object.assign(j.tags as object, { path: 262, pathEnd: 262 })),
    ['parallel_r1.json', 'tags', 'six different ids'],
  ],
  [
    'a budget that is no number',
    (f) => setJson(path.join(f, 'parallel_r1.json'), { budgets: { response: '64' } }),
    ['budgets.response', 'an integer', '"64"'],
  ],
  [
    'a template told a day that is none',
    (f) => editJson(path.join(f, 'parallel_r1.json'), (j) => void Object.assign(j, { template: { date: '2025-02-30' } })),
    ['parallel_r1.json', 'template.date', 'YYYY-MM-DD', '"2025-02-30"'],
  ],
  [
    'starts of paths that are no texts',
    (f) => editJson(path.join(f, 'parallel_r1.json'), (j) => void Object.assign(j, { pathStarts: ['A: ', 2] })),
    ['parallel_r1.json', 'pathStarts', 'a list of 1 to 16 texts'],
  ],
  [
    'variables of a template that are a list',
    (f) => editJson(path.join(f, 'parallel_r1.json'), (j) => void Object.assign(j, { template: { variables: [1] } })),
    ['parallel_r1.json', 'template.variables', 'an object', '[1]'],
  ],
  [
    'a template that is a number',
    (f) => setJson(path.join(f, 'tokenizer_config.json'), { chat_template: 3 }),
    ['chat_template', 'found 3'],
  ],
  [
    'a template that does not parse',
    (f) => setJson(path.join(f, 'tokenizer_config.json'), { chat_template: '{% if %}' }),
    ['chat_template', 'a Jinja template'],
  ],
]

describe('a hostile checkpoint', () => {
  it('is not the one the cases start from', async () => {
    expect(await openAll(await tinyCheckpoint())).toBe(300 * 8 + 2 * (8 * 8 * 2 + 4 * 8 * 2 + 8 + 3 * 96 + 16) + 8)
  })

  it.each(cases)('with %s is refused', async (_, mutate, parts) => {
    const folder = await tinyCheckpoint()
    mutate(folder)
    const error = await openAll(folder).catch((e: unknown) => e)
    expect(error).toBeInstanceOf(CheckpointError)
    const text = (error as Error).message
    for (const part of [folder, 'expected', 'found', ...parts]) expect(text).toContain(part)
  })

  it.each([
    ['nothing', () => {}, 'no such file'],
    ['a file', (f: string) => writeFileSync(f, ''), 'a file'],
    ['a link to itself', (f: string) => symlinkSync(f, f), 'leads back to itself'],
  ])('that is %s is refused', async (_, make, found) => {
    const folder = path.join(temporaryFolder(), 'x')
    make(folder)
    const error = await openCheckpoint(folder).catch((e: unknown) => e)
    expect(error).toBeInstanceOf(CheckpointError)
    expect((error as Error).message).toContain(found)
  })
})

describe('what is tolerated', () => {
  it.each(['model.layers.0.self_attn.rotary_emb.inv_freq', 'model.layers.0.attn.bias'])('%s beside the weights', async (name) => {
    const folder = await tinyCheckpoint()
    const before = await openAll(folder)
    editWeights(folder, (header, data) => addTensor(header, data, name, [2]))
    expect(await openAll(folder)).toBe(before)
  })

  it('shards, which hold the same numbers', async () => {
    const folder = await tinyCheckpoint()
    const read = async () => [...(await tensorsOf(folder)).values()]
    const before = await read()
    shard(folder)
    expect(await read()).toEqual(before)
  })

  it('files that are links, as in the cache of Hugging Face', async () => {
    const folder = await tinyCheckpoint()
    const blobs = temporaryFolder()
    for (const name of ['config.json', 'model.safetensors', 'tokenizer.json']) {
      renameSync(path.join(folder, name), path.join(blobs, name))
      symlinkSync(path.join(blobs, name), path.join(folder, name))
    }
    expect(await openAll(folder)).toBeGreaterThan(0)
  })
})

describe('a model larger than memory', () => {
  it('is refused, with the numbers', () => {
    const check = (available: number, train?: boolean) => () => checkMemory(modelSpec(tinyConfig), 'a model', { available, train })
    const bytes = 3416 * 4
    expect(check(bytes - 1)).toThrow(
      'expected a model that fits into memory; it needs 13.3 KiB as float32 (+ 40.0 KiB to train), found 13.3 KiB free',
    )
    expect(check(bytes - 1)).toThrow(CheckpointError)
    expect(check(bytes)).not.toThrow()
    expect(check(bytes * 4 - 1, true)).toThrow('to train')
    expect(check(bytes * 4, true)).not.toThrow()
  })

  it('counts the copy that products read, twice to train', () => {
    const bytes = 3416 * 4
    const check = (available: number, train: boolean) => () =>
      checkMemory(modelSpec(tinyConfig), 'a model', { available, train, packed: 2 })
    expect(check(bytes * 1.5 - 1, false)).toThrow('13.3 KiB as float32 and 6.7 KiB packed for products (+ 46.7 KiB to train)')
    expect(check(bytes * 1.5, false)).not.toThrow()
    expect(check(bytes * 5 - 1, true)).toThrow('to train')
    expect(check(bytes * 5, true)).not.toThrow()
  })

  it('is measured against the memory of this machine', () => {
    expect(availableMemory()).toBeGreaterThan(2 ** 20)
    expect(availableMemory()).toBeLessThan(2 ** 60)
  })
})
