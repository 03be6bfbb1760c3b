import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, it } from 'vitest'
import { openCheckpoint } from '../../src/engine/checkpoint/folder.ts'
import { SampleStore, sharedSamples } from '../../src/store/samples.ts'
import type { Thought } from '../../src/thinking/types.ts'
import { writeTinyCheckpoint } from '../providers/tiny-checkpoint.ts'

const repository = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..')
const root = mkdtempSync(path.join(os.tmpdir(), 'pr1-samples-'))
const stores: SampleStore[] = []
afterAll(async () => {
  for (const store of stores) await store.close()
  rmSync(root, { recursive: true })
})

function thought(i: number, tokens = 50): Thought {
  const ids = Array.from({ length: tokens }, (_, k) => i * 1000 + k)
  const run = { ids, sampled: ids.map(() => true), logprobs: ids.map((id) => -1 / (id + 1)), exclusions: ids.map(() => -1) }
  return {
    trajectory: { promptIds: [1, 2], segments: [{ kind: 'text', tokens: run }], exclusionSets: [], temperature: 1 },
    ids,
    finishReason: 'stop',
    totalTokens: tokens,
    criticalPathTokens: tokens,
    blocks: [],
  }
}

function open(file: string): { store: SampleStore; notices: string[] } {
  const notices: string[] = []
  const store = new SampleStore(file, { notify: (notice) => notices.push(notice) })
  stores.push(store)
  return { store, notices }
}

/** Runs `body` as a module in a process of its own that has `SampleStore`, `thought` and `file`; `source` holds the store's sources. */
function inProcess(file: string, body: string, { source = path.join(repository, 'src'), limit = '' } = {}) {
  const script = path.join(mkdtempSync(path.join(root, 'process-')), 'run.mts')
  writeFileSync(
    script,
    `import { SampleStore } from ${JSON.stringify(path.join(source, 'store/samples.ts'))}
const file = ${JSON.stringify(file)}
const notices: string[] = []
const store = new SampleStore(file, { notify: (notice) => notices.push(notice) })
${thought.toString()}
${body}`,
  )
  const command = `${limit}exec "$0" --import tsx "$1"`
  const done = spawnSync('bash', ['-c', command, process.execPath, script], { cwd: repository, encoding: 'utf8', timeout: 60_000 })
  if (done.status !== 0) throw new Error(`exit ${done.status} ${done.signal}\n${done.stdout}\n${done.stderr}`)
  return JSON.parse(done.stdout || 'null')
}

describe('SampleStore', () => {
  it('gives back what was put, at once, after closing, and in another store', async () => {
    const file = path.join(root, 'deep/folder/a.db')
    const { store, notices } = open(file)
    expect(await store.get('k1', [1, 2])).toBeUndefined()
    for (let i = 0; i < 100; i++) store.put(`k${i}`, thought(i))
    expect(await store.get('k1', [1, 2])).toEqual(thought(1))
    await store.close()
    expect(await store.get('k2', [1, 2])).toEqual(thought(2))
    const other = open(file)
    const all = await Promise.all(Array.from({ length: 101 }, (_, i) => other.store.get(`k${i}`, [1, 2])))
    expect(all).toEqual([...Array.from({ length: 100 }, (_, i) => thought(i)), undefined])
    expect([...notices, ...other.notices]).toEqual([])
  })

  it('lets the last sample of a key win', async () => {
    const { store } = open(path.join(root, 'b.db'))
    store.put('k', thought(1))
    await store.flush()
    store.put('k', thought(2))
    store.put('k', thought(3))
    await store.close()
    expect(await store.get('k', [1, 2])).toEqual(thought(3))
  })

  it('is one for a file in a process', () => {
    expect(sharedSamples(path.join(root, 'c.db'))).toBe(sharedSamples(path.join(root, 'c.db')))
    expect(existsSync(path.join(root, 'c.db'))).toBe(false)
  })

  it('knows the hash of a checkpoint by its content, wherever it lies', async () => {
    const [folder, copy] = [path.join(root, 'model'), path.join(root, 'copy')]
    await writeTinyCheckpoint(folder)
    cpSync(folder, copy, { recursive: true })
    const { store } = open(path.join(root, 'd.db'))
    const identity = async (of: string) => (await openCheckpoint(of)).identity
    const hash = await store.checkpointHash(await identity(folder))
    expect(hash).toMatch(/^[0-9a-f]{64}$/)
    const before = await identity(copy)
    expect(await store.checkpointHash(before)).toBe(hash)
    await writeTinyCheckpoint(copy, { seed: 2 })
    const changed = await store.checkpointHash(await identity(copy))
    expect(changed).not.toBe(hash)
    await store.close()
    // Known from the file: nothing is read.
    const { store: next } = open(path.join(root, 'd.db'))
    const unread = (signature: string) => ({ signature, hash: () => Promise.reject(new Error('read')) })
    expect(await next.checkpointHash(unread((await identity(copy)).signature))).toBe(changed)
    expect(await next.checkpointHash(unread(before.signature))).toBe(hash)
    await expect(next.checkpointHash(unread('unknown'))).rejects.toThrow('read')
    expect(await next.checkpointHash({ signature: 'unknown', hash: async () => 'found' })).toBe('found')
  })
})

describe('the end of a process', () => {
  it('finds everything written', async () => {
    const file = path.join(root, 'exit.db')
    inProcess(file, `for (let i = 0; i < 200; i++) store.put('k' + i, thought(i))\nprocess.exit(0)`)
    const { store } = open(file)
    expect(await store.get('k0', [1, 2])).toEqual(thought(0))
    expect(await store.get('k199', [1, 2])).toEqual(thought(199))
  })

  it('does not wait for a store that is idle, and not without an answer', () => {
    const found = inProcess(
      path.join(root, 'idle.db'),
      `store.put('k', thought(1)); console.log(JSON.stringify((await store.get('k', []))?.totalTokens))`,
    )
    expect(found).toBe(50)
  })
})

describe('where samples cannot be kept', () => {
  const report = `const got = await store.get('k0', [1, 2])
await store.close()
console.log(JSON.stringify({ notices, got: got?.totalTokens ?? null }))`

  it('for want of the binary, one line says so and the run goes on', () => {
    const source = path.join(root, 'without/src')
    const modules = path.join(root, 'without/node_modules')
    mkdirSync(modules, { recursive: true })
    cpSync(path.join(repository, 'src'), source, { recursive: true })
    for (const name of readdirSync(path.join(repository, 'node_modules'))) {
      if (!['libsql', '@libsql', '@neon-rs', 'detect-libc'].includes(name) && !name.startsWith('.')) {
        symlinkSync(path.join(repository, 'node_modules', name), path.join(modules, name))
      }
    }
    // libsql as npm leaves it where it has no binary for the machine, or was told to omit optional packages.
    for (const name of ['libsql', '@neon-rs/load', 'detect-libc']) {
      cpSync(path.join(repository, 'node_modules', name), path.join(modules, name), { recursive: true })
    }
    const { notices, got } = inProcess(path.join(root, 'e.db'), `store.put('k0', thought(0))\n${report}`, { source })
    expect(got).toBeNull()
    expect(notices).toEqual([expect.stringMatching(/^samples are not kept: libsql is not installed for this machine \(.*@libsql\/.*\)/)])
    expect(notices[0]).not.toContain('\n')
    expect(existsSync(path.join(root, 'e.db'))).toBe(false)
  })

  it('for want of room, one line says so, what was there before stays, and the run goes on', async () => {
    const file = path.join(root, 'f.db')
    const { store } = open(file)
    store.put('k0', thought(0))
    await store.close()
    // No file of the process may grow beyond 256 KiB; SIGXFSZ ignored, so that the write fails as on a full disk.
    const { notices, got } = inProcess(
      file,
      `for (let i = 1; i < 3000; i++) store.put('k' + i, thought(i, 200))\nawait store.flush()\nawait store.flush()\n${report}`,
      { limit: `trap '' XFSZ; ulimit -f 256; ` },
    )
    expect(got).toBe(50)
    expect(notices).toEqual([expect.stringMatching(/^samples cannot be written to .*The run goes on/)])
    const after = open(file)
    expect(await after.store.get('k0', [1, 2])).toEqual(thought(0))
    expect(after.notices).toEqual([])
  })

  it('because the path names something else, that is left as it is', async () => {
    const file = path.join(root, 'notes.txt')
    writeFileSync(file, 'notes')
    const { store, notices } = open(file)
    store.put('k', thought(1))
    expect(await store.get('k', [])).toBeUndefined()
    expect(await store.checkpointHash({ signature: 's', hash: async () => 'h' })).toBeUndefined()
    store.put('k', thought(1))
    await store.flush()
    await store.close()
    expect(notices).toEqual([expect.stringMatching(/samples are not kept: .*notes.txt is not a database/)])
  })
})
