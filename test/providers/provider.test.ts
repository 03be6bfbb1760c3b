import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import type { CallApiContextParams, ProviderResponse } from 'promptfoo'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { Tokenizer } from '../../src/engine/checkpoint/tokenizer.ts'
import { ConfigError, UnavailableError } from '../../src/engine/errors.ts'
import { openEngine } from '../../src/engine/open.ts'
import { ModelPool } from '../../src/providers/pool.ts'
import { ParallelThinkingProvider } from '../../src/providers/provider.ts'
import type { ThinkingMetadata } from '../../src/providers/response.ts'
import { TAG_TOKENS } from '../../src/thinking/tags.ts'
import { writeTinyCheckpoint } from './tiny-checkpoint.ts'

const folder = mkdtempSync(path.join(os.tmpdir(), 'pr1-provider-'))
const pool = new ModelPool()
const base = { basePath: folder, checkpoint: 'structured', device: 'cpu', seed: 5, samples: 'off' }

beforeAll(async () => {
  await writeTinyCheckpoint(path.join(folder, 'structured'))
  await writeTinyCheckpoint(path.join(folder, 'causal'), { attention: 'causal' })
  await writeTinyCheckpoint(path.join(folder, 'untagged'), { tagged: false })
  await writeTinyCheckpoint(path.join(folder, 'thinker'), {
    chatTemplate: "{{ messages[0].content }}{% if enable_thinking is not false %}{{ '<think>\\n' }}{% endif %}",
  })
  await writeTinyCheckpoint(path.join(folder, 'chat'), {
    chatTemplate:
      "{% for message in messages %}{{ message.role + ': ' + message.content + '\\n' }}{% endfor %}{% if add_generation_prompt %}{{ 'assistant: ' }}{% endif %}",
  })
})
afterAll(async () => {
  await pool.releaseAll()
  rmSync(folder, { recursive: true })
})

const provider = (config: object = {}, id?: string) => new ParallelThinkingProvider({ id, config: { ...base, ...config } }, pool)

function context(repeatIndex = 0, options: object = {}): CallApiContextParams {
  return { vars: {}, prompt: { raw: '', label: '', config: options }, repeatIndex }
}

const metadataOf = (response: ProviderResponse) => response.metadata as unknown as ThinkingMetadata
const prompts = Array.from({ length: 16 }, (_, i) => `Use ${i + 1}, ${i + 2}, 5 once each with + - * / to make ${i + 20}.`)

/** All prompts with four repeats each, at most `width` calls at a time. */
async function sweep(target: ParallelThinkingProvider, width: number): Promise<ProviderResponse[]> {
  const jobs = prompts.flatMap((prompt) => [0, 1, 2, 3].map((repeat) => ({ prompt, repeat })))
  const results: ProviderResponse[] = []
  let next = 0
  const worker = async () => {
    while (next < jobs.length) {
      const i = next++
      results[i] = await target.callApi(jobs[i].prompt, context(jobs[i].repeat))
    }
  }
  await Promise.all(Array.from({ length: width }, worker))
  return results
}

describe('ParallelThinkingProvider', () => {
  it('asks a model without tags, says that it was not trained for them, and repeats itself', async () => {
    const target = provider({ checkpoint: 'untagged', tags: 'text', maxTokens: 200 })
    const warned: string[] = []
    const logger = { warn: (text: string) => warned.push(text) } as unknown as CallApiContextParams['logger']
    const [first, again] = [await target.callApi(prompts[0], { ...context(), logger }), await target.callApi(prompts[0], context())]
    expect(first.error).toBeUndefined()
    expect(metadataOf(first)).toMatchObject({ mode: 'parallel', attention: 'causal', tags: 'text', trained: false, tree: { blocks: [] } })
    expect(again).toEqual(first)
    expect(warned.filter((text) => text.includes('was not trained to think in parallel'))).toHaveLength(1)
    const trained = metadataOf(await provider().callApi(prompts[0], context()))
    expect([trained.tags, trained.trained]).toEqual([undefined, undefined])
  })

  it('ends the thinking that a template began, and not where a variable of the template switches it off', async () => {
    const config = { checkpoint: 'thinker', thinkTokens: 40, maxTokens: 300, pathTokens: 20 }
    const thinking = provider(config)
    const ended = await Promise.all(prompts.map((prompt) => thinking.callApi(prompt, context())))
    const states = ended.map((response) => metadataOf(response).thinking)
    expect(new Set(states)).toEqual(new Set(['cut', 'unclosed']))
    for (const [i, { output, error }] of ended.entries()) {
      expect(error).toBeUndefined()
      expect(String(output).includes('directly now.\n</think>\n\n')).toBe(states[i] === 'cut')
    }
    const plain = await Promise.all(
      prompts.map((prompt) => provider({ ...config, template: { enable_thinking: false } }).callApi(prompt, context())),
    )
    expect(plain.map((response) => metadataOf(response).thinking).filter(Boolean)).toEqual([])
  })

  it('thinks in blocks and reports what it did', async () => {
    const responses = await sweep(provider(), 64)
    expect(responses.map(({ error }) => error).filter(Boolean)).toEqual([])
    const withBlocks = responses.filter((response) => metadataOf(response).tree.blocks.length > 0)
    expect(withBlocks.length).toBeGreaterThan(10)
    for (const response of responses) {
      const metadata = metadataOf(response)
      const ended = metadata.finishReason === 'stop' ? 1 : 0
      expect(response.logProbs).toHaveLength(metadata.totalTokens - ended)
      expect(response.tokenUsage).toEqual({
        prompt: metadata.promptTokens,
        completion: metadata.totalTokens,
        total: metadata.promptTokens + metadata.totalTokens,
        numRequests: 1,
      })
      expect(metadata.totalTokens).toBeLessThanOrEqual(120)
      expect(metadata.criticalPathTokens).toBeLessThanOrEqual(metadata.totalTokens)
      expect(metadata.tree.blocks.length).toBeLessThanOrEqual(2)
      for (const { paths } of metadata.tree.blocks) {
        expect(paths).toHaveLength(3)
        for (const { tokens } of paths) expect(tokens).toBeLessThanOrEqual(20)
        for (const { text } of paths) expect(text).not.toMatch(/<\/Path>|<Parallel>/)
      }
      expect(JSON.parse(JSON.stringify(response))).toEqual(response)
    }
  })

  it('answers the same for any concurrency', async () => {
    const one = await sweep(provider(), 1)
    const many = await sweep(provider(), 64)
    expect(many).toEqual(one)
  })

  it('gives repeats and prompts draws of their own, reproducibly', async () => {
    const target = provider({ mode: 'sequential', maxTokens: 24 })
    const outputs = await sweep(target, 64)
    const texts = new Set(outputs.map(({ output }) => output))
    expect(texts.size).toBeGreaterThan(60)
    expect(new Set(outputs.map((response) => metadataOf(response).seed)).size).toBe(64)
    expect(await sweep(target, 7)).toEqual(outputs)
    const otherSeed = await provider({ mode: 'sequential', maxTokens: 24, seed: 6 }).callApi(prompts[0], context())
    expect(otherSeed.output).not.toBe(outputs[0].output)
  })

  it('takes decoding settings from the options of a test', async () => {
    const target = provider()
    const [one, two] = await Promise.all(
      [0, 1].map((repeat) =>
        target.callApi(prompts[0], context(repeat, { mode: 'sequential', temperature: 0, maxTokens: 9, transform: 'output' })),
      ),
    )
    expect(metadataOf(one)).toMatchObject({ mode: 'sequential', repeatIndex: 0 })
    expect(metadataOf(one).totalTokens).toBeLessThanOrEqual(9)
    expect(two.output).toBe(one.output)
    const slip = await target.callApi(prompts[0], context(0, { temprature: 0 }))
    expect(slip.error).toContain('Did you mean "temperature"?')
    const model = await target.callApi(prompts[0], context(0, { checkpoint: 'causal' }))
    expect(model.error).toContain('cannot be set for one test')
  })

  it('takes them from the environment before all others, and says so', async () => {
    vi.stubEnv('PR1_DECODING', 'temperature=0,maxTokens=9')
    const target = provider({ mode: 'sequential' })
    vi.unstubAllEnvs()
    const warn = vi.fn()
    const told = { ...context(0, { temperature: 1 }), logger: { warn } } as unknown as CallApiContextParams
    const [one, two] = await Promise.all([told, context(1)].map((each) => target.callApi(prompts[0], each)))
    expect(two.output).toBe(one.output)
    expect(metadataOf(one).totalTokens).toBeLessThanOrEqual(9)
    expect(metadataOf(one).decoding).toEqual({ temperature: 0, maxTokens: 9 })
    expect(warn).toHaveBeenCalledWith(
      expect.stringMatching(/PR1_DECODING sets temperature: 0, maxTokens: 9 for "parallel-r1:structured:seq/),
    )
    expect(target.config).not.toHaveProperty('temperature')
    expect(new ParallelThinkingProvider({ config: base, env: { PR1_DECODING: 'seed=1' } }, pool)).toBeDefined()
    expect(() => new ParallelThinkingProvider({ config: base, env: { PR1_DECODING: 'sed=1' } }, pool)).toThrow('Did you mean "seed"?')
  })

  it('decodes a causal checkpoint as it was trained', async () => {
    const responses = await sweep(provider({ checkpoint: 'causal' }), 64)
    expect(responses.every((response) => metadataOf(response).attention === 'causal')).toBe(true)
    expect(responses.some((response) => metadataOf(response).tree.blocks.length > 0)).toBe(true)
    expect(await sweep(provider({ checkpoint: 'causal' }), 5)).toEqual(responses)
  })

  it('decodes a checkpoint without tags plainly, and says why it cannot think in parallel', async () => {
    const plain = await provider({ checkpoint: 'untagged', mode: 'sequential', maxTokens: 20 }).callApi(prompts[0], context())
    expect(plain.error).toBeUndefined()
    expect(metadataOf(plain)).toMatchObject({ mode: 'sequential', tree: { blocks: [] } })
    const parallel = await provider({ checkpoint: 'untagged', maxTokens: 60 }).callApi(prompts[0], context())
    expect(parallel.error).toMatch(/mode: parallel needs a checkpoint trained with the six tags/)
  })

  it('tells a template that asks for the day the configured one, whatever day it is, and says so', async () => {
    const chatTemplate = '{{ strftime_now("%d %b %Y") }} {{ messages[0].content }}'
    await writeTinyCheckpoint(path.join(folder, 'dated'), { chatTemplate })
    const ask = (config: object) => provider({ ...config, mode: 'sequential', maxTokens: 4 }).callApi('Hello', context())
    const [standard, same, other, dateless] = await Promise.all(
      [
        { checkpoint: 'dated' },
        { checkpoint: 'dated', date: '2024-07-26' },
        { checkpoint: 'dated', date: '2025-01-31' },
        { checkpoint: 'chat' },
      ].map(ask),
    )
    expect(metadataOf(standard).date).toBe('2024-07-26')
    expect(same).toEqual(standard)
    expect(metadataOf(other).date).toBe('2025-01-31')
    expect(metadataOf(other).seed).not.toBe(metadataOf(standard).seed)
    expect(metadataOf(dateless)).not.toHaveProperty('date')
  })

  it('tells a template what it was told in training, another thing on demand, and says so', async () => {
    const chatTemplate = '{{ strftime_now("%d") }}{{ style }}{{ messages[0].content }}'
    const template = { variables: { style: 'brief ' }, date: '2025-01-31' }
    await writeTinyCheckpoint(path.join(folder, 'told'), { chatTemplate, template })
    const ask = (config: object) =>
      provider({ checkpoint: 'told', mode: 'sequential', maxTokens: 4, ...config }).callApi('Hello', context())
    const [trained, same, other] = await Promise.all(
      [{}, { template: template.variables, date: template.date }, { template: {}, date: '2025-02-01' }].map(ask),
    )
    expect(metadataOf(trained)).toMatchObject({ template: template.variables, date: template.date })
    expect(same).toEqual(trained)
    expect(metadataOf(other).date).toBe('2025-02-01')
    expect(metadataOf(other)).not.toHaveProperty('template')
    expect(metadataOf(other).promptTokens).toBeLessThan(metadataOf(trained).promptTokens)
  })

  it('renders chats and hides tags on demand', async () => {
    const chat = provider({ checkpoint: 'chat', system: 'Be brief.' })
    const plain = provider({ checkpoint: 'chat', chatTemplate: false, system: 'Be brief.' })
    const messages = JSON.stringify([{ role: 'user', content: 'Hello' }])
    const [rendered, asMessages, unrendered] = await Promise.all([
      chat.callApi('Hello', context()),
      chat.callApi(messages, context()),
      plain.callApi('Hello', context()),
    ])
    expect(asMessages).toEqual(rendered)
    expect(metadataOf(rendered).promptTokens).toBeGreaterThan(metadataOf(unrendered).promptTokens)

    const hidden = await sweep(provider({ showTags: false }), 64)
    const shown = await sweep(provider(), 64)
    expect(shown.some(({ output }) => String(output).includes('<Path>'))).toBe(true)
    for (const { output } of hidden) for (const tag of TAG_TOKENS) expect(output).not.toContain(tag)
    expect(hidden.map(({ metadata }) => metadata)).toEqual(shown.map(({ metadata }) => metadata))
  })

  it('stops when told to and goes on for others', async () => {
    const target = provider({ mode: 'sequential', maxTokens: 400 })
    const aborted = new AbortController()
    aborted.abort(new DOMException('The operation was aborted due to timeout', 'TimeoutError'))
    await expect(target.callApi(prompts[0], context(), { abortSignal: aborted.signal })).rejects.toMatchObject({
      name: 'AbortError',
      message: expect.not.stringMatching(/timeout/i),
    })
    const alone = await target.callApi(prompts[1], context())
    const controller = new AbortController()
    const running = prompts.map((prompt) => target.callApi(prompt, context(), { abortSignal: controller.signal }))
    const other = target.callApi(prompts[1], context())
    setTimeout(() => controller.abort(), 3)
    const settled = await Promise.allSettled(running)
    expect(settled.some((result) => result.status === 'rejected' && result.reason.name === 'AbortError')).toBe(true)
    expect(await other).toEqual(alone)
  })

  it('shares one model between entries, keeps it for the rest and loads it again when needed', async () => {
    const own = new ModelPool()
    const [parallel, sequential] = ['parallel', 'sequential'].map(
      (mode) => new ParallelThinkingProvider({ config: { ...base, mode } }, own),
    )
    expect(own.size).toBe(0)
    await Promise.all([parallel.callApi(prompts[0], context()), sequential.callApi(prompts[0], context())])
    expect(own.size).toBe(1)
    await parallel.cleanup()
    expect(own.size).toBe(1)
    await sequential.cleanup()
    expect(own.size).toBe(0)
    expect((await parallel.callApi(prompts[0], context())).error).toBeUndefined()
    await own.releaseAll()
    expect(own.size).toBe(0)
  })
})

describe('a prompt unlike training', () => {
  const logged = (warn: () => void) => ({ ...context(), logger: { warn } as unknown as CallApiContextParams['logger'] })
  const short = { maxTokens: 12, mode: 'sequential' }

  it('is warned about once for each checkpoint, by the logger of promptfoo where there is one', async () => {
    const tokenizer = Tokenizer.load(path.resolve('suites/countdown/tokenizer'))
    for (const checkpoint of ['formed', 'formed-too']) {
      const prompts = { firstIds: [], lastIds: tokenizer.encode('.\n') }
      await writeTinyCheckpoint(path.join(folder, checkpoint), { prompts, chatTemplate: '{{ messages[0].content | trim }}{{ "\\n" }}' })
    }
    const warn = vi.fn()
    for (const prompt of prompts) await provider({ ...short, checkpoint: 'formed' }).callApi(prompt, logged(warn))
    expect(warn).not.toHaveBeenCalled()
    for (const prompt of [...prompts, prompts[0]]) {
      const response = await provider({ ...short, checkpoint: 'formed', chatTemplate: false }).callApi(prompt, logged(warn))
      expect(response.error).toBeUndefined()
    }
    expect(warn).toHaveBeenCalledOnce()
    expect(warn.mock.calls[0][0]).toMatch(
      /^parallel-r1: A prompt ends unlike every prompt that .*formed was trained on, .* Got the token "\.", training had "\.\\n"\. Leave chatTemplate: false out/,
    )
    const spy = vi.spyOn(process.stderr, 'write').mockReturnValue(true)
    await provider({ ...short, checkpoint: 'formed-too', chatTemplate: false }).callApi(prompts[0], context())
    expect(spy).toHaveBeenCalledOnce()
    spy.mockRestore()
  })

  it('is not guessed at where a checkpoint does not say what it was trained on', async () => {
    const warn = vi.fn()
    for (const checkpoint of ['structured', 'untagged', 'chat']) {
      await provider({ ...short, checkpoint }).callApi('x', logged(warn))
    }
    expect(warn).not.toHaveBeenCalled()
  })
})

describe('fast numerics', () => {
  afterEach(() => vi.unstubAllEnvs())

  it('are refused where a device has none, with the reason why CUDA is not used', async () => {
    vi.stubEnv('PR1_CUDA', path.join(folder, 'no-such-library.so'))
    await expect(openEngine({ device: 'cpu', numerics: 'fast' })).rejects.toThrow(UnavailableError)
    await expect(openEngine({ device: 'tfjs', numerics: 'fast' })).rejects.toThrow(/Got device: tfjs\. Use numerics: exact/)
    await expect(openEngine({ numerics: 'fast' })).rejects.toThrow(
      /Got device: auto, and .*(which is not there|nor an NVIDIA driver).*Use numerics: exact/,
    )
    await expect(openEngine({ device: 'cpu', numerics: 'fats' as 'fast' })).rejects.toThrow(/numerics must be exact or fast\. Got fats\./)
  })
})

describe('what goes wrong', () => {
  it('in the configuration stops before the first row', () => {
    expect(() => provider({ numerics: 'fats' })).toThrow('Did you mean "fast"?')
    expect(() => provider({ pathes: 3 })).toThrow(new ConfigError('Unknown key "pathes" in the provider config. Did you mean "paths"?'))
    expect(() => new ParallelThinkingProvider({ config: {} }, pool)).toThrow('needs "checkpoint"')
    expect(() => provider({ checkpoint: '{{ env.MODEL }}' })).toThrow('not filled in')
  })

  it('in a row becomes its error, and never one that promptfoo would try again', async () => {
    const missing = await provider({ checkpoint: './runs/step-429' }).callApi('x', context())
    expect(missing.error).toMatch(/No checkpoint at .*pr1-train/)
    expect(missing.error).not.toMatch(/429|rate limit/i)
    mkdirSync(path.join(folder, 'empty'), { recursive: true })
    expect((await provider({ checkpoint: 'empty' }).callApi('x', context())).error).toContain('no config.json')
    const long = await provider().callApi('x '.repeat(600), context())
    expect(long.error).toContain('leaves no room')
    const fast = await provider({ numerics: 'fast' }).callApi('x', context())
    expect(fast.error).toMatch(/numerics: fast is available on CUDA only\. Got device: cpu\. Use numerics: exact, or device: cuda/)
    const tight = await provider({ maxTokens: 12 }).callApi('x', context())
    expect(tight.error).toMatch(/maxTokens must hold one block/)
  })

  it('names itself by the checkpoint unless given a name', () => {
    expect(provider().id()).toBe('parallel-r1:structured:parallel')
    expect(provider({}, 'package:parallel-r1:ParallelThinkingProvider').id()).toBe('parallel-r1:structured:parallel')
    expect(provider({}, 'my-model').id()).toBe('my-model')
  })
})
