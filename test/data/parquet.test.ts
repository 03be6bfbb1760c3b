import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { brotliCompressSync, gzipSync } from 'node:zlib'
import { parquetWriteBuffer } from 'hyparquet-writer'
import { beforeEach, describe, expect, it } from 'vitest'
import { sourceFolder } from '../../src/data/cache.ts'
import { fetchRows } from '../../src/data/hub.ts'
import { type FetchOptions, MOST_ROWS } from '../../src/data/hub-settings.ts'
import { loadProblems } from '../../src/data/load.ts'
import { type Fault, faults, send } from './fake-hub.ts'
import { cache, hub, notices, options, settings, useHub, waits } from './hub-client.ts'

const source = { dataset: 'someone/sums', config: 'default', split: 'test' }
const CONVERTED = 'someone/sums@refs/convert/parquet'
const MAIN = 'someone/sums@main'
const rows = Array.from({ length: 40 }, (_, i) => ({ problem: `What is $${i} + ${i}$? \\frac{{${i}}}{2} 50% „é“\n`, answer: 2 * i }))

/** A file of these rows: problems as text, answers as 64-bit integers. */
function parquetOf(
  part: { problem: string; answer: number }[],
  codec: 'SNAPPY' | 'GZIP' | 'BROTLI' | 'UNCOMPRESSED' = 'SNAPPY',
): Uint8Array {
  const bytes = parquetWriteBuffer({
    codec,
    compressors: {
      GZIP: (input: Uint8Array) => new Uint8Array(gzipSync(input)),
      BROTLI: (input: Uint8Array) => new Uint8Array(brotliCompressSync(input)),
    },
    columnData: [
      { name: 'problem', data: part.map(({ problem }) => problem), type: 'STRING' },
      { name: 'answer', data: part.map(({ answer }) => BigInt(answer)), type: 'INT64' },
    ],
  })
  return new Uint8Array(bytes)
}

const viewerOff = faults.status(501, { 'x-error-code': 'NotSupportedDisabledViewerError' }, JSON.stringify({ error: 'The viewer is off.' }))

useHub((hub) => {
  hub.faults = Array(20).fill(viewerOff)
})
const get = (more?: FetchOptions, env?: NodeJS.ProcessEnv, from = source) => fetchRows(from, settings(env), options(more))

describe('parquet files', () => {
  it('take the place of rows that the server does not have, and are kept in the same cache', async () => {
    hub.repos.set(CONVERTED, {
      'default/test/0001.parquet': parquetOf(rows.slice(25)),
      'default/test/0000.parquet': parquetOf(rows.slice(0, 25)),
      'default/train/0000.parquet': parquetOf(rows.slice(0, 3)),
      'other/test/0000.parquet': parquetOf(rows.slice(0, 2)),
    })
    expect(await get()).toEqual(rows)
    expect(waits).toEqual([])
    expect(notices).toEqual(['the hub answered 501 ("The viewer is off."); reading the parquet files of someone/sums'])
    expect(readdirSync(sourceFolder(cache, source))).toEqual(['rows.json'])
    const asked = hub.asked.length
    expect(await get({}, { HF_HUB_OFFLINE: '1' })).toEqual(rows)
    expect(hub.asked).toHaveLength(asked)
    expect(await get({ fresh: true })).toEqual(rows)
    // Every file is read at the commit that the list was made of.
    expect(hub.asked.slice(0, 3).map(({ url }) => url)).toEqual([
      '/api/datasets/someone/sums/revision/refs%2Fconvert%2Fparquet?blobs=true',
      expect.stringMatching(/^\/datasets\/someone\/sums\/resolve\/[0-9a-f]{40}\/default\/test\/0000\.parquet$/),
      expect.stringMatching(/0001\.parquet$/),
    ])
  })

  it.each<[string, Fault]>([
    ['a viewer that is off', viewerOff],
    ['a failure that the server keeps', faults.status(500, { 'x-error-code': 'DatasetGenerationError' })],
    ['a data set that it does not know', faults.status(404)],
    ['a server that is down', faults.status(503)],
    ['a server that hangs up', faults.hangUp],
    ['a cut cell', faults.page((page) => page.rows[5].truncated_cells.push('problem'))],
    ['a part of the set', faults.page((page) => (page.partial = true))],
    ['a page of something else', faults.text('{"message": "welcome"}', 'application/json')],
  ])('help with %s', async (_, fault) => {
    hub.splits.set('someone/sums default test', rows)
    hub.repos.set(CONVERTED, { 'default/test/0000.parquet': parquetOf(rows) })
    hub.faults = Array(20).fill(fault)
    expect(await get()).toEqual(rows)
  })

  it('help where a mirror of the hub has no rows server', async () => {
    hub.repos.set(CONVERTED, { 'default/test/0000.parquet': parquetOf(rows) })
    // Too long for a name: no resolver is asked, so that a machine without a network says the same.
    const mirror = { ...settings(), server: `http://datasets-server.${'a'.repeat(64)}.invalid` }
    expect(await fetchRows(source, mirror, options())).toEqual(rows)
    expect(waits).toEqual([])
  })

  it('do not help with what may not be read, or only later', async () => {
    hub.repos.set(CONVERTED, { 'default/test/0000.parquet': parquetOf(rows) })
    for (const status of [401, 403, 429]) {
      hub.faults = Array(6).fill(faults.status(status))
      await expect(get()).rejects.toThrow(`answered ${status}`)
    }
    expect(hub.asked).toEqual([])
    hub.faults = [faults.status(500, { 'x-error-code': 'ResponseNotReady' })]
    hub.splits.set('someone/sums default test', rows)
    expect(await get()).toEqual(rows)
    expect(waits.length).toBeGreaterThan(0)
    expect(hub.asked).toEqual([])
  })

  it.each(['SNAPPY', 'GZIP', 'BROTLI', 'UNCOMPRESSED'] as const)('are read with %s', async (codec) => {
    hub.repos.set(CONVERTED, { 'default/test/0000.parquet': parquetOf(rows, codec) })
    expect(await get()).toEqual(rows)
  })

  // Two made-up rows that pyarrow wrote.
  it.each(['zstd', 'lz4'])('of pyarrow with %s keep lists, large integers and text, and leave out bytes', async (codec) => {
    hub.repos.set(CONVERTED, {
      'default/test/0.parquet': readFileSync(fileURLToPath(new URL(`pyarrow-${codec}.parquet`, import.meta.url))),
    })
    expect(await get()).toEqual([
      {
        id: 1606,
        question: 'Find {{ all }} $x$.\n',
        final_answer: ['$1$', '$2$'],
        big: '9007199254740993',
        image_1: { bytes: null, path: 'a.jpg' },
        context: null,
      },
      { id: 2, question: 'é 50%', final_answer: ['9007199254740993'], big: 7, image_1: null, context: null },
    ])
  })

  it.each<[string, string, string, string[], string[]]>([
    [
      'default',
      'test',
      'of the data folder',
      ['data/test-00000-of-00002.parquet', 'data/test-00001-of-00002.parquet'],
      ['data/train-00000-of-00001.parquet'],
    ],
    ['default', 'test', 'in the root', ['test.parquet'], ['train.parquet', 'latest.parquet']],
    [
      'main',
      'test',
      'of its folder',
      ['main/test-00000-of-00001.parquet'],
      ['socratic/test-00000-of-00001.parquet', 'main/train-00000-of-00001.parquet'],
    ],
    ['OE_TO', 'train', 'without a split', ['Bench/OE_TO/OE_TO.parquet'], ['Bench/OE_MM/OE_MM.parquet', 'Bench/TP_TO/TP_TO.parquet']],
  ])('of the repository serve: %s, %s, %s', async (config, split, _, own, others) => {
    const part = Math.ceil(rows.length / own.length)
    const files = [
      ...own.map((name, i) => [name, parquetOf(rows.slice(i * part, (i + 1) * part))] as const),
      ...others.map((name) => [name, parquetOf(rows.slice(0, 1))] as const),
    ]
    hub.repos.set(MAIN, Object.fromEntries(files))
    // A set that was too large to be converted whole.
    hub.repos.set(CONVERTED, { [`${config}/partial-${split}/0000.parquet`]: parquetOf(rows.slice(0, 5)) })
    expect(await get({}, {}, { ...source, config, split })).toEqual(rows)
  })

  it('are not guessed: the error is that of the rows', async () => {
    hub.repos.set(MAIN, { 'data/train-00000-of-00001.parquet': parquetOf(rows), 'README.md': new Uint8Array(3) })
    await expect(get()).rejects.toThrow(/^The hub answered 501 \("The viewer is off."\): (?!.*parquet)/)
    expect(existsSync(path.join(sourceFolder(cache, source), 'rows.json'))).toBe(false)
  })
})

describe('a parquet file in trouble', () => {
  beforeEach(() => hub.repos.set(CONVERTED, { 'default/test/0000.parquet': parquetOf(rows) }))
  const flip = ((response, _request, body) => {
    const bytes = Buffer.from(body, 'latin1')
    bytes[40] ^= 1
    response.writeHead(200).end(bytes)
    return true
  }) satisfies Fault

  it.each<[string, Fault]>([
    ['a status of 503', faults.status(503)],
    ['a closed connection', faults.hangUp],
    ['a body that is cut', faults.cut],
    ['a bit that is wrong', flip],
    ['a login page', faults.text('<!doctype html><title>Sign in</title>')],
  ])('is fetched again after %s', async (_, fault) => {
    hub.fileFaults = [undefined, fault]
    expect(await get()).toEqual(rows)
    expect(waits).toHaveLength(1)
  })

  it('is given up, with both causes', async () => {
    hub.fileFaults = [undefined, ...Array(6).fill(flip)]
    await expect(get()).rejects.toThrow(
      /answered 501 .*Its parquet files are no help: The hub sent \d+ bytes that are not the file of \d+ bytes \(6 tries\)/s,
    )
    expect(existsSync(path.join(sourceFolder(cache, source), 'rows.json'))).toBe(false)
  })

  it('is an error when it is no parquet, or the list no list', async () => {
    hub.repos.set(CONVERTED, { 'default/test/0000.parquet': new Uint8Array(64).fill(60) })
    await expect(get()).rejects.toThrow(/default\/test\/0000\.parquet of someone\/sums cannot be read as parquet: .*PR1_DATA/)
    hub.fileFaults = [faults.text('[]', 'application/json')]
    await expect(get()).rejects.toThrow(/list of files at .* is none. Got \[\]/)
  })

  it('is not unpacked where it says that it holds more rows than fit', async () => {
    const data = new Int32Array(MOST_ROWS + 1)
    const many = parquetWriteBuffer({ columnData: [{ name: 'answer', data, type: 'INT32' }] })
    hub.repos.set(CONVERTED, { 'default/test/0000.parquet': new Uint8Array(many) })
    await expect(get()).rejects.toThrow(/0000\.parquet of someone\/sums holds 1000001 rows of \d+ bytes, more than fit here/)
  })

  it('comes with the token from the hub, and without it from where the hub sends', async () => {
    const seen: (string | undefined)[] = []
    const cdn = createServer((request, response) => {
      seen.push(request.headers.authorization)
      response.end(parquetOf(rows))
    })
    await new Promise<void>((done) => cdn.listen(0, '127.0.0.1', done))
    hub.fileFaults = [
      undefined,
      (response) => {
        send(response, 302, '', { location: `http://127.0.0.1:${(cdn.address() as AddressInfo).port}/file?signed=1` })
        return true
      },
    ]
    expect(await get({}, { HF_TOKEN: 'hf_secret' })).toEqual(rows)
    expect(hub.asked.map(({ authorization }) => authorization)).toEqual(['Bearer hf_secret', 'Bearer hf_secret'])
    expect(seen).toEqual([undefined])
    cdn.close()
  })
})

describe('a problem set', () => {
  it('comes from parquet with its integers', async () => {
    const numbers = Array.from({ length: 30 }, (_, i) => ({ problem: `Compute $${i}$.`, answer: i }))
    hub.repos.set('MathArena/brumo_2025@main', { 'data/train-00000-of-00001.parquet': parquetOf(numbers) })
    const problems = await loadProblems('brumo25', { ...options(), env: { HF_ENDPOINT: hub.endpoint, PR1_CACHE: cache } })
    expect(problems.map(({ id, answer }) => `${id} ${answer}`)).toEqual(numbers.map((_, i) => `brumo25-${i} ${i}`))
  })
})
