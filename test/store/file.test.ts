import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import Database from 'libsql'
import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import { SampleFile } from '../../src/store/file.ts'

const root = mkdtempSync(path.join(os.tmpdir(), 'pr1-file-'))
afterAll(() => rmSync(root, { recursive: true }))

let folder: string
let file: string
let notices: string[]
let count = 0
beforeEach(() => {
  folder = path.join(root, String(count++))
  file = path.join(folder, 'samples.db')
  notices = []
})

// libsql lets a file go when its statements have been collected, at the latest with the thread.
setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void
async function close(...opened: { close(): void }[]): Promise<void> {
  for (const one of opened) one.close()
  opened.length = 0
  for (let turn = 0; turn < 3; turn++) {
    collect()
    await new Promise((resolve) => setImmediate(resolve))
  }
}

const open = (busyMs?: number) => SampleFile.open(file, { notify: (notice) => notices.push(notice), busyMs })
const value = (i: number, size = 3000) => new Uint8Array(createHash('shake256', { outputLength: size }).update(String(i)).digest())
const rows = (n: number) => Array.from({ length: n }, (_, i) => ({ key: `key-${i}`, value: value(i) }))
const found = (samples: SampleFile, n: number) => rows(n).filter(({ key }) => samples.get(key) !== undefined).length
const asides = () => readdirSync(folder).filter((name) => name.includes('.damaged-') && !/-(wal|shm)$/.test(name))

describe('SampleFile', () => {
  it('keeps samples and hashes from one opening to the next', async () => {
    const first = await open()
    first.write(rows(50))
    first.write([{ key: 'key-3', value: value(99) }])
    first.keepCheckpointHash('print', 'hash')
    await close(first)
    const second = await open()
    for (const { key, value: bytes } of rows(50)) {
      expect(Buffer.from(second.get(key)!).equals(key === 'key-3' ? value(99) : bytes)).toBe(true)
    }
    expect(second.get('key-50')).toBeUndefined()
    expect(second.checkpointHash('print')).toBe('hash')
    expect(second.checkpointHash('other')).toBeUndefined()
    await close(second)
    expect(notices).toEqual([])
  })

  it('is read and written through two connections at once', async () => {
    const [one, two] = [await open(), await open()]
    one.write(rows(10))
    expect(found(two, 10)).toBe(10)
    two.write(rows(20))
    expect(found(one, 20)).toBe(20)
    await close(one, two)
  })

  it('says that another process is writing and writes nothing of the batch', async () => {
    const samples = await open(30)
    const other = new Database(file, {})
    other.exec('BEGIN IMMEDIATE')
    expect(() => samples.write(rows(3))).toThrow(expect.objectContaining({ code: expect.stringMatching(/^SQLITE_BUSY/) }))
    expect(found(samples, 3)).toBe(0)
    other.exec('ROLLBACK')
    await close(other)
    samples.write(rows(3))
    expect(found(samples, 3)).toBe(3)
    await close(samples)
  })
})

describe('a damaged file', () => {
  const damages: [string, (bytes: Buffer) => Buffer][] = [
    ['overwritten from the start', (bytes) => Buffer.from('not a database '.repeat(bytes.length / 15))],
    ['with its first page zeroed', (bytes) => Buffer.concat([Buffer.alloc(4096), bytes.subarray(4096)])],
    ['with a page of the middle overwritten', (bytes) => bytes.fill(0xab, 4096 * 2, 4096 * 6)],
    ['cut in half', (bytes) => bytes.subarray(0, Math.floor(bytes.length / 8192) * 4096)],
  ]

  it.each(damages)('%s is set aside, never trusted, and a new one takes its place', async (_, damage) => {
    const first = await open()
    first.write(rows(200))
    await close(first)
    writeFileSync(file, damage(readFileSync(file)))
    const second = await open()
    for (const { key, value: bytes } of rows(200)) {
      const got = second.get(key)
      if (got) expect(Buffer.from(got).equals(bytes)).toBe(true)
    }
    expect(asides()).toHaveLength(1)
    expect(notices).toEqual([expect.stringMatching(/damaged .* set aside as .*samples\.db\.damaged-/)])
    second.write(rows(200))
    expect(found(second, 200)).toBe(200)
    await close(second)
    const third = await open()
    expect(found(third, 200)).toBe(200)
    await close(third)
  })

  it('is noticed by a checksum where SQLite sees nothing wrong', async () => {
    const first = await open()
    first.write(rows(3))
    await close(first)
    const bytes = readFileSync(file)
    const at = bytes.indexOf(Buffer.from(value(1).subarray(100, 200)))
    expect(at).toBeGreaterThan(0)
    bytes[at] ^= 1
    writeFileSync(file, bytes)
    const second = await open()
    expect(second.get('key-0')).toBeDefined()
    expect(second.get('key-1')).toBeUndefined()
    expect(notices).toEqual([expect.stringContaining('checksum')])
    expect(second.get('key-0')).toBeUndefined()
    await close(second)
  })

  it('that another process has replaced already is left alone', async () => {
    const [one, two] = [await open(), await open()]
    one.write(rows(300))
    // Both connections find the same damage; the log is folded into the file first, so that both read it from there.
    await close(one, two)
    const [three, four] = [await open(), await open()]
    const bytes = readFileSync(file)
    for (let i = 0; i < 300; i++) {
      const at = bytes.indexOf(Buffer.from(value(i).subarray(100, 200)))
      if (at > 0) bytes[at] ^= 1
    }
    writeFileSync(file, bytes)
    expect(three.get('key-7')).toBeUndefined()
    three.write(rows(10))
    expect(four.get('key-8')).toBeUndefined()
    expect(four.get('key-9')).toBeDefined()
    expect(asides()).toHaveLength(1)
    await close(three, four)
  })
})

describe('what is not ours', () => {
  it('is neither changed nor renamed', async () => {
    mkdirSync(folder)
    const foreign = new Database(file, {})
    foreign.exec('CREATE TABLE evals (id TEXT)')
    await close(foreign)
    const before = readFileSync(file)
    await expect(open()).rejects.toThrow(/database of another program/)
    expect(readFileSync(file).equals(before)).toBe(true)

    file = path.join(folder, 'results.json')
    writeFileSync(file, '{"results": []}')
    await expect(open()).rejects.toThrow(/is not a database/)
    expect(readFileSync(file, 'utf8')).toBe('{"results": []}')

    file = path.join(folder, 'newer.db')
    await close(await open())
    const newer = new Database(file, {})
    newer.exec('PRAGMA user_version = 99')
    await close(newer)
    await expect(open()).rejects.toThrow(/another version of parallel-r1/)
    expect(asides()).toEqual([])
  })

  it('nor is a place where nothing can be written an error of the run', async () => {
    mkdirSync(folder)
    writeFileSync(path.join(folder, 'plain'), '')
    file = path.join(folder, 'plain', 'samples.db')
    await expect(open()).rejects.toThrow(/cannot be used/)
  })
})
