import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import Database from 'libsql'
import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import { seededRandom } from '../../src/random.ts'
import { SampleFile } from '../../src/store/file.ts'

const root = mkdtempSync(path.join(os.tmpdir(), 'pr1-file-'))
chmodSync(root, 0o755)
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

/** The content of a file with so many samples, nothing left in its log. */
async function written(n: number): Promise<Buffer> {
  const samples = await open()
  samples.write(rows(n))
  samples.keepCheckpointHash('print', 'hash')
  const other = new Database(file, {})
  other.exec('PRAGMA wal_checkpoint(TRUNCATE)')
  await close(samples, other)
  return readFileSync(file)
}

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
  /** How many of 200 rows are whole after it. */
  const damages: [string, number, (bytes: Buffer) => Buffer][] = [
    ['overwritten from the start', 0, (bytes) => Buffer.from('not a database '.repeat(bytes.length / 15))],
    ['with its first page zeroed', 0, (bytes) => Buffer.concat([Buffer.alloc(4096), bytes.subarray(4096)])],
    ['with the index and three pages of samples overwritten', 197, (bytes) => bytes.fill(0xab, 4096 * 2, 4096 * 6)],
    ['cut in half', 90, (bytes) => bytes.subarray(0, Math.floor(bytes.length / 8192) * 4096)],
  ]

  it.each(damages)('%s is set aside, and what is whole of it, %i of 200 rows at least, goes into a new one', async (_, least, damage) => {
    const first = await open()
    first.write(rows(200))
    first.keepCheckpointHash('print', 'hash')
    await close(first)
    writeFileSync(file, damage(readFileSync(file)))
    const second = await open()
    found(second, 200)
    for (const { key, value: bytes } of rows(200)) {
      const got = second.get(key)
      if (got) expect(Buffer.from(got).equals(bytes)).toBe(true)
    }
    const whole = found(second, 200)
    expect(whole).toBeGreaterThanOrEqual(least)
    expect(whole).toBeLessThan(200)
    expect(asides()).toHaveLength(1)
    expect(notices).toEqual([expect.stringMatching(/damaged .* set aside as .*samples\.db\.damaged-/)])
    expect(notices[0]).toContain(whole === 0 ? 'They are drawn again.' : `${whole} of them are whole and kept. The others are drawn again.`)
    second.write(rows(200))
    expect(found(second, 200)).toBe(200)
    await close(second)
    const third = await open()
    expect(found(third, 200)).toBe(200)
    await close(third)
  })

  it('costs one row where one row is damaged, and heals when the row is written again', async () => {
    const bytes = await written(3)
    const at = bytes.indexOf(Buffer.from(value(1).subarray(100, 200)))
    expect(at).toBeGreaterThan(0)
    bytes[at] ^= 1
    writeFileSync(file, bytes)
    const second = await open()
    for (const _ of [1, 2]) expect(rows(3).map(({ key }) => second.get(key) !== undefined)).toEqual([true, false, true])
    expect(notices).toEqual([expect.stringContaining('does not match its checksum and is drawn again')])
    expect(asides()).toEqual([])
    second.write([rows(3)[1]])
    expect(found(second, 3)).toBe(3)
    await close(second)
  })

  it('loses hardly a row to a flipped bit, wherever it is behind the first page, and never gives another', async () => {
    const bytes = await written(60)
    const random = seededRandom(1)
    const opened: SampleFile[] = []
    let lost = 0
    for (let flip = 0; flip < 20; flip++) {
      const at = 4096 + Math.floor(random() * (bytes.length - 4096))
      const damaged = Buffer.from(bytes)
      damaged[at] ^= 1 << Math.floor(random() * 8)
      file = path.join(folder, `${flip}.db`)
      writeFileSync(file, damaged)
      const samples = await open()
      opened.push(samples)
      // The first round meets the damage.
      found(samples, 60)
      for (const { key, value: own } of rows(60)) {
        const got = samples.get(key)
        if (got) expect(Buffer.compare(own, got)).toBe(0)
        else lost++
      }
    }
    await close(...opened)
    expect(lost).toBeGreaterThan(0)
    expect(lost).toBeLessThanOrEqual(20)
  })

  it('that another process has replaced already is left alone', async () => {
    const [one, two] = [await open(), await open()]
    one.write(rows(300))
    // Both connections find the same damage; the log is folded into the file first, so that both read it from there.
    await close(one, two)
    const [three, four] = [await open(), await open()]
    // The index of keys.
    writeFileSync(file, readFileSync(file).fill(0xab, 4096 * 2, 4096 * 3))
    expect(found(three, 300)).toBeGreaterThan(290)
    three.write([{ key: 'key-400', value: value(400) }])
    found(four, 300)
    expect(four.get('key-400')).toBeDefined()
    expect(found(four, 300)).toBe(300)
    expect(asides()).toHaveLength(1)
    await close(three, four)
  })
})

interface Read {
  /** Of 300 rows. */
  found?: number
  hash?: string
  /** Of a row that it tried to write. */
  written?: boolean
  notices: string[]
  error?: string
}

/** What a process finds that may not write. As root, who may write anything, the tests let it be nobody. */
function read(files: readonly string[]): Read[] {
  const source = path.join(path.dirname(fileURLToPath(import.meta.url)), '../../src/store')
  const code = `import { SampleFile } from ${JSON.stringify(`${source}/file.ts`)}
import { loadLibsql } from ${JSON.stringify(`${source}/sqlite.ts`)}
await loadLibsql() // nobody may not be let into the checkout
if (process.getuid() === 0) { process.setgid(65534); process.setuid(65534) }
const all = []
for (const file of ${JSON.stringify(files)}) {
  const told = { notices: [] }
  all.push(told)
  try {
    const samples = await SampleFile.open(file, { notify: (notice) => told.notices.push(notice), busyMs: 50 })
    for (const _ of [1, 2]) told.found = Array.from({ length: 300 }, (_, i) => samples.get('key-' + i)).filter(Boolean).length
    samples.write([{ key: 'new', value: new Uint8Array(3) }])
    samples.keepCheckpointHash('print', 'new')
    told.written = samples.get('new') !== undefined
    told.hash = samples.checkpointHash('print')
  } catch (error) {
    told.error = error.message
  }
}
console.log(JSON.stringify(all))`
  const run = spawnSync(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', code], { encoding: 'utf8' })
  if (run.status !== 0) throw new Error(run.stderr)
  return JSON.parse(run.stdout)
}

describe.skipIf(process.platform === 'win32')('a file that cannot be written', () => {
  it('serves what is whole of it, with one warning, and stays as it is', async () => {
    const bytes = await written(20)
    const files = Object.fromEntries(
      ['mode', 'folder', 'damaged', 'log', 'empty'].map((name) => [name, path.join(folder, name, 'samples.db')]),
    )
    for (const name of Object.values(files)) {
      mkdirSync(path.dirname(name))
      writeFileSync(name, bytes)
    }
    file = path.join(folder, 'more.db')
    writeFileSync(files.damaged, (await written(300)).fill(0xab, 4096 * 40, 4096 * 42))
    // A process that was killed leaves a log.
    writeFileSync(`${files.log}-wal`, 'x')
    writeFileSync(files.empty, '')
    const contents = () => Object.values(files).map((name) => createHash('sha256').update(readFileSync(name)).digest('hex'))
    const before = contents()
    chmodSync(files.mode, 0o444)
    chmodSync(path.dirname(files.mode), 0o777)
    for (const name of ['folder', 'damaged', 'log', 'empty']) chmodSync(path.dirname(files[name]), 0o555)
    const [mode, inFolder, damaged, log, empty] = read(Object.values(files))
    for (const name of ['folder', 'damaged', 'log', 'empty']) chmodSync(path.dirname(files[name]), 0o755)

    const warning = expect.stringMatching(/samples\.db cannot be written\. Its samples are used, new ones are not kept\.$/)
    const served = { found: 20, written: false, hash: 'hash', notices: [warning] }
    expect([mode, inFolder]).toEqual([served, served])
    expect(damaged).toMatchObject({ written: false, hash: 'hash', notices: [warning, expect.stringContaining('damaged in part')] })
    expect(damaged.found).toBeGreaterThan(200)
    expect(damaged.found).toBeLessThan(300)
    expect(log.error).toMatch(/last samples are still in .*samples\.db-wal\. Open it once where it can\.$/)
    expect(empty.error).toMatch(/is empty and cannot be written\.$/)
    expect(contents()).toEqual(before)
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
