import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { sourceFolder } from '../../src/data/cache.ts'
import { fetchRows } from '../../src/data/hub.ts'
import { type FetchOptions, hubSettings, MOST_ROWS } from '../../src/data/hub-settings.ts'
import { type Fault, faults, startHub } from './fake-hub.ts'
import { cache, hub, notices, options, settings, useHub, waits } from './hub-client.ts'

const source = { dataset: 'someone/sums', config: 'main', split: 'test' }
const rows = Array.from({ length: 450 }, (_, i) => ({ question: `What is ${i} + ${i}? \\frac{{${i}}}{2} „é“`, answer: String(2 * i) }))

useHub((hub) => hub.splits.set('someone/sums main test', rows))
const get = (more?: FetchOptions, env?: NodeJS.ProcessEnv) => fetchRows(source, settings(env), options(more))
const folder = () => sourceFolder(cache, source)

describe('rows of the hub', () => {
  it('arrive whole and in order, page by page', async () => {
    expect(await get()).toEqual(rows)
    expect([...hub.offsets].sort((a, b) => a - b)).toEqual([0, 100, 200, 300, 400])
    expect(waits).toEqual([])
  })

  it.each([1, 99, 100, 101])('are all there when there are %i', async (count) => {
    hub.splits.set('someone/sums main test', rows.slice(0, count))
    expect(await get()).toEqual(rows.slice(0, count))
  })

  it('are asked for once: then they come from the cache, also offline', async () => {
    await get()
    const asked = hub.offsets.length
    expect(await get()).toEqual(rows)
    expect(await get({}, { HF_HUB_OFFLINE: '1' })).toEqual(rows)
    expect(hub.offsets).toHaveLength(asked)
    expect(readdirSync(folder())).toEqual(['rows.json'])
    expect(await get({ fresh: true })).toEqual(rows)
    expect(hub.offsets).toHaveLength(2 * asked)
  })

  it('are refused offline when they are not in the cache, without a request', async () => {
    await expect(get({}, { HF_HUB_OFFLINE: 'TRUE' })).rejects.toThrow(
      /someone\/sums \(main, test\) is not in the cache.*HF_HUB_OFFLINE.*PR1_DATA/s,
    )
    expect(hub.offsets).toEqual([])
  })

  it('go on where a download stopped', async () => {
    hub.faults = [undefined, undefined, ...Array(20).fill(faults.status(503))]
    await expect(get({ attempts: 2 })).rejects.toThrow(/answered 503 \("said 503"\).*2 tries.*run again later/s)
    const kept = readdirSync(path.join(folder(), 'pages')).length
    expect(kept).toBe(2)
    hub.faults = []
    hub.offsets = []
    expect(await get()).toEqual(rows)
    expect(hub.offsets).toHaveLength(5 - kept)
  })

  it('are not taken from a damaged cache', async () => {
    await get()
    const file = path.join(folder(), 'rows.json')
    writeFileSync(file, readFileSync(file, 'utf8').replace('What is 7 + 7', 'What is 7 + 8'))
    await expect(get({}, { HF_HUB_OFFLINE: 'yes' })).rejects.toThrow(`is damaged in the cache (${file})`)
    expect(await get()).toEqual(rows)
    expect(notices).toEqual([expect.stringContaining('is damaged and is fetched again')])
    expect(await get({}, { HF_HUB_OFFLINE: 'yes' })).toEqual(rows)
  })

  it.each([
    ['no JSON', '{"rows":['],
    ['nested without end', `{"rows":[${'['.repeat(500)}${']'.repeat(500)}]}`],
    ['something else', '{"pages":[]}'],
    ['nothing', 'null'],
  ])('are not taken from a cache that is sealed and holds %s', async (_, body) => {
    await get()
    const file = path.join(folder(), 'rows.json')
    writeFileSync(file, `${createHash('sha256').update(body).digest('hex')}\n${body}\n`)
    await expect(get({}, { HF_HUB_OFFLINE: 'yes' })).rejects.toThrow(`is damaged in the cache (${file})`)
    expect(await get()).toEqual(rows)
  })

  it('are not mixed from a damaged page', async () => {
    hub.faults = [undefined, ...Array(8).fill(faults.status(404))]
    await expect(get()).rejects.toThrow(/404/)
    const page = path.join(folder(), 'pages', '0.json')
    expect(existsSync(page)).toBe(true)
    writeFileSync(page, readFileSync(page, 'utf8').slice(0, -30))
    hub.faults = []
    expect(await get()).toEqual(rows)
  })

  it('are read again from the start when the set changes between pages', async () => {
    const grown = [...rows, { question: 'What is 450 + 450?', answer: '900' }]
    const grow: Fault = () => {
      hub.splits.set('someone/sums main test', grown)
      return false
    }
    hub.faults = [undefined, undefined, grow]
    hub.revision = undefined
    expect(await get()).toEqual(grown)
    expect(hub.offsets.filter((offset) => offset === 0)).toHaveLength(2)
  })

  it('are given up when the set keeps changing', async () => {
    let revision = 0
    const anotherRevision: Fault = () => {
      hub.revision = `r${revision++}`
      return false
    }
    hub.faults = Array(30).fill(anotherRevision)
    await expect(get()).rejects.toThrow(/changed while it was read/)
  })
})

describe('a hub in trouble', () => {
  it.each([
    ['429 with a Retry-After in seconds', faults.status(429, { 'retry-after': '7' }), (ms: number) => ms === 7000],
    ['429 without', faults.status(429), (ms: number) => ms >= 750 && ms <= 1250],
    ['429 with a Retry-After of 0', faults.status(429, { 'retry-after': '0' }), (ms: number) => ms >= 750 && ms <= 1250],
    ['503 with a Retry-After in the past', faults.status(503, { 'retry-after': new Date(0).toUTCString() }), (ms: number) => ms >= 750],
    ['503 with a Retry-After as a date', faults.status(503, { 'retry-after': new Date(Date.now() + 360_000).toUTCString() }), () => true],
    ['500', faults.status(500), (ms: number) => ms >= 750 && ms <= 1250],
    ['502 with a page of HTML', faults.status(502, { 'content-type': 'text/html' }, '<html>Bad gateway</html>'), () => true],
    ['408', faults.status(408), () => true],
    ['a cut body', faults.cut, () => true],
    ['a cut body without a length', faults.cutChunked, () => true],
    ['bad JSON', faults.text('{"rows": [', 'application/json'), () => true],
    ['a closed connection', faults.hangUp, () => true],
  ])('is asked again after %s', async (name, fault, waited) => {
    hub.faults = [undefined, fault]
    const result = get()
    if (name.includes('date')) await expect(result).rejects.toThrow(/answered 503.*asks to wait 3\d\d s/)
    else {
      expect(await result).toEqual(rows)
      expect(waits).toHaveLength(1)
      expect(waits[0]).toSatisfy(waited)
    }
  })

  it('is not read to an end that does not come', async () => {
    hub.faults = [undefined, faults.text(`[${'0,'.repeat(50_000)}0]`, 'application/json')]
    await expect(get({ mostBytes: 50_000 })).rejects.toThrow(/sent more than 48\.8 KiB where JSON was asked for/)
    expect(waits).toEqual([])
  })

  it('is not believed to hold more rows than fit', async () => {
    const page = { rows: [], num_rows_total: MOST_ROWS + 1 }
    hub.faults = [faults.text(JSON.stringify(page), 'application/json')]
    await expect(get()).rejects.toThrow(/a set of 1000001 rows, more than the 1000000 that fit here/)
    expect(hub.offsets).toEqual([0])
  })

  it('is waited for longer each time, and given up', async () => {
    hub.faults = Array(10).fill(faults.status(500))
    await expect(get()).rejects.toThrow(/answered 500 \("said 500"\) \(6 tries\).*run again later/)
    expect(waits).toHaveLength(5)
    for (const [i, ms] of waits.entries()) expect(ms / 2 ** i).toSatisfy((unit: number) => unit >= 750 && unit <= 1250)
    expect(notices.some((message) => /answered 500.*trying again in \d+ s/.test(message))).toBe(true)
  })

  it('is not waited for when it asks for more than five minutes', async () => {
    hub.faults = [faults.status(429, { 'retry-after': '3600' })]
    await expect(get()).rejects.toThrow(/answered 429.*asks to wait 3600 s.*HF_TOKEN the limit is higher/)
    expect(waits).toEqual([])
  })

  it('is given up when it says nothing', async () => {
    hub.faults = Array(4).fill(faults.silence)
    await expect(get({ timeoutMs: 50, attempts: 2 })).rejects.toThrow(
      /could not be read \(no answer in time\) \(2 tries\).*HF_ENDPOINT to a mirror, or PR1_DATA/,
    )
  })

  it('is given up when nobody listens', async () => {
    const gone = await startHub()
    await gone.close()
    const failed = get({ attempts: 1 }, { HF_ENDPOINT: gone.endpoint })
    await expect(failed).rejects.toThrow(/^The hub could not be read \(ECONNREFUSED\): \S+\. Check the network[^.]*\.$/)
  })

  it.each([
    [
      'a login page',
      faults.text('<!doctype html><title>Sign in to the network</title>'),
      /not JSON \("<!doctype html>.*proxy or a login page/,
    ],
    ['another JSON', faults.text('{"message": "welcome"}', 'application/json'), /is no page of rows. Got {"message":"welcome"}/],
    ['null', faults.text('null', 'application/json'), /is no page of rows. Got null/],
    ['an empty set', faults.page((page) => Object.assign(page, { rows: [], num_rows_total: 0 })), /is no page of rows/],
    ['too few rows', faults.page((page) => page.rows.pop()), /has 99 rows, not 100/],
    ['another page', faults.page((page) => page.rows.reverse()), /has row 99 in the place of row 0/],
    ['a row without content', faults.page((page) => (page.rows[3].row = 'x')), /has no content in row 3/],
    ['a cut cell', faults.page((page) => page.rows[5].truncated_cells.push('question')), /is cut in column question of row 5/],
    ['a part of the set', faults.page((page) => (page.partial = true)), /serves a part only/],
  ])('is not believed when it sends %s', async (_, fault, message) => {
    hub.faults = Array(6).fill(fault)
    await expect(get()).rejects.toThrow(message)
    expect(existsSync(path.join(folder(), 'rows.json'))).toBe(false)
  })

  it('says what it refuses, at once', async () => {
    hub.faults = [faults.status(401)]
    await expect(get()).rejects.toThrow(/answered 401 \("said 401"\).*Set HF_TOKEN/)
    hub.faults = [faults.status(403)]
    await expect(get({}, { HF_TOKEN: 'hf_old' })).rejects.toThrow(/answered 403.*HF_TOKEN is not accepted/)
    hub.faults = []
    await expect(fetchRows({ ...source, dataset: 'someone/gone' }, settings(), options())).rejects.toThrow(
      /answered 404 \("The dataset does not exist."\).*may have moved/,
    )
    expect(waits).toEqual([])
  })
})

describe('the environment', () => {
  it('gives the token to the hub and to nobody else', async () => {
    await get({}, { HF_TOKEN: ' hf_secret\n' })
    expect(new Set(hub.headers.map(({ authorization }) => authorization))).toEqual(new Set(['Bearer hf_secret']))

    const seen: (string | undefined)[] = []
    const elsewhere = createServer((request, response) => {
      seen.push(request.headers.authorization)
      response.writeHead(404).end()
    })
    await new Promise<void>((done) => elsewhere.listen(0, '127.0.0.1', done))
    const { port } = elsewhere.address() as AddressInfo
    hub.faults = [faults.status(302, { location: `http://127.0.0.1:${port}/rows` })]
    await expect(get({ fresh: true }, { HF_TOKEN: 'hf_secret' })).rejects.toThrow(/404/)
    expect(seen).toEqual([undefined])
    elsewhere.close()
  })

  it('never shows the token', () => {
    expect(() => settings({ HF_TOKEN: 'hf_se cret' })).toThrow(/^HF_TOKEN holds characters that no token has(?!.*cret)/)
  })

  it('sends no token where there is none', async () => {
    await get({}, { HF_TOKEN: '' })
    expect(hub.headers.every(({ authorization }) => authorization === undefined)).toBe(true)
  })

  it.each([
    [undefined, 'https://datasets-server.huggingface.co'],
    ['', 'https://datasets-server.huggingface.co'],
    ['https://huggingface.co/', 'https://datasets-server.huggingface.co'],
    ['https://hub.example.org:8443/mirror/', 'https://datasets-server.hub.example.org:8443/mirror'],
    ['http://localhost:8080', 'http://localhost:8080'],
    ['http://[::1]:8080', 'http://[::1]:8080'],
  ])('with HF_ENDPOINT %s asks %s', (HF_ENDPOINT, server) => {
    expect(hubSettings({ HF_ENDPOINT }).server).toBe(server)
  })

  it('must be understood', () => {
    expect(() => hubSettings({ HF_ENDPOINT: 'huggingface' })).toThrow(/HF_ENDPOINT must be a URL. Got "huggingface"/)
    for (const off of ['0', '', 'no', undefined]) expect(hubSettings({ HF_HUB_OFFLINE: off }).offline).toBe(false)
    expect(hubSettings({ XDG_CACHE_HOME: '/c' }).cache).toBe(path.join('/c', 'parallel-r1'))
    expect(hubSettings({ XDG_CACHE_HOME: '/c', PR1_CACHE: '/d' }).cache).toBe('/d')
  })

  it('names a cache that cannot be written', async () => {
    const file = path.join(cache, 'file')
    writeFileSync(file, '')
    await expect(get({}, { PR1_CACHE: file })).rejects.toThrow(/The cache cannot be (read|written).*PR1_CACHE/s)
  })
})
