import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import type { CallApiContextParams, ProviderResponse } from 'promptfoo'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { ModelPool } from '../../src/providers/pool.ts'
import { ParallelThinkingProvider } from '../../src/providers/provider.ts'
import type { ThinkingMetadata } from '../../src/providers/response.ts'
import { loadSuite } from '../../src/trainer/suite/suite.ts'
import { promptfooEval, root, run } from '../package/route.ts'
import { EngineServer } from '../remote/engine-server.ts'

const checkpoint = path.join(root, 'suites/countdown/checkpoints/parallel-10')
const folder = mkdtempSync(path.join(os.tmpdir(), 'pr1-server-'))
const pool = new ModelPool()
const apiKey = 'pr1key-0123456789abcdef'
let server: EngineServer

beforeAll(async () => {
  server = await EngineServer.start(checkpoint, { kind: 'sglang', key: apiKey })
}, 60_000)
beforeEach(() => server.reset({ kind: 'sglang', key: apiKey }))
afterAll(async () => {
  await pool.releaseAll()
  await server.close()
  rmSync(folder, { recursive: true, force: true })
})

const decoding = { checkpoint, temperature: 0, paths: 3, maxTokens: 200, seed: 5, samples: 'off' }
const place = () => ({ url: server.root, model: 'countdown', apiKey })
const provider = (more: object) => new ParallelThinkingProvider({ config: { ...decoding, ...more } }, pool)
const prompts = ['Use 9, 4, 6 once each with + - * / to make 15.', 'Use 1, 8, 12 once each with + - * / to make 20.']
const context = { vars: { a: 1 }, prompt: { raw: '', label: '' }, repeatIndex: 0 } as CallApiContextParams
const ask = (of: ParallelThinkingProvider) => Promise.all(prompts.map((prompt) => of.callApi(prompt, context)))
const metadataOf = ({ metadata }: ProviderResponse) => metadata as unknown as ThinkingMetadata

describe('a provider with "server"', () => {
  it('answers as one without, and says how it knows', async () => {
    const [served, here] = [await ask(provider({ server: place() })), await ask(provider({ device: 'cpu' }))]
    for (const [i, response] of served.entries()) {
      expect(response.error).toBeUndefined()
      const { server: run, ...rest } = metadataOf(response)
      expect({ ...response, metadata: rest }).toEqual(here[i])
      expect(run).toMatchObject({
        url: `${server.root}/v1`,
        tokens: 'ids',
        tokenizer: 'compared',
        unknown: ['device', 'precision', 'repeatable'],
      })
      expect(metadataOf(here[i]).server).toBeUndefined()
    }
    expect(metadataOf(served[0]).tree.blocks.length + metadataOf(served[1]).tree.blocks.length).toBeGreaterThan(0)
  })

  it('keeps samples by server and model, without the key', async () => {
    const samples = path.join(folder, 'samples.db')
    const cached = async (more: object) =>
      (await ask(provider({ samples, server: { ...place(), ...more } }))).map((response) => response.cached === true)
    expect(await cached({})).toEqual([false, false])
    const asked = server.asked.length
    expect(await cached({ concurrency: 2 })).toEqual([true, true])
    expect(server.asked.length).toBe(asked)
    server.style = { kind: 'llama', key: apiKey }
    expect(await cached({ model: 'another' })).toEqual([false, false])
    expect(await cached({ url: server.root.replace('127.0.0.1', 'localhost') })).toEqual([false, false])
    expect((await ask(provider({ samples, device: 'cpu' }))).map((response) => response.cached === true)).toEqual([false, false])
  })

  it('refuses what belongs to an engine here, and tests that name another server', async () => {
    for (const key of ['device', 'precision', 'numerics', 'threads', 'cacheTokens', 'speculate']) {
      const value = { device: 'cpu', precision: 'f32', numerics: 'exact', speculate: 'auto' }[key] ?? 8
      expect(() => provider({ server: place(), [key]: value })).toThrow(`"${key}" says how a model runs in this process`)
    }
    const options = { ...context, prompt: { raw: '', label: '', config: { server: { url: 'http://elsewhere', model: 'm' } } } }
    expect((await provider({ server: place() }).callApi(prompts[0], options)).error).toMatch(/"server" cannot be set for one test/)
    expect(() => provider({ server: { url: server.root } })).toThrow(/"model" is missing in "server"/)
    expect(() => provider({ server: { ...place(), apikey: 'x' } })).toThrow(/Did you mean "apiKey"/)
  })

  it('shows its key to nobody: neither in its config nor in an error', async () => {
    const target = provider({ server: place() })
    expect(JSON.stringify(target)).not.toContain(apiKey)
    server.style = { kind: 'sglang', key: 'another' }
    const { error } = await provider({ server: { ...place(), apiKey: `${apiKey}-old` } }).callApi(prompts[0], context)
    expect(error).toMatch(/answered 401 .*\[key\].*renew it/)
    expect(error).not.toContain(apiKey)
  })

  it('leaves no key in what promptfoo writes, and is no model to train', async () => {
    run(process.execPath, [path.join(root, 'scripts/build.mjs'), '--if-needed'], root)
    mkdirSync(path.join(folder, 'node_modules'))
    symlinkSync(root, path.join(folder, 'node_modules/parallel-r1'))
    const file = path.join(folder, 'promptfooconfig.yaml')
    const results = path.join(folder, 'results.json')
    const config = {
      ...decoding,
      mode: 'sequential',
      maxTokens: 20,
      server: { url: server.root, model: 'countdown', apiKeyEnvar: 'PR1_TEST_KEY' },
    }
    const entry = { id: 'package:parallel-r1:ParallelThinkingProvider', label: 'served', config }
    const tests = prompts.map((problem) => ({ vars: { problem } }))
    writeFileSync(file, JSON.stringify({ prompts: ['{{ problem }}'], providers: [entry], tests }))
    process.env.PR1_TEST_KEY = apiKey
    try {
      const { log } = await promptfooEval(folder, 'promptfooconfig.yaml', ['-o', results])
      const written = readFileSync(results, 'utf8')
      const rows: { response?: { metadata?: { server?: { model: string } } } }[] = JSON.parse(written).results.results
      expect(rows.map(({ response }) => response?.metadata?.server?.model)).toEqual(['countdown', 'countdown'])
      expect(written).not.toContain(apiKey)
      expect(log).not.toContain(apiKey)
      // What only grades or counts its problems asks no weights in training.
      expect((await loadSuite(file, { tests: true })).rows).toHaveLength(2)
      await expect(loadSuite(file, { tests: true, decodes: true })).rejects.toThrow(
        /Training samples from the weights.*Got "server" in provider "served"/,
      )
    } finally {
      delete process.env.PR1_TEST_KEY
    }
  })
})
