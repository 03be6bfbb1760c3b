import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { saveAdapters } from '../../src/engine/adapters/write.ts'
import { openCheckpoint, saveCheckpoint } from '../../src/engine/checkpoint/folder.ts'
import { openEngine } from '../../src/engine/open.ts'
import { fetchModel } from '../../src/hub/model.ts'
import { checkpointPlace, modelId } from '../../src/hub/place.ts'
import { ModelPool } from '../../src/providers/pool.ts'
import { ParallelThinkingProvider } from '../../src/providers/provider.ts'
import { openModel } from '../../src/trainer/model/model.ts'
import { tensorsOf } from '../engine/checkpoint/tiny.ts'
import { encode, shard, tinyParts } from '../engine/gguf/tiny.ts'
import { writeTinyCheckpoint } from '../providers/tiny-checkpoint.ts'
import { commitOf, cut, type FakeModels, filesOf, garble, refuse, startModels } from './fake-models.ts'

const root = mkdtempSync(path.join(os.tmpdir(), 'pr1-hub-'))
let hub: FakeModels
let tiny: Record<string, Buffer>
let home: string
let count = 0

beforeAll(async () => {
  hub = await startModels()
  await writeTinyCheckpoint(path.join(root, 'tiny'))
  tiny = filesOf(path.join(root, 'tiny'))
  const extra = { 'README.md': Buffer.from('# Tiny'), 'pytorch_model.bin': Buffer.alloc(9), 'consolidated.safetensors': Buffer.alloc(9) }
  hub.models.set('acme/tiny@main', { ...tiny, ...extra })
})
beforeEach(() => {
  home = path.join(root, `home-${count++}`)
  hub.asked.length = 0
  hub.faults.length = 0
})
afterEach(() => void vi.unstubAllEnvs())
afterAll(async () => {
  await hub.close()
  rmSync(root, { recursive: true })
})

/** Quicker to compare than the bytes. */
const hashes = (files: Record<string, Buffer>) =>
  Object.fromEntries(Object.entries(files).map(([name, bytes]) => [name, createHash('sha1').update(bytes).digest('hex')]))
const storage = () => path.join(home, 'hub', 'models--acme--tiny')
const said: string[] = []
function fetchTiny(env: NodeJS.ProcessEnv = {}, revision = 'main', attempts = 3): Promise<string> {
  said.length = 0
  const notify = (message: string) => void said.push(message)
  return fetchModel(
    { name: 'acme/tiny', revision },
    { env: { HF_ENDPOINT: hub.endpoint, HF_HOME: home, ...env }, attempts, sleep: async () => {}, notify },
  )
}

describe('what names a model of the hub', () => {
  it('is owner/name with or without a revision, where no such folder is there', () => {
    expect(modelId('Qwen/Qwen3-0.6B')).toEqual({ name: 'Qwen/Qwen3-0.6B', revision: 'main' })
    expect(modelId('a/b-GGUF:Q4_K_M@v1')).toEqual({ name: 'a/b-GGUF', revision: 'v1', gguf: 'Q4_K_M' })
    expect(modelId('a/b:Q8_0/c-00001-of-00002.gguf')).toEqual({ name: 'a/b', revision: 'main', gguf: 'Q8_0/c-00001-of-00002.gguf' })
    expect(modelId('a/b:../c.gguf')).toBeUndefined()
    expect(modelId('a/b:c.gguf')).toEqual({ name: 'a/b', revision: 'main', gguf: 'c.gguf' })
    expect(modelId('a/b@refs/pr/1')).toEqual({ name: 'a/b', revision: 'refs/pr/1' })
    for (const place of ['model', './a/b', '../b', '~/b', '/a/b', 'a/b/c', 'a/b@../../x', 'a/.b', 'a/b.gguf'])
      expect(modelId(place)).toBeUndefined()
    mkdirSync(path.join(root, 'runs', 'final'), { recursive: true })
    expect(checkpointPlace('runs/final', root)).toBe(path.join(root, 'runs', 'final'))
    expect(checkpointPlace('runs/other', root)).toBe('runs/other')
    expect(checkpointPlace('./runs/other', root)).toBe(path.join(root, 'runs', 'other'))
    expect(() => checkpointPlace('https://huggingface.co/Qwen/Qwen3-0.6B/tree/main', root)).toThrow(/Write checkpoint: Qwen\/Qwen3-0\.6B$/)
  })
})

describe('a model of the hub', () => {
  it('is kept in the layout of the cache that all tools share, without what no engine reads', async () => {
    const folder = await fetchTiny()
    expect(folder).toBe(path.join(storage(), 'snapshots', commitOf(hub.models.get('acme/tiny@main')!)))
    expect(hashes(filesOf(folder))).toEqual(hashes(tiny))
    expect(readFileSync(path.join(storage(), 'refs', 'main'), 'utf8')).toBe(path.basename(folder))
    const link = path.join(folder, 'model.safetensors')
    expect(lstatSync(link).isSymbolicLink()).toBe(true)
    expect(readlinkSync(link)).toMatch(/^\.\.\/\.\.\/blobs\/[0-9a-f]{64}$/)
    expect(readdirSync(path.join(storage(), 'blobs')).filter((name) => !/^([0-9a-f]{40}|[0-9a-f]{64})$/.test(name))).toEqual([])
    expect(said[0]).toMatch(/^fetching acme\/tiny \(.* KiB\) into /)
  })

  it('asks once for its revision when it is there, never offline, and never by its commit', async () => {
    const folder = await fetchTiny()
    hub.asked.length = 0
    expect(await fetchTiny()).toBe(folder)
    expect(hub.asked.map(({ url }) => url)).toEqual(['/api/models/acme/tiny/revision/main?blobs=true'])
    expect(await fetchTiny({ HF_HUB_OFFLINE: '1' })).toBe(folder)
    expect(await fetchTiny({}, path.basename(folder))).toBe(folder)
    expect(hub.asked).toHaveLength(1)
  })

  it('is the one of the cache where the hub cannot be reached, with a note', async () => {
    const gone = await startModels()
    await gone.close()
    const folder = await fetchTiny()
    expect(await fetchTiny({ HF_ENDPOINT: gone.endpoint })).toBe(folder)
    expect(said).toEqual([`the hub cannot be reached, so acme/tiny is the one in the cache (${path.basename(folder)})`])
    rmSync(path.join(folder, 'model.safetensors'))
    await expect(fetchTiny({ HF_ENDPOINT: gone.endpoint })).rejects.toThrow(
      /could not be read \(ECONNREFUSED\).*HF_ENDPOINT to a mirror, or name a folder/,
    )
    await expect(fetchTiny({ HF_HUB_OFFLINE: '1' })).rejects.toThrow(
      /acme\/tiny@main is not in the cache at .*not whole.*Unset HF_HUB_OFFLINE/,
    )
  })

  it('has revisions, which share their blobs', async () => {
    const other = { ...tiny, 'generation_config.json': Buffer.from('{"eos_token_id":[0]}') }
    hub.models.set('acme/tiny@v2', other)
    const first = await fetchTiny()
    hub.asked.length = 0
    const second = await fetchTiny({}, 'v2')
    expect(hashes(filesOf(second))).toEqual(hashes(other))
    expect(second).not.toBe(first)
    expect(hub.asked.map(({ url }) => url.split('/').at(-1))).toEqual(['v2?blobs=true', 'generation_config.json'])
    expect(readdirSync(path.join(storage(), 'refs')).sort()).toEqual(['main', 'v2'])
    await expect(fetchTiny({}, 'v3')).rejects.toThrow(/answered 404.*no such model or revision.*Check the id at http.*acme\/tiny/)
  })

  it('goes on where a transfer broke, in the same run and in the next', async () => {
    hub.faults.push(['model.safetensors', cut])
    await fetchTiny()
    const size = tiny['model.safetensors'].length
    const ranges = hub.asked.filter(({ url }) => url.endsWith('model.safetensors')).map(({ range }) => range)
    expect(ranges).toEqual([undefined, `bytes=${Math.floor(size / 2)}-`])

    home = path.join(root, 'killed')
    hub.faults.push(['model.safetensors', cut], ['model.safetensors', refuse(403, 'expired')])
    await expect(fetchTiny()).rejects.toThrow(/answered 403 \("expired"\)/)
    const [left] = readdirSync(path.join(storage(), 'blobs')).filter((name) => name.endsWith('.incomplete'))
    expect(statSync(path.join(storage(), 'blobs', left)).size).toBe(Math.floor(size / 2))
    hub.asked.length = 0
    expect(hashes(filesOf(await fetchTiny()))).toEqual(hashes(tiny))
    expect(hub.asked.slice(1).map(({ url, range }) => [url.split('/').at(-1), range])).toEqual([
      ['model.safetensors', `bytes=${Math.floor(size / 2)}-`],
    ])
  })

  it('is compared with the hash that the hub lists', async () => {
    hub.faults.push(['model.safetensors', garble], ['tokenizer.json', garble])
    expect(hashes(filesOf(await fetchTiny()))).toEqual(hashes(tiny))
    home = path.join(root, 'garbled')
    hub.faults.push(['model.safetensors', garble], ['model.safetensors', garble])
    await expect(fetchTiny()).rejects.toThrow(/sent other bytes than it lists: http.*model\.safetensors/)
    expect(existsSync(path.join(storage(), 'refs', 'main'))).toBe(false)
  })

  it('is whole however many fetch it at once, and whatever one of them is sent', async () => {
    for (let round = 0; round < 5; round++) {
      home = path.join(root, `together-${round}`)
      hub.faults.push(['model.safetensors', round % 2 === 0 ? garble : cut])
      for (const folder of await Promise.all([fetchTiny(), fetchTiny(), fetchTiny()])) expect(hashes(filesOf(folder))).toEqual(hashes(tiny))
      expect(readdirSync(path.join(storage(), 'blobs')).filter((name) => name.endsWith('.incomplete'))).toEqual([])
    }
  })

  it('goes on with what a killed process left, and leaves alone what is being written', async () => {
    const blob = path.join(storage(), 'blobs', createHash('sha256').update(tiny['model.safetensors']).digest('hex'))
    mkdirSync(path.dirname(blob), { recursive: true })
    const half = tiny['model.safetensors'].subarray(0, 100)
    const ended = spawnSync(process.execPath, ['-e', '']).pid
    const host = encodeURIComponent(os.hostname())
    const left = `${blob}.${host}-${ended}-00000000.incomplete`
    const elsewhere = `${blob}.another-1-00000000.incomplete`
    for (const file of [left, elsewhere]) writeFileSync(file, half)
    await fetchTiny()
    expect(hub.asked.find(({ url }) => url.endsWith('model.safetensors'))?.range).toBe('bytes=100-')
    expect([left, elsewhere].map((file) => existsSync(file))).toEqual([false, true])
  })

  it('that may not be read says how it can be', async () => {
    hub.faults.push(['/api/', refuse(401, 'Invalid username or password.')])
    await expect(fetchTiny()).rejects.toThrow(/answered 401 .*no such public model, or it needs a token.*set HF_TOKEN/)
    hub.faults.push(['/api/', refuse(403, 'gated')])
    await expect(fetchTiny({ HF_TOKEN: 'secret' })).rejects.toThrow(/answered 403 \("gated"\).*accepting its terms(?!.*secret)/)
    expect(hub.asked.at(-1)!.authorization).toBe('Bearer secret')
    mkdirSync(home, { recursive: true })
    writeFileSync(path.join(home, 'token'), 'hf_of-the-file\n')
    await fetchTiny()
    expect(hub.asked.at(-1)!.authorization).toBe('Bearer hf_of-the-file')
  })

  it('without safetensors says so before anything is fetched', async () => {
    const { 'model.safetensors': _, ...rest } = tiny
    hub.models.set('acme/tiny@gguf', { ...rest, 'tiny-Q4.gguf': Buffer.alloc(4) })
    await expect(fetchTiny({}, 'gguf')).rejects.toThrow(
      /has no model\.safetensors or .*\. Its GGUF files are tiny-Q4\.gguf\. Name one of them: checkpoint: acme\/tiny:tiny-Q4\.gguf$/,
    )
    expect(hub.asked).toHaveLength(1)
  })

  it('in GGUF is fetched by its quantisation or its file, and nothing else is', async () => {
    const part = (i: number) => `tiny-Q8_0-0000${i}-of-00002.gguf`
    const files = {
      [part(1)]: Buffer.from('a'),
      [part(2)]: Buffer.from('b'),
      'tiny-Q4_K_M.gguf': encode(tinyParts()),
      'x.bin': Buffer.alloc(9),
    }
    hub.models.set('acme/tiny@main-gguf', files)
    const get = (gguf: string, env: NodeJS.ProcessEnv = {}) =>
      fetchModel(
        { name: 'acme/tiny', revision: 'main-gguf', gguf },
        { env: { HF_ENDPOINT: hub.endpoint, HF_HOME: home, ...env }, notify: () => {} },
      )
    await expect(get('q4_k_m', { HF_HUB_OFFLINE: '1' })).rejects.toThrow(/not in the cache/)
    const file = await get('q4_k_m')
    expect(path.basename(file)).toBe('tiny-Q4_K_M.gguf')
    expect(readdirSync(path.dirname(file))).toEqual(['tiny-Q4_K_M.gguf'])
    expect((await openCheckpoint(file)).config.family).toBe('llama')
    expect(await get('tiny-Q4_K_M.gguf', { HF_HUB_OFFLINE: '1' })).toBe(file)
    expect(path.basename(await get('Q8_0'))).toBe(part(1))
    expect(readdirSync(path.dirname(file)).sort()).toEqual(['tiny-Q4_K_M.gguf', part(1), part(2)])
    await expect(get('Q5_0')).rejects.toThrow(
      /has not one whole GGUF model that "Q5_0" names\. Its GGUF files are tiny-Q8_0-00001.*checkpoint: acme/,
    )
    rmSync(path.join(path.dirname(file), part(2)))
    await expect(get('Q8_0', { HF_HUB_OFFLINE: '1' })).rejects.toThrow(/not whole/)
  })

  it('in GGUF may lie in folders, each with the shards of a quantisation', async () => {
    const shards = [0, 1].map((no) => encode(shard(tinyParts(), no)))
    const name = (folder: string, stem: string, no: number) => `${folder}/${stem}-0000${no + 1}-of-00002.gguf`
    const at = (folder: string, stem: string) => Object.fromEntries(shards.map((bytes, no) => [name(folder, stem, no), bytes]))
    const odd = Object.fromEntries(['../a-Q2_K.gguf', '.cache/a-Q2_K.gguf', 'Q2_K\\a.gguf'].map((file) => [file, shards[0]]))
    hub.models.set('acme/tiny@folders', { ...at('Q4_K_M', 'tiny-Q4_K_M'), ...at('tiny.Q8_0', 'model'), ...at('BF16', 'model'), ...odd })
    const get = (gguf: string, env: NodeJS.ProcessEnv = {}) =>
      fetchModel(
        { name: 'acme/tiny', revision: 'folders', gguf },
        { env: { HF_ENDPOINT: hub.endpoint, HF_HOME: home, ...env }, attempts: 1, notify: (line) => void said.push(line) },
      )
    said.length = 0
    const file = await get('q4_k_m')
    const snapshot = path.dirname(path.dirname(file))
    expect(path.relative(snapshot, file)).toBe(path.normalize(name('Q4_K_M', 'tiny-Q4_K_M', 0)))
    expect(readdirSync(snapshot)).toEqual(['Q4_K_M'])
    const opened = await openCheckpoint(file)
    expect(opened.weights.specs.length).toBeGreaterThan(2)
    expect((await tensorsOf(opened)).size).toBe(opened.weights.specs.length)
    expect(await get('Q4_K_M', { HF_HUB_OFFLINE: '1' })).toBe(file)
    expect(path.basename(path.dirname(await get('Q8_0')))).toBe('tiny.Q8_0')
    expect(path.basename(path.dirname(await get('bf16/model')))).toBe('BF16')
    await expect(get('model')).rejects.toThrow(/has not one whole GGUF model that "model" names/)
    await expect(get('Q2_K')).rejects.toThrow(/has not one whole GGUF model that "Q2_K" names\. Its GGUF files are Q4_K_M\/tiny/)
    hub.faults.push(['revision', refuse(503, 'Busy')])
    expect(await get('Q4_K_M')).toBe(file)
    expect(said.at(-1)).toContain(`the one in the cache (${path.basename(snapshot)})`)
    rmSync(path.join(snapshot, name('Q4_K_M', 'tiny-Q4_K_M', 1)))
    await expect(get('Q4_K_M', { HF_HUB_OFFLINE: '1' })).rejects.toThrow(/not whole/)
  })

  it('in shards is fetched with its index', async () => {
    const { 'model.safetensors': whole, ...rest } = tiny
    const names = Object.keys(JSON.parse(whole.subarray(8, 8 + Number(whole.readBigUInt64LE())).toString())).filter(
      (name) => name !== '__metadata__',
    )
    const shard = 'model-00001-of-00001.safetensors'
    const index = Buffer.from(JSON.stringify({ weight_map: Object.fromEntries(names.map((name) => [name, shard])) }))
    const sharded = { ...rest, [shard]: whole, 'model.safetensors.index.json': index }
    hub.models.set('acme/tiny@shards', sharded)
    const folder = await fetchTiny({}, 'shards')
    expect(hashes(filesOf(folder))).toEqual(hashes(sharded))
    expect(await fetchTiny({ HF_HUB_OFFLINE: '1' }, 'shards')).toBe(folder)
    rmSync(path.join(folder, shard))
    await expect(fetchTiny({ HF_HUB_OFFLINE: '1' }, 'shards')).rejects.toThrow(/not whole/)
  })
})

describe('checkpoint: owner/name', () => {
  beforeEach(() => {
    vi.stubEnv('HF_ENDPOINT', hub.endpoint)
    vi.stubEnv('HF_HOME', home)
    vi.stubEnv('HF_TOKEN', '')
    vi.spyOn(process.stderr, 'write').mockReturnValue(true)
  })
  afterEach(() => void vi.restoreAllMocks())

  it('is generated from as the folder is, downloaded once', async () => {
    const pool = new ModelPool()
    const ask = async (checkpoint: string) => {
      const config = { basePath: root, checkpoint, device: 'cpu', seed: 5, samples: 'off', maxTokens: 60 }
      const provider = new ParallelThinkingProvider({ config }, pool)
      const rows = await Promise.all(
        [0, 1].map((repeatIndex) => provider.callApi('3 + 4', { vars: {}, prompt: { raw: '', label: '' }, repeatIndex })),
      )
      return rows.map(({ output, error }) => output ?? error)
    }
    expect(await ask('acme/tiny')).toEqual(await ask('./tiny'))
    expect(hub.asked.filter(({ url }) => url.endsWith('model.safetensors'))).toHaveLength(1)
    const [error] = await ask('acme/none')
    expect(error).toMatch(/parallel-r1: The hub answered 404 .*folder is written with \.\//)
    await pool.releaseAll()
  })

  it('may be an adapter: it is fetched, and its base too', async () => {
    const { config, generation } = await openCheckpoint(path.join(root, 'tiny'))
    const parts = [0, 1].map((layer) => ({ weight: `model.layers.${layer}.mlp.down_proj.weight`, rank: 2, scale: 4 }))
    const weights = ({ shape }: { shape: number[] }) => Float32Array.from({ length: shape[0] * shape[1] }, (_, i) => Math.sin(i * i))
    await saveAdapters(path.join(root, 'adapter'), { ...{ config, generation, weights, base: 'acme/tiny' }, adapters: { parts } })
    const extra = { 'README.md': Buffer.from('# Adapter'), 'optimizer.pt': Buffer.alloc(9) }
    hub.models.set('acme/adapter@main', { ...filesOf(path.join(root, 'adapter')), ...extra })
    const pool = new ModelPool()
    const ask = async (places: object) => {
      const config = { basePath: root, device: 'cpu', seed: 5, samples: 'off', maxTokens: 60, ...places }
      const { output, error } = await new ParallelThinkingProvider({ config }, pool).callApi('3 + 4')
      return output ?? error
    }
    const fetched = await ask({ checkpoint: 'acme/adapter' })
    expect(hub.asked.filter(({ url }) => url.endsWith('.safetensors')).map(({ url }) => url.split('/').at(-1))).toEqual([
      'adapter_model.safetensors',
      'model.safetensors',
    ])
    expect(await ask({ checkpoint: './adapter' })).toBe(fetched)
    expect(await ask({ checkpoint: './adapter', base: './tiny' })).toBe(fetched)
    expect(await ask({ checkpoint: './tiny' })).not.toBe(fetched)
    expect(await ask({ checkpoint: './tiny', base: './tiny' })).toMatch(/"base" names the model below an adapter, and .*tiny is no adapter/)
    vi.stubEnv('HF_HUB_OFFLINE', '1')
    expect(path.basename(await fetchModel({ name: 'acme/adapter', revision: 'main' }))).toMatch(/^[0-9a-f]{40}$/)
    await pool.releaseAll()
  })

  it('is looked at before a run by its small files and an adapter alone', async () => {
    const { config, generation } = await openCheckpoint(path.join(root, 'tiny'))
    const parts = [{ weight: 'model.layers.0.mlp.down_proj.weight', rank: 2, scale: 4 }]
    const weights = ({ shape }: { shape: number[] }) => new Float32Array(shape[0] * shape[1])
    await saveAdapters(path.join(root, 'looked-at'), { ...{ config, generation, weights, base: 'acme/tiny' }, adapters: { parts } })
    hub.models.set('acme/looked-at@main', filesOf(path.join(root, 'looked-at')))
    const pool = new ModelPool()
    const look = (places: object) =>
      new ParallelThinkingProvider({ config: { basePath: root, device: 'cpu', samples: 'off', ...places } }, pool).preflight()
    await look({ checkpoint: 'acme/tiny:Q4_K_M' })
    expect(hub.asked).toEqual([])
    for (const checkpoint of ['acme/tiny', 'acme/looked-at', './looked-at']) await look({ checkpoint })
    const tensors = hub.asked.filter(({ url }) => url.endsWith('.safetensors'))
    expect(tensors.map(({ url }) => url.split('/').at(-1))).toEqual(['adapter_model.safetensors'])
    // A folder that is not there reads like an id.
    await expect(look({ checkpoint: 'runs/finale' })).rejects.toThrow(/The hub answered 404 .*folder is written with \.\//)
    expect(pool.size).toBe(0)
    await pool.releaseAll()
  })

  it('is trained from', async () => {
    const engine = await openEngine({ device: 'cpu' })
    const { model, checkpoint, base } = await openModel(engine, { checkpoint: 'acme/tiny', attention: undefined }, 1, {})
    expect(checkpoint.folder).toContain(path.join('models--acme--tiny', 'snapshots'))
    expect(await base()).toMatch(/^[0-9a-f]{64}$/)
    await saveCheckpoint(path.join(root, 'again'), { ...checkpoint, weights: ({ name }) => model.read(name), dtype: 'float32' })
    expect(readFileSync(path.join(root, 'again', 'config.json'), 'utf8')).toBe(tiny['config.json'].toString())
    model.dispose()
    await engine.dispose()
  })
})
