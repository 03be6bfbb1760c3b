/** What no honest client sends is refused within bounds, and the others are served meanwhile. */

import { once as onceEvent } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type OpenAI from 'openai'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ask, errorOf, KEY, type Served, startServer } from './running.ts'

let served: Served
beforeAll(async () => {
  served = await startServer({
    limits: { bodyBytes: 65_536, bodySeconds: 3, textCharacters: 2000, prompts: 4, n: 4, maxTokens: 400, queue: 6 },
  })
})
afterAll(async () => {
  await served.stop({ now: true })
})

const good = { model: 'structured', prompt: '1+1' }
const post = (body: unknown, more: object = {}) =>
  ask(served, { body: typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body), ...more })

/** Writes bytes and gives what comes back until the connection closes. */
async function raw(write: (socket: Socket) => void | Promise<void>): Promise<string> {
  const { hostname, port } = new URL(served.url)
  const socket = connect(Number(port), hostname)
  let text = ''
  socket.on('data', (part) => (text += part))
  socket.on('error', () => {})
  await onceEvent(socket, 'connect')
  const closed = new Promise((resolve) => socket.once('close', resolve))
  await write(socket)
  await closed
  return text
}

async function metric(pattern: RegExp): Promise<number> {
  const { text } = await ask(served, { method: 'GET', path: '/metrics' })
  return Number(pattern.exec(text)?.[1])
}

describe('bodies', () => {
  it.each<[string, string | Buffer, RegExp]>([
    ['nothing', '', /must be JSON/],
    ['no JSON', '{"model": ', /must be JSON/],
    ['no UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22]), /must be JSON/],
    ['a list', '[1]', /a JSON object/],
    ['a number', '1e999', /a JSON object/],
    ['deep lists', `{"model":"structured","prompt":${'['.repeat(20_000)}${']'.repeat(20_000)}}`, /nested more than 500 deep/],
    ['deep mappings', `${'{"a":'.repeat(5000)}1${'}'.repeat(5000)}`, /nested more than 500 deep/],
    ['a number beyond all', '{"model":"structured","prompt":"x","max_tokens":1e999}', /must be an integer/],
    ['no number', '{"model":"structured","prompt":"x","temperature":-1e400}', /must be a number/],
    ['ids beyond integers', '{"model":"structured","prompt":[1e300]}', /"prompt" must be/],
    ['names of prototypes', '{"model":"structured","prompt":"x","__proto__":{"n":4},"constructor":1}', /Unknown key "__proto__"/],
    [
      'settings named as prototypes',
      '{"model":"structured","prompt":"x","parallel_r1":{"__proto__":{"paths":1}}}',
      /"__proto__"|Unknown key/,
    ],
  ])('that are %s are refused', async (_, body, message) => {
    const answer = await post(body)
    expect(answer.status).toBe(400)
    expect(errorOf(answer).message).toMatch(message)
    expect(answer.text.length).toBeLessThan(2000)
  })

  it('with a long name or a long model are told in short', async () => {
    const start = performance.now()
    const answer = await post({ ...good, ['x'.repeat(30_000)]: 1 })
    expect(errorOf(answer)).toMatchObject({ code: 'unknown_parameter' })
    expect(answer.text.length).toBeLessThan(2000)
    expect((await post({ ...good, model: 'm'.repeat(30_000) })).status).toBe(400)
    expect(performance.now() - start).toBeLessThan(2000)
  })

  it('with more entries than a request has are refused before they are looked at one by one', async () => {
    const start = performance.now()
    const many = Array.from({ length: 20_001 }, () => ({}))
    expect((await post({ model: 'chat', messages: many }, { path: '/v1/chat/completions' })).status).toBe(413)
    expect((await post({ ...good, stop: Array.from({ length: 20_001 }, () => 1) })).status).toBe(413)
    expect((await post({ ...good, prompt: many })).status).toBe(400)
    expect(performance.now() - start).toBeLessThan(2000)
  })

  it('of other kinds are refused', async () => {
    for (const headers of [
      { 'content-type': 'text/plain' },
      { 'content-type': 'application/x-www-form-urlencoded' },
      { 'content-encoding': 'gzip' },
    ]) {
      expect((await post(good, { headers })).status).toBe(415)
    }
  })

  it('that are too long are answered with 413, announced or not', async () => {
    const long = JSON.stringify({ ...good, prompt: 'x'.repeat(200_000) })
    const announced = await post(long, { headers: { 'content-length': String(long.length) } })
    expect([announced.status, errorOf(announced).code]).toEqual([413, 'body_too_large'])
    expect((await post(long, { headers: { 'transfer-encoding': 'chunked' } })).status).toBe(413)
    // Far more than is read and forgotten: the connection ends.
    const endless = await raw(async (socket) => {
      socket.write(
        `POST /v1/completions HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer ${KEY}\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n`,
      )
      const chunk = `10000\r\n${'x'.repeat(0x10000)}\r\n`
      for (let k = 0; k < 100 && socket.writable; k++) if (!socket.write(chunk)) await sleep(5)
    })
    expect(endless).toMatch(/^HTTP\/1\.1 413 |^$/)
  })

  it('that come too slowly are given up', async () => {
    const start = performance.now()
    const text = await raw(async (socket) => {
      socket.write(
        `POST /v1/completions HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer ${KEY}\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n{`,
      )
    })
    expect(text).toMatch(/^HTTP\/1\.1 408 /)
    expect(performance.now() - start).toBeLessThan(20_000)
  })
})

describe('headers', () => {
  it('that are too many, too long or no HTTP are refused', async () => {
    const flood = await raw((socket) => void socket.write(`GET /health HTTP/1.1\r\nhost: localhost\r\nx: ${'y'.repeat(40_000)}\r\n\r\n`))
    expect(flood).toMatch(/^HTTP\/1\.1 431 /)
    expect(await raw((socket) => void socket.write('no HTTP at all\r\n\r\n'))).toMatch(/^HTTP\/1\.1 400 /)
    const slow = await raw((socket) => void socket.write('GET /health HTTP/1.1\r\nhost: loc'))
    expect(slow).toMatch(/^HTTP\/1\.1 408 /)
  })

  it('of pages of other sites are refused, whatever name they ask for, and none is let in', async () => {
    const named = await ask(served, { method: 'GET', path: '/health', headers: { host: 'evil.example' } })
    expect([named.status, errorOf(named).code]).toEqual([403, 'unknown_host'])
    for (const host of ['localhost', 'LOCALHOST:1', '127.0.0.1:8091', '[::1]:8091']) {
      expect((await ask(served, { method: 'GET', path: '/health', headers: { host } })).status, host).toBe(200)
    }
    for (const host of ['127.0.0.1.evil.example', 'localhost.evil.example', '127.0.0.1@evil.example']) {
      expect((await ask(served, { method: 'GET', path: '/health', headers: { host } })).status, host).toBe(403)
    }
    const page = await post(good, { headers: { origin: 'http://localhost:3000' } })
    expect([page.status, errorOf(page).code]).toEqual([403, 'cross_origin'])
    const preflight = await ask(served, {
      method: 'OPTIONS',
      headers: { origin: 'http://x.example', 'access-control-request-method': 'POST' },
    })
    expect(preflight.status).toBe(403)
    for (const { headers } of [named, page, preflight])
      expect(Object.keys(headers).filter((name) => name.startsWith('access-control'))).toEqual([])
  })

  it('name what is there, and the method', async () => {
    expect((await ask(served, { method: 'GET' })).headers.allow).toBe('POST')
    expect((await ask(served, { method: 'GET' })).status).toBe(405)
    for (const path of ['/', '/v1', '/v1/models/', '/v1/models/..%2f..', '/%E0%A4%A', '/v1/embeddings']) {
      expect([400, 404], path).toContain((await ask(served, { method: 'GET', path })).status)
    }
  })

  it('carry the key, without which only the health is told', async () => {
    for (const authorization of ['', 'Bearer', 'Basic x', `Bearer ${KEY} more`, 'Bearer wrong']) {
      for (const [method, path] of [
        ['GET', '/v1/models'],
        ['GET', '/metrics'],
        ['POST', '/v1/completions'],
      ]) {
        const answer = await ask(served, { method, path, headers: { authorization } })
        expect([answer.status, answer.headers['www-authenticate']]).toEqual([401, 'Bearer'])
      }
    }
    expect(await ask(served, { method: 'GET', path: '/health', headers: { authorization: '' } })).toMatchObject({
      status: 200,
      text: '{"status":"ok"}',
    })
  })
})

describe('more than the server takes', () => {
  it.each<[object, string]>([
    [{ prompt: ['1', '2', '3', '4', '5'] }, 'prompt'],
    [{ n: 5 }, 'n'],
    [{ max_tokens: 401 }, 'max_tokens'],
    [{ prompt: 'x'.repeat(2001) }, 'prompt'],
  ])('of %j is answered with 413', async (more, param) => {
    const answer = await post({ ...good, ...more })
    expect([answer.status, errorOf(answer).param]).toEqual([413, param])
  })

  it('in a queue is answered with 429 and when to come again, and what was taken is served', async () => {
    expect((await post({ ...good, prompt: ['1', '2', '3', '4'], n: 4 })).status).toBe(413)
    const endless = { model: 'endless', prompt: 'x', max_tokens: 400, seed: 1 }
    const answers = await Promise.all([1, 2, 3, 4, 5].map(() => post({ ...endless, n: 2 })))
    const taken = answers.filter(({ status }) => status === 200)
    const refused = answers.filter(({ status }) => status === 429)
    expect([taken.length, refused.length]).toEqual([3, 2])
    for (const answer of refused) {
      expect(Number(answer.headers['retry-after'])).toBeGreaterThanOrEqual(1)
      expect(errorOf(answer)).toMatchObject({ code: 'queue_full', type: 'rate_limit_error' })
    }
    expect(new Set(taken.map(({ text }) => JSON.stringify(JSON.parse(text).choices))).size).toBe(1)
    expect((await post(endless)).status).toBe(200)
  })

  it('is told before a prompt is read: encoding it would hold up those who are served', async () => {
    const taken = post({ model: 'endless', prompt: ['x', 'y'], n: 3, max_tokens: 400, seed: 1 })
    while ((await metric(/pr1_answers (\d+)/)) < 6) await sleep(5)
    // Found wrong as soon as it is read.
    const wrong = { model: 'endless', prompt: [10 ** 6] }
    expect((await post(wrong)).status).toBe(429)
    expect((await taken).status).toBe(200)
    expect((await post(wrong)).status).toBe(400)
  })

  it('text is never a template: what looks like one is read as it stands', async () => {
    const prompt = '{{ 7 * 7 }} {% for i in range(9) %}x{% endfor %} {{ constructor }}'
    const { client } = served
    const tokenizer = served.models[2].checkpoint.tokenizer!
    const asked = { model: 'chat', messages: [{ role: 'user', content: prompt }], max_tokens: 60 } as const
    const chat = await client.chat.completions.create({ ...asked, messages: [...asked.messages] })
    expect(chat.usage!.prompt_tokens).toBe(tokenizer.encode(`user: ${prompt}\nassistant: `).length)
  })
})

describe('a client that goes', () => {
  it('ends the work for it, streamed or not, and frees what it held', async () => {
    const steps = () => metric(/pr1_decoding\{model="endless"\} (\d+)/)
    for (const stream of [true, false]) {
      const gone = new AbortController()
      const body = { model: 'endless', prompt: 'x', max_tokens: 400, n: 4, stream } as OpenAI.CompletionCreateParams
      const asked = served.client.completions.create(body, { signal: gone.signal })
      const ended = (async () => {
        const answer = await asked
        if (Symbol.asyncIterator in (answer as object)) for await (const _ of answer as AsyncIterable<unknown>);
      })().catch((error: unknown) => error)
      while ((await steps()) === 0) await sleep(5)
      gone.abort()
      await ended
      while ((await steps()) > 0) await sleep(5)
      expect(await metric(/pr1_answers (\d+)/)).toBe(0)
      expect(await metric(/pr1_cache_pages_reserved\{model="endless"\} (\d+)/)).toBe(0)
    }
    expect(await metric(/pr1_requests_total\{route="completions",status="499"\} (\d+)/)).toBe(2)
  })

  it('that reads nothing costs the text of its answer, and the others are served', async () => {
    const { hostname, port } = new URL(served.url)
    const socket = connect(Number(port), hostname)
    await onceEvent(socket, 'connect')
    socket.pause()
    const body = JSON.stringify({ model: 'endless', prompt: 'x', max_tokens: 400, n: 2, stream: true })
    socket.write(
      `POST /v1/completions HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer ${KEY}\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
    )
    expect((await post(good)).status).toBe(200)
    socket.destroy()
  })
})

describe('what is told of the server', () => {
  it('counts requests, tokens and steps in the form that Prometheus reads', async () => {
    const before = await metric(/pr1_completion_tokens_total\{model="structured"\} (\d+)/)
    const { usage } = await served.client.completions.create({ model: 'structured', prompt: 'x', seed: 4 })
    expect((await metric(/pr1_completion_tokens_total\{model="structured"\} (\d+)/)) - before).toBe(usage!.completion_tokens)
    const { text, headers } = await ask(served, { method: 'GET', path: '/metrics' })
    expect(headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8')
    for (const line of text.trimEnd().split('\n')) {
      expect(line).toMatch(/^(# (HELP|TYPE) [a-z_0-9]+ .+|[a-z_0-9]+(\{[a-z_0-9]+="[^"\n]*"(,[a-z_0-9]+="[^"\n]*")*\})? -?[0-9.e+-]+)$/)
    }
    const buckets = [...text.matchAll(/pr1_request_seconds_bucket\{route="completions",le="[^"]+"\} (\d+)/g)].map(([, count]) =>
      Number(count),
    )
    expect(buckets).toEqual([...buckets].sort((a, b) => a - b))
    expect(text).not.toContain(KEY)
  })
})
