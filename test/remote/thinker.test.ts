import { fileURLToPath } from 'node:url'
import { inspect } from 'node:util'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { openCheckpoint } from '../../src/engine/checkpoint/folder.ts'
import { ConfigError, ParallelR1Error } from '../../src/engine/errors.ts'
import { openEngine } from '../../src/engine/open.ts'
import type { Engine } from '../../src/engine/types.ts'
import { parseThinkingConfig } from '../../src/providers/config.ts'
import { promptIds } from '../../src/providers/prompt.ts'
import { type ServerSettings, serverSettings } from '../../src/remote/settings.ts'
import { remoteThinker } from '../../src/remote/thinker.ts'
import { ServerError, Transport } from '../../src/remote/transport.ts'
import type { RetryOptions } from '../../src/retry.ts'
import { spellingOf } from '../../src/thinking/text-tags.ts'
import { localThinker, type Thinker } from '../../src/thinking/thinker.ts'
import { runsOf } from '../../src/thinking/trajectory.ts'
import type { Settling, ThinkRequest, Thought } from '../../src/thinking/types.ts'
import { blocksOf, expectPrefix } from '../thinking/settled.ts'
import { EngineServer, type ServerStyle, status } from './engine-server.ts'

const folder = fileURLToPath(new URL('../../suites/countdown/checkpoints/parallel-10', import.meta.url))
const problems = [
  '9, 4, 6 once each with + - * / to make 15',
  '8, 2, 2 once each with + - * / to make 12',
  '1, 8, 12 once each with + - * / to make 20',
]

let server: EngineServer
let engine: Engine
let local: Thinker
const opened: Thinker[] = []

beforeAll(async () => {
  server = await EngineServer.start(folder, { kind: 'vllm' })
  engine = await openEngine({ device: 'cpu', precision: 'f32', threads: 1 })
  local = localThinker(await engine.load(server.checkpoint, { cacheTokens: 8192 }), { ownsModel: true })
})
beforeEach(async () => {
  await Promise.all(opened.splice(0).map((thinker) => thinker.close()))
  server.reset({ kind: 'vllm' })
})
afterAll(async () => {
  await Promise.all(opened.splice(0).map((thinker) => thinker.close()))
  await local.close()
  await engine.dispose()
  await server.close()
})

/** No wait in a test is longer than this. */
const hurried: RetryOptions = { sleep: () => new Promise((done) => setTimeout(done, 1)) }

function remote(
  style: ServerStyle = { kind: 'vllm' },
  settings: Partial<Parameters<typeof serverSettings>[0]> = {},
  options = hurried,
): Thinker {
  server.style = style
  const thinker = remoteThinker(server.checkpoint, serverSettings({ url: server.root, model: 'countdown', ...settings }), options)
  opened.push(thinker)
  return thinker
}

function request(problem = 0, more: Partial<ThinkRequest> = {}): ThinkRequest {
  const { parallel } = server.checkpoint
  return {
    promptIds: promptIds(server.checkpoint, parseThinkingConfig({}, 'the test'), `Use ${problems[problem]}.`),
    mode: 'parallel',
    attention: 'causal',
    tags: parallel!.tags,
    paths: 3,
    maxBlocks: 2,
    budgets: { response: 220, answerReserve: 16 },
    temperature: 0,
    seed: 5,
    ...more,
  }
}

const all = [0, 1, 2]
const thinkAll = (thinker: Thinker, more: Partial<ThinkRequest> = {}) =>
  Promise.all(all.map((problem) => thinker.think(request(problem, more))))
/** A thought without what is not the model's. */
const said = ({ server: _, ...thought }: Thought, logprobs: boolean) => ({
  ...thought,
  trajectory: {
    ...thought.trajectory,
    segments: JSON.parse(
      JSON.stringify(thought.trajectory.segments, (key, value) => (key === 'logprobs' && !logprobs ? undefined : value)),
    ),
  },
})

const STYLES: [string, ServerStyle, Partial<NonNullable<Thought['server']>>, boolean][] = [
  ['SGLang', { kind: 'sglang' }, { prompts: 'ids', tokens: 'ids', stops: 'server', tokenizer: 'compared', logprobs: 'processed' }, true],
  ['vLLM', { kind: 'vllm' }, { prompts: 'ids', tokens: 'ids', stops: 'server', tokenizer: 'compared', logprobs: 'raw' }, false],
  ['llama.cpp', { kind: 'llama' }, { prompts: 'ids', tokens: 'entries', stops: 'server', tokenizer: 'compared', respelled: 0 }, false],
  ['OpenAI and nothing else', { kind: 'openai' }, { prompts: 'ids', tokens: 'strings', stops: 'ours', tokenizer: 'counted' }, false],
  ['text prompts only', { kind: 'llama', textPrompts: true }, { prompts: 'text', tokens: 'entries', tokenizer: 'compared' }, false],
]

describe('remoteThinker', () => {
  it.each(STYLES)('says over HTTP what the engine says here, token by token: %s', async (_, style, spoken, logprobs) => {
    const [thoughts, expected] = await Promise.all([thinkAll(remote(style)), thinkAll(local)])
    expect(expected.some(({ blocks }) => blocks.length > 0)).toBe(true)
    expect(thoughts.map((thought) => said(thought, logprobs))).toEqual(expected.map((thought) => said(thought, logprobs)))
    for (const thought of thoughts) {
      expect(thought.server).toMatchObject({ url: `${server.root}/v1`, model: 'countdown', retries: 0, ...spoken })
      const completions = 1 + thought.blocks.reduce((sum, { paths }) => sum + paths.length + 2, 0)
      if (spoken.stops !== 'ours') expect(thought.server!.requests).toBeLessThanOrEqual(completions)
    }
  })

  it.each(STYLES)('begins paths with their starts as the engine does: %s', async (_, style, __, logprobs) => {
    const pathStarts = ['11', '8 - ', ' x'].map((text) => ({ text, ids: server.checkpoint.tokenizer!.encode(text) }))
    const [thoughts, expected] = await Promise.all([thinkAll(remote(style), { pathStarts }), thinkAll(local, { pathStarts })])
    const blocks = expected.flatMap(({ trajectory }) => trajectory.segments.filter((segment) => segment.kind === 'block'))
    expect(blocks.length).toBeGreaterThan(1)
    for (const { paths } of blocks)
      paths.forEach(({ ids }, k) => {
        expect(ids.slice(1, 1 + pathStarts[k].ids.length)).toEqual(pathStarts[k].ids)
      })
    expect(thoughts.map((thought) => said(thought, logprobs))).toEqual(expected.map((thought) => said(thought, logprobs)))
  })

  it.each(STYLES)('decodes sequentially as the engine does: %s', async (_, style, __, logprobs) => {
    const more = { mode: 'sequential' } as const
    const [thoughts, expected] = await Promise.all([thinkAll(remote(style), more), thinkAll(local, more)])
    expect(thoughts.map((thought) => said(thought, logprobs))).toEqual(expected.map((thought) => said(thought, logprobs)))
    // One more where no block fits any longer.
    for (const { server: run } of thoughts) expect(run!.requests).toBeLessThanOrEqual(2)
  })

  it("knows whether log-probabilities are the model's or of what is drawn", async () => {
    const hot = request(0, { mode: 'sequential', temperature: 2 })
    const kinds = ['sglang', 'openai', 'vllm', 'llama'] as const
    const thoughts: Thought[] = []
    for (const kind of kinds) thoughts.push(await remote({ kind }).think(hot))
    expect(thoughts.map(({ server: run, trajectory }) => [run!.logprobs, trajectory.temperature])).toEqual([
      ['processed', 2],
      ['processed', 2],
      ['raw', 1],
      ['raw', 1],
    ])
    const known = ({ trajectory }: Thought): number[] =>
      runsOf(trajectory)
        .flatMap(({ logprobs }) => logprobs)
        .filter((value) => !Number.isNaN(value))
    const sum = (thought: Thought): number => known(thought).reduce((all, value) => all + value, 0)
    const [drawn, , raw] = thoughts
    expect(raw.ids).toEqual(drawn.ids)
    // A hot draw is rarer to the model than to the draw.
    expect(sum(raw)).toBeLessThan(sum(drawn) - 1)
    const greedy = request(0, { mode: 'sequential' })
    expect(known(await remote({ kind: 'vllm' }).think(greedy))).toEqual(known(await local.think(greedy)))
  })

  it('draws every path with a seed of its own, keeps the budgets and what may not be drawn', async () => {
    const drawn = { temperature: 1, paths: 4, budgets: { response: 160, path: 20, criticalPath: 110, answerReserve: 10 } }
    const thoughts = await Promise.all([1, 2, 3, 4, 5, 6].map((seed) => remote().think(request(seed % 3, { ...drawn, seed }))))
    const seeds = server.asked.filter(({ temperature }) => temperature === 1).map(({ seed, prompt }) => `${seed} ${prompt}`)
    expect(new Set(seeds).size).toBe(seeds.length)
    for (const { seed } of server.asked)
      expect(Number.isSafeInteger(seed) && (seed as number) >= 0 && (seed as number) < 2 ** 31).toBe(true)
    const { parallel, eos } = server.checkpoint.parallel!.tags
    let blocks = 0
    for (const { trajectory, totalTokens, criticalPathTokens } of thoughts) {
      expect(totalTokens).toBeLessThanOrEqual(160)
      expect(criticalPathTokens).toBeLessThanOrEqual(110)
      for (const segment of trajectory.segments) {
        if (segment.kind !== 'block') continue
        blocks++
        const paths = segment.paths.map(({ ids }) => ids.join())
        expect(new Set(paths).size).toBeGreaterThan(1)
        for (const { ids } of [...segment.paths, segment.close]) {
          expect(ids.length).toBeLessThanOrEqual(64)
          expect(ids.some((id) => id === parallel || eos.includes(id))).toBe(false)
        }
      }
    }
    expect(blocks).toBeGreaterThan(3)
    // The same seed asks for the same.
    const again = await remote().think(request(1, { ...drawn, seed: 1 }))
    expect(again.ids).toEqual(thoughts[0].ids)
  })

  it.each(STYLES)('ends the siblings of a path that settles its block, as they would have gone on: %s', async (_, style) => {
    const { tokenizer, parallel } = server.checkpoint
    const { piece } = spellingOf(tokenizer!)
    // Any path that ends in a letter, a digit or a sign. At this temperature paths differ in their lengths.
    const textOf = (ids: readonly number[]): string => ids.map(piece).join('')
    const settledBy: Settling = { text: '!', read: (ids) => textOf(ids).replace(/\S(?=<\/Path>)/g, '!') }
    const more = { temperature: 2, paths: 4, budgets: { response: 260, answerReserve: 16 } }
    const think = (settling: Partial<ThinkRequest>) =>
      Promise.all([1, 2, 3, 4].map((seed) => remote(style).think(request(seed % 3, { ...more, seed, ...settling }))))
    const [free, thoughts] = [await think({}), await think({ settledBy })]
    let stopped = 0
    for (const [i, thought] of thoughts.entries()) {
      const [block, whole] = [blocksOf(thought)[0], blocksOf(free[i])[0]]
      expect(block?.open).toEqual(whole?.open)
      if (!block) continue
      const settled = whole.paths.filter(({ ids, sampled }) => sampled.at(-1) && /\S$/.test(piece(ids.at(-2)!)))
      const n = Math.min(...settled.map(({ ids }) => ids.length - 1))
      for (const [k, path] of block.paths.entries()) {
        expectPrefix(path, whole.paths[k], n)
        expect(path.ids.at(-1)).toBe(parallel!.tags.pathEnd)
      }
      if (thought.blocks[0].stopped) stopped++
    }
    expect(stopped).toBeGreaterThan(1)
  })

  it('keeps as many requests in flight as it was told', async () => {
    const thinker = remote({ kind: 'vllm' }, { concurrency: 3 })
    await thinkAll(thinker, { temperature: 1, paths: 8 })
    expect(server.mostInFlight).toBe(3)
  })

  it('refuses what a server cannot do, with the reason', async () => {
    const thinker = remote({ kind: 'vllm', context: 100 })
    await expect(thinker.think(request(0, { attention: 'structured' }))).rejects.toThrow(
      /causal checkpoints\. Got attention: structured.*positions or masks.*mode: sequential/,
    )
    await expect(thinker.think(request(0, { outlines: true }))).rejects.toThrow(/does not see the outlines of the others.*mode: sequential/)
    await expect(thinker.think(request())).rejects.toThrow(/fit into the 100 tokens of the server.*budget of 220/)
    const named = remote({ kind: 'sglang', context: 100 }, { model: 'countdown:adapter' })
    await expect(named.think(request())).rejects.toThrow(/fit into the 100 tokens of the server/)
    await expect(remote({ kind: 'llama', context: 64 }).think(request())).rejects.toThrow(/fit into the 64 tokens/)
    await expect(remote({ kind: 'openai' }).think(request(0, { topK: 5 }))).rejects.toThrow(/takes no top_k. Got topK: 5/)
    await expect(remote({ kind: 'vllm', ignoresBias: true }).think(request())).rejects.toThrow(
      /rule out a token \(logit_bias\).*mode: sequential/,
    )
    await expect(remote({ kind: 'openai', hidesSpecial: true }).think(request())).rejects.toThrow(
      /neither token ids nor special tokens.*<Path>/,
    )
    await expect(remote({ kind: 'vllm' }, { model: 'other' }).think(request())).rejects.toThrow(
      /404 .*other does not exist.*"model" in "server"/,
    )
  })

  it.each([
    ['ids of /tokenize', { kind: 'llama', otherTokens: true }, /tokens differ from those of .*At token 0 of a sample/],
    ['ids of a prompt', { kind: 'vllm', otherTokens: true }, /tokens differ from those of .*At token 0 of a sample/],
  ] satisfies [string, ServerStyle, RegExp][])('finds another tokenizer with the first request: %s', async (_, style, message) => {
    const thinker = remote(style)
    await expect(thinker.think(request())).rejects.toThrow(ConfigError)
    const asked = server.asked.length
    await expect(thinker.think(request(1))).rejects.toThrow(message)
    // Found once, not at every row.
    expect(server.asked.length).toBe(asked)
  })

  it('finds another tokenizer by the number of tokens, and what a server puts before ids', async () => {
    server.twist = (answer, { prompt }) => ({
      ...answer,
      usage: { prompt_tokens: typeof prompt === 'string' ? 40 : (prompt as number[]).length },
    })
    await expect(remote({ kind: 'openai' }).think(request())).rejects.toThrow(/tokens differ .*It counts 40 in "Use 3/)
    server.twist = (answer, { prompt }) => ({ ...answer, usage: { prompt_tokens: (prompt as number[]).length + 1 } })
    await expect(remote({ kind: 'openai' }).think(request())).rejects.toThrow(/reads a prompt of \d+ token ids as \d+ tokens/)
    server.twist = undefined
    const { server: run } = await remote({ kind: 'openai', countsNothing: true }).think(request())
    expect(run!.tokenizer).toBe('unchecked')
  })

  it('asks again where a server is busy, a connection breaks or an answer is none', async () => {
    const waits: number[] = []
    const thinker = remote({ kind: 'vllm' }, {}, { sleep: async (ms) => void waits.push(ms) })
    const expected = await local.think(request())
    server.faults = [
      status(429, { 'retry-after': '7' }),
      status(503),
      (response) => {
        response.destroy()
        return true
      },
      async (response, answer) => {
        const text = await answer()
        response.writeHead(200, { 'content-type': 'application/json' }).end(text.slice(0, text.length / 2))
        return true
      },
    ]
    const thought = await thinker.think(request())
    expect(thought.ids).toEqual(expected.ids)
    // A connection that was kept open and is closed at the next request is replaced without a wait.
    expect(waits.length === 3 || waits.length === 4).toBe(true)
    expect(waits[0]).toBe(7000)
    for (const [n, wait] of waits.entries()) {
      if (n === 0) continue
      expect(wait).toBeGreaterThanOrEqual(0.75 * 1000 * 2 ** n)
      expect(wait).toBeLessThanOrEqual(1.25 * 1000 * 2 ** n)
    }
    // During the rest of the request, and in the middle of a body.
    server.faults = [
      status(502),
      (response) => {
        response.writeHead(200, { 'content-length': 1000 }).write('{"choices":')
        setTimeout(() => response.destroy(), 5)
        return true
      },
      (response) => {
        response.writeHead(200, { 'content-type': 'text/html' }).end('<html>login</html>')
        return true
      },
    ]
    const again = await thinker.think(request())
    expect(again.ids).toEqual(expected.ids)
    expect(again.server!.retries).toBeGreaterThanOrEqual(2)
  })

  it('waits for a server that was there and is gone, and tells it once', async () => {
    const more = { mode: 'sequential' } as const
    const expected = await local.think(request(0, more))
    const told: string[] = []
    const waits: number[] = []
    let comeBack: (() => Promise<void>) | undefined
    const thinker = remote(
      { kind: 'vllm' },
      {},
      {
        notify: (line) => told.push(line),
        sleep: async (ms) => {
          waits.push(ms)
          // Longer than for a server that was never there.
          if (waits.length < 9) return
          await comeBack?.()
          comeBack = undefined
        },
      },
    )
    await thinker.think(request(1, more))
    // As vLLM: its engine fails, it says so and ends.
    server.faults = [
      (response) => {
        status(500)(response, async () => '')
        return server.leave().then((back) => {
          comeBack = back
          return true
        })
      },
    ]
    expect((await thinker.think(request(0, more))).ids).toEqual(expected.ids)
    expect(Math.max(...waits)).toBeLessThanOrEqual(1.25 * 30_000)
    expect(told).toEqual([expect.stringMatching(/^the server could not be asked \(ECONNREFUSED\); trying again in \d+ s$/)])
  })

  it('waits half a minute for a server that was never there', async () => {
    const waits: number[] = []
    const thinker = remote({ kind: 'vllm' }, {}, { sleep: async (ms) => void waits.push(ms) })
    const back = await server.leave()
    try {
      await expect(thinker.think(request())).rejects.toThrow(/could not be asked \(ECONNREFUSED\) \(6 tries\).*Check that it runs/)
      expect(waits).toHaveLength(5)
    } finally {
      await back()
    }
  })

  it('gives up with what the server said last, and where patience helps nothing', async () => {
    const thinker = remote()
    await thinker.think(request())
    const fail = async (faults: EngineServer['faults']) => {
      server.faults = faults
      const error = await thinker.think(request()).then(
        () => undefined,
        (reason: unknown) => reason,
      )
      server.faults = []
      expect(error).toBeInstanceOf(ServerError)
      return (error as Error).message
    }
    const times = (count: number, one: EngineServer['faults'][number]) => Array.from({ length: count }, () => one)
    const six = (one: EngineServer['faults'][number]) => times(6, one)
    expect(await fail(six(status(429)))).toMatch(/answered 429 \("busy"\) \(6 tries\).*Run again later/)
    expect(await fail(six(status(500)))).toMatch(/answered 500 \("busy"\) \(6 tries\).*Run again later/)
    expect(await fail(times(25, status(503)))).toMatch(/answered 503 \("busy"\) \(25 tries\).*Run again later/)
    expect(await fail([status(429, { 'retry-after': '3600' })])).toMatch(/answered 429 \("busy"\) and asks to wait 3600 s:/)
    expect(await fail([status(400, {}, '{"message":"max_tokens is too large"}')])).toMatch(/answered 400 \("max_tokens is too large"\)/)
    expect(await fail([status(307, { location: 'http://elsewhere/v1' })])).toMatch(/answered 307.*leads to "http:\/\/elsewhere\/v1"/)
    const html = six((response) => {
      response.writeHead(200, { 'content-type': 'text/html' }).end(`<html>${'x'.repeat(500)}`)
      return true
    })
    expect(await fail(html)).toMatch(/not JSON \("text\/html", "<html>x+.{0,5}\) \(6 tries\).*proxy/)
    expect(await fail([(response) => !!response.writeHead(200).end('{"choices":[]}')])).toMatch(/holds no completion. Got {"choices":\[\]}/)
    expect(await fail(six((response) => !!response.writeHead(200).end('['.repeat(5000) + ']'.repeat(5000))))).toMatch(/not JSON/)
  })

  it('waits no longer than it was told', async () => {
    const transport = new Transport(serverSettings({ url: server.root, model: 'countdown', timeout: 0.2 }), { ...hurried, attempts: 2 })
    server.faults = [() => true, () => true]
    await expect(transport.ask('completions', {})).rejects.toThrow(/said nothing for 0.2 s \(2 tries\).*"timeout"/)
    transport.close()
  })

  it.each([
    ['an id that there is none of', (choice: object) => ({ ...choice, token_ids: [99999] }), /It drew id 99999, and there are 432 here/],
    [
      'ids that say something else',
      (choice: object) => ({ ...choice, token_ids: [50, 51], text: 'zzz' }),
      /It says "zzz", and its ids say/,
    ],
    ['no reason that it knows', (choice: object) => ({ ...choice, finish_reason: 'content_filter' }), /finish_reason "content_filter"/],
    ['ids that are texts', (choice: object) => ({ ...choice, token_ids: ['1; DROP TABLE'] }), /It drew id "1; DROP TABLE"/],
  ] as [string, (choice: object) => object, RegExp][])('refuses an answer with %s', async (_, change, message) => {
    const thinker = remote()
    await thinker.think(request())
    server.twist = (answer) => ({ ...answer, choices: (answer.choices as object[]).map(change) })
    const error = await thinker.think(request()).catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(ParallelR1Error)
    expect((error as Error).message).toMatch(message)
  })

  it('ends all requests of a thought with its signal, and leaves others alone', async () => {
    const thinker = remote()
    await thinker.think(request())
    server.asked = []
    const controller = new AbortController()
    server.faults = Array.from({ length: 20 }, () => () => new Promise<boolean>(() => {}))
    const cancelled = thinker.think(request(1), controller.signal)
    while (server.asked.length === 0) await new Promise(setImmediate)
    server.faults = []
    const other = thinker.think(request(2))
    controller.abort(new Error('enough'))
    await expect(cancelled).rejects.toThrow('enough')
    expect((await other).ids).toEqual((await local.think(request(2))).ids)
    while (server.inFlight > 0) await new Promise((done) => setTimeout(done, 5))
    expect(server.dropped).toBeGreaterThan(0)
    await expect(thinker.think(request(), AbortSignal.abort(new Error('before')))).rejects.toThrow('before')
  })

  it('ends the other paths where one fails, and a wait with the signal', async () => {
    let waits = 0
    const slow: RetryOptions = {
      sleep: (_, signal) => {
        waits++
        return new Promise((_, reject) => signal!.addEventListener('abort', () => reject(signal!.reason)))
      },
    }
    const thinker = remote({ kind: 'vllm' }, {}, slow)
    await thinker.think(request())
    const forking = (await thinkAll(local)).findIndex(({ blocks }) => blocks.length > 0)
    server.faults = [() => false, status(503), status(400)]
    const error = await thinker.think(request(forking, { paths: 3 })).catch((reason: unknown) => reason as Error)
    expect((error as Error).message).toMatch(/answered 400/)
    expect(waits).toBe(1)
    const held = thinker.think(request())
    server.faults = [status(503)]
    await new Promise((done) => setTimeout(done, 20))
    await thinker.close()
    await expect(held).rejects.toThrow(/closed/)
    await expect(thinker.think(request())).rejects.toThrow(/closed/)
  })

  it('sends the key and tells it to nobody', async () => {
    const key = 'sk-0123456789abcdef'
    const settings: ServerSettings = serverSettings({ url: server.root, model: 'countdown', apiKey: key })
    await remote({ kind: 'vllm', key }, { apiKey: key }).think(request())
    expect(new Set(server.headers.map(({ authorization }) => authorization))).toEqual(new Set([`Bearer ${key}`]))
    const wrong = 'sk-wrong"quoted"key'
    const error = (await remote({ kind: 'vllm', key }, { apiKey: wrong })
      .think(request())
      .catch((reason: unknown) => reason)) as Error
    expect(error.message).toMatch(/answered 401 \("Incorrect API key provided: Bearer \[key\]"\).*renew it/)
    for (const text of [
      error.message,
      error.stack!,
      JSON.stringify(error),
      JSON.stringify(settings),
      String(settings.apiKey),
      inspect(settings),
    ]) {
      expect(text).not.toContain('0123456789')
      expect(text).not.toContain('quoted')
    }
    expect(JSON.stringify(settings)).not.toBe(JSON.stringify(serverSettings({ url: server.root, model: 'countdown', apiKey: `${key}x` })))
  })
})

describe('serverSettings', () => {
  const url = (text: string) => serverSettings({ url: text, model: 'm' }).url

  it('reads an address with or without what OpenAI puts behind it', () => {
    expect(url('http://localhost:8000')).toBe('http://localhost:8000/v1')
    expect(url('http://localhost:8000/v1/')).toBe('http://localhost:8000/v1')
    expect(url('https://host/api/v1/completions')).toBe('https://host/api/v1')
    expect(url('https://host/openai')).toBe('https://host/openai/v1')
  })

  it('refuses what is none, and what would be written into results', () => {
    for (const wrong of ['localhost:8000', 'ftp://host', 'http://host/?a=1', 'http://'])
      expect(() => url(wrong)).toThrow(/"url" in "server" must be/)
    expect(() => url('http://me:secretword@host')).toThrow(/holds a user or a password/)
    expect(() => url('http://me:secretword@host')).not.toThrow(/secretword/)
    expect(() => url('{{ env.URL }}')).toThrow(/not filled in. Set URL/)
    expect(() => serverSettings({ url: 'http://a', model: 'm', apiKey: '{{ env.NAME_OF_KEY }}' })).toThrow(/Set NAME_OF_KEY/)
    const byName = (env: object) => () =>
      serverSettings({ url: 'http://a', model: 'm', apiKeyEnvar: 'HELD' }, env as Record<string, string>)
    expect(byName({ HELD: 'abc' })().apiKey?.reveal()).toBe('abc')
    expect(byName({})).toThrow(/names an environment variable that is not set. Got "HELD"/)
    expect(() => serverSettings({ url: 'http://a', model: 'm', apiKeyEnvar: 'HELD', apiKey: 'x' })).toThrow(/Got both/)
    expect(() => serverSettings({ url: 'http://a', model: 'm', apiKey: '' })).toThrow(/"apiKey" in "server" is empty/)
    expect(() => serverSettings({ url: 'http://a', model: 'm', apiKey: 'with blank' })).not.toThrow(/with blank/)
  })
})

describe('openCheckpoint', () => {
  it('needs no weights for a server', async () => {
    const { mkdtempSync, copyFileSync, rmSync } = await import('node:fs')
    const { join } = await import('node:path')
    const { tmpdir } = await import('node:os')
    const bare = mkdtempSync(join(tmpdir(), 'pr1-bare-'))
    for (const file of ['config.json', 'tokenizer.json', 'tokenizer_config.json', 'parallel_r1.json', 'generation_config.json']) {
      copyFileSync(join(folder, file), join(bare, file))
    }
    try {
      const checkpoint = await openCheckpoint(bare)
      const thinker = remoteThinker(checkpoint, serverSettings({ url: server.root, model: 'countdown' }))
      opened.push(thinker)
      expect((await thinker.think(request())).ids).toEqual((await local.think(request())).ids)
      expect(runsOf((await thinker.think(request())).trajectory).length).toBeGreaterThan(0)
    } finally {
      rmSync(bare, { recursive: true })
    }
  })
})
